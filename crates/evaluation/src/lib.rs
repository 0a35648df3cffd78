//! Turns the messages of a run into metrics (`metrics.json`), a picture and a report that needs nothing but a browser, and
//! tells what differs between two recordings.

pub mod comparison;
pub mod leaderboard;
mod metrics;
mod picture;
mod record;
mod recorder;
mod report;
mod suite;

pub use record::{EmergencyStop, Event, Latency, ModelUse, Record, RunFacts};
pub use recorder::Evaluation;
pub use suite::Suite;
