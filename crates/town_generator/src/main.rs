//! Writes a generated town to a file.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

/// Writes a generated town as OpenDRIVE 1.7.
#[derive(Parser)]
struct Arguments {
    /// Which town: the same seed gives the same file
    #[arg(long)]
    seed: u64,
    /// Where to write it
    #[arg(long)]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let town = town_generator::Town::new(arguments.seed);
    let path = &arguments.out;
    std::fs::write(path, town.to_opendrive()).with_context(|| format!("writing {}", path.display()))?;
    println!(
        "{}: town of seed {} with {:.1} km of road",
        path.display(),
        arguments.seed,
        town.road_length_m() / 1000.0
    );
    Ok(())
}
