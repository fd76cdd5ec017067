/*
 * caisson-enclave-host: the process that holds one enclave. Caisson's monitor starts it as it
 * starts QEMU, as a user of its own and without new privileges, and speaks to the gate inside by
 * the guest's protocol (docs/protocol.md).
 *
 * usage: caisson-enclave-host TEE CONFIGID NETWORK QUOTES CHANNEL IMAGE SIGNATURE FUSE KEY CHAIN
 * USERNS NETNS [DISK…]
 *
 * TEE is sgx or sgx-simulated, CONFIGID the SHA-256 of the policy in hexadecimal digits; NETWORK is
 * "network" where there will be a route, QUOTES "quotes" where programs may have some, else "-";
 * FUSE, and KEY and CHAIN for quotes, are "-" for a processor; USERNS and NETNS are the namespaces
 * that it enters, or "-"; the others are numbers of open descriptors. Once all is
 * read and mapped, the process opens nothing, starts nothing and connects to nothing but by TCP and
 * UDP any more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "enclave/aesm.h"
#include "enclave/hardware.h"
#include "enclave/host_confine.h"
#include "enclave/host_nursery.h"
#include "enclave/host_quoter.h"
#include "enclave/model.h"
#include "enclave/platform.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/file_map.h"
#include "os/namespace.h"

#define NETWORK_TRIES 10000 /* of 1 ms */

enum {
    TEE = 1,
    CONFIGID,
    NETWORK,
    QUOTES,
    CHANNEL,
    IMAGE,
    SIGNATURE,
    FUSE,
    KEY,
    CHAIN,
    USERNS,
    NETNS,
    DISKS
};

struct given {
    const struct driver *driver;
    int (*confine_nursery)(struct error *err); /* by what the driver needs */
    struct host_quoting quoting;
    struct host_quoter quoter;
    char **words; /* for the quoter */
    struct platform *platform;
    struct span image;
    uint8_t sigstruct[SIGSTRUCT_SIZE];
    struct enclave_options options;
    struct sgx_targetinfo target;
    int disks[DOOR_DISKS_MAX];
    struct enclave_host_run run;
};

static void say(const char *line)
{
    (void)fprintf(stderr, "enclave: %s\n", line);
}

static int number_of(const char *word, int *fd, struct error *err)
{
    uint64_t number;
    if (!text_to_u64(word, 65535, &number))
        return error_set(err, ERROR_USAGE, "\"%s\" is no descriptor", word);
    *fd = (int)number;
    return 0;
}

static int read_exactly(const char *word, uint8_t *out, size_t size, const char *what,
                        struct error *err)
{
    int fd = -1;
    size_t got = 0;
    if (number_of(word, &fd, err) < 0 || fd_pread_full(fd, out, size, 0, &got, err) < 0)
        return error_context(err, "%s", what);
    return got == size
               ? 0
               : error_set(err, ERROR_INVALID, "%s has %zu bytes, not %zu", what, got, size);
}

/* --- quotes, in the quoter's process ---------------------------------------------------------- */

static int read_file(const char *word, struct buf *out, struct error *err)
{
    int fd = -1;
    return number_of(word, &fd, err) < 0 ? -1 : fd_read_to_end(fd, out, err);
}

static int prepare_simulated(void *argument, struct error *err)
{
    struct given *given = argument;
    uint8_t fuse[MODEL_FUSE_SIZE];
    __attribute__((cleanup(buf_fini_secret))) struct buf key = BUF_WITH_LIMIT(PLATFORM_FILE_MAX);
    BUF_AUTO chain = BUF_WITH_LIMIT(PLATFORM_FILE_MAX);
    if (read_exactly(given->words[FUSE], fuse, sizeof fuse, "the simulated platform's key", err) <
            0 ||
        read_file(given->words[KEY], &key, err) < 0 ||
        read_file(given->words[CHAIN], &chain, err) < 0)
        return -1;
    given->platform = platform_of(fuse, buf_span(&key), buf_span(&chain), err);
    explicit_bzero(fuse, sizeof fuse);
    return given->platform ? 0 : -1;
}

static int quote_simulated(void *argument, const struct sgx_report *report, struct buf *quote,
                           struct error *err)
{
    const struct given *given = argument;
    return platform_quote(given->platform, report, quote, err);
}

static int quote_by_aesmd(void *argument, const struct sgx_report *report, struct buf *quote,
                          struct error *err)
{
    (void)argument;
    return aesm_quote(AESM_SOCKET, report, quote, err);
}

/* --- what the monitor gives ------------------------------------------------------------------- */

/* By the model or by the processor, never one for the other. */
static int take_platform(char *argv[], struct given *given, struct error *err)
{
    uint8_t fuse[MODEL_FUSE_SIZE];
    given->run.tee = argv[TEE];
    given->run.target = &given->target;
    if (strcmp(argv[TEE], "sgx") == 0) {
        given->driver = &driver_hardware;
        given->confine_nursery = host_confine_nursery_of_processor;
        given->quoting = (struct host_quoting){.confine = host_confine_quoter_of_processor,
                                               .quote = quote_by_aesmd};
        return aesm_target(AESM_SOCKET, &given->target, err);
    }
    if (strcmp(argv[TEE], "sgx-simulated") != 0)
        return error_set(err, ERROR_USAGE, "\"%s\" is no kind of enclave", argv[TEE]);
    given->driver = &driver_model;
    given->confine_nursery = host_confine_nursery;
    say(PLATFORM_BANNER ": protects nothing");
    given->quoting = (struct host_quoting){
        .prepare = prepare_simulated, .confine = host_confine_quoter, .quote = quote_simulated};
    platform_target(&given->target);
    if (read_exactly(argv[FUSE], fuse, sizeof fuse, "the simulated platform's key", err) < 0)
        return -1;
    model_set_fuse(fuse);
    explicit_bzero(fuse, sizeof fuse);
    return 0;
}

