use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ort::session::{NoSelectedOutputs, RunOptions};

/// Ends runs that take longer than a limit, as soon as the node of the graph that is being computed is done.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    limit: Duration,
    options: Arc<RunOptions<NoSelectedOutputs>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    deadline: Option<Instant>,
    fired: bool,
    /// Whether the thread waits with no time to wake at. At any other time it finds a new deadline by itself, for none is
    /// earlier than those before.
    asleep: bool,
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchdog {
    /// Over the runs that are made with these options.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(limit: Duration, options: Arc<RunOptions<NoSelectedOutputs>>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let (watched, ended) = (Arc::clone(&shared), Arc::clone(&options));
        let thread =
            std::thread::Builder::new().name("inference_watch".into()).spawn(move || watch(&watched, &ended))?;
        Ok(Self { shared, limit, options, thread: Some(thread) })
    }

    /// The limit.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// A run begins.
    pub fn start(&self) {
        let mut state = self.shared.lock();
        state.deadline = Some(Instant::now() + self.limit);
        if state.asleep {
            self.shared.changed.notify_one();
        }
    }

    /// The run is over. Whether it was ended.
    pub fn stop(&self) -> bool {
        let mut state = self.shared.lock();
        state.deadline = None;
        let fired = std::mem::take(&mut state.fired);
        if fired && let Err(error) = self.options.unterminate() {
            tracing::error!("inference: runs cannot be taken up again: {error}");
        }
        fired
    }
}

fn watch(shared: &Shared, options: &RunOptions<NoSelectedOutputs>) {
    let mut state = shared.lock();
    while !state.over {
        state = match state.deadline {
            None => {
                state.asleep = true;
                let mut woken = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                woken.asleep = false;
                woken
            }
            Some(deadline) => {
                let now = Instant::now();
                if now >= deadline {
                    state.deadline = None;
                    state.fired = true;
                    if let Err(error) = options.terminate() {
                        tracing::error!("inference: a late run cannot be ended: {error}");
                    }
                    continue;
                }
                shared.changed.wait_timeout(state, deadline - now).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
