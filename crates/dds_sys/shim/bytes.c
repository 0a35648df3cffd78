#include "bytes.h"
#include "identity.h"
#include "pace.h"

#include <stdlib.h>
#include <string.h>

#include "dds/ddsi/ddsi_serdata.h"
#include "dds/ddsi/ddsi_sertype.h"
#include "dds/ddsi/ddsi_radmin.h"
#include "dds/ddsc/dds_internal_api.h"
#include "dds/ddsrt/heap.h"
#include "dds/ddsrt/md5.h"

struct bytes {
  struct ddsi_serdata c;
  struct fd_identity identity;
  struct fd_identity related;
  size_t size; /* header and padding included, a multiple of four */
  uint8_t data[];
};

static const struct ddsi_serdata_ops bytes_ops;

static struct bytes *new_bytes (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, size_t size)
{
  const size_t padded = (size + 3) & ~(size_t) 3;
  if (padded < size || padded > UINT32_MAX)
    return NULL;
  struct bytes *d = malloc (sizeof (*d) + padded);
  if (d == NULL)
    return NULL;
  ddsi_serdata_init (&d->c, type, kind);
  d->c.hash = type->serdata_basehash;
  memset (&d->identity, 0, sizeof (d->identity));
  memset (&d->related, 0, sizeof (d->related));
  d->size = padded;
  memset (d->data + size, 0, padded - size);
  return d;
}

static bool eqkey (const struct ddsi_serdata *a, const struct ddsi_serdata *b) { (void) a; (void) b; return true; }

static uint32_t get_size (const struct ddsi_serdata *d) { return (uint32_t) ((const struct bytes *) d)->size; }

static struct ddsi_serdata *from_ser (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, const struct ddsi_rdata *fragment, size_t size)
{
  struct bytes *d = new_bytes (type, kind, size);
  if (d == NULL)
    return NULL;
  if (fragment != NULL)
    fd_identity_read (fragment, &d->identity, &d->related);
  uint32_t offset = 0;
  for (; fragment != NULL; fragment = fragment->nextfrag)
  {
    /* Fragments may overlap; a gap or an overrun means bytes that nobody sent. */
    if (fragment->min > offset || fragment->maxp1 > size)
      goto refuse;
    if (fragment->maxp1 > offset)
    {
      const unsigned char *payload = DDSI_RMSG_PAYLOADOFF (fragment->rmsg, DDSI_RDATA_PAYLOAD_OFF (fragment));
      memcpy (d->data + offset, payload + offset - fragment->min, fragment->maxp1 - offset);
      offset = fragment->maxp1;
    }
  }
  if (offset == size)
    return &d->c;
refuse:
  free (d);
  return NULL;
}

static struct ddsi_serdata *from_ser_iov (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, ddsrt_msg_iovlen_t count, const ddsrt_iovec_t *iov, size_t size)
{
  struct bytes *d = new_bytes (type, kind, size);
  if (d == NULL)
    return NULL;
  size_t offset = 0;
  for (ddsrt_msg_iovlen_t i = 0; i < count && offset < size; i++)
  {
    const size_t length = iov[i].iov_len < size - offset ? iov[i].iov_len : size - offset;
    memcpy (d->data + offset, iov[i].iov_base, length);
    offset += length;
  }
  if (offset == size)
    return &d->c;
  free (d);
  return NULL;
}

static struct ddsi_serdata *from_keyhash (const struct ddsi_sertype *type, const struct ddsi_keyhash *hash)
{
  (void) hash;
  struct bytes *d = new_bytes (type, SDK_KEY, 0);
  return d ? &d->c : NULL;
}

/* Samples never pass as C structs. */
static struct ddsi_serdata *from_sample (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, const void *sample)
{
  (void) sample;
  struct bytes *d = kind == SDK_DATA ? NULL : new_bytes (type, kind, 0);
  return d ? &d->c : NULL;
}

static void to_ser (const struct ddsi_serdata *d, size_t offset, size_t size, void *buffer)
{
  memcpy (buffer, ((const struct bytes *) d)->data + offset, size);
}

static struct ddsi_serdata *to_ser_ref (const struct ddsi_serdata *d, size_t offset, size_t size, ddsrt_iovec_t *ref)
{
  ref->iov_base = (void *) (((const struct bytes *) d)->data + offset);
  ref->iov_len = (ddsrt_iov_len_t) size;
  return ddsi_serdata_ref (d);
}

static void to_ser_unref (struct ddsi_serdata *d, const ddsrt_iovec_t *ref) { (void) ref; ddsi_serdata_unref (d); }

