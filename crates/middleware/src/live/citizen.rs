//! What a node is on the graph beyond its topics: parameters and a managed life cycle.

use std::sync::Arc;

use msgs::lifecycle_msgs::srv::ChangeStateResponse;
use node::Node;
use serde_json::{Map, Value};
use tokio::sync::{Notify, mpsc, oneshot};

use super::lifecycle::{Lifecycle, Step};
use super::parameter_services::ParameterServices;
use super::service::ServiceError;
use crate::backend::{Backend, BackendError};
use crate::bus::Bus;
use crate::graph::Tap;
use crate::runner::Order;

/// Makes the node's value anew from its parameters; the text says why it cannot.
pub type Make = Box<dyn Fn(&Map<String, Value>) -> Result<Box<dyn Node>, String> + Send + Sync>;

/// What is known of a parameter beyond its value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Declared {
    /// Dotted name: `lidar.beams`.
    pub name: String,
    /// What it is, in which unit.
    pub description: String,
    /// Least and largest value, where known.
    pub range: Option<(f64, f64)>,
    /// Read by the process, not by the node: never settable.
    pub fixed: bool,
}

/// A node's parameters, and how it is made from them.
pub struct Citizen {
    /// The values, as in parameter files.
    pub parameters: Map<String, Value>,
    /// What is known of them.
    pub declared: Vec<Declared>,
    /// Makes the node anew when it is configured.
    pub make: Make,
}

/// Answers a node's services.
pub(super) struct Task {
    name: String,
    make: Make,
    parameters: ParameterServices,
    lifecycle: Lifecycle,
    orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
    asked: Arc<Notify>,
}

impl Task {
    pub fn new(
        citizen: Citizen,
        backend: &dyn Backend,
        node: &str,
        orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
    ) -> Result<Self, BackendError> {
        let asked = Arc::new(Notify::new());
        let Citizen { parameters, declared, make } = citizen;
        let parameters = ParameterServices::new(parameters, declared, backend, node, &asked)?;
        let lifecycle = Lifecycle::new(backend, node, &asked)?;
        let name = format!("/{}", node.trim_start_matches('/'));
        Ok(Self { name, make, parameters, lifecycle, orders, asked })
    }

    pub async fn run<T: Tap + 'static>(mut self, bus: Arc<Bus<T>>) {
        let mut restarts = bus.restarts();
        loop {
            let restarted = bus.restarted.notified();
            tokio::pin!(restarted);
            restarted.as_mut().enable();
            if bus.restarts() != restarts {
                restarts = bus.restarts();
                self.begin_anew().await;
            }
            if let Err(error) = self.answer(&bus).await {
                tracing::warn!(node = self.name.as_str(), "{error}");
                // What cannot be read is gone; what came after it still waits.
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                continue;
            }
            tokio::select! {
                () = self.asked.notified() => {}
                () = restarted => {}
            }
        }
    }

    /// Another run begins, as when a simulator is started again: what the node knows is of the old one.
    async fn begin_anew(&self) {
        if !self.lifecycle.is_active() {
            return;
        }
        match tokio::task::block_in_place(|| (self.make)(self.parameters.values())) {
            Ok(node) => {
                tracing::info!(node = self.name.as_str(), "begins anew, as simulated time does");
                self.order(Order::SetActive(false)).await;
                self.order(Order::Replace(Some(node))).await;
                self.order(Order::SetActive(true)).await;
            }
            Err(reason) => tracing::error!(node = self.name.as_str(), "cannot begin anew: {reason}"),
        }
    }

    /// Answers all that waits.
    async fn answer<T: Tap + 'static>(&mut self, bus: &Bus<T>) -> Result<(), ServiceError> {
        let mutable = self.lifecycle.is_unconfigured();
        self.parameters.answer(mutable, bus.now())?;
        self.lifecycle.answer_questions()?;
        while let Some((step, answer)) = self.lifecycle.take_request()? {
            let success = match step {
                None => false,
                Some(step) => self.take_step(step, bus).await,
            };
            answer.send(&ChangeStateResponse { success })?;
        }
        Ok(())
    }

    async fn take_step<T: Tap + 'static>(&mut self, step: Step, bus: &Bus<T>) -> bool {
        match step {
            Step::Configure => match tokio::task::block_in_place(|| (self.make)(self.parameters.values())) {
                Ok(node) => self.order(Order::Replace(Some(node))).await,
                Err(reason) => {
                    tracing::error!(node = self.name.as_str(), "cannot be configured: {reason}");
                    self.lifecycle.fail(step);
                    return false;
                }
            },
            Step::Activate => self.order(Order::SetActive(true)).await,
            Step::Deactivate => self.order(Order::SetActive(false)).await,
            Step::CleanUp => self.order(Order::Replace(None)).await,
            Step::Shutdown => self.order(Order::SetActive(false)).await,
        }
        self.lifecycle.succeed(step);
        if step == Step::Shutdown {
            bus.stop();
        }
        true
    }

    async fn order(&self, order: Order) {
        let (done, wait) = oneshot::channel();
        // The node's task is gone only when the run ends.
        if self.orders.send((order, done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}
