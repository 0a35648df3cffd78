//! TEST ONLY: sits between two nodes and changes what passes, or keeps it back.

use msgs::Message;
use node::{Event, Input, Node, Output, Outputs, Ports, Qos};

/// Changes a message at a time (s); `false` keeps it back.
pub type Tamper<M> = Box<dyn FnMut(f64, &mut M) -> bool + Send>;

pub struct Saboteur<M> {
    input: Input<M>,
    output: Output<M>,
    tamper: Tamper<M>,
}

impl<M: Message> Saboteur<M> {
    pub fn new(tamper: Tamper<M>, ports: &mut Ports) -> Self {
        Self {
            input: ports.input("~/input", Qos::reliable(1)),
            output: ports.output("~/output", Qos::reliable(1)),
            tamper,
        }
    }
}

impl<M: Message + Clone> Node for Saboteur<M> {
    fn on_event(&mut self, event: &Event, outputs: &mut Outputs) {
        let Some(message) = event.message(self.input) else { return };
        let mut changed = message.clone();
        if (self.tamper)(event.now.seconds(), &mut changed) {
            outputs.publish(self.output, changed);
        }
    }
}
