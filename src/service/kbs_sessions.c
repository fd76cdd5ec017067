#include "service/kbs_sessions.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"

#define TENANT_SIZE 65
#define PEER_SIZE   48
#define ID_BYTES    16
#define NONCE_BYTES 32

enum state { FREE, CHALLENGED, TAKEN, ATTESTED };

struct slot {
    enum state state;
    int64_t until; /* seconds since 1970 */
    char tenant[TENANT_SIZE];
    char peer[PEER_SIZE];
    struct kbs_session session;
    char *token; /* of an attested one */
};

struct kbs_sessions {
    pthread_mutex_t mutex;
    struct slot slots[KBS_SESSIONS_MAX];
};

struct kbs_sessions *kbs_sessions_new(struct error *err)
{
    struct kbs_sessions *sessions = calloc(1, sizeof *sessions);
    if (sessions && pthread_mutex_init(&sessions->mutex, NULL) == 0)
        return sessions;
    free(sessions);
    (void)error_memory(err);
    return NULL;
}

static void clear(struct slot *slot)
{
    free(slot->token);
    secret_wipe(slot, sizeof *slot);
}

void kbs_sessions_free(struct kbs_sessions *sessions)
{
    if (!sessions)
        return;
    for (size_t i = 0; i < KBS_SESSIONS_MAX; i++) {
        if (sessions->slots[i].state != FREE)
            clear(&sessions->slots[i]);
    }
    (void)pthread_mutex_destroy(&sessions->mutex);
    free(sessions);
}

/* --- beginning -------------------------------------------------------------------------------- */

/* A free slot, after those that are past were freed; NULL where the client or all have too many. */
static struct slot *find_room(struct kbs_sessions *sessions, const char *peer, int64_t now)
{
    struct slot *room = NULL;
    size_t of_peer = 0;
    for (size_t i = 0; i < KBS_SESSIONS_MAX; i++) {
        struct slot *slot = &sessions->slots[i];
        if (slot->state != FREE && slot->until <= now)
            clear(slot);
        if (slot->state == FREE)
            room = room ? room : slot;
        else if (slot->state != ATTESTED && strcmp(slot->peer, peer) == 0)
            of_peer++;
    }
    return of_peer < KBS_SESSIONS_EACH_MAX ? room : NULL;
}

static int make_session(const struct kbs_hello *hello, struct kbs_session *out, struct error *err)
{
    uint8_t id[ID_BYTES], nonce[NONCE_BYTES];
    BUF_AUTO text = BUF_WITH_LIMIT(KBS_NONCE_SIZE);
    if (random_bytes(id, sizeof id, err) < 0 || random_bytes(nonce, sizeof nonce, err) < 0 ||
        base64_encode(span_of(nonce, sizeof nonce), &text, err) < 0)
        return -1;
    hex_encode(span_of(id, sizeof id), out->id);
    out->hello = *hello;
    return text_copy(out->nonce, sizeof out->nonce, buf_text(&text))
               ? 0
               : error_set(err, ERROR_LIMIT, "the nonce is too long");
}

int kbs_sessions_begin(struct kbs_sessions *sessions, const char *tenant, const char *peer,
                       const struct kbs_hello *hello, int64_t now, struct kbs_session *out,
                       struct error *err)
{
    struct slot made = {.state = CHALLENGED, .until = now + KBS_SESSION_LIFE};
    if (!text_copy(made.tenant, sizeof made.tenant, tenant) ||
        !text_copy(made.peer, sizeof made.peer, peer))
        return error_set(err, ERROR_LIMIT, "a name of the session's is too long");
    if (make_session(hello, &made.session, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&sessions->mutex);
    struct slot *slot = find_room(sessions, peer, now);
    if (slot)
        *slot = made;
    (void)pthread_mutex_unlock(&sessions->mutex);
    if (!slot)
        return error_set(err, ERROR_LIMIT,
                         "there are too many sessions; the first ends within %d s",
                         KBS_SESSION_LIFE);
    *out = made.session;
    return 0;
}

/* --- use -------------------------------------------------------------------------------------- */

/* The session in this state, by its id; the mutex is held. */
static struct slot *find(struct kbs_sessions *sessions, const char *tenant, struct span id,
                         enum state state, int64_t now)
{
    for (size_t i = 0; i < KBS_SESSIONS_MAX; i++) {
        struct slot *slot = &sessions->slots[i];
        if (slot->state == state && slot->until > now &&
            secret_equal(span_of_text(slot->session.id), id) && strcmp(slot->tenant, tenant) == 0)
            return slot;
    }
    return NULL;
}

static int not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND,
                     "there is no such session, or its nonce was used, or its time is over: begin "
                     "with /kbs/v0/auth");
}

int kbs_sessions_take(struct kbs_sessions *sessions, const char *tenant, struct span id,
                      int64_t now, struct kbs_session *out, struct error *err)
{
    (void)pthread_mutex_lock(&sessions->mutex);
    struct slot *slot = find(sessions, tenant, id, CHALLENGED, now);
    if (slot) {
        *out = slot->session;
        slot->state = TAKEN;
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
    return slot ? 0 : not_found(err);
}

int kbs_sessions_put_token(struct kbs_sessions *sessions, const char *tenant, struct span id,
                           int64_t now, struct span token, struct error *err)
{
    char *copy = text_dup_span(token);
    if (!copy)
        return error_memory(err);
    (void)pthread_mutex_lock(&sessions->mutex);
    struct slot *slot = find(sessions, tenant, id, TAKEN, now);
    if (slot) {
        slot->token = copy;
        slot->state = ATTESTED;
        slot->until = now + KBS_SESSION_LIFE;
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
    if (slot)
        return 0;
    free(copy);
    return not_found(err);
}

int kbs_sessions_get_token(struct kbs_sessions *sessions, const char *tenant, struct span id,
                           int64_t now, struct buf *out, struct error *err)
{
    (void)pthread_mutex_lock(&sessions->mutex);
    struct slot *slot = find(sessions, tenant, id, ATTESTED, now);
    int result = slot ? buf_append_text(out, slot->token, err) : not_found(err);
    (void)pthread_mutex_unlock(&sessions->mutex);
    return result;
}
