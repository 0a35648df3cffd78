//! Launch files in ROS 2's XML format: what `ros2 launch` reads is read here as well.
//!
//! Known: `launch`, `arg`, `let`, `include`, `group`, `push-ros-namespace`, `set_remap`, `set_parameter`, `set_env`, `node` with
//! `param`, `remap` and `env`, the attributes `if` and `unless`, and the substitutions `$(var x)`, `$(env X default)`, `$(find-pkg-share ferrodrive)`, `$(dirname)`.
//! Anything else is an error that names the element and its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

/// A node to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchedNode {
    /// Its name, with namespace: `simulator`, `left/lidar_detector`.
    pub name: String,
    /// The executable, which is the node's kind.
    pub executable: String,
    /// Parameter files, in order.
    pub parameter_files: Vec<PathBuf>,
    /// Parameters set one by one, after the files.
    pub parameters: Vec<(String, String)>,
    /// From a node-local or full name to a topic.
    pub remaps: BTreeMap<String, String>,
    /// Environment variables of its process.
    pub environment: Vec<(String, String)>,
    /// Whether its process is started again when it ends.
    pub respawn: bool,
    /// So long after it ended, s.
    pub respawn_delay_s: f64,
    /// Whether all end when its process ends (`on_exit="shutdown"`).
    pub ends_all: bool,
}

impl LaunchedNode {
    /// A node with nothing set.
    pub fn new(executable: &str, name: &str) -> Self {
        Self {
            name: name.into(),
            executable: executable.into(),
            parameter_files: Vec::new(),
            parameters: Vec::new(),
            remaps: BTreeMap::new(),
            environment: Vec::new(),
            respawn: false,
            respawn_delay_s: 0.0,
            ends_all: false,
        }
    }
}

/// Why a launch file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The file cannot be read.
    #[error("launch file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no launch file, or asks for what is not known here.
    #[error("launch file {path}, line {line}: {reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u32,
        /// What was expected and what came.
        reason: String,
    },
    /// An argument was given that no file declares.
    #[error("launch file {path} has no argument `{name}`; it has: {known}")]
    UnknownArgument {
        /// The file.
        path: PathBuf,
        /// The argument.
        name: String,
        /// What it has.
        known: String,
    },
}

/// Reads a launch file with `arguments` (`name:=value`) and gives the nodes in their order.
///
/// # Errors
/// [`LaunchError`] naming file, line and what was expected.
pub fn read(path: &Path, share: &Path, arguments: &BTreeMap<String, String>) -> Result<Vec<LaunchedNode>, LaunchError> {
    let mut reader = Reader { share, nodes: Vec::new(), depth: 0 };
    reader.file(path, arguments, Inherited::default())?;
    Ok(reader.nodes)
}

struct Reader<'a> {
    share: &'a Path,
    nodes: Vec<LaunchedNode>,
    depth: usize,
}

/// What nodes have of the elements around them, and included files with them.
#[derive(Clone, Default)]
struct Inherited {
    namespace: String,
    remaps: BTreeMap<String, String>,
    parameters: Vec<(String, String)>,
    environment: Vec<(String, String)>,
}

/// Where in which file, with what is known there.
struct Scope<'a> {
    path: &'a Path,
    given: &'a BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    declared: Vec<String>,
    inherited: Inherited,
}

