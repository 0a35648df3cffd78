use inference::Manifest;

use super::{megabytes, shipped};

/// Prints the models that are shipped.
pub fn list() -> anyhow::Result<bool> {
    println!("{:<26} {:<9} {:<10} {:>10}  execution providers", "model", "version", "precision", "size");
    for folder in shipped()? {
        let manifest = Manifest::read(&folder)?;
        for variant in &manifest.variants {
            let size = |file: &str| std::fs::metadata(folder.join(file)).map_or(0, |data| data.len());
            let bytes: u64 = variant.files().iter().map(|file| size(&file.file)).sum();
            let default = if variant.precision == manifest.default_precision { "*" } else { "" };
            println!(
                "{:<26} {:<9} {:<10} {:>10}  {}",
                manifest.name,
                manifest.version,
                format!("{}{default}", variant.precision),
                megabytes(bytes),
                manifest.execution_providers.join(", "),
            );
        }
    }
    println!("* what runs unless the parameter `precision` of its node says otherwise");
    Ok(true)
}
