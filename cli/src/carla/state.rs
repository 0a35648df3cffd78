//! What a running `carla up` tells others of itself: a file, written once a second, that `status` and `down` read.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How a drive in CARLA goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// The process that drives.
    pub pid: u32,
    /// Role name of the ego.
    pub role_name: String,
    /// Where the results go.
    pub out: PathBuf,
    /// The town.
    pub town: String,
    /// Name of the route.
    pub route: String,
    /// Simulated time, s.
    pub time_s: f64,
    /// Frames so far.
    pub ticks: u64,
    /// Of those, frames whose command did not come in time.
    pub misses: u64,
    /// Share of the route driven, %.
    pub completion: f64,
    /// Whether the world waited for ticks before.
    pub was_synchronous: bool,
    /// Its step before, s; 0 where it varied.
    pub was_delta_s: f64,
}

impl State {
    /// Where it lies for a server.
    pub fn path(host: &str, port: u16) -> PathBuf {
        let host: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        std::env::temp_dir().join(format!("ferrodrive-carla-{host}-{port}.json"))
    }

    /// What was last written for a server; `None` where there is nothing, or nothing that can be read.
    pub fn read(host: &str, port: u16) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(host, port)).ok()?).ok()
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, host: &str, port: u16) -> io::Result<()> {
        let path = Self::path(host, port);
        let part = path.with_extension(format!("{}.part", self.pid));
        fs::write(&part, serde_json::to_vec(self)?)?;
        fs::rename(part, path)
    }

    /// Takes it away.
    pub fn remove(host: &str, port: u16) {
        // It may never have been written.
        let _ = fs::remove_file(Self::path(host, port));
    }

    /// Whether the process is there.
    pub fn is_running(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_knows_whether_its_process_runs() {
        let (host, port) = ("state.test/..", 1);
        assert!(State::path(host, port).file_name().unwrap().to_str().unwrap().contains("state-test---"));
        let state = State { pid: std::process::id(), misses: 3, ticks: 99, ..State::default() };
        state.write(host, port).unwrap();
        assert_eq!(State::read(host, port), Some(state.clone()));
        assert!(state.is_running());
        assert!(!State { pid: i32::MAX as u32, ..state }.is_running());
        State::remove(host, port);
        assert_eq!(State::read(host, port), None);
    }
}
