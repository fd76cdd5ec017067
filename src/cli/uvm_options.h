/* The options that say which endorsement of a guest is wanted, and how one is told of: the same in
 * `verify uvm` and `verify aci`. */
#ifndef CAISSON_CLI_UVM_OPTIONS_H
#define CAISSON_CLI_UVM_OPTIONS_H

#include "cli/args.h"
#include "evidence/uvm_endorsement.h"
#include "format/cose.h"
#include "format/json.h"

/* Rows of a command's table. */
#define UVM_OPTIONS                                                                                \
    {.name = "issuer",                                                                             \
     .operand = "DID",                                                                             \
     .help = "Who must have endorsed the guest, as a did:x509 (default: ACI's)"},                  \
        {.name = "feed",                                                                           \
         .operand = "NAME",                                                                        \
         .help = "What must be endorsed (default: " UVM_FEED ")"},                                 \
        {.name = "minimum-svn",                                                                    \
         .operand = "N",                                                                           \
         .help = "The oldest guest to accept (default: 0)"},                                       \
    {                                                                                              \
        .name = "endorsed-at", .operand = "TIME",                                                  \
        .help = "When the endorser's certificates must be valid, or \"signed\" to take its word "  \
                "(default: --at)"                                                                  \
    }

/* Reads these options; `time` is that of --at. The expectation borrows from the arguments. */
int uvm_options_read(const struct args *args, int64_t time, struct uvm_expectation *expectation,
                     struct error *err);

/* Reads a file that is base64 text with or without a line break at its end, and decodes it. */
int uvm_options_read_base64(const char *path, struct buf *out, struct error *err);

/* Appends lines for people on what is endorsed. */
int uvm_options_note(const struct uvm_endorsement *endorsement, struct buf *note,
                     struct error *err);

/* What is endorsed, as JSON; NULL when memory ran out. */
json_t *uvm_options_json(const struct uvm_endorsement *endorsement);

#endif
