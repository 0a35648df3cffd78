#include "identity.h"

#include <string.h>

#include "dds/ddsrt/bswap.h"
#include "dds/ddsi/ddsi_guid.h"
#include "dds/ddsi/ddsi_radmin.h"
#include "ddsi__protocol.h"
#include "ddsi__xmsg.h"

/* DDS-RPC 1.0's number, and the one that Fast DDS had before it and reads to this day (some versions read it alone). */
#define PID_RELATED 0x0083
#define PID_RELATED_FAST_DDS 0x800f
#define PID_SENTINEL 0x0001
#define IDENTITY_SIZE 24

/* RTPS 2.3, 9.4.4: "RTPS", version, vendor, then the prefix of the sender's GUIDs. */
#define PREFIX_OFFSET 8

static uint16_t u16 (const uint8_t *p, bool swap) { uint16_t x; memcpy (&x, p, 2); return swap ? ddsrt_bswap2u (x) : x; }
static uint32_t u32 (const uint8_t *p, bool swap) { uint32_t x; memcpy (&x, p, 4); return swap ? ddsrt_bswap4u (x) : x; }

static int64_t sequence (uint32_t high, uint32_t low) { return (int64_t) ((uint64_t) high << 32 | low); }

static void read_inline_qos (const uint8_t *p, const uint8_t *end, bool swap, struct fd_identity *related)
{
  while (end - p >= 4)
  {
    const uint16_t id = u16 (p, swap), size = u16 (p + 2, swap);
    p += 4;
    if (id == PID_SENTINEL || size > end - p)
      return;
    if ((id == PID_RELATED || id == PID_RELATED_FAST_DDS) && size >= IDENTITY_SIZE)
    {
      memcpy (related->guid, p, sizeof (related->guid));
      related->sequence = sequence (u32 (p + 16, swap), u32 (p + 20, swap));
    }
    p += size;
  }
}

void fd_identity_read (const struct ddsi_rdata *first, struct fd_identity *own, struct fd_identity *related)
{
  const uint8_t *message = DDSI_RMSG_PAYLOAD (first->rmsg);
  const uint8_t *payload = message + DDSI_RDATA_PAYLOAD_OFF (first);
  /* The core has turned these, though not the inline QoS, to this machine's byte order. */
  ddsi_guid_prefix_t prefix;
  memcpy (&prefix, message + PREFIX_OFFSET, sizeof (prefix));
  prefix = ddsi_hton_guid_prefix (prefix);
  const ddsi_rtps_data_datafrag_common_t *data = (const void *) (message + DDSI_RDATA_SUBMSG_OFF (first));
  const ddsi_entityid_t writer = ddsi_hton_entityid (data->writerId);
  memcpy (own->guid, &prefix, sizeof (prefix));
  memcpy (own->guid + sizeof (prefix), &writer, sizeof (writer));
  own->sequence = sequence ((uint32_t) data->writerSN.high, data->writerSN.low);
  if (data->smhdr.flags & DDSI_DATA_FLAG_INLINE_QOS)
  {
    const uint8_t *qos = (const uint8_t *) &data->octetsToInlineQos + sizeof (data->octetsToInlineQos) + data->octetsToInlineQos;
    const bool little = (data->smhdr.flags & DDSI_RTPS_SUBMESSAGE_FLAG_ENDIANNESS) != 0;
    read_inline_qos (qos, payload, little != (DDSRT_ENDIAN == DDSRT_LITTLE_ENDIAN), related);
  }
}

void fd_identity_write (struct ddsi_xmsg *message, const struct fd_identity *related)
{
  static const struct fd_identity none;
  static const ddsi_parameterid_t ids[] = { PID_RELATED, PID_RELATED_FAST_DDS };
  if (memcmp (related->guid, none.guid, sizeof (none.guid)) == 0)
    return;
  const int32_t high = (int32_t) (related->sequence >> 32);
  const uint32_t low = (uint32_t) related->sequence;
  for (size_t n = 0; n < sizeof (ids) / sizeof (ids[0]); n++)
  {
    uint8_t *p = ddsi_xmsg_addpar (message, ids[n], IDENTITY_SIZE);
    memcpy (p, related->guid, sizeof (related->guid));
    memcpy (p + 16, &high, sizeof (high));
    memcpy (p + 20, &low, sizeof (low));
  }
}
