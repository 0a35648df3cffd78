use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::accelerator::Accelerator;

/// The file beside the engines that says what they were built from and for.
const KEY_FILE: &str = "key.txt";

/// All that a built engine depends on: with any of it changed, it must be built anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineKey {
    /// SHA-256 of the ONNX file.
    pub model: String,
    /// What ONNX Runtime says of its build.
    pub onnxruntime: String,
    /// Libraries, driver and device.
    pub accelerator: Accelerator,
    /// The options that the engine is built with.
    pub options: Vec<(String, String)>,
}

impl fmt::Display for EngineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        writeln!(f, "model: {}", self.model)?;
        writeln!(f, "onnxruntime: {}", self.onnxruntime)?;
        writeln!(f, "tensorrt: {}", known(self.accelerator.tensorrt.map(|v| v.to_string())))?;
        writeln!(f, "cuda: {}", known(self.accelerator.cuda.map(|v| v.to_string())))?;
        writeln!(f, "driver: {}", known(self.accelerator.driver.clone()))?;
        writeln!(f, "device: {}", known(self.accelerator.device.clone()))?;
        // Where the caches lie does not change what is in them.
        for (key, value) in self.options.iter().filter(|(key, _)| !key.ends_with("_cache_path")) {
            writeln!(f, "option {key}: {value}")?;
        }
        Ok(())
    }
}

/// How a cache was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineCache {
    /// Engines of this key are there.
    Fresh,
    /// There was none.
    New,
    /// Engines of another key were there and are removed: this line of the key has changed.
    Stale(String),
}

impl fmt::Display for EngineCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => write!(f, "the engine that is kept is used"),
            Self::New => write!(f, "no engine is kept yet: it is built now, which can take minutes"),
            Self::Stale(why) => {
                write!(f, "the engine that is kept does not fit ({why}): it is built anew, which can take minutes")
            }
        }
    }
}

/// The folder of a variant's engines.
pub fn engine_folder(cache: &Path, model: &str, stage: &str, precision: &str) -> PathBuf {
    let stage = if stage.is_empty() { String::new() } else { format!(".{stage}") };
    cache.join(format!("{model}{stage}.{precision}"))
}

/// Makes a folder fit for engines of a key: those of another key are removed.
///
/// # Errors
/// Where the folder cannot be read or written.
pub fn prepare(folder: &Path, key: &EngineKey) -> std::io::Result<EngineCache> {
    let (file, wanted) = (folder.join(KEY_FILE), key.to_string());
    let state = match fs::read_to_string(&file) {
        Ok(kept) if kept == wanted => {
            // The key alone is no engine: a build may have been broken off.
            let engines = fs::read_dir(folder)?.filter(|entry| entry.as_ref().is_ok_and(|e| e.file_name() != KEY_FILE));
            return Ok(if engines.count() > 0 { EngineCache::Fresh } else { EngineCache::New });
        }
        Ok(kept) => {
            fs::remove_dir_all(folder)?;
            EngineCache::Stale(change(&kept, &wanted))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => EngineCache::New,
        Err(error) => return Err(error),
    };
    fs::create_dir_all(folder)?;
    fs::write(&file, wanted)?;
    Ok(state)
}

fn change(kept: &str, wanted: &str) -> String {
    let line = |text: &str, key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        found.unwrap_or("none").to_string()
    };
    let keys = wanted.lines().chain(kept.lines()).filter_map(|line| Some(line.split_once(": ")?.0));
    for key in keys {
        let (before, now) = (line(kept, key), line(wanted, key));
        if before != now {
            return format!("{key} was {before} and is {now}");
        }
    }
    "its key cannot be read".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> EngineKey {
        let accelerator = Accelerator {
            tensorrt: Some(100_900),
            cuda: Some(13_000),
            driver: Some("580.1".into()),
            device: Some("NVIDIA Thor, compute capability 11.0".into()),
        };
        let options = vec![("trt_fp16_enable".into(), "1".into()), ("trt_engine_cache_path".into(), "/a".into())];
        EngineKey { model: "ab".into(), onnxruntime: "1.32.0".into(), accelerator, options }
    }

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("ferrodrive_engines_{}_{name}", std::process::id())))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn engines_are_kept_as_long_as_nothing_that_they_depend_on_changes() {
        let scratch = Scratch::new("kept");
        assert_eq!(prepare(&scratch.0, &key()).unwrap(), EngineCache::New);
        // Nothing was built after all.
        assert_eq!(prepare(&scratch.0, &key()).unwrap(), EngineCache::New);
        fs::write(scratch.0.join("a.engine"), "engine").unwrap();
        assert_eq!(prepare(&scratch.0, &key()).unwrap(), EngineCache::Fresh);
        let mut moved = key();
        moved.options[1].1 = "/b".into();
        assert_eq!(prepare(&scratch.0, &moved).unwrap(), EngineCache::Fresh);
    }

    #[test]
    fn engines_of_another_key_are_removed_and_the_change_is_named() {
        type Change = (fn(&mut EngineKey), &'static str);
        let changes: [Change; 7] = [
            (|k| k.model = "cd".into(), "model was ab and is cd"),
            (|k| k.onnxruntime = "1.33.0".into(), "onnxruntime was 1.32.0 and is 1.33.0"),
            (|k| k.accelerator.tensorrt = Some(101_000), "tensorrt was 100900 and is 101000"),
            (|k| k.accelerator.cuda = None, "cuda was 13000 and is none"),
            (|k| k.accelerator.driver = Some("590.0".into()), "driver was 580.1 and is 590.0"),
            (
                |k| k.accelerator.device = Some("other".into()),
                "device was NVIDIA Thor, compute capability 11.0 and is other",
            ),
            (|k| k.options[0].1 = "0".into(), "option trt_fp16_enable was 1 and is 0"),
        ];
        for (i, (change, told)) in changes.into_iter().enumerate() {
            let scratch = Scratch::new(&format!("stale_{i}"));
            prepare(&scratch.0, &key()).unwrap();
            fs::write(scratch.0.join("a.engine"), "engine").unwrap();
            let mut other = key();
            change(&mut other);
            let state = prepare(&scratch.0, &other).unwrap();
            assert_eq!(state, EngineCache::Stale(told.into()));
            assert!(state.to_string().contains("built anew"));
            assert!(!scratch.0.join("a.engine").exists());
            assert_eq!(prepare(&scratch.0, &other).unwrap(), EngineCache::New);
        }
    }
}
