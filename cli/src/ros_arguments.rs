//! The arguments that ROS 2 gives a node: `--ros-args -r from:=to -p key:=value --params-file FILE -r __node:=name`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::launch::LaunchedNode;

/// A node to be run, and the least level of its log lines where one is given.
#[derive(Debug, Clone, PartialEq)]
pub struct RosArguments {
    /// The node.
    pub node: LaunchedNode,
    /// `debug`, `info`, `warn` or `error`.
    pub log_level: Option<String>,
    /// Whether log lines go to `/rosout`.
    pub rosout: bool,
}

/// Reads the arguments behind the executable's name.
///
/// # Errors
/// The argument that cannot be followed, and what was expected.
pub fn parse(executable: &str, arguments: &[String]) -> anyhow::Result<RosArguments> {
    let mut node = LaunchedNode::new(executable, executable);
    let (mut name, mut namespace) = (executable.to_owned(), String::new());
    let (mut log_level, mut rosout) = (None, true);
    let mut arguments = arguments.iter().map(String::as_str);
    match arguments.next() {
        None | Some("--ros-args") => {}
        Some(other) => bail!("expected --ros-args behind the executable, got `{other}`"),
    }
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{flag} needs a value behind it"));
        match flag {
            "-r" | "--remap" => {
                let rule = value()?;
                let (from, to) = assignment(flag, rule)?;
                // A rule may name the node that it is for.
                let (target, from) = match from.split_once(':') {
                    Some((target, from)) => (Some(target), from),
                    None => (None, from),
                };
                if target.is_some_and(|target| target != name && target != executable) {
                    continue;
                }
                match from {
                    "__node" | "__name" => name = to.into(),
                    "__ns" => namespace = to.into(),
                    _ => {
                        node.remaps.insert(from.into(), to.into());
                    }
                }
            }
            "-p" | "--param" => {
                let (key, value) = assignment(flag, value()?)?;
                let key = key.rsplit_once(':').map_or(key, |(_, key)| key);
                node.parameters.push((key.into(), value.into()));
            }
            "--params-file" => node.parameter_files.push(PathBuf::from(value()?)),
            "--log-level" => {
                let level = value()?;
                let level = level.rsplit_once(":=").map_or(level, |(_, level)| level).to_lowercase();
                let known = ["debug", "info", "warn", "error", "fatal"];
                if !known.contains(&level.as_str()) {
                    bail!("--log-level: expected one of {}, got `{level}`", known.join(", "));
                }
                log_level = Some(if level == "fatal" { "error".into() } else { level });
            }
            "-e" | "--enclave" => {
                let enclave = value()?;
                if enclave != "/" {
                    bail!("--enclave {enclave}: security enclaves are not supported, only the root enclave `/` is");
                }
            }
            "--enable-rosout-logs" => rosout = true,
            "--disable-rosout-logs" => rosout = false,
            "--enable-stdout-logs" | "--disable-external-lib-logs" | "--enable-external-lib-logs" | "--ros-args" => {}
            "--" => {
                if let Some(other) = arguments.next() {
                    bail!("nothing is known behind `--`, got `{other}`");
                }
            }
            other => bail!(
                "expected -r FROM:=TO, -p KEY:=VALUE, --params-file FILE, --log-level LEVEL or \
                 --(enable|disable)-rosout-logs, got `{other}`"
            ),
        }
    }
    let namespace = namespace.trim_matches('/');
    node.name = if namespace.is_empty() { name } else { format!("{namespace}/{name}") };
    Ok(RosArguments { node, log_level, rosout })
}

fn assignment<'a>(flag: &str, text: &'a str) -> anyhow::Result<(&'a str, &'a str)> {
    text.split_once(":=").with_context(|| format!("{flag}: expected NAME:=VALUE, got `{text}`"))
}

/// The arguments that start `node` by itself: what [`parse`] reads back.
pub fn write(node: &LaunchedNode) -> Vec<String> {
    let mut arguments = vec!["--ros-args".to_owned()];
    let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
    let name = node.name.trim_matches('/');
    let (namespace, name) = name.rsplit_once('/').unwrap_or(("", name));
    add("-r", format!("__node:={name}"));
    if !namespace.is_empty() {
        add("-r", format!("__ns:=/{namespace}"));
    }
    for file in &node.parameter_files {
        add("--params-file", file.display().to_string());
    }
    for (key, value) in &node.parameters {
        add("-p", format!("{key}:={value}"));
    }
    for (from, to) in &node.remaps {
        add("-r", format!("{from}:={to}"));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> anyhow::Result<RosArguments> {
        parse("localizer", &text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut node = LaunchedNode::new("localizer", "left/where");
        node.parameter_files.push("/tmp/a.yaml".into());
        node.parameters.push(("lidar.beams".into(), "3".into()));
        node.remaps.insert("~/input/imu".into(), "/imu".into());
        assert_eq!(parse("localizer", &write(&node)).unwrap().node, node);
    }

    #[test]
    fn rules_for_other_nodes_are_passed_over() {
        let node = parsed("--ros-args -r other:a:=b -r localizer:c:=d -r __ns:=/x/y").unwrap().node;
        assert_eq!(node.remaps.into_iter().collect::<Vec<_>>(), [("c".to_owned(), "d".to_owned())]);
        assert_eq!(node.name, "x/y/localizer");
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        for text in
            ["--params-file a", "--ros-args -r ab", "--ros-args -p", "--ros-args --log-level loud", "--ros-args -e /a"]
        {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
