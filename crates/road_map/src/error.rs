use std::path::PathBuf;

/// Why a map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The file cannot be read.
    #[error("map {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The text is no XML.
    #[error("map {map}: not well-formed XML: {source}")]
    Xml {
        /// The map's name.
        map: String,
        /// The cause, with line and column.
        source: roxmltree::Error,
    },
    /// An element is not what its format says it must be.
    #[error("map {map}, line {line}, <{element}>: {reason}")]
    Element {
        /// The map's name.
        map: String,
        /// Line of the element, from 1.
        line: u32,
        /// Tag name with the id, where it has one.
        element: String,
        /// What was expected and what came.
        reason: String,
    },
    /// The map as a whole cannot be driven on.
    #[error("map {map}: {reason}")]
    Whole {
        /// The map's name.
        map: String,
        /// What is missing.
        reason: String,
    },
}
