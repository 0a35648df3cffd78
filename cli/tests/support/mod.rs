//! Programs that tests start: ours, and independent DDS peers (PyPI `cyclonedds`) over loopback, without multicast.

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How Cyclone DDS keeps to loopback.
pub const LOOPBACK: &str = "<CycloneDDS><Domain><General><Interfaces><NetworkInterface address=\"127.0.0.1\" multicast=\"false\"/>\
    </Interfaces><AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto\
    </ParticipantIndex><Peers><Peer address=\"127.0.0.1\"/></Peers></Discovery></Domain></CycloneDDS>";

/// The repository, which holds what an installation has in its share folder.
pub fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// An empty folder for this test, with the repository's `bags` in it.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ferrodrive_{}_{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(share().join("bags"), folder.join("bags")).unwrap();
    folder
}

/// `None`, with a message, where there is no Python for it.
pub fn python() -> Option<String> {
    let python = std::env::var("FERRODRIVE_PYTHON").ok();
    if python.is_none() {
        println!("skipped: FERRODRIVE_PYTHON names no Python with `cyclonedds` and `rosbags`");
    }
    python
}

/// A child that does not outlive the test.
pub struct Running(Option<Child>);

impl Running {
    pub fn ferrodrive(command: &str, cwd: &Path, domain: u32) -> Self {
        Self::start(command, cwd, domain, &[], Stdio::piped)
    }

    /// One with more in its environment.
    pub fn with(command: &str, cwd: &Path, domain: u32, environment: &[(&str, &str)]) -> Self {
        Self::start(command, cwd, domain, environment, Stdio::piped)
    }

    /// One whose words nobody reads: it may say as much as it likes.
    pub fn unheard(command: &str, cwd: &Path, domain: u32) -> Self {
        Self::start(command, cwd, domain, &[], Stdio::null)
    }

    fn start(command: &str, cwd: &Path, domain: u32, environment: &[(&str, &str)], words: fn() -> Stdio) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_ferrodrive"))
            .args(command.split_whitespace())
            .env("FERRODRIVE_SHARE", share())
            .env("ROS_DOMAIN_ID", domain.to_string())
            .env("ROS_LOCALHOST_ONLY", "1")
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            .current_dir(cwd)
            .stdout(words())
            .stderr(words())
            .spawn();
        Self(Some(child.unwrap()))
    }

    pub fn signal(&self, name: &str) {
        let process = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &process]).status().unwrap().success());
    }

    pub fn end(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }

    /// Its last words, where it ended well.
    pub fn ended_well(self) -> (String, String) {
        let output = self.end();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{said:?}");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A peer that says what it sees, line by line, until its standard input ends.
pub struct Peer {
    child: Running,
    stdin: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
}

impl Peer {
    /// `script` lies in this crate's tests folder.
    pub fn start(python: &str, script: &str, mode: &str, domain: u32) -> Self {
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script))
            .args([mode, &domain.to_string()])
            .env("PEER_CONFIG", LOOPBACK)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { stdin: child.stdin.take(), child: Running(Some(child)), lines }
    }

    /// Gives it an order, one line.
    pub fn tell(&mut self, order: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{order}").unwrap();
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        self.child.signal(name);
    }

    /// What it says to an order.
    pub fn asked(&mut self, order: &str) -> Value {
        self.tell(order);
        self.says()
    }

    /// What it says next.
    pub fn says(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the peer said `{line}`"))
    }

    pub fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.end().status.success());
    }
}

/// What the launcher says, line by line.
pub struct Launch {
    pub child: Child,
    lines: Receiver<String>,
    pub heard: Vec<String>,
}

impl Launch {
    /// `ferrodrive launch` with these arguments.
    pub fn start(arguments: &[&str], domain: u32) -> Self {
        let share = share();
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrodrive"))
            .arg("launch")
            .args(arguments)
            .current_dir(&share)
            .env("FERRODRIVE_SHARE", &share)
            .env("ROS_DOMAIN_ID", domain.to_string())
            .env("ROS_LOCALHOST_ONLY", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, heard: Vec::new() }
    }

    /// Waits for a line that holds all of these, from here on.
    pub fn wait_for(&mut self, parts: &[&str]) -> String {
        let end = Instant::now() + Duration::from_secs(120);
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.heard.push(line.clone());
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
        }
        panic!("no line with {parts:?} within two minutes after:\n{}", self.heard.join("\n"));
    }

    /// The process that runs the node now.
    pub fn process(&self, node: &str) -> String {
        let started = self
            .heard
            .iter()
            .rev()
            .find(|l| l.contains(&format!("[{node}-")) && l.contains("process started"))
            .unwrap();
        started.trim_end_matches(']').rsplit('[').next().unwrap().to_owned()
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        // The nodes end with the launcher.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
