#include "pace.h"

#include <time.h>

#include "dds/ddsrt/avl.h"
#include "dds/ddsi/ddsi_endpoint.h"
#include "ddsi__endpoint_match.h"

/* RTPS 2.3, 9.3.1.5: a GUID begins with its vendor's number. Cyclone tells the size of its receive buffer, others do not. */
#define ECLIPSE 0x0110

/* The time in which a receiver takes about 64 kB from its socket; the kernel's timer adds 50 us. */
#define PAUSE_NS 50000

/* Called with the writer's lock held. */
static bool paces (const struct ddsi_writer *writer)
{
  ddsrt_avl_iter_t it;
  const struct ddsi_wr_prd_match *match = ddsrt_avl_iter_first (&ddsi_wr_readers_treedef, &writer->readers, &it);
  while (match != NULL && match->prd_guid.prefix.u[0] >> 16 == ECLIPSE)
    match = ddsrt_avl_iter_next (&it);
  return match != NULL;
}

static void pause_between_fragments (void)
{
  const struct timespec time = { .tv_sec = 0, .tv_nsec = PAUSE_NS };
  nanosleep (&time, NULL);
}

void fd_set_pace (void)
{
  fd_paces = paces;
  fd_pause = pause_between_fragments;
}
