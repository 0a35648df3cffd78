//! Quality of service by parameters, in ROS 2's form: `qos_overrides./topic.subscription.deadline: 200000000`.

use std::time::Duration;

use node::{Durability, Liveliness, Qos, Reliability};
use serde_json::{Map, Value};

use crate::graph::{Graph, GraphError};

const POLICIES: &str = "reliability (reliable, best_effort), durability (volatile, transient_local), history (keep_last), \
                        depth (at least 1), deadline, lifespan, liveliness_lease_duration (ns; 0: none), liveliness \
                        (automatic, manual_by_topic)";

impl Graph {
    /// Changes the quality of service of a node's ends. `overrides`: by topic (its full name, remapped), then by
    /// `publisher` or `subscription`, then by policy, as ROS 2 names them; times in ns.
    ///
    /// # Errors
    /// [`GraphError::QosOverride`] for a topic that the node has not, a policy that is not known, or a value that it cannot
    /// have.
    pub fn override_qos(&mut self, node: &str, overrides: &Map<String, Value>) -> Result<(), GraphError> {
        for (topic, sides) in overrides {
            let error = |what: &str, reason: String| GraphError::QosOverride {
                node: node.into(),
                what: format!("qos_overrides.{topic}{what}"),
                reason,
            };
            let sides = sides.as_object().ok_or_else(|| error("", "expected publisher or subscription".into()))?;
            for (side, policies) in sides {
                let reads = match side.as_str() {
                    "subscription" => true,
                    "publisher" => false,
                    _ => return Err(error("", format!("expected publisher or subscription, got `{side}`"))),
                };
                let wrong = |reason| error(&format!(".{side}"), reason);
                let policies = policies.as_object().ok_or_else(|| wrong(format!("expected policies: {POLICIES}")))?;
                let mut changed = false;
                let mut failed = Ok(());
                self.change_qos(node, topic, reads, |qos| {
                    changed = true;
                    for (policy, value) in policies {
                        if let Err(reason) = set(qos, policy, value) {
                            failed = Err(error(&format!(".{side}.{policy}"), reason));
                        }
                    }
                });
                failed?;
                if !changed {
                    let does = if reads { "reads" } else { "writes" };
                    return Err(wrong(format!("the node {does} no such topic")));
                }
            }
        }
        Ok(())
    }

    fn change_qos(&mut self, node: &str, topic: &str, reads: bool, mut change: impl FnMut(&mut Qos)) {
        for member in self.members.iter_mut().filter(|member| member.name == node) {
            let indices = if reads { &member.inputs } else { &member.outputs };
            let named = |index: usize| self.topics[indices[index]].name == topic;
            let change = |index: usize, qos: &mut Qos| {
                if named(index) {
                    change(qos);
                }
            };
            if reads { member.ports.change_inputs(change) } else { member.ports.change_outputs(change) }
        }
    }
}

fn set(qos: &mut Qos, policy: &str, value: &Value) -> Result<(), String> {
    let unfit = || format!("{value} does not fit: known are {POLICIES}");
    let time = || match value.as_u64() {
        None => Err(unfit()),
        Some(nanoseconds) => Ok((nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))),
    };
    match (policy, value.as_str()) {
        ("reliability", Some("reliable")) => qos.reliability = Reliability::Reliable,
        ("reliability", Some("best_effort")) => qos.reliability = Reliability::BestEffort,
        ("durability", Some("volatile")) => qos.durability = Durability::Volatile,
        ("durability", Some("transient_local")) => qos.durability = Durability::TransientLocal,
        ("liveliness", Some("automatic")) => qos.liveliness = Liveliness::Automatic,
        ("liveliness", Some("manual_by_topic")) => qos.liveliness = Liveliness::ManualByTopic,
        // The newest win in every queue here.
        ("history", Some("keep_last")) => {}
        ("depth", None) => {
            let depth =
                value.as_u64().and_then(|depth| usize::try_from(depth).ok()).filter(|d| (1..=100_000).contains(d));
            qos.depth = depth.ok_or_else(unfit)?;
        }
        ("deadline", None) => qos.deadline = time()?,
        ("lifespan", None) => qos.lifespan = time()?,
        ("liveliness_lease_duration", None) => qos.lease = time()?,
        _ => return Err(unfit()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use node::{Event, Node, Outputs, Ports};
    use serde_json::json;

    struct Idle;
    impl Node for Idle {
        fn on_event(&mut self, _: &Event, _: &mut Outputs) {}
    }

    fn overridden(overrides: Value) -> Result<Qos, String> {
        let (mut graph, mut ports) = (Graph::default(), Ports::default());
        ports.input::<msgs::std_msgs::msg::String>("~/input/text", Qos::reliable(1));
        let remaps = [("~/input/text".to_owned(), "/text".to_owned())].into();
        graph.add("a", Box::new(Idle), ports, &remaps, Duration::ZERO).unwrap();
        graph.override_qos("a", overrides.as_object().unwrap()).map_err(|e| e.to_string())?;
        Ok(graph.members[0].ports.inputs()[0].qos)
    }

    #[test]
    fn policies_are_overridden_by_the_remapped_name() {
        let qos = overridden(json!({"/text": {"subscription": {
            "reliability": "best_effort", "durability": "transient_local", "depth": 7, "deadline": 200_000_000,
            "lifespan": 0, "liveliness": "manual_by_topic", "liveliness_lease_duration": 1_000_000_000,
        }}}));
        let expected = Qos {
            depth: 7,
            reliability: Reliability::BestEffort,
            durability: Durability::TransientLocal,
            deadline: Some(Duration::from_millis(200)),
            liveliness: Liveliness::ManualByTopic,
            lease: Some(Duration::from_secs(1)),
            lifespan: None,
        };
        assert_eq!(qos, Ok(expected));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (overrides, named) in [
            (
                json!({"/txt": {"subscription": {"depth": 1}}}),
                "qos_overrides./txt.subscription: the node reads no such",
            ),
            (json!({"/text": {"publisher": {"depth": 1}}}), "the node writes no such topic"),
            (json!({"/text": {"subscription": {"depth": 0}}}), "qos_overrides./text.subscription.depth: 0"),
            (json!({"/text": {"subscription": {"deadlines": 5}}}), "subscription.deadlines"),
            (json!({"/text": {"subscription": {"deadline": -5}}}), "-5"),
            (json!({"/text": {"reader": {"depth": 1}}}), "got `reader`"),
        ] {
            let error = overridden(overrides).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
