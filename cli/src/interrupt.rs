//! Ctrl-C for runs that nothing asynchronous waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Within this time the same signal may come twice: from the terminal and from a program that passes it on, as timeout(1).
const ECHO: Duration = Duration::from_secs(1);

/// What a shell tells of a program that SIGINT ended.
const ENDED_BY_SIGINT: i32 = 130;

/// Whether SIGINT or SIGTERM came.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Hears them from now on: the first is for who looks, the second ends the program.
    ///
    /// # Errors
    /// Where no thread can be had for it.
    pub fn listen() -> anyhow::Result<Self> {
        let came = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("interrupt".into()).spawn({
            let came = came.clone();
            move || {
                runtime.block_on(middleware::signal());
                came.0.store(true, Ordering::Release);
                std::thread::sleep(ECHO);
                runtime.block_on(middleware::signal());
                std::process::exit(ENDED_BY_SIGINT);
            }
        })?;
        Ok(came)
    }

    /// Whether one came.
    pub fn came(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
