/*
 * A verdict as one page of HTML that stands alone: the way from the root of trust to what was asked
 * as a picture, and every check. It has no script, and loads nothing; every text is escaped, for
 * much of it is the host's.
 */
#ifndef CAISSON_CLI_VERDICT_PAGE_H
#define CAISSON_CLI_VERDICT_PAGE_H

#include "cli/verdict.h"

#define VERDICT_PAGE_MAX (1024 * 1024) /* bytes of a page */

/* Appends the page to `out`. */
int verdict_append_page(const struct verdict_view *view, struct buf *out, struct error *err);

/* Writes the page to a file, which is replaced. */
int verdict_write_page(const struct verdict_view *view, const char *path, struct error *err);

#endif
