#include "service/sessions.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/base64.h"
#include "crypto/random.h"

#define WORD_BYTES 32

struct place {
    enum session_kind kind;
    uint8_t digest[SHA256_SIZE]; /* of the word: looking it up tells nothing of it by its time */
    uint64_t order;              /* in which they were made */
    struct session session;
};

struct sessions {
    pthread_mutex_t mutex; /* for all that follows */
    uint64_t next;
    uint64_t generation; /* before it only certificates count */
    struct place places[SESSIONS_PLACES_MAX];
};

struct sessions *sessions_new(struct error *err)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);
    if (!sessions || pthread_mutex_init(&sessions->mutex, NULL) != 0) {
        free(sessions);
        (void)error_memory(err);
        return NULL;
    }
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    (void)pthread_mutex_destroy(&sessions->mutex);
    free(sessions);
}

static bool is_outdated(const struct sessions *sessions, const struct session *session)
{
    return session->generation < sessions->generation &&
           span_is_zero(span_of(session->certificate, sizeof session->certificate));
}

/* A free place; where the tenant has all of its own in use, that of its oldest. */
static struct place *take_place(struct sessions *sessions, const char *tenant, int64_t now)
{
    struct place *unused = NULL, *oldest = NULL;
    size_t count = 0;
    for (size_t i = 0; i < SESSIONS_PLACES_MAX; i++) {
        struct place *place = &sessions->places[i];
        if (place->kind != SESSION_NONE && place->session.expires <= now)
            *place = (struct place){0};
        if (place->kind == SESSION_NONE) {
            unused = unused ? unused : place;
        } else if (strcmp(place->session.tenant, tenant) == 0) {
            count++;
            if (!oldest || place->order < oldest->order)
                oldest = place;
        }
    }
    return count < SESSIONS_EACH_MAX && unused ? unused : oldest;
}

int sessions_make(struct sessions *sessions, enum session_kind kind, const struct session *session,
                  int64_t now, char word[SESSION_WORD_SIZE], struct error *err)
{
    uint8_t bytes[WORD_BYTES];
    BUF_AUTO text = BUF_WITH_LIMIT(SESSION_WORD_SIZE);
    if (random_bytes(bytes, sizeof bytes, err) < 0 ||
        base64url_encode(span_of(bytes, sizeof bytes), &text, err) < 0)
        return -1;
    memcpy(word, buf_text(&text), SESSION_WORD_SIZE);
    (void)pthread_mutex_lock(&sessions->mutex);
    bool outdated = is_outdated(sessions, session);
    struct place *place = outdated ? NULL : take_place(sessions, session->tenant, now);
    if (place) {
        *place = (struct place){.kind = kind, .order = sessions->next++, .session = *session};
        sha256_digest(buf_span(&text), place->digest);
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text.data, text.size);
    if (outdated)
        return error_set(err, ERROR_REFUSED, "the configuration has changed; sign in again");
    return place ? 0 : error_set(err, ERROR_LIMIT, "too many sessions");
}

static struct place *find(struct sessions *sessions, struct span word, const char *tenant,
                          int64_t now, enum session_kind kind)
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(word, digest);
    for (size_t i = 0; i < SESSIONS_PLACES_MAX; i++) {
        struct place *place = &sessions->places[i];
        if (place->kind == kind && memcmp(place->digest, digest, sizeof digest) == 0 &&
            place->session.expires > now && strcmp(place->session.tenant, tenant) == 0)
            return place;
    }
    return NULL;
}

bool sessions_find(struct sessions *sessions, struct span word, const char *tenant, int64_t now,
                   struct session *out)
{
    (void)pthread_mutex_lock(&sessions->mutex);
    const struct place *place = find(sessions, word, tenant, now, SESSION_OPEN);
    if (place)
        *out = place->session;
    (void)pthread_mutex_unlock(&sessions->mutex);
    return place != NULL;
}

bool sessions_take_code(struct sessions *sessions, struct span word, const char *tenant,
                        int64_t now, struct session *out)
{
    (void)pthread_mutex_lock(&sessions->mutex);
    struct place *place = find(sessions, word, tenant, now, SESSION_CODE);
    if (place) {
        *out = place->session;
        *place = (struct place){0};
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
    return place != NULL;
}

void sessions_end(struct sessions *sessions, struct span word)
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(word, digest);
    (void)pthread_mutex_lock(&sessions->mutex);
    for (size_t i = 0; i < SESSIONS_PLACES_MAX; i++) {
        struct place *place = &sessions->places[i];
        if (place->kind != SESSION_NONE && memcmp(place->digest, digest, sizeof digest) == 0)
            *place = (struct place){0};
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
}

void sessions_end_without_certificate(struct sessions *sessions, uint64_t generation)
{
    (void)pthread_mutex_lock(&sessions->mutex);
    sessions->generation = generation;
    for (size_t i = 0; i < SESSIONS_PLACES_MAX; i++) {
        struct place *place = &sessions->places[i];
        if (is_outdated(sessions, &place->session))
            *place = (struct place){0};
    }
    (void)pthread_mutex_unlock(&sessions->mutex);
}
