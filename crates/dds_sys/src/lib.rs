//! The Cyclone DDS C core (Eclipse Cyclone DDS 11.0.0, EPL-2.0 OR BSD-3-Clause) linked statically, and a C shim for
//! topics whose samples are CDR bytes. Raw and unsafe: crate `dds` is what to use.
//!
//! The shim rests on Cyclone's internal interface of sertypes, so the version is pinned exactly. `build.rs` changes
//! the core's source in the places that `changes.rs` tells of.

// A crate of declarations of C functions cannot be without.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};

/// A handle; negative values are return codes.
pub type Entity = i32;

/// All went well.
pub const SUCCESS: i32 = 0;
/// A call took longer than it may.
pub const TIMEOUT: i32 = -10;
/// No such time: never, or not set.
pub const INFINITY: i64 = i64::MAX;

/// Kinds of [`Receiver::call`]: as in `shim/bytes.h`.
pub mod event {
    /// A sample came.
    pub const DATA: u32 = 0;
    /// Ends matched or parted; `current` are matched.
    pub const MATCHED: u32 = 1;
    /// An end was refused; `detail` is the policy.
    pub const INCOMPATIBLE: u32 = 2;
    /// No sample came or went in time.
    pub const DEADLINE: u32 = 3;
    /// Writers are heard or no longer heard; `current` live, `detail` do not.
    pub const LIVELINESS: u32 = 4;
    /// Samples were lost.
    pub const LOST: u32 = 5;
}

/// Who hears of an entity's events. Must outlive the entity.
#[repr(C)]
pub struct Receiver {
    /// Called from Cyclone's threads with `arg`, kind, total, current and detail. Must not panic.
    pub call: extern "C" fn(*mut c_void, u32, u32, u32, u32),
    /// Handed to `call`.
    pub arg: *mut c_void,
}

/// A writer, or another end in its place, and the number of one of its samples. All zero: none.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity {
    /// GUID of the end.
    pub guid: [u8; 16],
    /// The sample's number.
    pub sequence: i64,
}

/// A sample taken from a reader.
#[repr(C)]
pub struct Sample {
    /// For [`fd_release`].
    pub owner: *mut c_void,
    /// CDR with its header, no padding.
    pub data: *const u8,
    /// Bytes at `data`.
    pub size: usize,
    /// When it was written, ns since 1970 by the writer's clock.
    pub source_timestamp: i64,
    /// The writer, as the reader's domain numbers it.
    pub publication_handle: u64,
    /// Which sample it is; none where its writer is of this process.
    pub identity: Identity,
    /// Which sample it answers, by its inline quality of service.
    pub related: Identity,
}

/// An endpoint or participant that discovery knows.
#[repr(C)]
pub struct Endpoint {
    /// Its GUID.
    pub guid: [u8; 16],
    /// That of its participant.
    pub participant: [u8; 16],
    /// The number by which the core of this process knows it.
    pub handle: u64,
    /// Topic name; null for participants.
    pub topic: *const c_char,
    /// Type name; null for participants.
    pub type_name: *const c_char,
    /// USER_DATA.
    pub user_data: *const u8,
    /// Its length.
    pub user_data_size: usize,
    /// 0 best effort, 1 reliable.
    pub reliability: u32,
    /// 0 volatile, 1 transient local, 2 transient, 3 persistent.
    pub durability: u32,
    /// 0 keep last, 1 keep all.
    pub history: u32,
    /// 0 automatic, 1 manual by participant, 2 manual by topic.
    pub liveliness: u32,
    /// Samples kept.
    pub depth: i32,
    /// ns.
    pub deadline: i64,
    /// Liveliness lease, ns.
    pub lease: i64,
    /// ns.
    pub lifespan: i64,
}

/// As in `shim/receive_queue.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpAddress {
    /// As on the wire; of IPv4 the first four bytes, the others zero.
    pub address: [u8; 16],
    /// Its port.
    pub port: u16,
    /// Whether it is one of IPv6.
    pub is_v6: bool,
}

