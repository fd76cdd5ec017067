/*
 * Who has signed in at the page: an administrator who proved to be one gets a word that no one can
 * guess, which a browser keeps as a cookie. A sign-in code is such a word too, good for one session
 * within two minutes: who has proved it elsewhere, as with curl, takes it to a browser.
 *
 * In memory alone, as digests: a restart ends all sessions. A tenant has SESSIONS_EACH_MAX; one
 * more ends its oldest.
 */
#ifndef CAISSON_SERVICE_SESSIONS_H
#define CAISSON_SERVICE_SESSIONS_H

#include "crypto/digest.h"
#include "service/config.h"

#define SESSIONS_EACH_MAX   32
#define SESSION_WORD_SIZE   44         /* base64url of 32 bytes, with a terminator */
#define SESSION_LIFE        (8 * 3600) /* seconds */
#define SESSION_CODE_LIFE   120
#define SESSION_NAME_SIZE   128
#define SESSIONS_PLACES_MAX (SESSIONS_EACH_MAX * CONFIG_TENANTS_MAX)

enum session_kind { SESSION_NONE, SESSION_CODE, SESSION_OPEN };

struct session {
    char tenant[DATABASE_NAME_MAX + 1];
    char name[SESSION_NAME_SIZE];     /* of the administrator, as the log has it */
    uint8_t certificate[SHA256_SIZE]; /* by which it was proved; all zero: by other means */
    uint64_t generation;              /* of the settings by which (service/settings.h) */
    int64_t expires;                  /* seconds since 1970 */
};

struct sessions;

struct sessions *sessions_new(struct error *err);
void sessions_free(struct sessions *sessions);

/* Makes one of this kind, and its word. ERROR_REFUSED where it would have been ended already
 * (below). Any thread may call these. */
int sessions_make(struct sessions *sessions, enum session_kind kind, const struct session *session,
                  int64_t now, char word[SESSION_WORD_SIZE], struct error *err);

/* Finds the tenant's session of this word. */
bool sessions_find(struct sessions *sessions, struct span word, const char *tenant, int64_t now,
                   struct session *out);

/* As sessions_find() of a code, which is good no more after this. */
bool sessions_take_code(struct sessions *sessions, struct span word, const char *tenant,
                        int64_t now, struct session *out);

void sessions_end(struct sessions *sessions, struct span word);

/* Ends all that were not proved by a certificate, by settings before this generation: whoever
 * vouched may not be believed any more. */
void sessions_end_without_certificate(struct sessions *sessions, uint64_t generation);

#endif
