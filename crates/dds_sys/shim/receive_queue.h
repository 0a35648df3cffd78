/* How full the receive queue of a UDP socket of this machine is. Loopback drops what has no room there and tells nobody;
   the kernel tells who asks (sock_diag(7), what `ss -u -m` shows), of any process's socket and without privileges. */
#ifndef FERRODRIVE_DDS_RECEIVE_QUEUE_H
#define FERRODRIVE_DDS_RECEIVE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct fd_udp_address {
  unsigned char address[16]; /* as on the wire; of IPv4 the first four bytes, the others zero */
  uint16_t port;
  bool is_v6;
};

/* In bytes as the kernel charges them, its own records of each datagram included. */
struct fd_receive_queue {
  uint32_t used;
  uint32_t size;
};

/* The queue of the socket that a datagram to this address of this machine arrives at. False where there is no such
   socket or the kernel does not tell: not Linux, no udp_diag, not allowed. Some 4 us. */
bool fd_receive_queue (const struct fd_udp_address *destination, struct fd_receive_queue *queue);

/* Whether it takes a datagram of so many bytes now. */
bool fd_receive_queue_takes (const struct fd_receive_queue *queue, uint32_t bytes);

#endif
