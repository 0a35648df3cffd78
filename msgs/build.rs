//! Reads `interfaces/` and writes the Rust types.

#[path = "generator/emit.rs"]
mod emit;
#[path = "generator/model.rs"]
mod model;
#[path = "generator/rihs.rs"]
mod rihs;

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=interfaces");
    println!("cargo:rerun-if-changed=generator");
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")).join("interfaces");
    let out = Path::new(&env("OUT_DIR")).join("interfaces.rs");
    let result = model::read_interfaces(&root).and_then(|interfaces| {
        let code = emit::module(&interfaces)?;
        std::fs::write(&out, code).map_err(|e| format!("{}: {e}", out.display()))
    });
    if let Err(message) = result {
        eprintln!("msgs: {message}");
        std::process::exit(1);
    }
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
