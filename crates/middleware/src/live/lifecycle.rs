//! The managed life cycle on the graph. Source: ROS 2 design article "Managed nodes", lifecycle_msgs.
//!
//! A node starts active: `ferrodrive run` and launch files start nodes that work without a manager.

use std::sync::Arc;

use dds::{Durability, Participant, Writer};
use msgs::Message;
use msgs::lifecycle_msgs::msg::{State, Transition, TransitionDescription, TransitionEvent};
use msgs::lifecycle_msgs::srv::{
    ChangeState, ChangeStateResponse, GetAvailableStates, GetAvailableStatesResponse, GetAvailableTransitions,
    GetAvailableTransitionsResponse, GetState, GetStateResponse,
};
use tokio::sync::Notify;

use super::LiveError;
use crate::ros::{Endpoints, RequestId, Server, ServiceError, names, type_hash_user_data};

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

/// The state of a node, its services and its events.
pub(super) struct Lifecycle {
    state: u8,
    change: Server<ChangeState>,
    get: Server<GetState>,
    states: Server<GetAvailableStates>,
    transitions: Server<GetAvailableTransitions>,
    graph: Server<GetAvailableTransitions>,
    events: Writer,
}

impl Lifecycle {
    pub fn new(
        full: &str,
        participant: &Participant,
        asked: &Arc<Notify>,
        endpoints: &mut Endpoints,
    ) -> Result<Self, LiveError> {
        let qos = dds::Qos {
            durability: Durability::Volatile,
            user_data: type_hash_user_data(TransitionEvent::TYPE_HASH),
            ..dds::Qos::default()
        };
        let topic = names::topic(&format!("{full}/transition_event"));
        let events = participant.writer(&topic, &names::type_name(TransitionEvent::TYPE_NAME), &qos)?;
        let lifecycle = Self {
            state: ACTIVE,
            change: Server::new(participant, &format!("{full}/change_state"), Arc::clone(asked))?,
            get: Server::new(participant, &format!("{full}/get_state"), Arc::clone(asked))?,
            states: Server::new(participant, &format!("{full}/get_available_states"), Arc::clone(asked))?,
            transitions: Server::new(participant, &format!("{full}/get_available_transitions"), Arc::clone(asked))?,
            graph: Server::new(participant, &format!("{full}/get_transition_graph"), Arc::clone(asked))?,
            events,
        };
        let l = &lifecycle;
        for (reader, writer) in [
            l.change.endpoints(),
            l.get.endpoints(),
            l.states.endpoints(),
            l.transitions.endpoints(),
            l.graph.endpoints(),
        ] {
            endpoints.readers.push(reader);
            endpoints.writers.push(writer);
        }
        endpoints.writers.push(l.events.guid());
        Ok(lifecycle)
    }

    pub fn is_unconfigured(&self) -> bool {
        self.state == UNCONFIGURED
    }

    /// Answers all but wishes for a change.
    pub fn answer_questions(&self) -> Result<(), ServiceError> {
        while let Some((id, _)) = self.get.take()? {
            self.get.reply(id, &GetStateResponse { current_state: state(self.state) })?;
        }
        while let Some((id, _)) = self.states.take()? {
            let available_states = STATES.iter().map(|(id, _)| state(*id)).collect();
            self.states.reply(id, &GetAvailableStatesResponse { available_states })?;
        }
        while let Some((id, _)) = self.transitions.take()? {
            let possible = TRANSITIONS.iter().filter(|(.., from, _)| *from == self.state);
            let available_transitions = possible.map(description).collect();
            self.transitions.reply(id, &GetAvailableTransitionsResponse { available_transitions })?;
        }
        while let Some((id, _)) = self.graph.take()? {
            let available_transitions = TRANSITIONS.iter().map(description).collect();
            self.graph.reply(id, &GetAvailableTransitionsResponse { available_transitions })?;
        }
        Ok(())
    }

    /// The next wish for a change; no step where it cannot be done in this state.
    pub fn take_request(&self) -> Result<Option<(RequestId, Option<Step>)>, ServiceError> {
        let Some((id, request)) = self.change.take()? else { return Ok(None) };
        let wish = request.transition;
        // A label counts where it is given, as rcl has it.
        let named = |id: u8, label: &str| if wish.label.is_empty() { id == wish.id } else { label == wish.label };
        let found = TRANSITIONS.iter().find(|(id, label, _, from, _)| *from == self.state && named(*id, label));
        if found.is_none() {
            let label = state(self.state).label;
            tracing::warn!("no transition {} `{}` from the state {label}", wish.id, wish.label);
        }
        Ok(Some((id, found.map(|(_, _, step, ..)| *step))))
    }

    pub fn confirm(&self, id: RequestId, success: bool) -> Result<(), ServiceError> {
        self.change.reply(id, &ChangeStateResponse { success })
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
            .and_then(|cdr| tokio::task::block_in_place(|| self.events.write(&cdr)).map_err(|e| e.to_string()));
        if let Err(error) = sent {
            tracing::warn!("transition event: {error}");
        }
    }
}
