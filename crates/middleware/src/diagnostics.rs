use std::time::Duration;

use msgs::diagnostic_msgs::msg::{DiagnosticArray, DiagnosticStatus, KeyValue};
use node::{Level, Status, Time};

/// Where a node's status goes, its heartbeat, where no remap sends it elsewhere.
pub const DIAGNOSTICS_TOPIC: &str = "/diagnostics";

/// Time between two heartbeats of a node whose status does not change.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(500);

/// A node's status as the message on [`DIAGNOSTICS_TOPIC`].
pub(crate) fn message(now: Time, name: &str, status: &Status) -> DiagnosticArray {
    let mut array = DiagnosticArray::default();
    array.header.stamp = now.to_message();
    array.status.push(DiagnosticStatus {
        level: match status.level {
            Level::Ok => DiagnosticStatus::OK,
            Level::Warn => DiagnosticStatus::WARN,
            Level::Error => DiagnosticStatus::ERROR,
        },
        name: name.into(),
        message: status.message.clone(),
        hardware_id: "ferrodrive".into(),
        values: status.values.iter().map(|(key, value)| KeyValue { key: key.clone(), value: value.clone() }).collect(),
    });
    array
}

/// Whether a new status must be told at once: another level or another text. Values alone wait for the heartbeat.
pub(crate) fn is_news(old: &Status, new: &Status) -> bool {
    old.level != new.level || old.message != new.message
}

/// Writes a changed status to the log.
pub(crate) fn log(name: &str, now: Time, status: &Status) {
    match status.level {
        Level::Ok => tracing::info!(node = name, time = %now, "{}", status.message),
        Level::Warn => tracing::warn!(node = name, time = %now, "{}", status.message),
        Level::Error => tracing::error!(node = name, time = %now, "{}", status.message),
    }
}
