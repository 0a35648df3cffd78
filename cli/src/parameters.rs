//! `ferrodrive params`: what a node's parameters mean, and whether a parameter file fits.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use node::{Parameters, flatten};
use road_map::LaneGraph;
use serde_json::Value;

use crate::launch::{LaunchedNode, ParameterSource};
use crate::{parameter_comments, stack};

/// The vehicle's parameter file is shared by all nodes.
const VEHICLE: &str = "vehicle_info";

/// What came out of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The node that the file is for.
    pub node: String,
    /// One sentence for each fault.
    pub faults: Vec<String>,
    /// How many parameters of the node the file sets, without those of what runs it (`use_sim_time`) ...
    pub set: usize,
    /// ... and how many there are.
    pub known: usize,
}

/// Parameters with the values that are shipped and what the file says of each.
///
/// # Errors
/// Where there is no such node.
pub fn list(share: &Path, node: &str) -> anyhow::Result<String> {
    let file = shipped(share, node)?;
    let declared = parameter_comments::read(&file);
    let mut text = String::new();
    for (name, value) in flatten(Parameters::from_file(&file, node)?.values()) {
        let said = declared.iter().find(|declared| declared.name == name).map_or("", |d| d.description.as_str());
        let _ = writeln!(text, "{name:<34} {:<16} {said}", value.to_string());
    }
    Ok(text)
}

/// Checks a file: every parameter known, of the right type and in its range, and the node starts with them.
///
/// # Errors
/// Where the file cannot be read, is not in ROS 2's form, or there is no such node.
pub fn check(share: &Path, file: &Path, node: Option<&str>) -> anyhow::Result<Checked> {
    let stem = file.file_name().and_then(|name| name.to_str()?.split('.').next()).unwrap_or_default();
    let node = node.unwrap_or(stem);
    let shipped = shipped(share, node)?;
    let mut parameters = Parameters::from_file(&shipped, node)?;
    let (own, known) = (Parameters::from_file(file, node)?, flatten(parameters.values()));
    let declared = parameter_comments::read(&shipped);
    let mut faults = Vec::new();
    let mut set = flatten(own.values());
    set.retain(|(name, _)| !stack::is_of_the_driver(name));
    for (name, value) in &set {
        let Some((_, usual)) = known.iter().find(|(of, _)| of == name) else {
            let near =
                known.iter().min_by_key(|(of, _)| strsim::levenshtein(of, name)).map_or("", |(of, _)| of.as_str());
            faults.push(format!("{name}: {node} has no such parameter; the nearest is {near}"));
            continue;
        };
        let range = declared.iter().find(|declared| declared.name == *name).and_then(|declared| declared.range);
        if kind(value) != kind(usual) {
            faults.push(format!("{name}: expected {}, as {usual} is, got {value}", kind(usual)));
        } else if let (Some((least, most)), Some(number)) = (range, value.as_f64())
            && !(number >= least && number <= most)
        {
            faults.push(format!("{name}: expected {least} to {most}, got {number}"));
        }
    }
    if faults.is_empty() {
        parameters.merge(own);
        faults.extend(start(share, node, &[shipped, file.into()], &parameters).err().map(|error| format!("{error:#}")));
    }
    Ok(Checked { node: node.into(), faults, set: set.len(), known: known.len() })
}

fn shipped(share: &Path, node: &str) -> anyhow::Result<PathBuf> {
    let known: Vec<&str> = stack::kinds().chain([VEHICLE]).collect();
    if !known.contains(&node) {
        bail!("there is no node `{node}`: name one of {}", known.join(", "));
    }
    Ok(share.join(format!("params/{node}.param.yaml")))
}

/// Makes the node, on the map that is shipped unless the parameters name another.
fn start(share: &Path, node: &str, files: &[PathBuf], parameters: &Parameters) -> anyhow::Result<()> {
    if node == VEHICLE {
        return stack::read_vehicle(parameters).map(|_| ());
    }
    let files = files.iter().cloned().map(ParameterSource::File).collect();
    let launched = LaunchedNode { parameters: files, ..LaunchedNode::new(node, node) };
    let map = stack::driver_parameters(&launched)?.map.unwrap_or_else(|| "maps/town.xodr".into());
    let map = LaneGraph::from_file(&share.join(map), None).context("map_path")?;
    stack::make(&launched, &stack::context(share, Some(Arc::new(map)))?)?;
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
