//! The process that holds CARLA's client library: one JSON line asked, one answered.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Names another Python than that of `tools/setup.sh carla`.
const PYTHON: &str = "FERRODRIVE_CARLA_PYTHON";
/// Names another worker: that over a fake client, in tests.
const WORKER: &str = "FERRODRIVE_CARLA_WORKER";
/// How long the worker may take to clean up and end.
const ENDING: Duration = Duration::from_secs(60);

/// Why something was not done in CARLA.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Its Python or its script is not there.
    #[error("{0}")]
    Missing(String),
    /// It refused; `kind` is `refused` (nothing listens), `version`, `town`, `spawn`, `sensors`, `server`, ...
    #[error("{message}")]
    Refused {
        /// One word.
        kind: String,
        /// A sentence for the user.
        message: String,
    },
    /// It ended, or said what is no answer.
    #[error("CARLA's client ended unexpectedly: {0}")]
    Gone(String),
}

/// The process.
pub struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    /// Answers that nobody waited for to the end.
    unread: usize,
}

impl Worker {
    /// Starts the worker of an installation. Within a tokio runtime.
    ///
    /// # Errors
    /// [`WorkerError::Missing`].
    pub fn start(share: &Path) -> Result<Self, WorkerError> {
        let script = std::env::var_os(WORKER).map_or_else(|| share.join("carla/worker.py"), Into::into);
        let own = share.join(".ferrodrive/carla/bin/python");
        let python = std::env::var_os(PYTHON).map_or(own, Into::into);
        if !script.is_file() {
            return Err(WorkerError::Missing(format!(
                "the worker for CARLA expected at {}, which is not there: set FERRODRIVE_SHARE to the folder that holds carla/",
                script.display()
            )));
        }
        // A bare name is looked up by the system.
        if python.components().count() > 1 && !python.is_file() {
            return Err(WorkerError::Missing(format!(
                "a Python with CARLA's client expected at {}, which is not there: run `tools/setup.sh carla`, or name a \
                 Python that has the package `carla` in {PYTHON}",
                python.display()
            )));
        }
        let mut child = Command::new(&python)
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for this process: it ends the worker when the world is put back.
            .process_group(0)
            .spawn()
            .map_err(|e| WorkerError::Missing(format!("{} cannot be started: {e}", python.display())))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdout = stdout.ok_or_else(|| WorkerError::Gone("it has no output".into()))?;
        Ok(Self { child, stdin, lines: BufReader::new(stdout).lines(), unread: 0 })
    }

    /// Has something done. Where the future is dropped the answer is passed over by the next call.
    ///
    /// # Errors
    /// [`WorkerError::Refused`] and [`WorkerError::Gone`].
    pub async fn ask<T: DeserializeOwned>(&mut self, what: &str, mut request: Value) -> Result<T, WorkerError> {
        request["do"] = json!(what);
        let line = format!("{request}\n");
        self.unread += 1;
        let Some(stdin) = &mut self.stdin else { return Err(WorkerError::Gone("its input is closed".into())) };
        // One that ended has said why.
        let sent = stdin.write_all(line.as_bytes()).await;
        let mut answer = String::new();
        while self.unread > 0 {
            match self.lines.next_line().await {
                Ok(Some(line)) => answer = line,
                Ok(None) | Err(_) => return Err(self.gone(sent.err()).await),
            }
            self.unread -= 1;
        }
        let unclear = |e: &dyn std::fmt::Display| {
            WorkerError::Gone(format!("it answered `{}`: {e}", answer.chars().take(200).collect::<String>()))
        };
        let value: Value = serde_json::from_str(&answer).map_err(|e| unclear(&e))?;
        if let Some(error) = value.get("error") {
            let part = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned();
            return Err(WorkerError::Refused { kind: part("kind"), message: part("message") });
        }
        serde_json::from_value(value["ok"].clone()).map_err(|e| unclear(&e))
    }

    async fn gone(&mut self, error: Option<std::io::Error>) -> WorkerError {
        self.unread = 0;
        let status = timeout(Duration::from_secs(5), self.child.wait()).await;
        let words = match (status, error) {
            (Ok(Ok(status)), _) => format!("{status}; what it said is above"),
            (_, Some(error)) => error.to_string(),
            _ => "it closed its output".into(),
        };
        WorkerError::Gone(words)
    }

    /// Puts the world back and ends. The world is put back by the end of the worker's input alone.
    pub async fn end(mut self) {
        drop(self.stdin.take());
        if timeout(ENDING, self.child.wait()).await.is_err() {
            eprintln!("CARLA's client does not end: it is killed; `ferrodrive carla down` takes away what is left");
            // It may have ended meanwhile.
            let _ = self.child.kill().await;
        }
    }
}