/// As in `shim/receive_queue.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiveQueue {
    /// Bytes that wait, as the kernel charges them.
    pub used: u32,
    /// Bytes that may wait.
    pub size: u32,
}

/// Opaque quality of service.
#[repr(C)]
pub struct QosHandle {
    private: [u8; 0],
}

#[allow(missing_docs, reason = "documented in dds.h and shim/*.h")]
unsafe extern "C" {
    pub fn dds_create_domain(domain: u32, config: *const c_char) -> Entity;
    pub fn dds_create_participant(domain: u32, qos: *const QosHandle, listener: *const c_void) -> Entity;
    pub fn dds_delete(entity: Entity) -> i32;
    pub fn dds_strretcode(code: i32) -> *const c_char;
    pub fn dds_get_guid(entity: Entity, guid: *mut [u8; 16]) -> i32;
    pub fn dds_get_instance_handle(entity: Entity, handle: *mut u64) -> i32;
    pub fn dds_wait_for_acks(writer: Entity, timeout_ns: i64) -> i32;
    pub fn dds_assert_liveliness(entity: Entity) -> i32;

    pub fn dds_create_qos() -> *mut QosHandle;
    pub fn dds_delete_qos(qos: *mut QosHandle);
    pub fn dds_qset_userdata(qos: *mut QosHandle, value: *const c_void, size: usize);
    pub fn dds_qset_reliability(qos: *mut QosHandle, kind: c_int, max_blocking_ns: i64);
    pub fn dds_qset_durability(qos: *mut QosHandle, kind: c_int);
    pub fn dds_qset_history(qos: *mut QosHandle, kind: c_int, depth: i32);
    pub fn dds_qset_deadline(qos: *mut QosHandle, period_ns: i64);
    pub fn dds_qset_lifespan(qos: *mut QosHandle, lifespan_ns: i64);
    pub fn dds_qset_liveliness(qos: *mut QosHandle, kind: c_int, lease_ns: i64);
    pub fn dds_qset_writer_data_lifecycle(qos: *mut QosHandle, autodispose: bool);
    pub fn dds_qset_ignorelocal(qos: *mut QosHandle, kind: c_int);
    pub fn dds_qset_resource_limits(qos: *mut QosHandle, samples: i32, instances: i32, samples_per_instance: i32);
    pub fn dds_qset_durability_service(
        qos: *mut QosHandle,
        cleanup_delay_ns: i64,
        history: c_int,
        depth: i32,
        samples: i32,
        instances: i32,
        samples_per_instance: i32,
    );

    pub fn fd_create_topic(participant: Entity, name: *const c_char, type_name: *const c_char) -> Entity;
    pub fn fd_create_reader(p: Entity, topic: Entity, qos: *const QosHandle, receiver: *const Receiver) -> Entity;
    pub fn fd_create_writer(p: Entity, topic: Entity, qos: *const QosHandle, receiver: *const Receiver) -> Entity;
    pub fn fd_write(writer: Entity, data: *const u8, size: usize, related: *const Identity) -> i32;
    pub fn fd_take(reader: Entity, sample: *mut Sample) -> i32;
    pub fn fd_release(owner: *mut c_void);
    pub fn fd_visit(
        participant: Entity,
        what: u32,
        visit: extern "C" fn(*mut c_void, *const Endpoint),
        arg: *mut c_void,
    ) -> i32;
    pub fn fd_create_discovery_reader(participant: Entity, what: u32, receiver: *const Receiver) -> Entity;
    pub fn fd_drain(reader: Entity) -> i32;
    pub fn fd_receive_queue(destination: *const UdpAddress, queue: *mut ReceiveQueue) -> bool;
    pub fn fd_receive_queue_takes(queue: *const ReceiveQueue, bytes: u32) -> bool;
    pub fn fd_visit_matched(
        endpoint: Entity,
        what: u32,
        visit: extern "C" fn(*mut c_void, *const Endpoint),
        arg: *mut c_void,
    ) -> i32;
}
