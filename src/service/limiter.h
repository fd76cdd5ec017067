/*
 * How much one client may take: connections at a time, requests in a second. A client is an IPv4
 * address, or the 64 bits of an IPv6 address that a site has for itself. The table has a fixed
 * size; who is idle makes room, and where all of a row are busy a newcomer is refused.
 */
#ifndef CAISSON_SERVICE_LIMITER_H
#define CAISSON_SERVICE_LIMITER_H

#include <sys/socket.h>

#include "base/error.h"
#include "base/span.h"

struct limiter;

struct limiter_client {
    uint8_t bytes[16];
};

/* Any number of threads may use it. The caller frees it. */
struct limiter *limiter_new(unsigned connections, unsigned requests_a_second, struct error *err);
void limiter_free(struct limiter *limiter);

/* Other bounds, from now on. */
void limiter_set(struct limiter *limiter, unsigned connections, unsigned requests_a_second);

/* The client behind a socket's address; all zero for one that is neither IPv4 nor IPv6. */
void limiter_client_of(const struct sockaddr *address, struct limiter_client *out);

/* False where the client has its number of connections. Each true is followed by one
 * limiter_disconnect(). Times are milliseconds of a clock that only goes forward. */
bool limiter_connect(struct limiter *limiter, const struct limiter_client *client, uint64_t now_ms);
void limiter_disconnect(struct limiter *limiter, const struct limiter_client *client);

/* False where a connected client asks too often. After a pause it may ask a second's worth at once.
 */
bool limiter_request(struct limiter *limiter, const struct limiter_client *client, uint64_t now_ms);

#endif
