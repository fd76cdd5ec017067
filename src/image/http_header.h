/* What a client keeps of a response's headers, from lines that a server wrote and nobody has
 * checked. */
#ifndef CAISSON_IMAGE_HTTP_HEADER_H
#define CAISSON_IMAGE_HTTP_HEADER_H

#include "image/http.h"

/* Takes one line: a status line begins the response anew, of a header that matters the value is
 * kept. What is too long, malformed or unknown is passed over. */
void http_take_header(struct http_response *response, struct span line);

#endif
