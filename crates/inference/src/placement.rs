//! Which nodes of a model run where, from ONNX Runtime itself.
#![allow(unsafe_code, reason = "the wrapper has no call for it")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::ptr;

use ort::AsPointer;
use ort::session::Session;

use crate::provider::ExecutionProvider;

/// What a session is made with so that it can tell.
pub(crate) const RECORD: (&str, &str) = ("session.record_ep_graph_assignment_info", "1");

/// Which nodes of a loaded model run on which execution provider, as ONNX Runtime has recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// For each provider, by its name in manifests, the nodes: name and operator.
    pub nodes: BTreeMap<String, Vec<(String, String)>>,
}

impl Placement {
    /// Asks the session, which must be made with [`RECORD`].
    pub(crate) fn of(session: &Session) -> ort::Result<Self> {
        let api = ort::api();
        let check = |status| {
            // SAFETY: each status is fresh from its call and used once.
            unsafe { ort::Error::result_from_status(status) }
        };
        let mut nodes: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        let (mut subgraphs, mut count) = (ptr::null(), 0);
        // SAFETY: the session is alive; what the calls point to belongs to it and is copied before this ends.
        unsafe {
            check((api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &raw mut subgraphs, &raw mut count))?;
            for i in 0..count {
                let subgraph = *subgraphs.add(i);
                let mut name = ptr::null();
                check((api.EpAssignedSubgraph_GetEpName)(subgraph, &raw mut name))?;
                let provider = ExecutionProvider::from_runtime_name(&text(name)).name().to_string();
                let (mut list, mut length) = (ptr::null(), 0);
                check((api.EpAssignedSubgraph_GetNodes)(subgraph, &raw mut list, &raw mut length))?;
                for j in 0..length {
                    let (mut name, mut operator) = (ptr::null(), ptr::null());
                    check((api.EpAssignedNode_GetName)(*list.add(j), &raw mut name))?;
                    check((api.EpAssignedNode_GetOperatorType)(*list.add(j), &raw mut operator))?;
                    nodes.entry(provider.clone()).or_default().push((text(name), text(operator)));
                }
            }
        }
        Ok(Self { nodes })
    }

    /// The provider with the most nodes.
    pub(crate) fn main(&self) -> Option<&str> {
        self.nodes.iter().max_by_key(|(_, nodes)| nodes.len()).map(|(name, _)| name.as_str())
    }

    /// Nodes that run elsewhere than on a provider, as `operator name on provider`, a few of them.
    pub(crate) fn elsewhere(&self, provider: &str) -> Option<String> {
        let others = self.nodes.iter().filter(|(name, _)| *name != provider);
        let mut all = others.flat_map(|(name, nodes)| nodes.iter().map(move |(node, operator)| (name, node, operator)));
        let few: Vec<String> =
            all.by_ref().take(3).map(|(on, node, operator)| format!("{operator} `{node}` on {on}")).collect();
        let more = all.count();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!few.is_empty()).then(|| few.join(", ") + &rest)
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, nodes)) in self.nodes.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {} nodes", nodes.len())?;
        }
        Ok(())
    }
}

/// # Safety
/// The pointer is null or a text that lives on.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_elsewhere_are_named_and_counted() {
        let node = |name: &str| (name.to_string(), "Resize".to_string());
        let nodes = BTreeMap::from([
            ("cuda".to_string(), vec![node("a"); 20]),
            ("cpu".to_string(), ["b", "c", "d", "e"].map(node).to_vec()),
        ]);
        let placement = Placement { nodes };
        assert_eq!(placement.to_string(), "cpu 4 nodes, cuda 20 nodes");
        assert_eq!(placement.main(), Some("cuda"));
        let told = placement.elsewhere("cuda").unwrap();
        assert_eq!(told, "Resize `b` on cpu, Resize `c` on cpu, Resize `d` on cpu and 1 more");
        assert!(Placement { nodes: BTreeMap::from([("cpu".into(), vec![node("a")])]) }.elsewhere("cpu").is_none());
    }
}
