use std::collections::BTreeMap;
use std::time::Duration;

use crate::BagError;
use crate::topic::TopicCount;

/// What of a recording is read, and under which names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names of the topics as recorded; empty for all.
    pub topics: Vec<String>,
    /// New names by the recorded ones.
    pub remaps: BTreeMap<String, String>,
    /// Time after the recording's start that is passed over.
    pub start_offset: Duration,
    /// How long after that is read; `None` to the end.
    pub duration: Option<Duration>,
}

impl Selection {
    /// Checks the names against what was recorded.
    pub(crate) fn check(&self, topics: &[TopicCount]) -> Result<(), BagError> {
        for name in self.topics.iter().chain(self.remaps.keys()) {
            if !topics.iter().any(|known| known.topic.name == *name) {
                let there: Vec<&str> = topics.iter().map(|known| known.topic.name.as_str()).collect();
                return Err(BagError::NoSuchTopic { topic: name.clone(), there: there.join(", ") });
            }
        }
        Ok(())
    }

    /// The name under which a recorded topic is given.
    pub fn renamed<'a>(&'a self, name: &'a str) -> &'a str {
        self.remaps.get(name).map_or(name, String::as_str)
    }
}
