/* Large samples to readers whose sockets hold little: Fast DDS leaves the kernel's default (208 KiB on Linux, three
   datagrams of 64 kB), which the fragments of one point cloud fill within a millisecond. The writer waits for room
   where it can see the reader's socket, which is on the same machine, and pauses between fragments elsewhere. */
#ifndef FERRODRIVE_DDS_PACE_H
#define FERRODRIVE_DDS_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct ddsi_writer;

/* In the core, by changes.rs. For each sample of many fragments the core asks whether it is to be paced, with the
   writer's lock held, and if so calls the second from the same thread, without the lock, before each of its datagrams. */
extern bool (*fd_paces) (const struct ddsi_writer *writer);
extern void (*fd_pause) (uint32_t datagram_size);

void fd_set_pace (void);

#endif
