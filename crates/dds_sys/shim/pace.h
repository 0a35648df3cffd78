/* Large samples to readers whose sockets hold little: Fast DDS leaves the kernel's default (208 KiB on Linux), which the
   fragments of one point cloud fill within a millisecond, faster than its receiving thread empties it. */
#ifndef FERRODRIVE_DDS_PACE_H
#define FERRODRIVE_DDS_PACE_H

#include <stdbool.h>

struct ddsi_writer;

/* In the core, by changes.rs. */
extern bool (*fd_paces) (const struct ddsi_writer *writer);
extern void (*fd_pause) (void);

void fd_set_pace (void);

#endif
