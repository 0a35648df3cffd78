use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::BagError;

/// A storage file unpacked or copied into the system's folder for temporary files; removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub path: PathBuf,
}

impl Scratch {
    fn create() -> Result<(Self, File), BagError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ferrodrive_bag_{}_{number}.unpacked", std::process::id()));
        let file = File::create_new(&path).map_err(|source| BagError::file(&path, source))?;
        Ok((Self { path }, file))
    }

    /// The first bytes of a file.
    pub fn copy_start(of: &Path, bytes: u64) -> Result<Self, BagError> {
        let source = File::open(of).map_err(|source| BagError::file(of, source))?;
        let (scratch, mut target) = Self::create()?;
        io::copy(&mut source.take(bytes), &mut target).map_err(|source| BagError::file(&scratch.path, source))?;
        Ok(scratch)
    }

    /// Unpacks a zstd file as far as it goes; the text says where it ended early.
    pub fn unpack(packed: &Path) -> Result<(Self, Option<String>), BagError> {
        let source = File::open(packed).map_err(|source| BagError::file(packed, source))?;
        let (scratch, mut target) = Self::create()?;
        let mut decoder = zstd::stream::read::Decoder::new(source).map_err(|source| BagError::file(packed, source))?;
        let problem = match io::copy(&mut decoder, &mut target) {
            Ok(_) => None,
            // A full disk is no damage of the recording.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                return Err(BagError::file(&scratch.path, error));
            }
            Err(error) => Some(format!("cannot be unpacked to its end: {error}")),
        };
        Ok((scratch, problem))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.path);
    }
}
