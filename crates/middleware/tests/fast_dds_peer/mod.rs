//! The independent peer on Fast DDS: compiled from `tests/peer/fast_dds_peer.cpp`, where its commands stand, and run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What is waited for comes within this time even on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of the peer.
pub struct FastDds {
    child: Child,
    stdin: Option<ChildStdin>,
    says: Receiver<Value>,
    unheard: Vec<Value>,
}

/// The compiled peer; `None` where there is no Fast DDS to compile it with.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(compile).as_deref()
}

fn compile() -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peer/fast_dds_peer.cpp");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let program = folder.join("fast_dds_peer");
    let modified = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    if modified(&program) > modified(Path::new(source)) {
        return Some(program);
    }
    // Another test process may do the same.
    let fresh = folder.join(format!("fast_dds_peer.{}", std::process::id()));
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    let arguments = ["-std=c++17", "-O1", source, "-lfastrtps", "-lfastcdr", "-o"];
    let Ok(done) = Command::new(&compiler).args(arguments).arg(&fresh).output() else {
        println!("skipped: no C++ compiler `{compiler}` for the peer on Fast DDS");
        return None;
    };
    if !done.status.success() {
        let why = String::from_utf8_lossy(&done.stderr);
        assert!(why.contains("fatal error: fastdds/") || why.contains("cannot find -lfast"), "{why}");
        println!("skipped: no Fast DDS 2 to compile the peer with (Debian, Ubuntu: apt install libfastrtps-dev)");
        return None;
    }
    std::fs::rename(fresh, &program).unwrap();
    Some(program)
}

impl FastDds {
    /// `range`: subnet, localhost or loopback. `None` where there is no Fast DDS.
    pub fn start(domain: u32, range: &str) -> Option<Self> {
        let mut child = Command::new(program()?)
            .args([&domain.to_string(), range])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, says) = sync_channel(4096);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let said = serde_json::from_str(&line).unwrap_or_else(|_| panic!("the peer said `{line}`"));
                if sender.send(said).is_err() {
                    return;
                }
            }
        });
        Some(Self { stdin: child.stdin.take(), child, says, unheard: Vec::new() })
    }

    /// Its process, for signals.
    #[allow(dead_code)]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Gives a command.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// The first thing it said or says within a time that `is` true of, and that was not heard yet.
    pub fn hears_within(&mut self, time: Duration, is: impl Fn(&Value) -> bool) -> Option<Value> {
        if let Some(at) = self.unheard.iter().position(&is) {
            return Some(self.unheard.remove(at));
        }
        let end = Instant::now() + time;
        while let Ok(said) = self.says.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if is(&said) {
                return Some(said);
            }
            self.unheard.push(said);
        }
        None
    }

    /// The same with a patience that is enough for all that comes at all.
    pub fn hears(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.hears_within(PATIENCE, is).unwrap_or_else(|| {
            let short = |said: &Value| said.to_string().chars().take(160).collect::<String>();
            let last: Vec<_> = self.unheard.iter().rev().take(8).map(short).collect();
            panic!("{what}: not within {PATIENCE:?}; the last that the peer said: {last:#?}")
        })
    }

    /// Makes an end by `writer ...` or `reader ...`; its GUID.
    pub fn make(&mut self, command: &str) -> String {
        let name = command.split_whitespace().nth(1).unwrap().to_owned();
        self.tell(command);
        self.hears(&format!("{name} made"), |said| said["made"] == name.as_str())["guid"].as_str().unwrap().into()
    }

    /// Waits until an end is connected with so many others.
    pub fn matched(&mut self, name: &str, count: u32) {
        self.hears(&format!("{name} matched"), |said| said["matched"] == name && said["value"] == count);
    }

    /// The next sample of a reader.
    pub fn sample(&mut self, name: &str) -> Value {
        self.hears(&format!("a sample for {name}"), |said| said["sample"] == name)
    }
}

impl Drop for FastDds {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if std::thread::panicking() {
            // It may have ended.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Bytes as the peer reads and says them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap());
        }
        text
    })
}

/// The bytes behind hexadecimal text.
pub fn bytes(text: &Value) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    text.as_str().unwrap().as_bytes().chunks(2).map(|pair| 16 * digit(pair[0]) + digit(pair[1])).collect()
}
