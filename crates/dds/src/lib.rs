//! DDS for messages that are CDR bytes: participants, writers, readers, quality of service and what discovery knows.
//!
//! The wire is Eclipse Cyclone DDS (crate `dds_sys`). Type names are chosen at run time and no topic has a key, as ROS 2
//! has it. What ROS 2 makes of it (names, graph, services) is crate `middleware`'s.
//!
//! ```
//! use std::sync::Arc;
//! use dds::{Participant, Qos, Settings};
//!
//! let settings = Settings { domain: 77, localhost_only: true, ..Settings::default() };
//! let participant = Participant::new(&settings, b"")?;
//! let writer = participant.writer("rt/chatter", "std_msgs::msg::dds_::String_", &Qos::default())?;
//! let reader = participant.reader("rt/chatter", "std_msgs::msg::dds_::String_", &Qos::default(), Arc::default())?;
//! writer.write(&[0, 1, 0, 0, 3, 0, 0, 0, b'h', b'i', 0])?;
//! let sample = reader.take()?.expect("the one that was written");
//! assert_eq!(&sample[4..], &[3, 0, 0, 0, b'h', b'i', 0]);
//! # Ok::<(), dds::DdsError>(())
//! ```

// Every unsafe block calls one C function and says why it may.
#![allow(unsafe_code)]

mod compatibility;
mod discovery;
mod endpoint;
mod error;
mod events;
mod participant;
mod qos;
mod reader;
mod receive_queue;
mod settings;
mod writer;

pub use compatibility::{Incompatibility, Mismatch, mismatches};
pub use discovery::Discovery;
pub use endpoint::{Endpoint, Guid, Kind, Vendor};
pub use error::DdsError;
pub use participant::Participant;
pub use qos::{Durability, History, Liveliness, Qos, Reliability};
pub use reader::{Identity, Reader, Sample};
pub use receive_queue::ReceiveQueue;
pub use settings::{Range, Settings};
pub use writer::Writer;
