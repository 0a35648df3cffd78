/* What discovery knows of the endpoints and participants of a domain, as flat structs. */
#ifndef FERRODRIVE_DDS_ENDPOINTS_H
#define FERRODRIVE_DDS_ENDPOINTS_H

#include <stddef.h>
#include <stdint.h>

#include "dds/dds.h"
#include "bytes.h"

/* Text and user data live until the visitor returns. A participant has neither topic nor type. */
struct fd_endpoint {
  uint8_t guid[16];
  uint8_t participant[16];
  uint64_t handle; /* by which the core of this process knows it */
  const char *topic;
  const char *type;
  const uint8_t *user_data;
  size_t user_data_size;
  uint32_t reliability;
  uint32_t durability;
  uint32_t history;
  uint32_t liveliness;
  int32_t depth;
  int64_t deadline;
  int64_t lease;
  int64_t lifespan;
};

typedef void (*fd_visitor) (void *arg, const struct fd_endpoint *endpoint);

/* `what`: 0 participants, 1 writers, 2 readers; of this process and of others. */
dds_return_t fd_visit (dds_entity_t participant, uint32_t what, fd_visitor visit, void *arg);

/* A reader of what discovery learns: `what` is 1 or 2 as above; its receiver hears FD_DATA. */
dds_entity_t fd_create_discovery_reader (dds_entity_t participant, uint32_t what, const struct fd_receiver *receiver);
/* Forgets what such a reader holds; how many endpoints that came or changed. */
dds_return_t fd_drain (dds_entity_t reader);

/* The ends that `endpoint` is connected with. `what`: 1 the writers of a reader, 2 the readers of a writer. */
dds_return_t fd_visit_matched (dds_entity_t endpoint, uint32_t what, fd_visitor visit, void *arg);

#endif
