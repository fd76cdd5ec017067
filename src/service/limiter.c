#include "service/limiter.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/random.h"

#define ROWS   8192
#define PLACES 4 /* of a row */

struct entry {
    struct limiter_client client;
    uint32_t connections;
    uint32_t tokens;      /* thousandths of a request */
    uint64_t refilled_ms; /* 0: nobody was here yet */
};

struct limiter {
    pthread_mutex_t mutex;
    uint64_t key; /* so that nobody can choose the row that an address falls into */
    uint32_t connections, rate;
    struct entry entries[ROWS][PLACES];
};

struct limiter *limiter_new(unsigned connections, unsigned requests_a_second, struct error *err)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);
    if (!limiter || pthread_mutex_init(&limiter->mutex, NULL) != 0) {
        free(limiter);
        (void)error_memory(err);
        return NULL;
    }
    limiter_set(limiter, connections, requests_a_second);
    if (random_bytes(&limiter->key, sizeof limiter->key, err) < 0) {
        limiter_free(limiter);
        return NULL;
    }
    return limiter;
}

void limiter_set(struct limiter *limiter, unsigned connections, unsigned requests_a_second)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    limiter->connections = connections;
    limiter->rate = requests_a_second < 1000000 ? requests_a_second : 1000000;
    (void)pthread_mutex_unlock(&limiter->mutex);
}

void limiter_free(struct limiter *limiter)
{
    if (!limiter)
        return;
    (void)pthread_mutex_destroy(&limiter->mutex);
    free(limiter);
}

void limiter_client_of(const struct sockaddr *address, struct limiter_client *out)
{
    *out = (struct limiter_client){0};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        memcpy(out->bytes + 12, &in.sin_addr, 4);
        out->bytes[10] = out->bytes[11] = 0xff;
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        memcpy(out->bytes, &in6.sin6_addr, mapped ? 16 : 8);
    }
}

/* A mixer of 64 bits (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators"). */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

static struct entry *row_of(struct limiter *limiter, const struct limiter_client *client)
{
    uint64_t halves[2];
    memcpy(halves, client->bytes, sizeof halves);
    return limiter->entries[mix(mix(limiter->key ^ halves[0]) ^ halves[1]) % ROWS];
}

static struct entry *find(struct limiter *limiter, const struct limiter_client *client)
{
    struct entry *row = row_of(limiter, client);
    for (size_t i = 0; i < PLACES; i++) {
        if (row[i].refilled_ms > 0 && memcmp(&row[i].client, client, sizeof *client) == 0)
            return &row[i];
    }
    return NULL;
}

/* The place of a row whose client is not connected, and has been away for longest; NULL where all
 * are. */
static struct entry *find_idle(struct entry *row)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < PLACES; i++) {
        if (row[i].connections == 0 && (!oldest || row[i].refilled_ms < oldest->refilled_ms))
            oldest = &row[i];
    }
    return oldest;
}

/* The client's entry; else that of whoever has been away for longest, made anew. */
static struct entry *find_or_make(struct limiter *limiter, const struct limiter_client *client,
                                  uint64_t now_ms)
{
    struct entry *found = find(limiter, client);
    if (found)
        return found;
    struct entry *idle = find_idle(row_of(limiter, client));
    if (idle)
        *idle = (struct entry){*client, 0, limiter->rate * 1000, now_ms ? now_ms : 1};
    return idle;
}

bool limiter_connect(struct limiter *limiter, const struct limiter_client *client, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    struct entry *entry = find_or_make(limiter, client, now_ms);
    bool allowed = entry && entry->connections < limiter->connections;
    if (allowed)
        entry->connections++;
    (void)pthread_mutex_unlock(&limiter->mutex);
    return allowed;
}

void limiter_disconnect(struct limiter *limiter, const struct limiter_client *client)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    struct entry *entry = find(limiter, client);
    if (entry && entry->connections > 0)
        entry->connections--;
    (void)pthread_mutex_unlock(&limiter->mutex);
}

static void refill(struct entry *entry, uint32_t rate, uint64_t now_ms)
{
    uint64_t full = (uint64_t)rate * 1000;
    uint64_t passed = now_ms > entry->refilled_ms ? now_ms - entry->refilled_ms : 0;
    uint64_t tokens = passed >= 1000 ? full : entry->tokens + passed * rate;
    entry->tokens = (uint32_t)(tokens < full ? tokens : full);
    entry->refilled_ms += passed;
}

bool limiter_request(struct limiter *limiter, const struct limiter_client *client, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&limiter->mutex);
    struct entry *entry = find(limiter, client);
    if (entry)
        refill(entry, limiter->rate, now_ms);
    bool allowed = entry && entry->tokens >= 1000;
    if (allowed)
        entry->tokens -= 1000;
    (void)pthread_mutex_unlock(&limiter->mutex);
    return allowed;
}
