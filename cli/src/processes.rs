//! Every node a process: started, its output prefixed and coloured, started again or ending all as the launch file says.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::launch::LaunchedNode;
use crate::ros_arguments;

/// Set for processes that are started here.
pub const LAUNCHED: &str = "FERRODRIVE_LAUNCHED";

/// How long a process may take to end after SIGINT, and again after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);
const COLOURS: [&str; 6] = ["36", "32", "33", "35", "34", "31"];

/// Processes of a launch.
pub struct Processes {
    entries: Vec<Entry>,
    quiet: bool,
}

struct Entry {
    node: LaunchedNode,
    label: String,
    colour: &'static str,
    child: Option<Child>,
    again_at: Option<Instant>,
}

/// How a launch ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every process ended; whether all with success.
    All(bool),
    /// This one ended, and the launch file says that all end with it.
    With(String),
}

impl Processes {
    /// Starts a process for each node. Within a tokio runtime, on its main thread. `quiet`: only what goes wrong is shown.
    ///
    /// # Errors
    /// Where a process cannot be started.
    pub fn start(nodes: &[LaunchedNode], quiet: bool) -> anyhow::Result<Self> {
        let mut processes = Self { entries: Vec::new(), quiet };
        processes.add(nodes)?;
        Ok(processes)
    }

    /// Starts a process for each of these nodes as well.
    ///
    /// # Errors
    /// Where a process cannot be started.
    pub fn add(&mut self, nodes: &[LaunchedNode]) -> anyhow::Result<()> {
        for node in nodes {
            let n = self.entries.len();
            let mut entry = Entry {
                label: format!("{}-{}", node.name.trim_matches('/'), n + 1),
                colour: COLOURS[n % COLOURS.len()],
                node: node.clone(),
                child: None,
                again_at: None,
            };
            entry.start(self.quiet)?;
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Process ids by node name, of those that run.
    pub fn ids(&self) -> Vec<(String, u32)> {
        self.entries.iter().filter_map(|e| Some((e.node.name.clone(), e.child.as_ref()?.id()?))).collect()
    }

    /// Watches the processes until they end. Cancel safe.
    ///
    /// # Errors
    /// Where a process cannot be started again.
    pub async fn watch(&mut self) -> anyhow::Result<Ended> {
        let mut success = true;
        loop {
            for entry in &mut self.entries {
                if let Some(status) = entry.exited()? {
                    success &= status.success();
                    entry.say(&format!("process ended: {status}"));
                    if entry.node.respawn {
                        let delay = Duration::from_secs_f64(entry.node.respawn_delay_s.max(0.0));
                        entry.again_at = Some(Instant::now() + delay);
                    } else if entry.node.ends_all {
                        return Ok(Ended::With(entry.label.clone()));
                    }
                }
                if entry.again_at.is_some_and(|at| at <= Instant::now()) {
                    entry.again_at = None;
                    entry.start(self.quiet)?;
                }
            }
            if self.entries.iter().all(|entry| entry.child.is_none() && entry.again_at.is_none()) {
                return Ok(Ended::All(success));
            }
            sleep_until(Instant::now() + Duration::from_millis(50)).await;
        }
    }

    /// Ends every process: SIGINT, then SIGTERM, then SIGKILL.
    pub async fn end(mut self) {
        for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM"), (Signal::KILL, "SIGKILL")] {
            for entry in &mut self.entries {
                let Some(id) = entry.child.as_ref().and_then(Child::id) else { continue };
                if signal != Signal::INT {
                    entry.say(&format!("does not end: {name}"));
                }
                // One that ended meanwhile is not there to be signalled.
                if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                    let _ = kill_process(pid, signal);
                }
            }
            let all_gone = async {
                for entry in &mut self.entries {
                    if let Some(child) = &mut entry.child {
                        let _ = child.wait().await;
                        entry.child = None;
                    }
                }
            };
            if timeout(PATIENCE, all_gone).await.is_ok() {
                break;
            }
        }
        // The last lines are on their way through the pipes.
        sleep(Duration::from_millis(20)).await;
    }
}

impl Entry {
    fn start(&mut self, quiet: bool) -> anyhow::Result<()> {
        let program: PathBuf = std::env::current_exe().context("which program this is")?;
        let mut command = Command::new(program);
        command
            .arg("run")
            .arg(&self.node.executable)
            .args(ros_arguments::write(&self.node))
            .envs(self.node.environment.iter().map(|(k, v)| (k, v)))
            .env(LAUNCHED, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if quiet && std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "error");
        }
        let mut child = command.spawn().with_context(|| format!("node {} cannot be started", self.node.name))?;
        if !quiet {
            self.say(&format!("process started with pid [{}]", child.id().unwrap_or(0)));
        }
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(pass_on(stdout, self.prefix()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(pass_on(stderr, self.prefix()));
        }
        self.child = Some(child);
        Ok(())
    }

    fn exited(&mut self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait().with_context(|| format!("watching {}", self.label))?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    fn prefix(&self) -> String {
        if std::io::stderr().is_terminal() {
            format!("\x1b[{}m[{}]\x1b[0m ", self.colour, self.label)
        } else {
            format!("[{}] ", self.label)
        }
    }

    fn say(&self, text: &str) {
        eprintln!("{}{text}", self.prefix());
    }
}

/// Passes lines on with their process's name in front.
async fn pass_on(pipe: impl AsyncRead + Unpin, prefix: String) {
    let mut lines = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        eprintln!("{prefix}{}", String::from_utf8_lossy(&line));
    }
}
