//! The managed life cycle on the graph. Source: ROS 2 design article "Managed nodes", lifecycle_msgs.
//!
//! A node starts active: `ferrodrive run` and launch files start nodes that work without a manager.

use std::sync::Arc;

use msgs::lifecycle_msgs::msg::{State, Transition, TransitionDescription, TransitionEvent};
use msgs::lifecycle_msgs::srv::{
    ChangeState, GetAvailableStates, GetAvailableStatesResponse, GetAvailableTransitions,
    GetAvailableTransitionsResponse, GetState, GetStateResponse,
};
use node::MessageType;
use tokio::sync::Notify;

use super::service::{Answer, Server, ServiceError};
use crate::backend::{Backend, BackendError, Publisher};
use crate::ros::type_hash_user_data;

/// What a manager may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Configure,
    CleanUp,
    Activate,
    Deactivate,
    Shutdown,
}

const UNCONFIGURED: u8 = State::PRIMARY_STATE_UNCONFIGURED;
const INACTIVE: u8 = State::PRIMARY_STATE_INACTIVE;
const ACTIVE: u8 = State::PRIMARY_STATE_ACTIVE;
const FINALIZED: u8 = State::PRIMARY_STATE_FINALIZED;

/// Transition id, label, step, state before and after.
const TRANSITIONS: [(u8, &str, Step, u8, u8); 7] = [
    (Transition::TRANSITION_CONFIGURE, "configure", Step::Configure, UNCONFIGURED, INACTIVE),
    (Transition::TRANSITION_CLEANUP, "cleanup", Step::CleanUp, INACTIVE, UNCONFIGURED),
    (Transition::TRANSITION_ACTIVATE, "activate", Step::Activate, INACTIVE, ACTIVE),
    (Transition::TRANSITION_DEACTIVATE, "deactivate", Step::Deactivate, ACTIVE, INACTIVE),
    (Transition::TRANSITION_UNCONFIGURED_SHUTDOWN, "shutdown", Step::Shutdown, UNCONFIGURED, FINALIZED),
    (Transition::TRANSITION_INACTIVE_SHUTDOWN, "shutdown", Step::Shutdown, INACTIVE, FINALIZED),
    (Transition::TRANSITION_ACTIVE_SHUTDOWN, "shutdown", Step::Shutdown, ACTIVE, FINALIZED),
];

const STATES: [(u8, &str); 5] = [
    (0, "unknown"),
    (UNCONFIGURED, "unconfigured"),
    (INACTIVE, "inactive"),
    (ACTIVE, "active"),
    (FINALIZED, "finalized"),
];

fn state(id: u8) -> State {
    let label = STATES.iter().find(|(of, _)| *of == id).map_or("unknown", |(_, label)| label);
    State { id, label: label.into() }
}

fn description((id, label, _, from, to): &(u8, &str, Step, u8, u8)) -> TransitionDescription {
    TransitionDescription {
        transition: Transition { id: *id, label: (*label).into() },
        start_state: state(*from),
        goal_state: state(*to),
    }
}

/// A wish for a change, with the way of its answer; no step where it cannot be done in the node's state.
type Wish = (Option<Step>, Answer<ChangeState>);

/// The state of a node, its services and its events.
pub(super) struct Lifecycle {
    state: u8,
    change: Server<ChangeState>,
    get: Server<GetState>,
    states: Server<GetAvailableStates>,
    transitions: Server<GetAvailableTransitions>,
    graph: Server<GetAvailableTransitions>,
    events: Arc<dyn Publisher>,
}

impl Lifecycle {
    pub fn new(backend: &dyn Backend, node: &str, asked: &Arc<Notify>) -> Result<Self, BackendError> {
        let message = MessageType::of::<TransitionEvent>();
        let qos = dds::Qos { user_data: type_hash_user_data(message.hash), ..dds::Qos::default() };
        let topic = format!("/{}/transition_event", node.trim_start_matches('/'));
        Ok(Self {
            state: ACTIVE,
            change: Server::new(backend, node, "change_state", asked)?,
            get: Server::new(backend, node, "get_state", asked)?,
            states: Server::new(backend, node, "get_available_states", asked)?,
            transitions: Server::new(backend, node, "get_available_transitions", asked)?,
            graph: Server::new(backend, node, "get_transition_graph", asked)?,
            events: backend.publisher(node, &topic, message, &qos)?,
        })
    }

    pub fn is_active(&self) -> bool {
        self.state == ACTIVE
    }

    pub fn is_unconfigured(&self) -> bool {
        self.state == UNCONFIGURED
    }

    /// Answers all but wishes for a change.
    pub fn answer_questions(&self) -> Result<(), ServiceError> {
        while let Some((_, answer)) = self.get.take()? {
            answer.send(&GetStateResponse { current_state: state(self.state) })?;
        }
        while let Some((_, answer)) = self.states.take()? {
            let available_states = STATES.iter().map(|(id, _)| state(*id)).collect();
            answer.send(&GetAvailableStatesResponse { available_states })?;
        }
        while let Some((_, answer)) = self.transitions.take()? {
            let possible = TRANSITIONS.iter().filter(|(.., from, _)| *from == self.state);
            let available_transitions = possible.map(description).collect();
            answer.send(&GetAvailableTransitionsResponse { available_transitions })?;
        }
        while let Some((_, answer)) = self.graph.take()? {
            let available_transitions = TRANSITIONS.iter().map(description).collect();
            answer.send(&GetAvailableTransitionsResponse { available_transitions })?;
        }
        Ok(())
    }

    /// The next wish for a change.
    pub fn take_request(&self) -> Result<Option<Wish>, ServiceError> {
        let Some((request, answer)) = self.change.take()? else { return Ok(None) };
        let wish = request.transition;
        // A label counts where it is given, as rcl has it.
        let named = |id: u8, label: &str| if wish.label.is_empty() { id == wish.id } else { label == wish.label };
        let found = TRANSITIONS.iter().find(|(id, label, _, from, _)| *from == self.state && named(*id, label));
        if found.is_none() {
            let label = state(self.state).label;
            tracing::warn!("no transition {} `{}` from the state {label}", wish.id, wish.label);
        }
        Ok(Some((found.map(|(_, _, step, ..)| *step), answer)))
    }

    /// Enters the state that the step leads to and tells so.
    pub fn succeed(&mut self, step: Step) {
        let found = TRANSITIONS.iter().find(|(_, _, of, from, _)| *of == step && *from == self.state);
        if let Some(transition) = found {
            self.state = transition.4;
            self.tell(transition, transition.4);
        }
    }

    /// Stays in the state and tells so.
    pub fn fail(&self, step: Step) {
        let found = TRANSITIONS.iter().find(|(_, _, of, from, _)| *of == step && *from == self.state);
        if let Some(transition) = found {
            self.tell(transition, transition.3);
        }
    }

    fn tell(&self, transition: &(u8, &str, Step, u8, u8), goal: u8) {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let event = TransitionEvent {
            timestamp: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
            transition: Transition { id: transition.0, label: transition.1.into() },
            start_state: state(transition.3),
            goal_state: state(goal),
        };
        let sent = msgs::to_cdr(&event)
            .map_err(|e| e.to_string())
            .and_then(|cdr| tokio::task::block_in_place(|| self.events.publish(&cdr)).map_err(|e| e.to_string()));
        if let Err(error) = sent {
            tracing::warn!("transition event: {error}");
        }
    }
}
