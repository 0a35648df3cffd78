//! What is seen of other sockets' receive queues.
#![allow(missing_docs)]

use std::net::{SocketAddr, UdpSocket};

use dds::ReceiveQueue;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn queue(port: u16) -> Option<ReceiveQueue> {
    ReceiveQueue::of(address(port))
}

/// One that nothing else sends to.
fn receiver() -> Option<(UdpSocket, u16)> {
    let socket = UdpSocket::bind(address(0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let told = queue(port);
    if told.is_none() {
        println!("skipped: this system does not tell how full a socket's receive queue is (Linux with udp_diag does)");
    }
    assert_eq!(told?.used, 0);
    Some((socket, port))
}

#[test]
fn nothing_is_lost_of_what_goes_out_when_there_is_room() {
    let Some((receiver, port)) = receiver() else { return };
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut buffer, mut came, mut waits) = (vec![0; 65_507], Vec::new(), 0);
    let sizes: Vec<usize> =
        (0..400).map(|n| [65_500, 100, 1400, 8200, 14_700, 33_000, 65_500][n % 7] + n % 5).collect();
    let receive = |buffer: &mut [u8]| receiver.recv(buffer).unwrap();
    for &size in &sizes {
        while !queue(port).unwrap().takes(size as u32) {
            waits += 1;
            came.push(receive(&mut buffer));
        }
        sender.send_to(&vec![0; size], address(port)).unwrap();
    }
    receiver.set_nonblocking(true).unwrap();
    while let Ok(size) = receiver.recv(&mut buffer) {
        came.push(size);
    }
    assert_eq!(came, sizes);
    // The queue is used, too: it holds several of the largest.
    assert!(waits > 10 && waits < 399, "{waits} waits");
}

#[test]
fn a_datagram_is_taken_by_an_empty_queue_and_not_by_a_full_one() {
    let of = |used| ReceiveQueue { used, size: 212_992 };
    assert!(ReceiveQueue { used: 0, size: 2304 }.takes(65_500));
    assert!(of(132_664).takes(65_500) && !of(198_996).takes(65_500));
    assert!(of(198_996).takes(1400) && !of(300_000).takes(0));
}

#[test]
fn a_socket_that_is_not_there_has_no_queue() {
    let Some((receiver, port)) = receiver() else { return };
    drop(receiver);
    assert_eq!(queue(port), None);
}

#[test]
fn sockets_of_ipv6_are_seen_too() {
    let Some(_) = receiver() else { return };
    let Ok(socket) = UdpSocket::bind("[::1]:0") else {
        println!("skipped: this system has no IPv6");
        return;
    };
    let address = socket.local_addr().unwrap();
    assert_eq!(ReceiveQueue::of(address).unwrap().used, 0);
    socket.send_to(&[0; 1000], address).unwrap();
    assert!(ReceiveQueue::of(address).unwrap().used > 1000);
}
