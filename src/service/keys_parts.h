/* What the files of the keys' interface share. */
#ifndef CAISSON_SERVICE_KEYS_PARTS_H
#define CAISSON_SERVICE_KEYS_PARTS_H

#include "service/key_store.h"
#include "service/service_parts.h"

/* NAME, NAME/VERSION, NAME/VERB, NAME/VERSION/VERB: the path behind /keys/. */
struct key_path {
    char name[KEY_NAME_MAX + 1];
    char version[KEY_VERSION_LEN + 1]; /* "": none */
    char verb[32];                     /* "": none */
};

/* True where the path is one; else answers 404. */
bool key_path_read(const struct call *call, struct key_path *out, struct server_answer *answer);

/* True where the request is an administrator's, and its path has this verb ("": none) and, unless
 * `of_version`, no version; else answers why not. */
bool keys_begin(const struct call *call, const char *verb, bool of_version, struct key_path *out,
                struct server_answer *answer);

/* The version that a path names; NULL: the newest. */
const char *key_path_version(const struct key_path *path);

/* The tenant's keys. */
struct key_store keys_of(const struct call *call);

/* True where the request names a version of the interface that is known; else answers 400. */
bool keys_check_api_version(const struct call *call, struct server_answer *answer);

/* Answers with an error in the interface's words: KeyNotFound, BadParameter, Conflict. */
void keys_answer_error(struct server_answer *answer, const struct error *err);

/* Answers with a value, which it takes; NULL is no memory. */
void keys_answer(struct server_answer *answer, json_t *value);

/* Answers with the newest version of a key, deleted or not. */
void keys_show(const struct call *call, const char *name, struct server_answer *answer);

/* Whether claims that an issuer's token was verified to have release a key at this time: 0, or
 * ERROR_REFUSED with the condition that is not met. */
int release_decide(const struct key_version *key, const char *issuer, const json_t *claims,
                   int64_t now, struct error *err);

/* POST /keys/NAME/release, POST /keys/NAME/VERSION/release: anybody's who has a token. */
void keys_release(const struct call *call, const struct key_path *path,
                  struct server_answer *answer);

#endif
