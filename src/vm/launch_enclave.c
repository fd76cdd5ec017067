/* The process that holds an enclave (caisson-enclave-host) in the place of QEMU: it gets all that
 * it reads as descriptors, and speaks the guest's protocol at its end of the channel. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/namespace.h"
#include "os/process.h"
#include "vm/confine.h"
#include "vm/launch.h"
#include "vm/passt.h"

#define NUMBER_SIZE 12
#define DISKS_MAX   (QEMU_DISKS_MAX + 1) /* layers, and the attestation agent's */
#define WORDS_MAX   (6 + SINGLE + DISKS_MAX)

enum { CHANNEL, IMAGE, SIGNATURE, FUSE, KEY, CHAIN, USER_NAMESPACE, NETWORK_NAMESPACE, SINGLE };

/* What is open only until the process has it, and the words that name it. */
struct handover {
    int fds[SINGLE + DISKS_MAX]; /* -1 where there is none */
    size_t count;
    bool drops; /* the process runs as another user */
    struct process_user user;
    struct namespaces namespaces; /* copies of the two in `fds` */
    char numbers[SINGLE + DISKS_MAX][NUMBER_SIZE];
    const char *argv[WORDS_MAX];
};

static int open_file(struct handover *handover, const char *path, struct error *err)
{
    handover->fds[handover->count] = path ? file_open_read(path, err) : -1;
    return handover->fds[handover->count++] < 0 && path ? -1 : 0;
}

/* A network of its own, unless it was asked to share this process'. */
static int open_namespaces(struct handover *handover, const struct vm_config *config,
                           struct error *err)
{
    handover->count = SINGLE;
    handover->namespaces = NAMESPACES_NONE;
    if (!config->host_network &&
        namespaces_make(handover->drops ? &handover->user : NULL, &handover->namespaces, err) < 0)
        return error_context(err, "the enclave's network (--network host would make none)");
    handover->fds[USER_NAMESPACE] = handover->namespaces.user;
    handover->fds[NETWORK_NAMESPACE] = handover->namespaces.network;
    return 0;
}

static int open_all(struct handover *handover, struct launch *launch,
                    const struct vm_config *config, struct error *err)
{
    const struct vm_enclave *enclave = &config->enclave;
    if (launch_make_pair(&launch->channel_fd, &handover->fds[CHANNEL], err) < 0)
        return -1;
    handover->count = 1;
    if (open_file(handover, enclave->image, err) < 0 ||
        open_file(handover, enclave->signature, err) < 0 ||
        open_file(handover, enclave->fuse, err) < 0 ||
        open_file(handover, config->attests ? enclave->quote_key : NULL, err) < 0 ||
        open_file(handover, config->attests ? enclave->quote_chain : NULL, err) < 0)
        return error_context(err, "the enclave");
    if (open_namespaces(handover, config, err) < 0)
        return -1;
    for (size_t i = 0; i < config->disk_count && i < QEMU_DISKS_MAX; i++) {
        if (open_file(handover, config->disks[i].path, err) < 0)
            return -1;
    }
    return config->attests && enclave->agent ? open_file(handover, enclave->agent, err) : 0;
}

/* The program's arguments: the TEE, CONFIGID, then a number for each descriptor, "-" for none. */
static void write_words(struct handover *handover, const struct vm_config *config,
                        const char *policy)
{
    size_t word = 0;
    handover->argv[word++] = config->enclave.program;
    handover->argv[word++] = vm_tee_name(config->tee);
    handover->argv[word++] = policy;
    handover->argv[word++] = config->network ? "network" : "-";
    handover->argv[word++] = config->attests ? "quotes" : "-";
    for (size_t i = 0; i < handover->count; i++) {
        (void)snprintf(handover->numbers[i], NUMBER_SIZE, "%d", handover->fds[i]);
        handover->argv[word++] = handover->fds[i] < 0 ? "-" : handover->numbers[i];
    }
}

static int start(struct handover *handover, struct launch *launch, const struct vm_config *config,
                 int console_fd, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    char policy[2 * SHA256_SIZE + 1];
    int keep[SINGLE + DISKS_MAX];
    struct process_spec spec = {.argv = handover->argv,
                                .standard = {-1, console_fd, console_fd},
                                .keep = keep,
                                .die_with_parent = true,
                                .no_new_privileges = true,
                                .user = handover->drops ? &handover->user : NULL};
    sha256_digest(config->policy, digest);
    hex_encode(span_of(digest, sizeof digest), policy);
    write_words(handover, config, policy);
    for (size_t i = 0; i < handover->count; i++) {
        if (handover->fds[i] >= 0)
            keep[spec.keep_count++] = handover->fds[i];
    }
    if (process_start(&spec, &launch->qemu, err) < 0) {
        launch->qemu = 0;
        return -1;
    }
    launch->qemu_watch = process_watch(launch->qemu, err);
    return launch->qemu_watch < 0 ? -1 : 0;
}

/* It is one of the namespaces' owner's: another could not enter them. */
static int start_network(const struct handover *handover, struct launch *launch,
                         const struct vm_config *config, struct error *err)
{
    const struct passt_config pasta = {
        .program = config->passt_program ? config->passt_program : PASST_PASTA,
        .namespaces = &handover->namespaces,
        .ports = config->ports,
        .port_count = config->port_count,
        .maps_loopback = config->maps_loopback,
        .user = handover->drops ? &handover->user : NULL,
    };
    if (passt_start(&pasta, &launch->passt, err) < 0) {
        launch->passt = 0;
        return -1;
    }
    launch->passt_watch = process_watch(launch->passt, err);
    return launch->passt_watch < 0 ? -1 : 0;
}

int launch_enclave(struct launch *launch, const struct vm_config *config, int console_fd,
                   struct error *err)
{
    struct handover *handover = calloc(1, sizeof *handover);
    if (!handover)
        return error_memory(err);
    handover->fds[CHANNEL] = -1;
    handover->drops = !config->same_user && confine_user(getpid(), CONFINE_QEMU, &handover->user);
    int status = open_all(handover, launch, config, err);
    if (status == 0)
        status = start(handover, launch, config, console_fd, err);
    if (status == 0 && config->network)
        status = start_network(handover, launch, config, err);
    for (size_t i = 0; i < handover->count; i++)
        fd_close(&handover->fds[i]);
    free(handover);
    return status;
}
