use std::fmt::Write;

use node::{Durability, Qos, Reliability};
use serde_json::Value;

/// A publisher's quality of service as rosbag2 keeps it. Names are those of metadata version 9; the numbers of older
/// recordings (rmw's enumerations) are turned into them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QosProfile {
    /// `keep_last`, `keep_all`, `system_default` or `unknown`.
    pub history: String,
    /// Samples kept.
    pub depth: u64,
    /// `reliable`, `best_effort`, `system_default`, `best_available` or `unknown`.
    pub reliability: String,
    /// `volatile`, `transient_local`, `system_default`, `best_available` or `unknown`.
    pub durability: String,
    /// Longest time between two samples.
    pub deadline: QosDuration,
    /// How long a sample is worth sending.
    pub lifespan: QosDuration,
    /// `automatic`, `manual_by_topic`, `system_default`, `best_available` or `unknown`.
    pub liveliness: String,
    /// Time within which the publisher says that it lives.
    pub liveliness_lease_duration: QosDuration,
    /// Whether topic names go out as they are.
    pub avoid_ros_namespace_conventions: bool,
}

/// A duration of a quality of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QosDuration {
    /// Seconds.
    pub sec: u64,
    /// Nanoseconds.
    pub nsec: u64,
}

impl QosDuration {
    /// What stands for "no limit": 2^63 - 1 ns, as rmw's infinite duration.
    pub const UNLIMITED: Self = Self { sec: 9_223_372_036, nsec: 854_775_807 };
}

pub(crate) const HISTORY: [&str; 4] = ["system_default", "keep_last", "keep_all", "unknown"];
pub(crate) const RELIABILITY: [&str; 5] = ["system_default", "reliable", "best_effort", "unknown", "best_available"];
pub(crate) const DURABILITY: [&str; 5] = ["system_default", "transient_local", "volatile", "unknown", "best_available"];
const LIVELINESS: [&str; 6] =
    ["system_default", "automatic", "manual_by_node", "manual_by_topic", "unknown", "best_available"];

impl From<Qos> for QosProfile {
    fn from(qos: Qos) -> Self {
        let reliability = match qos.reliability {
            Reliability::Reliable => "reliable",
            Reliability::BestEffort => "best_effort",
        };
        let durability = match qos.durability {
            Durability::Volatile => "volatile",
            Durability::TransientLocal => "transient_local",
        };
        Self {
            history: "keep_last".into(),
            depth: qos.depth as u64,
            reliability: reliability.into(),
            durability: durability.into(),
            deadline: QosDuration::UNLIMITED,
            lifespan: QosDuration::UNLIMITED,
            liveliness: "automatic".into(),
            liveliness_lease_duration: QosDuration::UNLIMITED,
            avoid_ros_namespace_conventions: false,
        }
    }
}

impl QosProfile {
    /// As a node would declare it. What is not `best_effort` counts as reliable, what is not `transient_local` as
    /// volatile, and a depth of 0 as 1.
    pub fn to_qos(&self) -> Qos {
        let reliability =
            if self.reliability == "best_effort" { Reliability::BestEffort } else { Reliability::Reliable };
        let durability =
            if self.durability == "transient_local" { Durability::TransientLocal } else { Durability::Volatile };
        Qos {
            depth: usize::try_from(self.depth).unwrap_or(usize::MAX).max(1),
            reliability,
            durability,
            ..Qos::reliable(1)
        }
    }
}

