use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Parameters of one node: read from ROS 2 parameter files, then overridden one by one.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    values: Map<String, Value>,
    /// Where the values come from, for messages.
    origin: String,
}

/// Why parameters cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// The file cannot be read.
    #[error("parameter file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no YAML, or not in ROS 2's form.
    #[error(
        "parameter file {path}: {reason}; expected `<node name or /**>:` holding `ros__parameters:` holding `key: value` lines"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A key is unknown, missing, or of the wrong type.
    #[error("parameters of {node} ({origin}): {reason}")]
    Value {
        /// The node.
        node: String,
        /// Files and overrides that the values came from.
        origin: String,
        /// What is wrong, naming the key.
        reason: String,
    },
}

impl Parameters {
    /// Reads the parameters for `node` (with namespace, `left/detector`) from a ROS 2 parameter file: those of every
    /// section whose name is the node's, with `*` for one part of it and `**` for any number; later ones over earlier
    /// ones. Namespaces may nest (`left:` holding `detector:`). None is there where no section is the node's.
    ///
    /// # Errors
    /// [`ParameterError`] where the file is missing or not in ROS 2's form.
    pub fn from_file(path: &Path, node: &str) -> Result<Self, ParameterError> {
        let form = |reason: String| ParameterError::Form { path: path.into(), reason };
        let text =
            std::fs::read_to_string(path).map_err(|source| ParameterError::Read { path: path.into(), source })?;
        let document: Value = serde_saphyr::from_str(&text).map_err(|e| form(e.to_string()))?;
        let sections = document.as_object().ok_or_else(|| form("the file is no mapping".into()))?;
        let node: Vec<&str> = node.split('/').filter(|part| !part.is_empty()).collect();
        let mut values = Map::new();
        for (name, section) in sections {
            read_section(name, section, &node, &mut values).map_err(form)?;
        }
        Ok(Self { values, origin: path.display().to_string() })
    }

    /// From values, as a file has them under `ros__parameters`; `origin` for messages.
    pub fn from_values(values: Map<String, Value>, origin: impl Into<String>) -> Self {
        Self { values, origin: origin.into() }
    }

    /// The values, nested as in files.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Takes a parameter out: one that is the driver's, not the node's.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.values.shift_remove(key)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Adds those of another file; where both have a key, the other's value counts.
    pub fn merge(&mut self, other: Self) {
        merge(&mut self.values, &other.values);
        self.origin = if self.origin.is_empty() { other.origin } else { format!("{}, {}", self.origin, other.origin) };
    }

    /// Sets one parameter from text, read as YAML (`3` is a number, `true` a flag, else a string).
    pub fn set(&mut self, key: &str, value: &str) {
        let parsed = serde_saphyr::from_str(value).unwrap_or_else(|_| Value::String(value.into()));
        assign(&mut self.values, key, parsed);
        self.origin = format!("{} with {key}:={value}", self.origin);
    }

    /// The typed parameters of `node`.
    ///
    /// # Errors
    /// [`ParameterError::Value`] naming the key that is unknown, missing or of another type.
    pub fn parse<P: DeserializeOwned>(&self, node: &str) -> Result<P, ParameterError> {
        serde_json::from_value(Value::Object(self.values.clone())).map_err(|e| ParameterError::Value {
            node: node.into(),
            origin: self.origin.clone(),
            reason: e.to_string(),
        })
    }
}

/// Nested mappings as ROS 2 names them: `lidar: {beams: 32}` is `lidar.beams`.
pub fn flatten(values: &Map<String, Value>) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in values {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                flat.extend(flatten(inner).into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            _ => flat.push((key.clone(), value.clone())),
        }
    }
    flat
}

/// Adds what section `name` of a file has for `node`.
fn read_section(name: &str, section: &Value, node: &[&str], values: &mut Map<String, Value>) -> Result<(), String> {
    let no_section = || format!("`{name}` has no mapping `ros__parameters`");
    let section = section.as_object().filter(|section| !section.is_empty()).ok_or_else(no_section)?;
    for (key, inner) in section {
        if key == "ros__parameters" {
            let pattern: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
            let inner = inner.as_object().ok_or_else(no_section)?;
            if is_named(&pattern, node) {
                merge(values, inner);
            }
        } else if inner.is_object() {
            read_section(&format!("{name}/{key}"), inner, node, values)?;
        } else {
            return Err(no_section());
        }
    }
    Ok(())
}

fn is_named(pattern: &[&str], node: &[&str]) -> bool {
    match (pattern.split_first(), node.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=node.len()).any(|skipped| is_named(rest, &node[skipped..])),
        (Some((part, rest)), Some((name, names))) => (*part == "*" || part == name) && is_named(rest, names),
        _ => false,
    }
}

