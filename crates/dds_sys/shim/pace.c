#include "pace.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "dds/ddsrt/avl.h"
#include "dds/ddsi/ddsi_addrset.h"
#include "dds/ddsi/ddsi_domaingv.h"
#include "dds/ddsi/ddsi_endpoint.h"
#include "ddsi__endpoint_match.h"
#include "ddsi__tran.h"
#include "receive_queue.h"

/* RTPS 2.3, 9.3.1.5: a GUID begins with its vendor's number. Cyclone tells the size of its receive buffer, others do not. */
#define ECLIPSE 0x0110

/* The time in which a receiver takes about 64 kB from its socket; the kernel's timer adds 50 us. */
#define PAUSE_NS 50000
#define PAUSE_EACH 64000

/* A reader that sleeps holds a sample's writer up for no longer than half a turn of a lidar. */
#define LONGEST_WAIT_NS 50000000
/* As often as a running receiver's taking one datagram lasts. Then it is not running, and gets the processor; not by
   sched_yield, after which others' work would come before both. */
#define SPINS 16
#define SLEEP_NS 1000

/* Headers, and the heartbeat that rides along. */
#define OVERHEAD 500

/* More than these are paced by the clock. */
#define SOCKETS 8

/* Of the sample that this thread sends. */
static _Thread_local struct {
  struct fd_udp_address sockets[SOCKETS];
  uint32_t count;
  bool blind; /* some of its readers' sockets cannot be looked at */
  uint32_t since_pause;
  int64_t waited_ns;
} sending;

/* Sockets whose readers did not go on for the longest time: nobody waits for them until they have room again. */
static _Atomic uint64_t stuck[64];

/* FNV-1a. */
static uint64_t key_of (const struct fd_udp_address *socket)
{
  uint64_t key = 14695981039346656037u ^ socket->port;
  for (size_t n = 0; n < sizeof (socket->address); n++)
    key = (key ^ socket->address[n]) * 1099511628211u;
  return key;
}

static int64_t now_ns (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
}

static void sleep_ns (long time_ns)
{
  const struct timespec time = { .tv_sec = 0, .tv_nsec = time_ns };
  nanosleep (&time, NULL);
}

static void add_socket (const ddsi_xlocator_t *locator, void *arg)
{
  const struct ddsi_domaingv *gv = arg;
  const bool is_v4 = locator->c.kind == DDSI_LOCATOR_KIND_UDPv4, is_v6 = locator->c.kind == DDSI_LOCATOR_KIND_UDPv6;
  if (!(is_v4 || is_v6) || sending.count == SOCKETS || ddsi_is_mcaddr (gv, &locator->c)
      || !(ddsi_is_loopbackaddr (gv, &locator->c)
           || ddsi_is_nearby_address (gv, &locator->c, (size_t) gv->n_interfaces, gv->interfaces, NULL) == DNAR_SELF))
  {
    sending.blind = true;
    return;
  }
  struct fd_udp_address *socket = &sending.sockets[sending.count++];
  *socket = (struct fd_udp_address) { .port = (uint16_t) locator->c.port, .is_v6 = is_v6 };
  /* A locator holds IPv4 in its last four bytes. */
  memcpy (socket->address, locator->c.address + (is_v6 ? 0 : 12), is_v6 ? 16 : 4);
}

static bool paces (const struct ddsi_writer *writer)
{
  ddsrt_avl_iter_t it;
  const struct ddsi_wr_prd_match *match = ddsrt_avl_iter_first (&ddsi_wr_readers_treedef, &writer->readers, &it);
  while (match != NULL && match->prd_guid.prefix.u[0] >> 16 == ECLIPSE)
    match = ddsrt_avl_iter_next (&it);
  if (match == NULL)
    return false;
  sending.count = 0;
  sending.blind = false;
  sending.since_pause = 0;
  sending.waited_ns = 0;
  ddsi_addrset_forall (writer->as, add_socket, (void *) writer->e.gv);
  return true;
}

/* False where the socket cannot be looked at. */
static bool wait_for_room (const struct fd_udp_address *socket, uint32_t bytes)
{
  const uint64_t key = key_of (socket);
  _Atomic uint64_t *is_stuck = &stuck[key % (sizeof (stuck) / sizeof (*stuck))];
  struct fd_receive_queue queue;
  int64_t started = 0;
  for (int tries = 0;; tries++)
  {
    if (!fd_receive_queue (socket, &queue))
      return false;
    if (fd_receive_queue_takes (&queue, bytes))
    {
      uint64_t expected = key;
      atomic_compare_exchange_strong (is_stuck, &expected, 0);
      break;
    }
    if (atomic_load (is_stuck) == key)
      break;
    const int64_t now = now_ns ();
    if (started == 0)
      started = now;
    if (sending.waited_ns + now - started > LONGEST_WAIT_NS)
    {
      atomic_store (is_stuck, key);
      break;
    }
    if (tries >= SPINS)
      sleep_ns (SLEEP_NS);
  }
  if (started != 0)
    sending.waited_ns += now_ns () - started;
  return true;
}

static void before_datagram (uint32_t size)
{
  bool blind = sending.blind;
  for (uint32_t n = 0; n < sending.count; n++)
    blind = !wait_for_room (&sending.sockets[n], size + OVERHEAD) || blind;
  if (blind && sending.since_pause >= PAUSE_EACH)
  {
    sleep_ns (PAUSE_NS);
    sending.since_pause = 0;
  }
  sending.since_pause += size;
}

void fd_set_pace (void)
{
  fd_paces = paces;
  fd_pause = before_datagram;
}
