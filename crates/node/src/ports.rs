use std::marker::PhantomData;
use std::time::Duration;

use msgs::Message;

use crate::MessageType;

/// Whether every sample must arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reliability {
    /// Lost samples are sent again.
    Reliable,
    /// Lost samples stay lost.
    BestEffort,
}

/// Whether late joiners get the last samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Only what is published from now on.
    Volatile,
    /// The last `depth` samples are kept for late joiners.
    TransientLocal,
}

/// What proves that a writer lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveliness {
    /// Its process does.
    Automatic,
    /// It publishes.
    ManualByTopic,
}

/// Quality of service of a topic's end. `depth` bounds the queue; when it is full the oldest sample is dropped.
///
/// Between an output that offers and an input that asks, ROS 2's rules hold on the wire: no connection where the offer
/// is less than what is asked for. Deadline, liveliness and lifespan are kept by the wire and by nothing else: they
/// have no effect between nodes of one process, in lockstep or in a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qos {
    /// Samples kept, at least 1.
    pub depth: usize,
    /// Reliability.
    pub reliability: Reliability,
    /// Durability.
    pub durability: Durability,
    /// Longest time between two messages: offered, or asked for and reported where it is missed. `None`: any.
    pub deadline: Option<Duration>,
    /// Liveliness.
    pub liveliness: Liveliness,
    /// A writer that did not prove within this time that it lives counts as dead. `None`: never.
    pub lease: Option<Duration>,
    /// Messages older than this, by the clocks of both machines, are not delivered. `None`: any age.
    pub lifespan: Option<Duration>,
}

impl Qos {
    /// ROS 2's sensor data profile with the newest sample only.
    pub const fn sensor_data() -> Self {
        Self { reliability: Reliability::BestEffort, ..Self::reliable(1) }
    }

    /// Reliable, with a queue of `depth`.
    pub const fn reliable(depth: usize) -> Self {
        Self {
            depth,
            reliability: Reliability::Reliable,
            durability: Durability::Volatile,
            deadline: None,
            liveliness: Liveliness::Automatic,
            lease: None,
            lifespan: None,
        }
    }

    /// Reliable and kept for late joiners (ROS 1's "latched").
    pub const fn transient_local() -> Self {
        Self { durability: Durability::TransientLocal, ..Self::reliable(1) }
    }

    /// The same with another queue depth.
    pub const fn with_depth(self, depth: usize) -> Self {
        Self { depth, ..self }
    }

    /// The same with a deadline.
    pub const fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }
}

/// Handle of a declared input.
pub struct Input<M> {
    pub(crate) index: usize,
    marker: PhantomData<fn() -> M>,
}

/// Handle of a declared output.
pub struct Output<M> {
    pub(crate) index: usize,
    marker: PhantomData<fn(M)>,
}

impl<M> Clone for Input<M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M> Copy for Input<M> {}
impl<M> Clone for Output<M> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<M> Copy for Output<M> {}

/// Handle of a declared timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    pub(crate) index: usize,
}

/// A declared input, as drivers see it.
#[derive(Debug, Clone)]
pub struct InputPort {
    /// Node-local name (`~/input/…`) or absolute topic.
    pub name: String,
    /// ROS type name.
    pub type_name: &'static str,
    /// The type.
    pub message: MessageType,
    /// Quality of service asked for.
    pub qos: Qos,
}

/// A declared output, as drivers see it.
#[derive(Debug, Clone)]
pub struct OutputPort {
    /// Node-local name (`~/output/…`) or absolute topic.
    pub name: String,
    /// ROS type name.
    pub type_name: &'static str,
    /// The type.
    pub message: MessageType,
    /// Quality of service offered.
    pub qos: Qos,
    /// Whether it is made only where somebody hears it: for people to look at, or a costly sensor.
    pub debug: bool,
}

/// A declared timer, as drivers see it.
#[derive(Debug, Clone, Copy)]
pub struct TimerPort {
    /// Time between two events.
    pub period: Duration,
}

/// What a node reads, writes and is woken by.
#[derive(Debug, Clone, Default)]
pub struct Ports {
    inputs: Vec<InputPort>,
    outputs: Vec<OutputPort>,
    timers: Vec<TimerPort>,
}

impl Ports {
    /// Declares an input.
    pub fn input<M: Message>(&mut self, name: &str, qos: Qos) -> Input<M> {
        self.inputs.push(InputPort {
            name: name.into(),
            type_name: M::TYPE_NAME,
            message: MessageType::of::<M>(),
            qos,
        });
        Input { index: self.inputs.len() - 1, marker: PhantomData }
    }

    /// Declares an input of a type known at run time only, for drivers that watch or record; gives its index.
    pub fn input_of(&mut self, name: &str, message: MessageType, qos: Qos) -> usize {
        self.inputs.push(InputPort { name: name.into(), type_name: message.name, message, qos });
        self.inputs.len() - 1
    }

    /// Declares an output.
    pub fn output<M: Message>(&mut self, name: &str, qos: Qos) -> Output<M> {
        self.outputs.push(OutputPort {
            name: name.into(),
            type_name: M::TYPE_NAME,
            message: MessageType::of::<M>(),
            qos,
            debug: false,
        });
        Output { index: self.outputs.len() - 1, marker: PhantomData }
    }

    /// Declares an output for people to look at: nothing of the stack reads it, and
    /// [`Outputs::publish_if_heard`](crate::Outputs::publish_if_heard) makes its messages only where somebody does.
    pub fn debug_output<M: Message>(&mut self, name: &str, qos: Qos) -> Output<M> {
        let output = self.output(name, qos);
        self.outputs[output.index].debug = true;
        output
    }

    /// Declares an output that is costly to make, such as a camera's images: made, by
    /// [`Outputs::publish_if_heard`](crate::Outputs::publish_if_heard), only where somebody hears it.
    pub fn output_on_demand<M: Message>(&mut self, name: &str, qos: Qos) -> Output<M> {
        self.debug_output(name, qos)
    }

    /// Declares a timer; its first event comes one period after the start.
    pub fn timer(&mut self, period: Duration) -> Timer {
        self.timers.push(TimerPort { period });
        Timer { index: self.timers.len() - 1 }
    }

    /// Changes the quality of service of inputs (by index) before they are connected.
    pub fn change_inputs(&mut self, mut change: impl FnMut(usize, &mut Qos)) {
        self.inputs.iter_mut().enumerate().for_each(|(index, port)| change(index, &mut port.qos));
    }

    /// Changes the quality of service of outputs (by index) before they are connected.
    pub fn change_outputs(&mut self, mut change: impl FnMut(usize, &mut Qos)) {
        self.outputs.iter_mut().enumerate().for_each(|(index, port)| change(index, &mut port.qos));
    }

    /// All declared inputs, by handle index.
    pub fn inputs(&self) -> &[InputPort] {
        &self.inputs
    }

    /// All declared outputs, by handle index.
    pub fn outputs(&self) -> &[OutputPort] {
        &self.outputs
    }

    /// All declared timers, by handle index.
    pub fn timers(&self) -> &[TimerPort] {
        &self.timers
    }
}
