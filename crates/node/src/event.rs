use std::sync::Arc;

use msgs::Message;

use crate::{Input, Output, Shared, Time, Timer};

/// Something that happened: a message came or a timer fell due.
#[derive(Clone)]
pub struct Event {
    /// When, on the graph's clock.
    pub now: Time,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone)]
pub enum EventKind {
    /// A message on the input of this index.
    Message(usize, Shared),
    /// The timer of this index.
    Timer(usize),
}

impl Event {
    /// The message, if this event is one on `input`.
    pub fn message<M: Message>(&self, input: Input<M>) -> Option<&M> {
        match &self.kind {
            EventKind::Message(index, message) if *index == input.index => message.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// The shared message, if this event is one on `input`: for nodes that keep it.
    pub fn shared<M: Message>(&self, input: Input<M>) -> Option<Arc<M>> {
        match &self.kind {
            EventKind::Message(index, message) if *index == input.index => {
                Arc::clone(message).into_any().downcast().ok()
            }
            _ => None,
        }
    }

    /// Whether this is the timer's event.
    pub fn is(&self, timer: Timer) -> bool {
        matches!(self.kind, EventKind::Timer(index) if index == timer.index)
    }

    /// A message event, for tests and drivers.
    pub fn from_message<M: Message>(now: Time, input: Input<M>, message: M) -> Self {
        Self { now, kind: EventKind::Message(input.index, Arc::new(message)) }
    }

    /// A timer event, for tests and drivers.
    pub fn from_timer(now: Time, timer: Timer) -> Self {
        Self { now, kind: EventKind::Timer(timer.index) }
    }
}

/// How well a node does, in the levels of diagnostic_msgs/DiagnosticStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Works.
    Ok,
    /// Works with less than it should have.
    Warn,
    /// Does not do its job.
    Error,
}

/// What a node says of itself; drivers publish it on `/diagnostics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// How well it does.
    pub level: Level,
    /// One line for a person.
    pub message: String,
    /// Further facts. Nothing that a wall clock measured: recordings of lockstep runs must be equal.
    pub values: Vec<(String, String)>,
}

impl Status {
    /// All is well.
    pub fn ok() -> Self {
        Self { level: Level::Ok, message: "ok".into(), values: Vec::new() }
    }

    /// Works with less than it should have.
    pub fn warn(message: impl Into<String>) -> Self {
        Self { level: Level::Warn, message: message.into(), values: Vec::new() }
    }

    /// Does not do its job, for this reason.
    pub fn error(message: impl Into<String>) -> Self {
        Self { level: Level::Error, message: message.into(), values: Vec::new() }
    }

    /// With one more fact.
    pub fn with(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.values.push((key.into(), value.to_string()));
        self
    }
}

/// A message on its way out.
pub struct Published {
    /// Index of the output.
    pub output: usize,
    /// The message.
    pub message: Shared,
}

/// What a node gives back from one event.
#[derive(Default)]
pub struct Outputs {
    published: Vec<Published>,
    status: Option<Status>,
    heard: Vec<usize>,
}

impl Outputs {
    /// Publishes a message.
    pub fn publish<M: Message>(&mut self, output: Output<M>, message: M) {
        self.published.push(Published { output: output.index, message: Arc::new(message) });
    }

    /// Publishes on a [`Ports::debug_output`](crate::Ports::debug_output); the message is made only where somebody hears it.
    pub fn publish_if_heard<M: Message>(&mut self, output: Output<M>, make: impl FnOnce() -> M) {
        if self.heard.contains(&output.index) {
            self.publish(output, make());
        }
    }

    /// Whether somebody hears an output that is made on demand.
    pub fn is_heard<M: Message>(&self, output: Output<M>) -> bool {
        self.heard.contains(&output.index)
    }

    /// Says which debug outputs somebody hears, by index: for drivers and tests.
    pub fn set_heard(&mut self, outputs: impl IntoIterator<Item = usize>) {
        self.heard.clear();
        self.heard.extend(outputs);
    }

    /// Replaces the node's status; it stays until the next call.
    pub fn report(&mut self, status: Status) {
        self.status = Some(status);
    }

    /// Takes what was published, in order: for drivers and tests.
    pub fn take_published(&mut self) -> Vec<Published> {
        std::mem::take(&mut self.published)
    }

    /// Takes a changed status: for drivers and tests.
    pub fn take_status(&mut self) -> Option<Status> {
        self.status.take()
    }

    /// Takes the newest message on one output and drops older ones on it: for tests.
    pub fn take<M: Message>(&mut self, output: Output<M>) -> Option<Arc<M>> {
        let (of_output, rest) = std::mem::take(&mut self.published).into_iter().partition(|p| p.output == output.index);
        self.published = rest;
        let newest = Vec::<Published>::into_iter(of_output).next_back()?;
        newest.message.into_any().downcast().ok()
    }
}
