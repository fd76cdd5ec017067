/*
 * What a verification found, for people and for programs: a line a check, then what decided. Every
 * `verify` prints by it, so that all of them read the same.
 */
#ifndef CAISSON_CLI_VERDICT_H
#define CAISSON_CLI_VERDICT_H

#include "cli/args.h"
#include "evidence/checks.h"
#include "format/json.h"

/* Prints the text as it is, but for characters that a terminal would act on: '?' stands for them.
 */
void verdict_print_plain(const char *text);

/* A link from the root of trust to what was asked, as a picture shows it: a box whose state is the
 * worst of the checks that it names. */
struct verdict_box {
    const char *title;  /* "Chip's key" */
    const char *detail; /* what it is here: a name, a digest; may be the host's text */
    const char *checks; /* names, separated by blanks */
};

struct verdict_view {
    const struct checks *checks;
    enum verdict verdict;
    bool simulated;   /* everything printed says so */
    const char *kind; /* "SEV-SNP report" */
    const char *note; /* lines for people, printed behind the checks; NULL for none */
    json_t *claims;   /* members of the JSON document besides; borrowed, NULL for none */
    const struct verdict_box *boxes; /* the root of trust first */
    size_t box_count;
    const char *page; /* the file that --html names, or NULL */
};

/* Prints the verdict, as JSON where the arguments have --json, and writes the page where there is
 * to be one. The exit status (0 accepted, 1 refused), or -1. */
int verdict_print(const struct verdict_view *view, const struct args *args, struct error *err);

#endif
