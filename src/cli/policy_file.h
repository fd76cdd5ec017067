/* Reading a policy's file for a command. */
#ifndef CAISSON_CLI_POLICY_FILE_H
#define CAISSON_CLI_POLICY_FILE_H

#include "base/buf.h"
#include "cli/args.h"
#include "policy/policy.h"

/* The option of every command that takes a policy, for its table. */
#define POLICY_ALLOW_ALL_OPTION                                                                    \
    {                                                                                              \
        .name = "insecure-allow-all",                                                              \
        .help = "Take a policy that allows everything at some point, which protects nothing"       \
    }

/* Reads and parses the file; `text` is the caller's, and gets the bytes that are measured. A policy
 * with a point that allows everything is refused unless --insecure-allow-all was given; then a
 * warning says ALLOW-ALL. The caller frees *out. */
int policy_file_read(const struct args *args, const char *path, struct buf *text,
                     struct policy **out, struct error *err);

/* The policy that evidence must be of, which is compared by its digest: a text that is no policy of
 * ours too (*out is then NULL). One that allows everything is refused as above; *allows_all says
 * that it was taken all the same. The caller frees *out. */
int policy_file_read_expected(const struct args *args, const char *path, struct buf *text,
                              struct policy **out, bool *allows_all, struct error *err);

#endif
