#[derive(Debug, Clone, Default)]
pub(crate) struct LaneIndex;
