/* What a registry asks for with status 401: the WWW-Authenticate header (RFC 9110 section 11.6.1)
 * with the schemes Basic (RFC 7617) and Bearer (distribution specification, "token
 * authentication"). */
#ifndef CAISSON_IMAGE_CHALLENGE_H
#define CAISSON_IMAGE_CHALLENGE_H

#include "base/error.h"

#include <stdbool.h>

struct challenge {
    bool basic;
    bool bearer;
    char realm[2048]; /* of Bearer: the URL of the token service; never empty where `bearer` */
    char service[256];
    char scope[1024]; /* "" where none is named */
};

/* Reads a header's value, which may hold several challenges; other schemes are passed over.
 * ERROR_INVALID for what is no such header, ERROR_LIMIT for a value that is too long. */
int challenge_parse(const char *header, struct challenge *out, struct error *err);

#endif
