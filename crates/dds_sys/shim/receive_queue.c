#include "receive_queue.h"

#ifdef __linux__

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One question at a time: the answer is there when send() returns. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int diagnosis = -1;
static uint32_t sequence;

struct question {
  struct nlmsghdr header;
  struct inet_diag_req_v2 body;
};

/* The kernel looks up who would get a datagram for `dst`. */
static struct question question_for (const struct fd_udp_address *destination)
{
  struct question question = {
    .header = { .nlmsg_len = sizeof (question), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST },
    .body = { .sdiag_family = destination->is_v6 ? AF_INET6 : AF_INET, .sdiag_protocol = IPPROTO_UDP,
              .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1), .idiag_states = UINT32_MAX }
  };
  struct inet_diag_sockid *id = &question.body.id;
  id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  id->idiag_dport = htons (destination->port);
  memcpy (id->idiag_dst, destination->address, destination->is_v6 ? 16 : 4);
  return question;
}

static bool read_answer (const char *answer, size_t size, struct fd_receive_queue *queue)
{
  const struct nlmsghdr *header = (const struct nlmsghdr *) answer;
  if (!NLMSG_OK (header, size) || header->nlmsg_seq != sequence || header->nlmsg_type != SOCK_DIAG_BY_FAMILY
      || header->nlmsg_len < NLMSG_LENGTH (sizeof (struct inet_diag_msg)))
    return false;
  const struct inet_diag_msg *body = NLMSG_DATA (header);
  size_t left = header->nlmsg_len - NLMSG_LENGTH (sizeof (*body));
  for (const struct rtattr *part = (const struct rtattr *) (body + 1); RTA_OK (part, left); part = RTA_NEXT (part, left))
    if (part->rta_type == INET_DIAG_SKMEMINFO && RTA_PAYLOAD (part) >= (SK_MEMINFO_RCVBUF + 1) * sizeof (uint32_t))
    {
      uint32_t memory[SK_MEMINFO_RCVBUF + 1];
      memcpy (memory, RTA_DATA (part), sizeof (memory));
      *queue = (struct fd_receive_queue) { .used = memory[SK_MEMINFO_RMEM_ALLOC], .size = memory[SK_MEMINFO_RCVBUF] };
      return true;
    }
  return false;
}

bool fd_receive_queue (const struct fd_udp_address *destination, struct fd_receive_queue *queue)
{
  struct question question = question_for (destination);
  _Alignas (struct nlmsghdr) char answer[1024];
  pthread_mutex_lock (&lock);
  if (diagnosis < 0)
    diagnosis = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  question.header.nlmsg_seq = ++sequence;
  bool told = diagnosis >= 0 && send (diagnosis, &question, sizeof (question), 0) == sizeof (question);
  if (told)
  {
    const ssize_t size = recv (diagnosis, answer, sizeof (answer), MSG_DONTWAIT);
    told = size > 0 && read_answer (answer, (size_t) size, queue);
  }
  pthread_mutex_unlock (&lock);
  return told;
}

#else

bool fd_receive_queue (const struct fd_udp_address *destination, struct fd_receive_queue *queue)
{
  (void) destination; (void) queue;
  return false;
}

#endif

/* Linux adds some 830 bytes to a datagram, and rounds one that is no longer than 16 kB up to a power of two. It takes
   any datagram into an empty queue. */
bool fd_receive_queue_takes (const struct fd_receive_queue *queue, uint32_t bytes)
{
  const uint32_t charge = (bytes <= 16384 ? 2 * bytes : bytes) + 1024;
  return queue->used == 0 || (queue->used <= queue->size && queue->size - queue->used >= charge);
}
