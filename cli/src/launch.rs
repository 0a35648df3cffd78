//! Launch files in ROS 2's XML format: what `ros2 launch` reads is read here as well.
//!
//! Known: `launch`, `arg`, `let`, `include`, `group`, `push-ros-namespace`, `set_remap`, `set_parameter`, `set_env`, `node` with
//! `param`, `remap` and `env`, the attributes `if` and `unless`, and the substitutions `$(var x)`, `$(env X default)`, `$(find-pkg-share ferrodrive)`, `$(dirname)`,
//! and of `$(eval '…')` one comparison of two texts in quotes: `$(eval '"$(var x)" == "y"')`. Anything else is an error that names the element and its line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

/// What gives a node parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterSource {
    /// A parameter file.
    File(PathBuf),
    /// One parameter: name and value, as YAML.
    Value(String, String),
}

/// A node to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct LaunchedNode {
    /// Its name, with namespace: `simulator`, `left/lidar_detector`.
    pub name: String,
    /// The executable, which is the node's kind.
    pub executable: String,
    /// Where its parameters come from, in order: what is said later counts.
    pub parameters: Vec<ParameterSource>,
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
            parameters: Vec::new(),
            remaps: BTreeMap::new(),
            environment: Vec::new(),
            respawn: false,
            respawn_delay_s: 0.0,
            ends_all: false,
        }
    }

    /// Sets a parameter, over all that was said before.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.parameters.push(ParameterSource::Value(name.into(), value.into()));
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
    let mut reader = Reader { share, nodes: Vec::new(), depth: 0, declared: Vec::new(), describes: false };
    reader.file(path, arguments, &BTreeMap::new(), Inherited::default())?;
    Ok(reader.nodes)
}

/// The arguments of a launch file and of those that it includes, with whatever condition, in their order; without those
/// that the including file gives.
///
/// # Errors
/// [`LaunchError`] naming file, line and what was expected.
pub fn arguments(path: &Path, share: &Path) -> Result<Vec<Argument>, LaunchError> {
    let mut reader = Reader { share, nodes: Vec::new(), depth: 0, declared: Vec::new(), describes: true };
    reader.file(path, &BTreeMap::new(), &BTreeMap::new(), Inherited::default())?;
    let mut told = BTreeSet::new();
    reader.declared.retain(|argument| !argument.given && told.insert(argument.name.clone()));
    Ok(reader.declared)
}

/// What can be said to a launch file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it is when nothing is said.
    pub default: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether an including file says it.
    given: bool,
}

struct Reader<'a> {
    share: &'a Path,
    nodes: Vec<LaunchedNode>,
    depth: usize,
    /// Arguments of the files so far.
    declared: Vec<Argument>,
    /// Whether only the arguments are looked for, whatever their values.
    describes: bool,
}

/// What nodes have of the elements around them, and included files with them.
#[derive(Clone, Default)]
struct Inherited {
    namespace: String,
    remaps: BTreeMap<String, String>,
    parameters: Vec<ParameterSource>,
    environment: Vec<(String, String)>,
}