/// Puts `new` over `values`, mapping by mapping.
fn merge(values: &mut Map<String, Value>, new: &Map<String, Value>) {
    for (key, value) in new {
        match (values.get_mut(key).and_then(Value::as_object_mut), value) {
            (Some(old), Value::Object(new)) => merge(old, new),
            _ => assign(values, key, value.clone()),
        }
    }
}

/// Sets `key`; a dot in it leads into a mapping: `lidar.beams` is `beams` of `lidar`.
fn assign(values: &mut Map<String, Value>, key: &str, value: Value) {
    if let Some((outer, inner)) = key.split_once('.')
        && let Some(mapping) = values.entry(outer).or_insert_with(|| Map::new().into()).as_object_mut()
    {
        return assign(mapping, inner, value);
    }
    values.insert(key.into(), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        gain: f64,
        name: String,
    }

    fn file(text: &str) -> PathBuf {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let path = std::env::temp_dir().join(format!("ferrodrive_{}_{}.yaml", std::process::id(), hasher.finish()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn nested_parameters_have_dotted_names() {
        let values = serde_json::json!({"a": {"b": {"c": 1}, "d": 2}, "e": {}});
        let expected = [("a.b.c", 1.into()), ("a.d", 2.into()), ("e", Map::new().into())];
        assert_eq!(
            flatten(values.as_object().unwrap()),
            expected.map(|(name, value): (_, Value)| (name.into(), value))
        );
    }

    #[test]
    fn reads_common_and_named_sections() {
        let path = file(
            "/**:\n  ros__parameters:\n    gain: 1\n    name: a\nexample:\n  ros__parameters:\n    gain: 2.5 # 1/s\n",
        );
        let mut parameters = Parameters::from_file(&path, "example").unwrap();
        parameters.set("name", "other");
        let example: Example = parameters.parse("example").unwrap();
        assert_eq!((example.gain, example.name.as_str()), (2.5, "other"));
    }

    #[test]
    fn sections_are_matched_as_ros_2_does() {
        let text = "/**: {ros__parameters: {all: 1}}\n/*: {ros__parameters: {root: 1}}\n/**/detector: {ros__parameters: {name: 1}}\n\
                    /*/detector: {ros__parameters: {one: 1}}\nleft:\n  detector: {ros__parameters: {nested: 1}}\n\
                    detector: {ros__parameters: {bare: 1}}\nother: {ros__parameters: {none: 1}}\n";
        let path = file(text);
        let keys = |node: &str| {
            Parameters::from_file(&path, node).unwrap().values().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(keys("detector"), "all root name bare");
        assert_eq!(keys("left/detector"), "all name one nested");
        assert_eq!(keys("a/b/tracker"), "all");
        assert!(Parameters::from_file(&file("a: {ros__parameters: {b: 1}}\n"), "c").unwrap().is_empty());
    }

    #[test]
    fn mappings_and_dotted_names_are_the_same_and_are_merged() {
        let mut parameters =
            Parameters::from_file(&file("/**: {ros__parameters: {a: {b: 1, c: 2}, d.e: 3}}\n"), "x").unwrap();
        parameters.merge(Parameters::from_file(&file("/**: {ros__parameters: {a: {b: 4}, a.f: 5}}\n"), "x").unwrap());
        parameters.set("d.g", "6");
        let expected = serde_json::json!({"a": {"b": 4, "c": 2, "f": 5}, "d": {"e": 3, "g": 6}});
        assert_eq!(Value::Object(parameters.values().clone()), expected);
    }

    #[test]
    fn unknown_and_missing_keys_are_named_with_the_file() {
        let path = file("/**:\n  ros__parameters:\n    gain: 1\n    name: a\n    speling: 3\n");
        let error =
            Parameters::from_file(&path, "example").unwrap().parse::<Example>("example").unwrap_err().to_string();
        assert!(error.contains("speling") && error.contains(path.to_str().unwrap()), "{error}");
        let path = file("/**:\n  ros__parameters:\n    gain: 1\n");
        let error =
            Parameters::from_file(&path, "example").unwrap().parse::<Example>("example").unwrap_err().to_string();
        assert!(error.contains("name"), "{error}");
    }

    #[test]
    fn a_file_in_another_form_is_refused() {
        let error = Parameters::from_file(&file("gain: 1\n"), "example").unwrap_err().to_string();
        assert!(error.contains("ros__parameters"), "{error}");
    }
}
