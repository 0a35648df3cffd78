use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::BagError;
use crate::qos::{self, QosProfile};

/// What a profile may hold, as rosbag2 reads it.
const KEYS: [&str; 9] = [
    "history",
    "depth",
    "reliability",
    "durability",
    "deadline",
    "lifespan",
    "liveliness",
    "liveliness_lease_duration",
    "avoid_ros_namespace_conventions",
];

/// Reads a file of quality of service by topic, as `ros2 bag --qos-profile-overrides-path` takes it:
/// `/topic: {reliability: best_effort, depth: 5}`. What a profile does not say is ROS 2's default.
///
/// # Errors
/// [`BagError`] where the file cannot be read, or holds a key, a name or a number that cannot be followed.
pub fn read_qos_overrides(path: &Path) -> Result<BTreeMap<String, QosProfile>, BagError> {
    let text = std::fs::read_to_string(path).map_err(|source| BagError::file(path, source))?;
    parse(&text).map_err(|reason| BagError::storage(path, reason))
}

fn parse(text: &str) -> Result<BTreeMap<String, QosProfile>, String> {
    let document: Value = serde_saphyr::from_str(text).map_err(|e| format!("no YAML: {e}"))?;
    let topics = document.as_object().ok_or("expected a profile by topic: `/topic: {reliability: best_effort}`")?;
    let mut profiles = BTreeMap::new();
    for (topic, given) in topics {
        let wrong = |reason: String| format!("profile of {topic}: {reason}");
        let given = given.as_object().ok_or_else(|| wrong("expected `policy: value` pairs".into()))?;
        if !topic.starts_with('/') {
            return Err(wrong("expected a full topic name, which begins with a slash".into()));
        }
        for (key, value) in given {
            check(key, value).map_err(wrong)?;
        }
        let mut whole = defaults();
        whole.extend(given.iter().map(|(key, value)| (key.clone(), value.clone())));
        let profile = qos::profile(&Value::Object(whole)).ok_or_else(|| wrong("cannot be read".into()))?;
        profiles.insert(topic.clone(), profile);
    }
    Ok(profiles)
}

fn defaults() -> serde_json::Map<String, Value> {
    let pairs = [
        ("history", Value::from("keep_last")),
        ("depth", Value::from(10)),
        ("reliability", Value::from("reliable")),
        ("durability", Value::from("volatile")),
        ("liveliness", Value::from("automatic")),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn check(key: &str, value: &Value) -> Result<(), String> {
    let names = |names: &[&str]| {
        // What ROS 2 says of others (`unknown`) is nothing that can be asked for.
        let may: Vec<&str> = names.iter().copied().filter(|name| *name != "unknown").collect();
        match value.as_str() {
            Some(name) if may.contains(&name) => Ok(()),
            _ => Err(format!("`{key}` is {value}: expected {}", may.join(", "))),
        }
    };
    match key {
        "history" => names(&qos::HISTORY),
        "reliability" => names(&qos::RELIABILITY),
        "durability" => names(&qos::DURABILITY),
        "liveliness" => names(&["system_default", "automatic", "manual_by_topic"]),
        "depth" => value.as_u64().map(|_| ()).ok_or(format!("`depth` is {value}: expected a whole number from 0 on")),
        "deadline" | "lifespan" | "liveliness_lease_duration" => {
            let part = |name: &str| value.get(name).and_then(Value::as_u64).is_some();
            let whole = value.as_object().is_some_and(|parts| parts.len() == 2) && part("sec") && part("nsec");
            whole.then_some(()).ok_or(format!("`{key}` is {value}: expected {{sec: S, nsec: NS}}, whole numbers"))
        }
        "avoid_ros_namespace_conventions" if value == &Value::Bool(false) => Ok(()),
        "avoid_ros_namespace_conventions" => Err(format!("`{key}` is {value}: only false is supported")),
        _ => Err(format!("`{key}` is no policy; there are {}", KEYS.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QosDuration;

    #[test]
    fn a_profile_overrides_what_it_names_and_leaves_the_defaults() {
        let text = "/a:\n  reliability: best_effort\n  deadline:\n    sec: 1\n    nsec: 5\n/b: {depth: 3}\n";
        let profiles = parse(text).unwrap();
        let (a, b) = (&profiles["/a"], &profiles["/b"]);
        assert_eq!((a.reliability.as_str(), a.durability.as_str(), a.depth), ("best_effort", "volatile", 10));
        assert_eq!((a.deadline, a.lifespan), (QosDuration { sec: 1, nsec: 5 }, QosDuration::UNLIMITED));
        assert_eq!((b.reliability.as_str(), b.depth), ("reliable", 3));
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        for (text, expected) in [
            ("[]", "by topic"),
            ("{", "no YAML"),
            ("/a: 3", "/a"),
            ("a: {depth: 3}", "slash"),
            ("/a: {reliabilty: reliable}", "reliabilty"),
            ("/a: {reliability: unreliable}", "best_effort"),
            ("/a: {depth: -1}", "-1"),
            ("/a: {deadline: 5}", "deadline"),
            ("/a: {avoid_ros_namespace_conventions: true}", "false"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
