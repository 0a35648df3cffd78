//! Tells what keeps ends from meeting: quality of service and types.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dds::{DdsError, Kind, Reader};

use super::wire::Wire;
use crate::ros::RosParticipant;

const PERIOD: Duration = Duration::from_secs(2);

/// Looks for ends that do not meet and tells each once, with both sides' settings.
pub(super) async fn watch(wire: Arc<Wire>, readers: Vec<Arc<Reader>>, participant: RosParticipant) {
    let mut told = BTreeSet::new();
    loop {
        tokio::time::sleep(PERIOD).await;
        match problems(&wire, &readers, &participant) {
            Ok(problems) => problems.into_iter().for_each(|problem| {
                if told.len() < 1000 && told.insert(problem.clone()) {
                    tracing::warn!("{problem}");
                }
            }),
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

fn problems(wire: &Wire, readers: &[Arc<Reader>], participant: &RosParticipant) -> Result<Vec<String>, DdsError> {
    let mut problems = Vec::new();
    for writer in wire.writers().filter(|writer| writer.refused() > 0) {
        problems.extend(writer.incompatible()?.iter().map(ToString::to_string));
    }
    for reader in readers.iter().filter(|reader| reader.refused() > 0) {
        problems.extend(reader.incompatible()?.iter().map(ToString::to_string));
    }
    // Ends of one topic with different types never meet, and the core does not say so.
    let writers = participant.dds().known(Kind::Writer)?;
    for end in participant.dds().known(Kind::Reader)? {
        let others = writers.iter().filter(|other| other.topic == end.topic && other.type_name != end.type_name);
        for other in others {
            let own = participant.dds().guid();
            if end.participant == own || other.participant == own {
                problems.push(format!(
                    "topic {}: no connection: {:?} writes {}, {:?} reads {}",
                    end.topic, other.guid, other.type_name, end.guid, end.type_name
                ));
            }
        }
    }
    Ok(problems)
}
