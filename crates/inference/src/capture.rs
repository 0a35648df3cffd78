use std::sync::OnceLock;

use crate::tensor::TensorView;

type Sink = Box<dyn Fn(&str, &[TensorView]) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();

/// From now on gives the inputs of every run of every model of this process to `sink`, with the model's name: recordings to
/// compare providers and precisions on. Gives `false` where there is a sink already.
pub fn capture_inputs(sink: impl Fn(&str, &[TensorView]) + Send + Sync + 'static) -> bool {
    SINK.set(Box::new(sink)).is_ok()
}

pub(crate) fn capture(model: &str, inputs: &[TensorView]) {
    if let Some(sink) = SINK.get() {
        sink(model, inputs);
    }
}
