/// Why a model's tensors cannot be made or read as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecoderError {
    /// A tensor is missing or of another shape or type than the layout has.
    #[error(transparent)]
    Tensor(#[from] Box<LayoutMismatch>),
    /// A constant is out of its range.
    #[error("{section}: {key}: expected {expected}, got {got}")]
    Constant {
        /// `[encoder]` or `[decoder]`.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// What is expected.
        expected: String,
        /// What came.
        got: String,
    },
}

/// A tensor that is missing or of another shape or type than the layout has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{section}: {side} `{tensor}`: {layout} expects {expected}, got {got}")]
pub struct LayoutMismatch {
    /// `[encoder]` or `[decoder]`.
    pub section: &'static str,
    /// `input` or `output`.
    pub side: &'static str,
    /// The tensor.
    pub tensor: String,
    /// The layout, with what its sizes come from.
    pub layout: String,
    /// What it expects.
    pub expected: String,
    /// What the manifest has.
    pub got: String,
}

/// An error about a constant.
pub(crate) fn constant(
    section: &'static str,
    key: &'static str,
    expected: impl Into<String>,
    got: impl std::fmt::Debug,
) -> DecoderError {
    DecoderError::Constant { section, key, expected: expected.into(), got: format!("{got:?}") }
}
