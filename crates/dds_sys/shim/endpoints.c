#include "endpoints.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 32

static void fill_qos (struct fd_endpoint *out, const dds_qos_t *qos, void **user_data)
{
  dds_reliability_kind_t reliability = DDS_RELIABILITY_BEST_EFFORT;
  dds_durability_kind_t durability = DDS_DURABILITY_VOLATILE;
  dds_history_kind_t history = DDS_HISTORY_KEEP_LAST;
  dds_liveliness_kind_t liveliness = DDS_LIVELINESS_AUTOMATIC;
  dds_duration_t blocking = 0;
  out->depth = 1;
  out->deadline = out->lease = out->lifespan = DDS_INFINITY;
  if (qos != NULL)
  {
    /* A policy that the other side did not send keeps its default. */
    (void) dds_qget_reliability (qos, &reliability, &blocking);
    (void) dds_qget_durability (qos, &durability);
    (void) dds_qget_history (qos, &history, &out->depth);
    (void) dds_qget_deadline (qos, &out->deadline);
    (void) dds_qget_lifespan (qos, &out->lifespan);
    (void) dds_qget_liveliness (qos, &liveliness, &out->lease);
    if (!dds_qget_userdata (qos, user_data, &out->user_data_size))
      out->user_data_size = 0;
  }
  out->user_data = *user_data;
  out->reliability = (uint32_t) reliability;
  out->durability = (uint32_t) durability;
  out->history = (uint32_t) history;
  out->liveliness = (uint32_t) liveliness;
}

static void tell (uint32_t what, const void *sample, dds_instance_handle_t handle, fd_visitor visit, void *arg)
{
  struct fd_endpoint out;
  void *user_data = NULL;
  memset (&out, 0, sizeof (out));
  out.handle = handle;
  if (what == 0)
  {
    const dds_builtintopic_participant_t *in = sample;
    memcpy (out.guid, in->key.v, sizeof (out.guid));
    memcpy (out.participant, in->key.v, sizeof (out.participant));
    fill_qos (&out, in->qos, &user_data);
  }
  else
  {
    const dds_builtintopic_endpoint_t *in = sample;
    memcpy (out.guid, in->key.v, sizeof (out.guid));
    memcpy (out.participant, in->participant_key.v, sizeof (out.participant));
    out.topic = in->topic_name;
    out.type = in->type_name;
    fill_qos (&out, in->qos, &user_data);
  }
  visit (arg, &out);
  dds_free (user_data);
}

static const dds_entity_t topics[] = {
  DDS_BUILTIN_TOPIC_DCPSPARTICIPANT, DDS_BUILTIN_TOPIC_DCPSPUBLICATION, DDS_BUILTIN_TOPIC_DCPSSUBSCRIPTION
};

dds_entity_t fd_create_discovery_reader (dds_entity_t participant, uint32_t what, const struct fd_receiver *receiver)
{
  return what != 1 && what != 2 ? DDS_RETCODE_BAD_PARAMETER : fd_create_reader (participant, topics[what], NULL, receiver);
}

dds_return_t fd_drain (dds_entity_t reader)
{
  dds_return_t n, news = 0;
  do
  {
    void *samples[BATCH] = { NULL };
    dds_sample_info_t info[BATCH];
    n = dds_take (reader, samples, info, BATCH, BATCH);
    for (dds_return_t i = 0; i < n; i++)
    {
      /* The readers that fd_visit makes are no news: looking would lead to looking. Who left tells no name. */
      const dds_builtintopic_endpoint_t *end = samples[i];
      if (info[i].valid_data && strncmp (end->topic_name, "DCPS", 4) != 0)
        news++;
    }
    if (n > 0)
      (void) dds_return_loan (reader, samples, n);
  } while (n > 0);
  return n < 0 ? n : news;
}

dds_return_t fd_visit (dds_entity_t participant, uint32_t what, fd_visitor visit, void *arg)
{
  if (what > 2)
    return DDS_RETCODE_BAD_PARAMETER;
  /* A reader of its own, so that taking leaves nothing out for the next visitor. */
  const dds_entity_t reader = dds_create_reader (participant, topics[what], NULL, NULL);
  if (reader < 0)
    return reader;
  dds_return_t n;
  do
  {
    void *samples[BATCH] = { NULL };
    dds_sample_info_t info[BATCH];
    n = dds_take (reader, samples, info, BATCH, BATCH);
    for (dds_return_t i = 0; i < n; i++)
      if (info[i].valid_data && info[i].instance_state == DDS_IST_ALIVE)
        tell (what, samples[i], info[i].instance_handle, visit, arg);
    if (n > 0)
      (void) dds_return_loan (reader, samples, n);
  } while (n > 0);
  (void) dds_delete (reader);
  return n;
}

dds_return_t fd_visit_matched (dds_entity_t endpoint, uint32_t what, fd_visitor visit, void *arg)
{
  dds_instance_handle_t *handles = NULL;
  dds_return_t n = 0, room;
  if (what != 1 && what != 2)
    return DDS_RETCODE_BAD_PARAMETER;
  /* Ends come while they are counted. */
  do
  {
    room = n + BATCH;
    free (handles);
    handles = malloc ((size_t) room * sizeof (*handles));
    if (handles == NULL)
      return DDS_RETCODE_OUT_OF_RESOURCES;
    n = what == 1 ? dds_get_matched_publications (endpoint, handles, (size_t) room)
                  : dds_get_matched_subscriptions (endpoint, handles, (size_t) room);
  } while (n > room);
  for (dds_return_t i = 0; i < n; i++)
  {
    dds_builtintopic_endpoint_t *other = what == 1 ? dds_get_matched_publication_data (endpoint, handles[i])
                                                   : dds_get_matched_subscription_data (endpoint, handles[i]);
    if (other == NULL)
      continue; /* it has just left */
    tell (what, other, handles[i], visit, arg);
    dds_builtintopic_free_endpoint (other);
  }
  free (handles);
  return n < 0 ? n : DDS_RETCODE_OK;
}
