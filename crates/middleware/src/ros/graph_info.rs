//! The message by which participants tell which nodes are behind them (`ros_discovery_info`).

use std::collections::BTreeMap;

use dds::Guid;

/// Topic name on the wire; ROS 2 leaves it unmangled.
pub(super) const TOPIC: &str = "ros_discovery_info";

/// Endpoints of one node.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeEndpoints {
    pub readers: Vec<Guid>,
    pub writers: Vec<Guid>,
}

/// Bytes of a GID: ROS 2 up to Humble has 24, of which the last eight are zero; later ones 16.
pub(super) fn gid_size(distribution: Option<&str>) -> usize {
    match distribution {
        Some("foxy" | "galactic" | "humble") => 24,
        _ => 16,
    }
}

/// rmw_dds_common/msg/ParticipantEntitiesInfo as CDR. `nodes` by namespace and name.
pub(super) fn encode(participant: Guid, nodes: &BTreeMap<(String, String), NodeEndpoints>, gid_size: usize) -> Vec<u8> {
    let mut cdr = vec![0, 1, 0, 0];
    gid(&mut cdr, participant, gid_size);
    length(&mut cdr, nodes.len());
    for ((namespace, name), endpoints) in nodes {
        for text in [namespace, name] {
            length(&mut cdr, text.len() + 1);
            cdr.extend_from_slice(text.as_bytes());
            cdr.push(0);
        }
        for list in [&endpoints.readers, &endpoints.writers] {
            length(&mut cdr, list.len());
            list.iter().for_each(|endpoint| gid(&mut cdr, *endpoint, gid_size));
        }
    }
    cdr
}

fn gid(cdr: &mut Vec<u8>, guid: Guid, size: usize) {
    let start = cdr.len();
    cdr.extend_from_slice(&guid.0);
    cdr.resize(start + size, 0);
}

fn length(cdr: &mut Vec<u8>, length: usize) {
    cdr.resize(cdr.len().next_multiple_of(4), 0);
    // Names are at most 256 long and endpoints few, so this is never cut.
    cdr.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use msgs::rmw_dds_common::msg::{Gid, NodeEntitiesInfo, ParticipantEntitiesInfo};

    #[test]
    fn equals_what_the_generated_type_writes() {
        let endpoints = NodeEndpoints { readers: vec![Guid([1; 16])], writers: vec![Guid([2; 16]), Guid([3; 16])] };
        let nodes: BTreeMap<_, _> = ["detector", "tracker_2"]
            .map(|name| (("/left".to_owned(), name.to_owned()), endpoints.clone()))
            .into_iter()
            .collect();
        let gid = |byte| Gid { data: [byte; 16] };
        let entities = |name: &str| NodeEntitiesInfo {
            node_namespace: "/left".into(),
            node_name: name.into(),
            reader_gid_seq: vec![gid(1)],
            writer_gid_seq: vec![gid(2), gid(3)],
        };
        let message = ParticipantEntitiesInfo {
            gid: gid(9),
            node_entities_info_seq: vec![entities("detector"), entities("tracker_2")],
        };
        assert_eq!(encode(Guid([9; 16]), &nodes, 16), msgs::to_cdr(&message).unwrap());
        let humble = encode(Guid([9; 16]), &nodes, 24);
        assert_eq!((humble.len() - 16) % 4, 0);
        assert_eq!(humble[4..28], [[9; 16].as_slice(), &[0; 8]].concat());
    }
}
