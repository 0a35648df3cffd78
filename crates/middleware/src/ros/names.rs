//! Names on the wire.

/// Why a name cannot be used on the graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} name `{name}`: {reason}")]
pub struct NameError {
    kind: &'static str,
    name: String,
    reason: &'static str,
}

fn is_token(token: &str) -> bool {
    let mut characters = token.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Checks a node's name, without namespace.
///
/// # Errors
/// [`NameError`] where it is not of letters, digits and underscores, or begins with a digit.
pub fn check_node(name: &str) -> Result<(), NameError> {
    if is_token(name) {
        return Ok(());
    }
    let reason = "expected letters, digits and underscores, no digit first";
    Err(NameError { kind: "node", name: name.into(), reason })
}

/// Checks a full name of a topic, service or namespace: `/a/b`.
///
/// # Errors
/// [`NameError`] where it does not begin with `/` or has a part that is no name.
pub fn check_full(kind: &'static str, name: &str) -> Result<(), NameError> {
    let error = |reason| Err(NameError { kind, name: name.into(), reason });
    let Some(rest) = name.strip_prefix('/') else {
        return error("expected a full name, which begins with a slash");
    };
    if (kind == "namespace" && rest.is_empty()) || rest.split('/').all(is_token) {
        return Ok(());
    }
    error("expected parts of letters, digits and underscores, no digit first, with one slash between them")
}

/// A node's full name cut into namespace and name: `left/detector` is `/left` and `detector`.
pub fn split_node(full: &str) -> (String, &str) {
    match full.trim_start_matches('/').rsplit_once('/') {
        Some((namespace, name)) => (format!("/{namespace}"), name),
        None => ("/".into(), full.trim_start_matches('/')),
    }
}

/// Topic `/a/b` on the wire: `rt/a/b`.
pub fn topic(full: &str) -> String {
    format!("rt{full}")
}

/// Where requests of service `/a/b` go: `rq/a/bRequest`.
pub fn request_topic(full: &str) -> String {
    format!("rq{full}Request")
}

/// Where replies of service `/a/b` go: `rr/a/bReply`.
pub fn reply_topic(full: &str) -> String {
    format!("rr{full}Reply")
}

/// Type `a/msg/B` on the wire: `a::msg::dds_::B_`.
pub fn type_name(ros: &str) -> String {
    match ros.rsplit_once('/') {
        Some((package, name)) => format!("{}::dds_::{name}_", package.replace('/', "::")),
        None => ros.into(),
    }
}

/// The topic behind a name on the wire; `None` where it is none of ROS 2's (a service, or another system's topic).
pub fn ros_topic(wire: &str) -> Option<&str> {
    wire.strip_prefix("rt").filter(|full| check_full("topic", full).is_ok())
}

/// The ROS type behind a type name on the wire; `None` where it is not made as ROS 2 makes them.
pub fn ros_type(wire: &str) -> Option<String> {
    let (package, name) = wire.rsplit_once("::dds_::")?;
    let name = name.strip_suffix('_')?;
    let parts: Vec<&str> = package.split("::").collect();
    let is_ros = parts.len() == 2 && parts.iter().all(|part| is_token(part)) && is_token(name);
    is_ros.then(|| format!("{}/{}/{name}", parts[0], parts[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_behind_those_on_the_wire() {
        let ros = "sensor_msgs/msg/PointCloud2";
        assert_eq!(ros_type(&type_name(ros)).as_deref(), Some(ros));
        assert_eq!(ros_topic(&topic("/a/b")), Some("/a/b"));
        for other in ["ros_discovery_info", "rq/a/bRequest", "rt", "rt/", "rtx"] {
            assert_eq!(ros_topic(other), None, "{other}");
        }
        for other in ["Square", "a::msg::dds_::B", "a::dds_::B_", "a::b::c::dds_::D_", "::msg::dds_::B_"] {
            assert_eq!(ros_type(other), None, "{other}");
        }
    }

    #[test]
    fn names_are_mangled_as_ros_2_does() {
        assert_eq!(topic("/sensing/lidar"), "rt/sensing/lidar");
        assert_eq!(request_topic("/n/get_parameters"), "rq/n/get_parametersRequest");
        assert_eq!(reply_topic("/n/get_parameters"), "rr/n/get_parametersReply");
        assert_eq!(type_name("sensor_msgs/msg/PointCloud2"), "sensor_msgs::msg::dds_::PointCloud2_");
        assert_eq!(type_name("std_srvs/srv/Empty_Request"), "std_srvs::srv::dds_::Empty_Request_");
    }

    #[test]
    fn names_that_ros_2_refuses_are_refused() {
        for name in ["", "1a", "a-b", "a/b", "ä"] {
            assert!(check_node(name).is_err(), "{name}");
        }
        for name in ["a", "", "/", "/a//b", "/a/", "/a/1b", "/{x}"] {
            assert!(check_full("topic", name).is_err(), "{name}");
        }
        assert!(check_full("namespace", "/").is_ok() && check_full("topic", "/a_1/b").is_ok());
    }

    #[test]
    fn node_names_are_cut_at_the_last_slash() {
        assert_eq!(split_node("left/front/detector"), ("/left/front".into(), "detector"));
        assert_eq!(split_node("/detector"), ("/".into(), "detector"));
    }
}
