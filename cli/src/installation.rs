//! Where the package's files and the ONNX Runtime library are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The folder that holds `launch/`, `params/`, `models/` and `maps/`: `FERRODRIVE_SHARE`, or the nearest folder above the
/// executable or the working directory that has them.
///
/// # Errors
/// Where none is found.
pub fn share() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("FERRODRIVE_SHARE") {
        let named = PathBuf::from(named);
        if !is_share(&named) {
            bail!("FERRODRIVE_SHARE is {}: expected a folder with launch/ and params/ in it", named.display());
        }
        return Ok(named);
    }
    let executable = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    executable
        .iter()
        .chain(&here)
        .flat_map(|start| start.ancestors())
        .flat_map(|folder| [folder.to_owned(), folder.join("share/ferrodrive")])
        .find(|folder| is_share(folder))
        .context(
            "launch/ and params/ of Ferrodrive not found near the executable: set FERRODRIVE_SHARE to their folder",
        )
}

fn is_share(folder: &Path) -> bool {
    folder.join("launch/drive.launch.xml").is_file() && folder.join("params").is_dir()
}
