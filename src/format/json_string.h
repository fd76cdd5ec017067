/* JSON strings as they are written: the one thing that writers of JSON without a tree need. */
#ifndef CAISSON_FORMAT_JSON_STRING_H
#define CAISSON_FORMAT_JSON_STRING_H

#include "base/buf.h"

/* Appends `text` as a JSON string with its quotes. ERROR_INVALID when it is not UTF-8. */
int json_append_string(struct buf *out, struct span text, struct error *err);

#endif
