/* Bytes in, bytes out: keyless topics whose samples are CDR with its encapsulation header, and flat events. */
#ifndef FERRODRIVE_DDS_BYTES_H
#define FERRODRIVE_DDS_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "dds/dds.h"

/* What a listener tells; the numbers are shared with lib.rs. */
enum fd_event_kind { FD_DATA = 0, FD_MATCHED = 1, FD_INCOMPATIBLE = 2, FD_DEADLINE = 3, FD_LIVELINESS = 4, FD_LOST = 5 };

/* `current`: matched or living ends; `detail`: the policy's id for FD_INCOMPATIBLE. */
struct fd_receiver {
  void (*call) (void *arg, uint32_t kind, uint32_t total, uint32_t current, uint32_t detail);
  void *arg;
};

/* A writer, or another end in its place, and the number of one of its samples. All zero: none. */
struct fd_identity {
  uint8_t guid[16];
  int64_t sequence;
};

struct fd_sample {
  void *owner; /* given back by fd_release */
  const uint8_t *data;
  size_t size;
  int64_t source_timestamp;
  uint64_t publication_handle;
  struct fd_identity identity; /* none where the writer is of this process */
  struct fd_identity related;  /* the sample that this one answers, by its inline QoS (DDS-RPC 1.0, 7.8.2) */
};

dds_entity_t fd_create_topic (dds_entity_t participant, const char *name, const char *type_name);
/* `receiver` must outlive the entity. */
dds_entity_t fd_create_reader (dds_entity_t participant, dds_entity_t topic, const dds_qos_t *qos, const struct fd_receiver *receiver);
dds_entity_t fd_create_writer (dds_entity_t participant, dds_entity_t topic, const dds_qos_t *qos, const struct fd_receiver *receiver);
/* `related`: NULL, or what the sample's inline QoS shall name as related. */
dds_return_t fd_write (dds_entity_t writer, const uint8_t *data, size_t size, const struct fd_identity *related);
/* 1: a sample, to be given back; 0: none; negative: error. */
dds_return_t fd_take (dds_entity_t reader, struct fd_sample *sample);
void fd_release (void *owner);

#endif