static bool to_sample (const struct ddsi_serdata *d, void *sample, void **buffer, void *limit)
{
  (void) d; (void) sample; (void) buffer; (void) limit;
  return false;
}

static bool untyped_to_sample (const struct ddsi_sertype *type, const struct ddsi_serdata *d, void *sample, void **buffer, void *limit)
{
  (void) type; (void) d; (void) sample; (void) buffer; (void) limit;
  return true;
}

static struct ddsi_serdata *to_untyped (const struct ddsi_serdata *d)
{
  struct bytes *key = new_bytes (d->type, SDK_KEY, 0);
  if (key == NULL)
    return NULL;
  key->c.type = NULL;
  return &key->c;
}

static void free_bytes (struct ddsi_serdata *d) { free (d); }

static size_t print (const struct ddsi_sertype *type, const struct ddsi_serdata *d, char *buffer, size_t size)
{
  (void) type; (void) d;
  if (size > 0)
    buffer[0] = 0;
  return 0;
}

static void get_keyhash (const struct ddsi_serdata *d, struct ddsi_keyhash *hash, bool force_md5)
{
  (void) d; (void) force_md5;
  memset (hash, 0, sizeof (*hash));
}

static const struct ddsi_serdata_ops bytes_ops = {
  .eqkey = eqkey, .get_size = get_size, .from_ser = from_ser, .from_ser_iov = from_ser_iov,
  .from_keyhash = from_keyhash, .from_sample = from_sample, .to_ser = to_ser, .to_ser_ref = to_ser_ref,
  .to_ser_unref = to_ser_unref, .to_sample = to_sample, .to_untyped = to_untyped,
  .untyped_to_sample = untyped_to_sample, .free = free_bytes, .print = print, .get_keyhash = get_keyhash
};

static void type_free (struct ddsi_sertype *type) { ddsi_sertype_fini (type); free (type); }
static void zero_samples (const struct ddsi_sertype *type, void *samples, size_t count) { (void) type; (void) samples; (void) count; }

static void realloc_samples (void **pointers, const struct ddsi_sertype *type, void *old, size_t old_count, size_t count)
{
  (void) type; (void) old; (void) old_count;
  memset (pointers, 0, count * sizeof (*pointers));
}

static void free_samples (const struct ddsi_sertype *type, void **pointers, size_t count, dds_free_op_t op)
{
  (void) type; (void) pointers; (void) count; (void) op;
}

/* The type's name, which the core compares, is all there is to it. */
static bool type_equal (const struct ddsi_sertype *a, const struct ddsi_sertype *b) { (void) a; (void) b; return true; }
static uint32_t type_hash (const struct ddsi_sertype *type) { (void) type; return 0; }

static const struct ddsi_sertype_ops type_ops = {
  .version = ddsi_sertype_v0, .free = type_free, .zero_samples = zero_samples, .realloc_samples = realloc_samples,
  .free_samples = free_samples, .equal = type_equal, .hash = type_hash
};

/* The core calls it for each sample that goes out, where it may add to the inline QoS. */
static void add_inline_qos (struct ddsi_xmsg *message, const struct ddsi_serdata *d)
{
  if (d->ops == &bytes_ops)
    fd_identity_write (message, &((const struct bytes *) d)->related);
}

dds_entity_t fd_create_topic (dds_entity_t participant, const char *name, const char *type_name)
{
  struct ddsi_sertype *type = calloc (1, sizeof (*type));
  if (type == NULL)
    return DDS_RETCODE_OUT_OF_RESOURCES;
  fd_inline_qos = add_inline_qos;
  fd_set_pace ();
  ddsi_sertype_init (type, type_name, &type_ops, &bytes_ops, true);
  type->allowed_data_representation = DDS_DATA_REPRESENTATION_FLAG_XCDR1;
  const dds_entity_t topic = dds_create_topic_sertype (participant, name, &type, NULL, NULL, NULL);
  if (topic < 0)
    ddsi_sertype_unref (type);
  return topic;
}

static void on_data (dds_entity_t e, void *arg) { (void) e; const struct fd_receiver *r = arg; r->call (r->arg, FD_DATA, 0, 0, 0); }

#define ON(name, status, kind, current, detail) \
  static void name (dds_entity_t e, const status s, void *arg) \
  { (void) e; const struct fd_receiver *r = arg; r->call (r->arg, kind, (uint32_t) s.total_count, (uint32_t) (current), (uint32_t) (detail)); }