/* Before there are threads, and before aesmd is asked: its socket is a file's. */
static int enter_network(char *argv[], struct error *err)
{
    struct namespaces namespaces;
    if (strcmp(argv[NETNS], "-") == 0)
        return 0;
    if (number_of(argv[USERNS], &namespaces.user, err) < 0 ||
        number_of(argv[NETNS], &namespaces.network, err) < 0)
        return -1;
    int status = namespaces_enter(&namespaces, err);
    namespaces_close(&namespaces);
    return status;
}

/* Who routes its packets starts beside it. */
static int wait_for_network(char *argv[], struct error *err)
{
    const struct timespec while_ = {.tv_nsec = 1000000};
    if (strcmp(argv[NETWORK], "network") != 0)
        return 0;
    for (int tries = 0; tries < NETWORK_TRIES; tries++) {
        BUF_AUTO routes = BUF_WITH_LIMIT(65536);
        if (file_read("/proc/self/net/route", &routes, err) < 0)
            return -1;
        if (strstr(buf_text(&routes), "\t00000000\t"))
            return 0;
        (void)nanosleep(&while_, NULL);
    }
    return error_set(err, ERROR_UNAVAILABLE, "the network does not come up");
}

static int take(int argc, char *argv[], struct given *given, struct error *err)
{
    int image = -1;
    if (argc < DISKS || argc > DISKS + DOOR_DISKS_MAX)
        return error_set(err, ERROR_USAGE, "caisson's monitor starts this program");
    if (!hex_decode(span_of_text(argv[CONFIGID]), given->options.config_id, SHA256_SIZE))
        return error_set(err, ERROR_USAGE, "CONFIGID is not 64 digits");
    if (enter_network(argv, err) < 0 || number_of(argv[CHANNEL], &given->run.channel, err) < 0 ||
        number_of(argv[IMAGE], &image, err) < 0 || file_map(image, &given->image, err) < 0 ||
        read_exactly(argv[SIGNATURE], given->sigstruct, SIGSTRUCT_SIZE, "the signature", err) < 0 ||
        take_platform(argv, given, err) < 0)
        return -1;
    given->run.log = say;
    given->run.disks = given->disks;
    given->run.disk_count = (size_t)(argc - DISKS);
    for (size_t i = 0; i < given->run.disk_count; i++) {
        if (number_of(argv[DISKS + i], &given->disks[i], err) < 0)
            return -1;
    }
    return 0;
}

/* A process of its own, where it is wanted. */
static int begin_quoter(char *argv[], struct given *given, struct error *err)
{
    int files[2] = {-1, -1};
    if (strcmp(argv[QUOTES], "quotes") != 0)
        return 0;
    given->words = argv;
    given->quoting.argument = given;
    given->quoting.log = say;
    if (host_quoter_begin(&given->quoting, &given->quoter, err) < 0)
        return -1;
    given->run.quoter = &given->quoter;
    for (int i = 0; i < 2; i++) { /* they are the quoter's alone */
        if (strcmp(argv[KEY + i], "-") != 0 && number_of(argv[KEY + i], &files[i], err) < 0)
            return -1;
        fd_close(&files[i]);
    }
    return 0;
}

static int run(int argc, char *argv[], struct given *given, struct error *err)
{
    struct enclave_image image;
    struct host_nursery nursery;
    (void)signal(SIGPIPE, SIG_IGN);
    if (setpgid(0, 0) < 0) /* with the nursery and children: a pause is for all of them */
        return error_system(err, errno, "setpgid");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_system(err, errno, "PR_SET_NO_NEW_PRIVS");
    if (take(argc, argv, given, err) < 0 || begin_quoter(argv, given, err) < 0 ||
        enclave_image_parse(given->image, &image, err) < 0)
        return -1;
    const struct host_recipe recipe = {.driver = given->driver,
                                       .image = &image,
                                       .sigstruct = given->sigstruct,
                                       .options = &given->options,
                                       .confine_nursery = given->confine_nursery,
                                       .confine_child = host_confine};
    if (host_nursery_begin(&recipe, &given->run, &nursery, err) < 0)
        return -1;
    struct enclave *enclave = enclave_load(given->driver, &image, given->sigstruct, &given->options,
                                           err);
    if (!enclave || wait_for_network(argv, err) < 0 || host_confine_first(err) < 0)
        return -1;
    nursery.base = enclave->base;
    given->run.nursery = &nursery;
    return enclave_host_run(enclave, &image, &given->run, err);
}

int main(int argc, char *argv[])
{
    static struct given given;
    struct error err = {0};
    int status = run(argc, argv, &given, &err);
    if (status < 0)
        say(err.text);
    _exit(status < 0 ? 1 : 0); /* threads may be inside */
}
