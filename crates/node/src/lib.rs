//! What a node is: inputs, outputs, timers, parameters, diagnostics. No thread, no socket, no clock.
//!
//! A node is a value. It declares its [`Ports`] when it is made, then a driver (crate `middleware`) hands it one
//! [`Event`] at a time with the time of that event, and the node publishes into [`Outputs`]. The same value runs
//! composed, in lockstep or (later) over DDS and from a bag, and cannot tell the difference.
//!
//! ```
//! use node::{Context, Event, Input, Node, Output, Outputs, Ports, Qos};
//! use msgs::std_msgs::msg::String as Text;
//!
//! struct Echo { heard: Input<Text>, said: Output<Text> }
//!
//! impl Node for Echo {
//!     fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
//!         if let Some(text) = event.message(self.heard) {
//!             outputs.publish(self.said, Text { data: text.data.clone() });
//!         }
//!     }
//! }
//!
//! let mut ports = Ports::default();
//! let echo = Echo { heard: ports.input("~/input/text", Qos::reliable(1)), said: ports.output("~/output/text", Qos::reliable(1)) };
//! ```

mod clock_track;
mod context;
mod event;
mod message;
mod parameters;
mod ports;
mod time;

pub use clock_track::{ClockTrack, Tick};
pub use context::{Context, NodeError};
pub use event::{Event, EventKind, Level, Outputs, Published, Status};
pub use message::{AnyMessage, MessageType, Shared};
pub use parameters::{ParameterError, Parameters, flatten};
pub use ports::{
    Durability, Input, InputPort, Liveliness, Output, OutputPort, Ports, Qos, Reliability, Timer, TimerPort,
};
pub use time::Time;

/// A node: takes inputs with their time, gives outputs back.
///
/// `on_event` must not block, read a clock, draw unseeded random numbers or panic on what comes from outside.
pub trait Node: Send {
    /// Handles one message or timer and publishes what follows from it.
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs);
}

/// How a node is made: its name, and its value from parameters and context.
pub trait Definition: Node + Sized + 'static {
    /// The executable's name, as in `ferrodrive run <name>` and `params/<name>.param.yaml`.
    const NAME: &'static str;
    /// The node's parameters: a struct with `#[serde(deny_unknown_fields)]`, every field required.
    type Parameters: serde::de::DeserializeOwned;

    /// Declares the ports, loads what the node needs (map, model), checks the parameters.
    ///
    /// # Errors
    /// [`NodeError`] that says what was expected, what came and what to do.
    fn new(parameters: Self::Parameters, ports: &mut Ports, context: &Context) -> Result<Self, NodeError>;
}
