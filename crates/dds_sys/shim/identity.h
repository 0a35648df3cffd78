/* Which sample a sample is, and which one it answers: what DDS-RPC needs of the wire and Cyclone's interface has not. */
#ifndef FERRODRIVE_DDS_IDENTITY_H
#define FERRODRIVE_DDS_IDENTITY_H

#include "bytes.h"

struct ddsi_rdata;
struct ddsi_serdata;
struct ddsi_xmsg;

/* In the core, by changes.rs. */
extern void (*fd_inline_qos) (struct ddsi_xmsg *message, const struct ddsi_serdata *serdata);

/* From the first fragment as it was received. What the message does not tell is left as it is. */
void fd_identity_read (const struct ddsi_rdata *first, struct fd_identity *own, struct fd_identity *related);

/* Adds `related` to a message's inline QoS; none adds nothing. */
void fd_identity_write (struct ddsi_xmsg *message, const struct fd_identity *related);

#endif
