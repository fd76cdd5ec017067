#include "service/refusals.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "crypto/digest.h"

/* Where two clients meet in one slot, the later one has all its entries: that is no worse than no
 * bound, and nothing that was counted is lost. */
#define SLOTS 4096

struct slot {
    const char *event; /* NULL: free */
    char tenant[REFUSALS_TENANT_SIZE];
    char peer[INET6_ADDRSTRLEN];
    uint8_t key[SHA256_SIZE];
    int64_t since;    /* when its minute began */
    unsigned noted;   /* since then */
    uint64_t counted; /* without an entry */
};

struct refusals {
    pthread_mutex_t mutex;
    struct slot slots[SLOTS];
};

struct refusals *refusals_new(struct error *err)
{
    struct refusals *refusals = calloc(1, sizeof *refusals);
    if (!refusals || pthread_mutex_init(&refusals->mutex, NULL) != 0) {
        free(refusals);
        (void)error_memory(err);
        return NULL;
    }
    return refusals;
}

void refusals_free(struct refusals *refusals)
{
    if (!refusals)
        return;
    (void)pthread_mutex_destroy(&refusals->mutex);
    free(refusals);
}

static void make_key(const char *tenant, const char *event, const char *peer,
                     uint8_t out[SHA256_SIZE])
{
    struct sha256 hash;
    struct in6_addr in6;
    struct span client = span_of_text(peer);
    if (inet_pton(AF_INET6, peer, &in6) == 1)
        client = span_of(&in6, 8);
    sha256_init(&hash);
    sha256_update(&hash, span_of(tenant, strlen(tenant) + 1));
    sha256_update(&hash, span_of(event, strlen(event) + 1));
    sha256_update(&hash, client);
    sha256_final(&hash, out);
}

static bool is_over(const struct slot *slot, int64_t now)
{
    return now < slot->since || now >= slot->since + REFUSALS_SECONDS;
}

static void begin(struct slot *slot, const char *tenant, const char *event, const char *peer)
{
    slot->event = event;
    memset(slot->tenant, 0, sizeof slot->tenant);
    memcpy(slot->tenant, tenant, strnlen(tenant, sizeof slot->tenant - 1));
    slot->counted = 0;
    memset(slot->peer, 0, sizeof slot->peer);
    memcpy(slot->peer, peer, strnlen(peer, sizeof slot->peer - 1));
}

/* The slot of this client: its own, or one that nobody needs now; NULL where another has it. */
static struct slot *find(struct refusals *refusals, const char *tenant, const char *event,
                         const char *peer, int64_t now)
{
    uint8_t key[SHA256_SIZE];
    make_key(tenant, event, peer, key);
    struct slot *slot = &refusals->slots[(key[0] << 8 | key[1]) % SLOTS];
    bool own = slot->event && memcmp(slot->key, key, sizeof key) == 0;
    if (!own && slot->event && (slot->counted > 0 || !is_over(slot, now)))
        return NULL;
    if (!own)
        begin(slot, tenant, event, peer);
    if (!own || is_over(slot, now)) {
        slot->since = now;
        slot->noted = 0;
    }
    memcpy(slot->key, key, sizeof key);
    return slot;
}

bool refusals_count(struct refusals *refusals, const char *tenant, const char *event,
                    const char *peer, int64_t now, uint64_t *before)
{
    bool noted = true;
    *before = 0;
    (void)pthread_mutex_lock(&refusals->mutex);
    struct slot *slot = find(refusals, tenant, event, peer, now);
    if (slot && slot->noted == REFUSALS_EACH) {
        slot->counted++;
        noted = false;
    } else if (slot) {
        slot->noted++;
        *before = slot->counted;
        slot->counted = 0;
    }
    (void)pthread_mutex_unlock(&refusals->mutex);
    return noted;
}

int refusals_flush(struct refusals *refusals, int64_t now, refusals_visit *visit, void *context,
                   struct error *err)
{
    int result = 0;
    (void)pthread_mutex_lock(&refusals->mutex);
    for (size_t i = 0; result == 0 && i < SLOTS; i++) {
        struct slot *slot = &refusals->slots[i];
        if (slot->counted == 0 || !is_over(slot, now))
            continue;
        result = visit(context, slot->tenant, slot->event, slot->peer, slot->counted, err);
        if (result == 0)
            slot->counted = 0;
    }
    (void)pthread_mutex_unlock(&refusals->mutex);
    return result;
}
