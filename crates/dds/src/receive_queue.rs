use std::net::{IpAddr, SocketAddr};

/// How full the receive queue of a UDP socket of this machine is, by which writers pace large samples for readers with
/// small ones. In bytes as the kernel charges them, its own records of each datagram included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiveQueue {
    /// Bytes that wait.
    pub used: u32,
    /// Bytes that may wait.
    pub size: u32,
}

impl ReceiveQueue {
    /// That of the socket that a datagram to this address of this machine arrives at. `None` where there is no such
    /// socket, and where the system does not tell: Linux with `udp_diag` does.
    pub fn of(address: SocketAddr) -> Option<Self> {
        let mut bytes = [0; 16];
        match address.ip() {
            IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes = ip.octets(),
        }
        let to = dds_sys::UdpAddress { address: bytes, port: address.port(), is_v6: address.is_ipv6() };
        let mut queue = dds_sys::ReceiveQueue::default();
        // SAFETY: both live through the call.
        let told = unsafe { dds_sys::fd_receive_queue(&raw const to, &raw mut queue) };
        told.then_some(Self { used: queue.used, size: queue.size })
    }

    /// Whether it takes a datagram of so many bytes now.
    pub fn takes(self, bytes: u32) -> bool {
        let queue = dds_sys::ReceiveQueue { used: self.used, size: self.size };
        // SAFETY: the queue lives through the call.
        unsafe { dds_sys::fd_receive_queue_takes(&raw const queue, bytes) }
    }
}
