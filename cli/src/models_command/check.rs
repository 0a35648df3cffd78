use std::path::Path;

use inference::{ExecutionProvider, LoadOptions, Manifest, Model};

use super::{library, megabytes};

/// Checks every variant of a model; gives whether all is sound.
pub fn check(folder: &Path) -> anyhow::Result<bool> {
    let manifest = match Manifest::read(folder) {
        Ok(manifest) => manifest,
        Err(error) => {
            println!("{error}");
            return Ok(false);
        }
    };
    let library = library(None)?;
    let mut sound = true;
    for variant in &manifest.variants {
        for file in variant.files() {
            let part = if file.stage.is_empty() { String::new() } else { format!(" {}", file.stage) };
            let title = format!("{} {}{part}", manifest.name, variant.precision);
            // What the file holds is checked on the provider that is always there.
            let options = LoadOptions {
                library: Some(library.clone()),
                precision: Some(variant.precision),
                execution_providers: Some(vec![ExecutionProvider::Cpu.name().into()]),
                ..LoadOptions::default()
            };
            let bytes = match Model::open(folder, &file.stage, &options) {
                Ok(_) => std::fs::read(folder.join(&file.file))?,
                Err(error) => {
                    println!("{error}");
                    sound = false;
                    continue;
                }
            };
            let (_, graph) = onnx::read(&bytes)?;
            let others = onnx::unportable(&graph);
            println!(
                "{title}: hash, opset, tensors and a run are right; {}, {} nodes",
                megabytes(bytes.len() as u64),
                graph.node.len()
            );
            for (operator, count) in &others {
                println!(
                    "{title}: operator {operator} ({count} nodes) is not one that every automotive toolchain takes"
                );
            }
            sound &= others.is_empty();
        }
    }
    Ok(sound)
}