impl Scope<'_> {
    fn error(&self, element: Node, reason: impl Into<String>) -> LaunchError {
        let line = element.document().text_pos_at(element.range().start).row;
        LaunchError::Form { path: self.path.into(), line, reason: reason.into() }
    }

    fn attribute(&self, element: Node, name: &str, share: &Path) -> Result<Option<String>, LaunchError> {
        element.attribute(name).map(|text| self.substitute(element, text, share)).transpose()
    }

    fn required(&self, element: Node, name: &str, share: &Path) -> Result<String, LaunchError> {
        self.attribute(element, name, share)?
            .ok_or_else(|| self.error(element, format!("<{}> needs the attribute `{name}`", element.tag_name().name())))
    }

    fn wanted(&self, element: Node, share: &Path) -> Result<bool, LaunchError> {
        Ok(self.flag(element, "if", true, share)? && !self.flag(element, "unless", false, share)?)
    }

    fn flag(&self, element: Node, name: &str, absent: bool, share: &Path) -> Result<bool, LaunchError> {
        match self.attribute(element, name, share)?.map(|v| v.to_lowercase()).as_deref() {
            None => Ok(absent),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(self.error(element, format!("`{name}`: expected true or false, got `{other}`"))),
        }
    }

    /// Replaces every `$(…)`, innermost first.
    fn substitute(&self, element: Node, text: &str, share: &Path) -> Result<String, LaunchError> {
        let mut text = text.to_owned();
        while let Some(start) = text.rfind("$(") {
            let length =
                text[start..].find(')').ok_or_else(|| self.error(element, format!("`$(` without `)` in `{text}`")))?;
            let words: Vec<&str> = text[start + 2..start + length].split_whitespace().collect();
            let value = match words.as_slice() {
                ["var", name] => self.variables.get(*name).cloned().ok_or_else(|| {
                    let known: Vec<&str> = self.variables.keys().map(String::as_str).collect();
                    self.error(element, format!("no argument `{name}` is declared before; known: {}", known.join(", ")))
                })?,
                ["env", name] => std::env::var(name)
                    .map_err(|_| self.error(element, format!("the environment variable `{name}` is not set")))?,
                ["env", name, default] => std::env::var(name).unwrap_or_else(|_| (*default).to_owned()),
                ["find-pkg-share", "ferrodrive"] => share.display().to_string(),
                ["dirname"] => self.path.parent().unwrap_or(Path::new(".")).display().to_string(),
                other => {
                    let reason = format!(
                        "substitution `$({})`: expected var, env, dirname or find-pkg-share ferrodrive",
                        other.join(" ")
                    );
                    return Err(self.error(element, reason));
                }
            };
            text.replace_range(start..=start + length, &value);
        }
        Ok(text)
    }
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, given: &BTreeMap<String, String>, inherited: Inherited) -> Result<(), LaunchError> {
        let text = std::fs::read_to_string(path).map_err(|source| LaunchError::Read { path: path.into(), source })?;
        let document = Document::parse(&text).map_err(|e| LaunchError::Form {
            path: path.into(),
            line: e.pos().row,
            reason: format!("no XML: {e}"),
        })?;
        let mut scope = Scope { path, given, variables: BTreeMap::new(), declared: Vec::new(), inherited };
        let root = document.root_element();
        if root.tag_name().name() != "launch" {
            return Err(scope.error(root, format!("expected <launch>, got <{}>", root.tag_name().name())));
        }
        self.depth += 1;
        if self.depth > 16 {
            return Err(scope.error(root, "files include each other more than 16 deep"));
        }
        self.elements(root, &mut scope)?;
        self.depth -= 1;
        match given.keys().find(|name| !scope.declared.contains(name)) {
            None => Ok(()),
            Some(name) => Err(LaunchError::UnknownArgument {
                path: path.into(),
                name: name.clone(),
                known: scope.declared.join(", "),
            }),
        }
    }

    fn elements(&mut self, parent: Node, scope: &mut Scope) -> Result<(), LaunchError> {
        for element in parent.children().filter(Node::is_element) {
            if !scope.wanted(element, self.share)? {
                continue;
            }
            match element.tag_name().name() {
                "arg" => self.argument(element, scope)?,
                "let" => {
                    let name = scope.required(element, "name", self.share)?;
                    let value = scope.required(element, "value", self.share)?;
                    scope.variables.insert(name, value);
                }
                "include" => self.include(element, scope)?,
                "group" => self.group(element, scope)?,
                "push-ros-namespace" => {
                    let namespace = scope.required(element, "namespace", self.share)?;
                    scope.inherited.namespace = joined(&scope.inherited.namespace, &namespace);
                }
                "set_remap" => {
                    let (from, to) = self.remap(element, scope)?;
                    scope.inherited.remaps.insert(from, to);
                }
                "set_parameter" => {
                    let parameter = self.pair(element, scope)?;
                    scope.inherited.parameters.push(parameter);
                }
                "set_env" => {
                    let variable = self.pair(element, scope)?;
                    scope.inherited.environment.push(variable);
                }
                "node" => self.node(element, scope)?,
                other => {
                    let expected =
                        "arg, let, include, group, push-ros-namespace, set_remap, set_parameter, set_env or node";
                    return Err(scope.error(element, format!("expected {expected}, got <{other}>")));
                }
            }
        }
        Ok(())
    }

    fn argument(&mut self, element: Node, scope: &mut Scope) -> Result<(), LaunchError> {
        let name = scope.required(element, "name", self.share)?;
        let default = scope.attribute(element, "default", self.share)?;
        let value = scope.given.get(&name).cloned().or(default);
        let value =
            value.ok_or_else(|| scope.error(element, format!("give the argument `{name}:=…`: it has no default")))?;
        scope.declared.push(name.clone());
        scope.variables.insert(name, value);
        Ok(())
    }

    fn include(&mut self, element: Node, scope: &mut Scope) -> Result<(), LaunchError> {
        let file = PathBuf::from(scope.required(element, "file", self.share)?);
        let mut given = BTreeMap::new();
        for child in element.children().filter(Node::is_element) {
            if child.tag_name().name() != "arg" {
                return Err(scope.error(child, "expected <arg> in <include>"));
            }
            given.insert(scope.required(child, "name", self.share)?, scope.required(child, "value", self.share)?);
        }
        self.file(&file, &given, scope.inherited.clone())
    }

    fn group(&mut self, element: Node, scope: &mut Scope) -> Result<(), LaunchError> {
        let mut inner = Scope {
            path: scope.path,
            given: scope.given,
            variables: scope.variables.clone(),
            declared: Vec::new(),
            inherited: scope.inherited.clone(),
        };
        self.elements(element, &mut inner)?;
        scope.declared.append(&mut inner.declared);
        Ok(())
    }

    fn pair(&self, element: Node, scope: &Scope) -> Result<(String, String), LaunchError> {
        Ok((scope.required(element, "name", self.share)?, scope.required(element, "value", self.share)?))
    }

    fn remap(&self, element: Node, scope: &Scope) -> Result<(String, String), LaunchError> {
        Ok((scope.required(element, "from", self.share)?, scope.required(element, "to", self.share)?))
    }

    fn node(&mut self, element: Node, scope: &Scope) -> Result<(), LaunchError> {
        let package = scope.required(element, "pkg", self.share)?;
        if package != "ferrodrive" {
            return Err(
                scope.error(element, format!("pkg: expected ferrodrive, got `{package}`: start it by `ros2 launch`"))
            );
        }
        let executable = scope.required(element, "exec", self.share)?;
        let name = scope.attribute(element, "name", self.share)?.unwrap_or_else(|| executable.clone());
        let inherited = scope.inherited.clone();
        let own = scope.attribute(element, "namespace", self.share)?.unwrap_or_default();
        // A namespace with a slash in front stands for itself.
        let namespace = if own.starts_with('/') { own } else { joined(&inherited.namespace, &own) };
        let delay = scope.attribute(element, "respawn_delay", self.share)?.unwrap_or_else(|| "0".into());
        let mut node = LaunchedNode {
            name: joined(&namespace, &name),
            executable,
            parameter_files: Vec::new(),
            parameters: inherited.parameters,
            remaps: inherited.remaps,
            environment: inherited.environment,
            respawn: scope.flag(element, "respawn", false, self.share)?,
            respawn_delay_s: delay.parse().ok().filter(|s: &f64| (0.0..=3600.0).contains(s)).ok_or_else(|| {
                scope.error(element, format!("respawn_delay: expected seconds, 0 to 3600, got `{delay}`"))
            })?,
            ends_all: match scope.attribute(element, "on_exit", self.share)?.as_deref() {
                None => false,
                Some("shutdown") => true,
                Some(other) => {
                    return Err(scope.error(element, format!("on_exit: expected shutdown, got `{other}`")));
                }
            },
        };
        for child in element.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "param" => match scope.attribute(child, "from", self.share)? {
                    Some(file) => node.parameter_files.push(file.into()),
                    None => node.parameters.push(self.pair(child, scope)?),
                },
                "remap" => {
                    let (from, to) = self.remap(child, scope)?;
                    node.remaps.insert(from, to);
                }
                "env" => node.environment.push(self.pair(child, scope)?),
                other => {
                    let expected = "<param>, <remap> or <env>";
                    return Err(scope.error(child, format!("expected {expected} in <node>, got <{other}>")));
                }
            }
        }
        self.nodes.push(node);
        Ok(())
    }
}

fn joined(namespace: &str, name: &str) -> String {
    match (namespace.trim_matches('/'), name.trim_matches('/')) {
        ("", name) => name.into(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