ON (on_subscription, dds_subscription_matched_status_t, FD_MATCHED, s.current_count, 0)
ON (on_publication, dds_publication_matched_status_t, FD_MATCHED, s.current_count, 0)
ON (on_requested, dds_requested_incompatible_qos_status_t, FD_INCOMPATIBLE, 0, s.last_policy_id)
ON (on_offered, dds_offered_incompatible_qos_status_t, FD_INCOMPATIBLE, 0, s.last_policy_id)
ON (on_deadline_in, dds_requested_deadline_missed_status_t, FD_DEADLINE, 0, 0)
ON (on_deadline_out, dds_offered_deadline_missed_status_t, FD_DEADLINE, 0, 0)
ON (on_sample_lost, dds_sample_lost_status_t, FD_LOST, 0, 0)

static void on_liveliness (dds_entity_t e, const dds_liveliness_changed_status_t s, void *arg)
{
  (void) e;
  const struct fd_receiver *r = arg;
  r->call (r->arg, FD_LIVELINESS, 0, s.alive_count, s.not_alive_count);
}

dds_entity_t fd_create_reader (dds_entity_t participant, dds_entity_t topic, const dds_qos_t *qos, const struct fd_receiver *receiver)
{
  dds_listener_t *l = dds_create_listener ((void *) receiver);
  if (l == NULL)
    return DDS_RETCODE_OUT_OF_RESOURCES;
  dds_lset_data_available (l, on_data);
  dds_lset_subscription_matched (l, on_subscription);
  dds_lset_requested_incompatible_qos (l, on_requested);
  dds_lset_requested_deadline_missed (l, on_deadline_in);
  dds_lset_liveliness_changed (l, on_liveliness);
  dds_lset_sample_lost (l, on_sample_lost);
  const dds_entity_t reader = dds_create_reader (participant, topic, qos, l);
  dds_delete_listener (l);
  return reader;
}

dds_entity_t fd_create_writer (dds_entity_t participant, dds_entity_t topic, const dds_qos_t *qos, const struct fd_receiver *receiver)
{
  dds_listener_t *l = dds_create_listener ((void *) receiver);
  if (l == NULL)
    return DDS_RETCODE_OUT_OF_RESOURCES;
  dds_lset_publication_matched (l, on_publication);
  dds_lset_offered_incompatible_qos (l, on_offered);
  dds_lset_offered_deadline_missed (l, on_deadline_out);
  const dds_entity_t writer = dds_create_writer (participant, topic, qos, l);
  dds_delete_listener (l);
  return writer;
}

dds_return_t fd_write (dds_entity_t writer, const uint8_t *data, size_t size, const struct fd_identity *related)
{
  const struct ddsi_sertype *type;
  if (size < 4)
    return DDS_RETCODE_BAD_PARAMETER;
  const dds_return_t rc = dds_get_entity_sertype (writer, &type);
  if (rc < 0)
    return rc;
  struct bytes *d = new_bytes (type, SDK_DATA, size);
  if (d == NULL)
    return DDS_RETCODE_OUT_OF_RESOURCES;
  memcpy (d->data, data, size);
  if (related != NULL)
    d->related = *related;
  /* DDS-XTypes 1.3, 7.6.3.1.2: the header's last two bits tell the padding. */
  d->data[3] = (uint8_t) ((d->data[3] & ~3u) | (d->size - size));
  return dds_writecdr (writer, &d->c);
}

dds_return_t fd_take (dds_entity_t reader, struct fd_sample *sample)
{
  struct ddsi_serdata *d = NULL;
  dds_sample_info_t info;
  for (;;)
  {
    const dds_return_t rc = dds_takecdr (reader, &d, 1, &info, DDS_ANY_STATE);
    if (rc <= 0)
      return rc;
    const struct bytes *b = (const struct bytes *) d;
    /* Without data it only tells that a writer left; without a header it is no CDR. */
    if (info.valid_data && d->kind == SDK_DATA && b->size >= 4)
      break;
    ddsi_serdata_unref (d);
  }
  const struct bytes *b = (const struct bytes *) d;
  const size_t padding = b->data[3] & 3u;
  sample->owner = d;
  sample->data = b->data;
  sample->size = b->size >= 4 + padding ? b->size - padding : b->size;
  sample->source_timestamp = info.source_timestamp;
  sample->publication_handle = info.publication_handle;
  sample->identity = b->identity;
  sample->related = b->related;
  return 1;
}

void fd_release (void *owner) { ddsi_serdata_unref ((struct ddsi_serdata *) owner); }
