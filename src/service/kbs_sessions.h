/*
 * Sessions of the key broker's clients: from the nonce that a client is given to the token that it
 * gets for its evidence. They live in memory: after a restart a client attests again.
 *
 * A nonce is good for one attempt. Who has a session's id, which is secret, has the session. Its
 * time is short, their number is bounded in all and by client: who is refused for that may come
 * back when the first of them have ended.
 */
#ifndef CAISSON_SERVICE_KBS_SESSIONS_H
#define CAISSON_SERVICE_KBS_SESSIONS_H

#include "base/buf.h"
#include "service/kbs_request.h"

#define KBS_SESSIONS_MAX      8192
#define KBS_SESSIONS_EACH_MAX 1024 /* of one address that are not attested yet */
#define KBS_SESSION_LIFE      300  /* seconds, from the nonce on, and from the token on */

#define KBS_SESSION_ID_SIZE 33 /* hex of 16 bytes, with its terminator */
#define KBS_NONCE_SIZE      45 /* base64 of 32 bytes, with its terminator */

struct kbs_sessions;

/* The caller frees it; NULL where memory ran out. */
struct kbs_sessions *kbs_sessions_new(struct error *err);
void kbs_sessions_free(struct kbs_sessions *sessions);

struct kbs_session {
    char id[KBS_SESSION_ID_SIZE];
    char nonce[KBS_NONCE_SIZE];
    struct kbs_hello hello;
};

/* Begins a session of a tenant's client at this time (seconds since 1970). ERROR_LIMIT where there
 * are too many. Any number of threads may call these functions. */
int kbs_sessions_begin(struct kbs_sessions *sessions, const char *tenant, const char *peer,
                       const struct kbs_hello *hello, int64_t now, struct kbs_session *out,
                       struct error *err);

/* Takes the session's nonce, which is spent then, whatever comes of it. ERROR_NOT_FOUND for a
 * session that is not there, another tenant's, past, or without a nonce. */
int kbs_sessions_take(struct kbs_sessions *sessions, const char *tenant, struct span id,
                      int64_t now, struct kbs_session *out, struct error *err);

/* Gives a session, whose nonce was taken, its token. */
int kbs_sessions_put_token(struct kbs_sessions *sessions, const char *tenant, struct span id,
                           int64_t now, struct span token, struct error *err);

/* Appends the session's token; ERROR_NOT_FOUND where there is none. */
int kbs_sessions_get_token(struct kbs_sessions *sessions, const char *tenant, struct span id,
                           int64_t now, struct buf *out, struct error *err);

#endif
