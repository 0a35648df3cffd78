//! The arguments that ROS 2 gives a node: `--ros-args -r from:=to -p key:=value --params-file FILE -r __node:=name`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::launch::{LaunchedNode, ParameterSource};

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
    let (mut name, mut namespace) = (None, None);
    let (mut log_level, mut rosout) = (None, true);
    let mut parameters = Vec::new();
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
                if target.is_some_and(|target| target != executable && Some(target) != name) {
                    continue;
                }
                match from {
                    // The first rule for a name counts.
                    "__node" | "__name" => name = name.or(Some(to)),
                    "__ns" => namespace = namespace.or(Some(to)),
                    _ => {
                        node.remaps.entry(from.into()).or_insert(to.into());
                    }
                }
            }
            "-p" | "--param" => {
                let (key, value) = assignment(flag, value()?)?;
                let (target, key) = key.rsplit_once(':').map_or((None, key), |(target, key)| (Some(target), key));
                parameters.push((target, ParameterSource::Value(key.into(), value.into())));
            }
            "--params-file" => parameters.push((None, ParameterSource::File(PathBuf::from(value()?)))),
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
    let (name, namespace) = (name.unwrap_or(executable), namespace.unwrap_or_default().trim_matches('/'));
    node.name = if namespace.is_empty() { name.into() } else { format!("{namespace}/{name}") };
    // Those for another node of this name's process are not for this one.
    let mine = |target: &str| [name, node.name.as_str()].contains(&target.trim_start_matches('/'));
    node.parameters = parameters.into_iter().filter(|(t, _)| t.is_none_or(mine)).map(|(_, given)| given).collect();
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
    for given in &node.parameters {
        match given {
            ParameterSource::File(file) => add("--params-file", file.display().to_string()),
            ParameterSource::Value(key, value) => add("-p", format!("{key}:={value}")),
        }
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
        node.set("use_sim_time", "true");
        node.parameters.push(ParameterSource::File("/tmp/a.yaml".into()));
        node.set("lidar.beams", "3");
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
    fn parameters_for_other_nodes_are_passed_over_and_the_order_is_kept() {
        let node = parsed("--ros-args -p a:=1 --params-file f.yaml -p other:b:=2 -p localizer:c:=3").unwrap().node;
        let value = |name: &str, value: &str| ParameterSource::Value(name.into(), value.into());
        assert_eq!(node.parameters, [value("a", "1"), ParameterSource::File("f.yaml".into()), value("c", "3")]);
    }

    #[test]
    fn of_two_rules_for_a_name_the_first_counts() {
        let node = parsed("--ros-args -r a:=/b -r a:=/c -r __node:=x -r __node:=y").unwrap().node;
        assert_eq!((node.remaps["a"].as_str(), node.name.as_str()), ("/b", "x"));
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