/// Profiles as a block of YAML, each line behind `indent`; nothing for no profiles.
pub(crate) fn to_yaml(profiles: &[QosProfile], indent: &str) -> String {
    let mut out = String::new();
    for profile in profiles {
        let duration =
            |QosDuration { sec, nsec }: QosDuration| format!("\n{indent}    sec: {sec}\n{indent}    nsec: {nsec}");
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{indent}- history: {}\n{indent}  depth: {}\n{indent}  reliability: {}\n{indent}  durability: {}\n\
             {indent}  deadline:{}\n{indent}  lifespan:{}\n{indent}  liveliness: {}\n\
             {indent}  liveliness_lease_duration:{}\n{indent}  avoid_ros_namespace_conventions: {}",
            profile.history,
            profile.depth,
            profile.reliability,
            profile.durability,
            duration(profile.deadline),
            duration(profile.lifespan),
            profile.liveliness,
            duration(profile.liveliness_lease_duration),
            profile.avoid_ros_namespace_conventions,
        );
    }
    out
}

/// Profiles from metadata: a list (version 9) or the text of one (before, and in storage files).
pub(crate) fn from_value(value: &Value) -> Vec<QosProfile> {
    match value {
        Value::String(text) => from_text(text),
        Value::Array(items) => items.iter().filter_map(profile).collect(),
        _ => Vec::new(),
    }
}

/// Profiles from YAML text; what cannot be read is no profile.
pub(crate) fn from_text(text: &str) -> Vec<QosProfile> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    serde_saphyr::from_str::<Value>(text).map_or_else(
        |_| Vec::new(),
        |value| match value {
            Value::Array(_) => from_value(&value),
            _ => Vec::new(),
        },
    )
}

pub(crate) fn profile(value: &Value) -> Option<QosProfile> {
    let policy = |key: &str, names: &[&str]| match value.get(key) {
        Some(Value::Number(number)) => {
            let index = number.as_u64().and_then(|n| usize::try_from(n).ok());
            index.and_then(|index| names.get(index).copied()).unwrap_or("unknown").to_owned()
        }
        Some(Value::String(name)) if names.contains(&name.as_str()) => name.clone(),
        _ => "unknown".to_owned(),
    };
    let duration = |key: &str| {
        let part = |part: &str| value.get(key)?.get(part)?.as_u64();
        match (part("sec"), part("nsec")) {
            (Some(sec), Some(nsec)) => QosDuration { sec, nsec },
            _ => QosDuration::UNLIMITED,
        }
    };
    value.as_object()?;
    Some(QosProfile {
        history: policy("history", &HISTORY),
        depth: value.get("depth").and_then(Value::as_u64).unwrap_or(1),
        reliability: policy("reliability", &RELIABILITY),
        durability: policy("durability", &DURABILITY),
        deadline: duration("deadline"),
        lifespan: duration("lifespan"),
        liveliness: policy("liveliness", &LIVELINESS),
        liveliness_lease_duration: duration("liveliness_lease_duration"),
        avoid_ros_namespace_conventions: value
            .get("avoid_ros_namespace_conventions")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_survive_their_yaml() {
        let profiles = [QosProfile::from(Qos::sensor_data()), QosProfile::from(Qos::transient_local().with_depth(7))];
        assert_eq!(from_text(&to_yaml(&profiles, "")), profiles);
        assert_eq!(profiles[1].to_qos(), Qos::transient_local().with_depth(7));
    }

    #[test]
    fn numbers_of_older_versions_are_read() {
        let text = "- history: 1\n  depth: 10\n  reliability: 2\n  durability: 1\n  deadline: {sec: 1, nsec: 2}\n  \
                    liveliness: 3\n";
        let profile = &from_text(text)[0];
        assert_eq!((profile.reliability.as_str(), profile.durability.as_str()), ("best_effort", "transient_local"));
        assert_eq!((profile.history.as_str(), profile.liveliness.as_str()), ("keep_last", "manual_by_topic"));
        assert_eq!(profile.deadline, QosDuration { sec: 1, nsec: 2 });
        assert_eq!(profile.lifespan, QosDuration::UNLIMITED);
    }

    #[test]
    fn nonsense_is_no_profile() {
        for text in ["", "3", "{", "- 7", "a: b"] {
            assert!(from_text(text).is_empty(), "{text}");
        }
    }
}
