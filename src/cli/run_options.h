/* The options of `caisson run`: their table, and what they mean. All that costs nothing to check is
 * checked here, before an image is fetched. */
#ifndef CAISSON_CLI_RUN_OPTIONS_H
#define CAISSON_CLI_RUN_OPTIONS_H

#include "cli/args.h"
#include "image/image.h"
#include "vm/machine.h"
#include "vm/record.h"

extern const struct option_rule run_option_rules[];

struct run_options {
    char name[RECORD_NAME_MAX + 1];
    const char *hostname; /* the name, unless another is given */
    enum vm_tee tee;
    enum image_pull pull;
    enum policy_restart restart; /* POLICY_RESTART_NEVER: the container runs once */
    uint32_t restarts_max;
    bool detach;
    bool input;
    bool terminal;
    bool network;
    bool host_network; /* of an enclave */
    uint32_t memory_mib;
    uint32_t vcpus;
    uint64_t scratch_size; /* bytes of a disk; 0 for memory */
    struct port_rule ports[PORTS_MAX];
    size_t port_count;
};

/* ERROR_USAGE or ERROR_REFUSED name the option, ERROR_UNAVAILABLE the TEE that this machine lacks.
 * `out` borrows from `args`. */
int run_options_read(const struct args *args, struct run_options *out, struct error *err);

#endif