/// Where in which file, with what is known there.
struct Scope<'a> {
    path: &'a Path,
    variables: BTreeMap<String, String>,
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

    /// What is passed over unread would run otherwise here than under `ros2 launch`.
    fn check_attributes(&self, element: Node) -> Result<(), LaunchError> {
        let tag = element.tag_name().name();
        let known: &[&str] = match tag {
            "arg" => &["name", "default", "description"],
            "let" | "set_env" | "set_parameter" | "env" => &["name", "value"],
            "include" => &["file"],
            "push-ros-namespace" | "push_ros_namespace" => &["namespace"],
            "set_remap" | "remap" => &["from", "to"],
            "param" => &["name", "value", "from"],
            // Output is always shown, each line with the name of its process.
            "node" => {
                &["pkg", "exec", "name", "namespace", "respawn", "respawn_delay", "on_exit", "output", "emulate_tty"]
            }
            // Of others the tag itself is refused.
            "group" => &[],
            _ => return Ok(()),
        };
        match element
            .attributes()
            .map(|a| a.name())
            .find(|name| !known.contains(name) && !["if", "unless"].contains(name))
        {
            None => Ok(()),
            Some(name) => {
                let known =
                    if known.is_empty() { "if, unless".into() } else { format!("{}, if, unless", known.join(", ")) };
                Err(self.error(element, format!("<{tag}>: expected {known}, got `{name}`")))
            }
        }
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
                ["eval", expression @ ..] => compare(&expression.join(" "))
                    .ok_or_else(|| {
                        let expected = "one comparison of two texts in quotes, as '\"a\" == \"b\"'";
                        self.error(element, format!("eval: expected {expected}, got `{}`", expression.join(" ")))
                    })?
                    .into(),
                ["dirname"] => self.path.parent().unwrap_or(Path::new(".")).display().to_string(),
                other => {
                    let reason = format!(
                        "substitution `$({})`: expected var, env, dirname or find-pkg-share ferrodrive, or eval",
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

/// `True` or `False`, as Python says it; `None` where the expression is no comparison of two texts in quotes.
fn compare(expression: &str) -> Option<&'static str> {
    let inner = ['\'', '"'].into_iter().find_map(|q| expression.strip_prefix(q)?.strip_suffix(q))?;
    let (equal, (left, right)) = match (inner.split_once("=="), inner.split_once("!=")) {
        (Some(sides), None) => (true, sides),
        (None, Some(sides)) => (false, sides),
        _ => return None,
    };
    let text = |side: &str| {
        let side = side.trim();
        let quoted = ['\'', '"'].into_iter().find_map(|q| side.strip_prefix(q)?.strip_suffix(q))?;
        (!quoted.contains(['\'', '"'])).then(|| quoted.to_owned())
    };
    Some(if (text(left)? == text(right)?) == equal { "True" } else { "False" })
}

impl Reader<'_> {
    /// `around`: what the including file knows; as with `ros2 launch`, the included one knows it as well.
    fn file(
        &mut self,
        path: &Path,
        given: &BTreeMap<String, String>,
        around: &BTreeMap<String, String>,
        inherited: Inherited,
    ) -> Result<(), LaunchError> {
        let text = std::fs::read_to_string(path).map_err(|source| LaunchError::Read { path: path.into(), source })?;
        let document = Document::parse(&text).map_err(|e| LaunchError::Form {
            path: path.into(),
            line: e.pos().row,
            reason: format!("no XML: {e}"),
        })?;
        let mut variables = around.clone();
        variables.extend(given.clone());
        let mut scope = Scope { path, variables, inherited };
        let declared_before = self.declared.len();
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
        let declared: BTreeSet<&str> = self.declared[declared_before..].iter().map(|a| a.name.as_str()).collect();
        match given.keys().find(|name| !declared.contains(name.as_str())) {
            None => Ok(()),
            Some(name) => Err(LaunchError::UnknownArgument {
                path: path.into(),
                name: name.clone(),
                known: declared.into_iter().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    fn elements(&mut self, parent: Node, scope: &mut Scope) -> Result<(), LaunchError> {
        for element in parent.children().filter(Node::is_element) {
            scope.check_attributes(element)?;
            if !self.describes && !scope.wanted(element, self.share)? {
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
                "push-ros-namespace" | "push_ros_namespace" => {
                    let namespace = scope.required(element, "namespace", self.share)?;
                    scope.inherited.namespace = joined(&scope.inherited.namespace, &namespace);
                }
                "set_remap" => {
                    let (from, to) = self.remap(element, scope)?;
                    scope.inherited.remaps.entry(from).or_insert(to);
                }
                "set_parameter" => {
                    // Before the node's own, which count more: as `ros2 launch` has it.
                    let (name, value) = self.pair(element, scope)?;
                    scope.inherited.parameters.push(ParameterSource::Value(name, value));
                }
                "set_env" => {
                    let variable = self.pair(element, scope)?;
                    scope.inherited.environment.push(variable);
                }
                "node" if self.describes => {}
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
        let description = scope.attribute(element, "description", self.share)?;
        let given = scope.variables.get(&name).cloned();
        let (is_given, value) = (given.is_some(), given.or_else(|| default.clone()));
        self.declared.push(Argument { name: name.clone(), default, description, given: is_given });
        let value = value.or_else(|| self.describes.then(String::new));
        let value =
            value.ok_or_else(|| scope.error(element, format!("give the argument `{name}:=…`: it has no default")))?;
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
        self.file(&file, &given, &scope.variables, scope.inherited.clone())
    }

    fn group(&mut self, element: Node, scope: &mut Scope) -> Result<(), LaunchError> {
        let mut inner =
            Scope { path: scope.path, variables: scope.variables.clone(), inherited: scope.inherited.clone() };
        self.elements(element, &mut inner)
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
        let mut parameters = shipped_parameters(self.share, &executable);
        let name = scope.attribute(element, "name", self.share)?.unwrap_or_else(|| executable.clone());
        let inherited = scope.inherited.clone();
        parameters.extend(inherited.parameters);
        let own = scope.attribute(element, "namespace", self.share)?.unwrap_or_default();
        // A namespace with a slash in front stands for itself.
        let namespace = if own.starts_with('/') { own } else { joined(&inherited.namespace, &own) };
        let delay = scope.attribute(element, "respawn_delay", self.share)?.unwrap_or_else(|| "0".into());
        let mut node = LaunchedNode {
            name: joined(&namespace, &name),
            executable,
            parameters,
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
            scope.check_attributes(child)?;
            match child.tag_name().name() {
                "param" => match scope.attribute(child, "from", self.share)? {
                    Some(file) => node.parameters.push(ParameterSource::File(file.into())),
                    None => {
                        let (name, value) = self.pair(child, scope)?;
                        node.set(name, value);
                    }
                },
                "remap" => {
                    // The first rule for a name counts, and those of `set_remap` come first.
                    let (from, to) = self.remap(child, scope)?;
                    node.remaps.entry(from).or_insert(to);
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

/// The parameter file that is shipped for a kind of node: what holds where nothing else is said.
pub fn shipped_parameters(share: &Path, executable: &str) -> Vec<ParameterSource> {
    let file = share.join(format!("params/{executable}.param.yaml"));
    if file.is_file() { vec![ParameterSource::File(file)] } else { Vec::new() }
}

fn joined(namespace: &str, name: &str) -> String {
    match (namespace.trim_matches('/'), name.trim_matches('/')) {
        ("", name) => name.into(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}
