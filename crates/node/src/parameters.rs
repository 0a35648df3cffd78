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
    /// Reads the parameters for `node` (with namespace, `left/detector`) from a ROS 2 parameter file: those under `/**`,
    /// under its full name and under `/**/name`, later ones over earlier ones.
    ///
    /// # Errors
    /// [`ParameterError`] where the file is missing or not in ROS 2's form.
    pub fn from_file(path: &Path, node: &str) -> Result<Self, ParameterError> {
        let form = |reason: String| ParameterError::Form { path: path.into(), reason };
        let text =
            std::fs::read_to_string(path).map_err(|source| ParameterError::Read { path: path.into(), source })?;
        let document: Value = serde_saphyr::from_str(&text).map_err(|e| form(e.to_string()))?;
        let sections = document.as_object().ok_or_else(|| form("the file is no mapping".into()))?;
        let mut values = Map::new();
        for (name, section) in sections {
            let bare = name.trim_start_matches('/');
            let last = node.rsplit('/').next().unwrap_or(node);
            if bare != "**" && bare != node && bare.strip_prefix("**/") != Some(last) {
                continue;
            }
            let parameters = section
                .get("ros__parameters")
                .and_then(Value::as_object)
                .ok_or_else(|| form(format!("`{name}` has no mapping `ros__parameters`")))?;
            merge(&mut values, parameters.clone());
        }
        if values.is_empty() {
            return Err(form(format!("nothing in it is for node `{node}`")));
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

    /// Adds those of another file; where both have a key, the other's value counts. Mappings are merged key by key, as
    /// ROS 2 does, to which they are parameters with dots in their names.
    pub fn merge(&mut self, other: Self) {
        merge(&mut self.values, other.values);
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

fn merge(values: &mut Map<String, Value>, newer: Map<String, Value>) {
    for (key, value) in newer {
        match (values.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => assign(values, &key, value),
        }
    }
}

/// Sets `key`, or where there are mappings on its way, `lidar.beams` in `lidar`.
fn assign(values: &mut Map<String, Value>, key: &str, value: Value) {
    if let Some((outer, inner)) = key.split_once('.')
        && let Some(mapping) = values.get_mut(outer).and_then(Value::as_object_mut)
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
    fn a_later_file_changes_only_what_it_names() {
        let first = file("/**:\n  ros__parameters:\n    lidar: {beams: 32, range_m: 100.0}\n    seed: 1\n");
        let mut parameters = Parameters::from_file(&first, "example").unwrap();
        for text in ["    lidar: {beams: 16}\n", "    lidar.range_m: 50.0\n"] {
            let later = file(&format!("/**:\n  ros__parameters:\n{text}"));
            parameters.merge(Parameters::from_file(&later, "example").unwrap());
        }
        let expected = serde_json::json!({"lidar": {"beams": 16, "range_m": 50.0}, "seed": 1});
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
