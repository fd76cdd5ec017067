/*
 * Runs a program in the library OS, in an enclave of the model: what tests compare with the same
 * program outside. The policy allows everything; the gate inside still decides by it.
 *
 * usage: enclave-run ENCLAVE [--policy FILE] [--bound FILE] [--user USER] [--cwd FOLDER] [--times
 * yes]
 *                    [--signature FILE] [--tally FILE [--wrong WHAT]] [--quotes DISK]
 *                    --layer DISK ROOT… PROGRAM [ARGUMENT…]
 *
 * The top layer comes first; ROOT is its root hash in hexadecimal digits. --policy is another
 * policy, --bound the one whose digest is CONFIGID; --signature is the enclave's, which is signed
 * here else; --times says how long the start took. --tally has the calls of the door counted, and
 * --wrong one of them answered wrongly (hostile.h). --quotes lets programs have quotes, which are a
 * played quoter's (quoter.h), and gives the attestation agent's disk. The environment is this
 * program's.
 *
 * The enclave is signed by a key that everybody has. Lines of the library OS go to standard error,
 * after "libos: ". Exits with the program's code, 128 and its signal, or 125 when it was not run.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "enclave/host_nursery.h"
#include "enclave/model.h"
#include "hostile.h"
#include "measure/sigstruct_sign.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/file_map.h"
#include "policy/capabilities.h"
#include "quoter.h"
#include "vm/guest_session.h"

#define NOT_RUN    125
#define POLICY_MAX (4U << 20)
#define LAYERS_MAX 32

static const char key_pem[] =
#include "../unit/measure/sigstruct_key.inc"
    ;

static const char all_allowed[] =
    "package policy\n"
    "api_version := \"0.11.0\"\n"
    "mount_device := {\"allowed\": true}\n"
    "mount_overlay := {\"allowed\": true}\n"
    "create_container := {\"allowed\": true, \"allow_stdio_access\": true}\n"
    "signal_container_process := {\"allowed\": true}\n";

static const char has_api[] =
    "caisson_attestation := {\"api\": true, \"secrets\": [], \"services\": []}\n";

struct given {
    struct buf policy, bound, signature;
    int disks[LAYERS_MAX + 1]; /* the agent's behind the layers */
    const char *roots[LAYERS_MAX];
    size_t layer_count;
    const char *user, *cwd, *tally, *wrong, *agent;
    bool has_times;
    char **words;
};

static void say(const char *line)
{
    (void)fprintf(stderr, "libos: %s\n", line);
}

/* --- the enclave's process -------------------------------------------------------------------- */

static int sign(const struct enclave_image *image, uint8_t out[SIGSTRUCT_SIZE], struct error *err)
{
    struct sigstruct fields = {.date = 0x20260131,
                               .attributes = {SGX_MODE64 | SGX_KSS},
                               .attributes_mask = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    PRIVATE_KEY_AUTO *key = private_key_from_pem(span_of_text(key_pem), err);
    if (!key || enclave_image_measure(image, fields.mrenclave, err) < 0)
        return -1;
    return sigstruct_sign(&fields, key, out, err);
}

/* Signing measures the enclave once more: who counts time has it done before. */
static int take_signature(const struct given *given, const struct enclave_image *image,
                          uint8_t out[SIGSTRUCT_SIZE], struct error *err)
{
    if (given->signature.size == 0)
        return sign(image, out, err);
    if (given->signature.size != SIGSTRUCT_SIZE)
        return error_set(err, ERROR_INVALID, "a signature has %d bytes", SIGSTRUCT_SIZE);
    memcpy(out, given->signature.data, SIGSTRUCT_SIZE);
    return 0;
}

static double now_ms(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Its disk is the last one; its quoter is a process of its own. */
static int begin_quotes(struct given *given, struct enclave_host_run *run,
                        struct host_quoter *quoter, struct error *err)
{
    if (!given->agent)
        return 0;
    given->disks[given->layer_count] = file_open_read(given->agent, err);
    if (given->disks[given->layer_count] < 0 || quoter_begin(say, quoter, err) < 0)
        return -1;
    run->disk_count++;
    run->quoter = quoter;
    return 0;
}

static int host(const char *path, struct given *given, int channel, struct error *err)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = "a test's own one";
    struct enclave_options options = {.config_svn = 0};
    struct host_quoter quoter;
    struct span file;
    struct enclave_image image;
    uint8_t sigstruct[SIGSTRUCT_SIZE];
    struct enclave_host_run run = {.channel = channel,
                                   .tee = "sgx-simulated",
                                   .disks = given->disks,
                                   .disk_count = given->layer_count,
                                   .log = say,
                                   .instead = given->tally ? hostile_answer : NULL};
    enclave_options_bind(&options, buf_span(&given->bound));
    model_set_fuse(fuse);
    if ((given->tally && hostile_begin(given->tally, given->wrong, err) < 0) ||
        begin_quotes(given, &run, &quoter, err) < 0)
        return -1;
    FD_AUTO fd = file_open_read(path, err);
    if (fd < 0 || file_map(fd, &file, err) < 0 || enclave_image_parse(file, &image, err) < 0 ||
        take_signature(given, &image, sigstruct, err) < 0)
        return -1;
    const struct host_recipe recipe = {
        .driver = &driver_model, .image = &image, .sigstruct = sigstruct, .options = &options};
    struct host_nursery nursery;
    if (host_nursery_begin(&recipe, &run, &nursery, err) < 0)
        return -1;
    double begin = now_ms();
    struct enclave *enclave = enclave_load(&driver_model, &image, sigstruct, &options, err);
    if (given->has_times)
        (void)fprintf(stderr, "enclave-run: loaded in %.2f ms\n", now_ms() - begin);
    nursery.base = enclave ? enclave->base : 0;
    run.nursery = &nursery;
    return enclave ? enclave_host_run(enclave, &image, &run, err) : -1;
}

static void be_host(const char *path, struct given *given, int channel)
{
    struct error err = {0};
    (void)signal(SIGPIPE, SIG_IGN);
    if (host(path, given, channel, &err) < 0)
        (void)fprintf(stderr, "enclave-run: %s\n", err.text);
    _exit(0);
}

/* --- whom the gate speaks to ------------------------------------------------------------------ */

struct run {
    struct event_base *base;
    struct guest_session *session;
    struct event *readable; /* standard input */
    struct buf input;
    bool input_ended;
    bool over;
    int code;
};

static void end(struct run *run, int code)
{
    run->over = true;
    run->code = code;
    (void)event_base_loopbreak(run->base);
}

/* A refusal of any step. */
static void on_answer(void *argument, const json_t *result, const struct error *refusal)
{
    if (result || ((struct run *)argument)->over)
        return; /* what follows a refusal is refused for it */
    (void)fprintf(stderr, "enclave-run: %s\n", refusal->text);
    end(argument, NOT_RUN);
}

static void pump_input(struct run *run)
{
    size_t room = session_sendable(run->session, SESSION_STDIN);
    size_t size = run->input.size < room ? run->input.size : room;
    if (size > 0 &&
        session_send(run->session, SESSION_STDIN, span_of(run->input.data, size), NULL) == 0)
        buf_consume(&run->input, size);
    if (run->input.size > 0)
        return;
    if (run->input_ended)
        (void)session_end_input(run->session, SESSION_STDIN, NULL);
    else
        (void)event_add(run->readable, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    struct run *run = argument;
    uint8_t piece[65536];
    ssize_t got = read(fd, piece, sizeof piece);
    (void)what;
    if (got > 0)
        (void)buf_append(&run->input, span_of(piece, (size_t)got), NULL);
    else
        run->input_ended = true;
    pump_input(run);
}

static void on_created(void *argument, const json_t *result, const struct error *refusal)
{
    if (result)
        pump_input(argument);
    else
        on_answer(argument, result, refusal);
}

static void on_output(void *argument, uint32_t stream, struct span bytes)
{
    struct run *run = argument;
    (void)fd_write_all(stream == SESSION_STDERR ? STDERR_FILENO : STDOUT_FILENO, bytes, NULL);
    session_grant(run->session, stream, bytes.size);
}

static void on_nothing(void *argument)
{
    (void)argument;
}

static void on_closed(void *argument, uint32_t stream)
{
    (void)argument;
    (void)stream;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct run *run = argument;
    if (stream == SESSION_STDIN && run->input.size > 0)
        pump_input(run);
}

static void on_exited(void *argument, const struct session_exit *exit)
{
    end(argument, exit->signal ? 128 + (int)exit->signal : (int)exit->code);
}

static void on_ended(void *argument, const struct error *err)
{
    if (err)
        (void)fprintf(stderr, "enclave-run: %s\n", err->text);
    end(argument, NOT_RUN);
}

static const struct session_handler handler = {on_nothing,  on_output, on_closed,
                                               on_writable, on_exited, on_ended};

static json_t *texts(char *const *all)
{
    json_t *array = json_array();
    for (; *all; all++)
        (void)json_array_append_new(array, json_string(*all));
    return array;
}

static json_t *process_json(const struct given *given)
{
    json_t *all = json_array(); /* as tests outside have them */
    for (size_t i = 0; i < policy_privileged_capability_count; i++)
        (void)json_array_append_new(all, json_string(policy_privileged_capability_names[i]));
    json_t *sets = json_pack("{s:O, s:O, s:O, s:[], s:[]}", "bounding", all, "effective", all,
                             "permitted", all, "inheritable", "ambient");
    json_decref(all);
    return json_pack("{s:s, s:o, s:o, s:s, s:s, s:i, s:o, s:b, s:b, s:b, s:[], s:s, s:b, s:i, s:i, "
                     "s:i, s:i, s:i}",
                     "id", "test", "args", texts(given->words), "env", texts(environ), "cwd",
                     given->cwd, "user", given->user, "umask", 022, "capabilities", sets,
                     "no_new_privileges", false, "privileged", false, "read_only_root", false,
                     "mounts", "hostname", "caisson", "terminal", false, "rows", 0, "columns", 0,
                     "stdin", SESSION_STDIN, "stdout", SESSION_STDOUT, "stderr", SESSION_STDERR);
}

/* The whole start at once, as the host of a utility VM asks for it. */
static int ask(struct run *run, const struct given *given, struct error *err)
{
    struct guest_session *session = run->session;
    json_t *targets = json_array();
    if (session_set_policy(session, buf_span(&given->policy), on_answer, run, err) < 0)
        return -1;
    for (size_t i = 0; i < given->layer_count; i++) {
        char target[64];
        (void)snprintf(target, sizeof target, "/run/mounts/scsi/m%zu", i);
        (void)json_array_append_new(targets, json_string(target));
        if (session_request(session, "mount_device",
                            json_pack("{s:i, s:s, s:s}", "lun", (int)i, "root_hash",
                                      given->roots[i], "target", target),
                            on_answer, run, err) < 0)
            return -1;
    }
    if (session_request(session, "mount_overlay",
                        json_pack("{s:s, s:o}", "id", "test", "layers", targets), on_answer, run,
                        err) < 0 ||
        session_open_streams(session, true, true, err) < 0)
        return -1;
    return session_request(session, "create_container", process_json(given), on_created, run, err);
}

/* Files can be waited for, too. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    (void)event_config_avoid_method(config, "epoll");
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

/* What is sent to this process is for the program. */
static void on_signal(evutil_socket_t number, short what, void *argument)
{
    struct run *run = argument;
    (void)what;
    (void)session_request(
        run->session, "signal_container_process",
        json_pack("{s:s, s:i, s:i}", "id", "test", "process", 0, "signal", (int)number), on_answer,
        run, NULL);
}

static int speak(const struct given *given, int channel, struct error *err)
{
    struct run run = {.base = new_base(), .input = BUF_WITH_LIMIT(1U << 20), .code = NOT_RUN};
    run.session = session_open(run.base, channel, "sgx-simulated", &handler, &run, err);
    run.readable = event_new(run.base, STDIN_FILENO, EV_READ, on_readable, &run);
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
    struct event *signals[sizeof numbers / sizeof *numbers];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signals[i] = evsignal_new(run.base, numbers[i], on_signal, &run);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)event_add(signals[i], NULL);
    int status = run.session && run.readable ? ask(&run, given, err) : -1;
    if (status == 0)
        (void)event_base_dispatch(run.base);
    session_close(run.session);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        event_free(signals[i]);
    if (run.readable)
        event_free(run.readable);
    event_base_free(run.base);
    buf_fini(&run.input);
    return status < 0 ? -1 : run.code;
}

/* --- the command line ------------------------------------------------------------------------- */

/* An option's value, or a layer's; the place behind it. */
static int take_option(char **at, struct given *given, struct error *err)
{
    if (strcmp(at[0], "--policy") == 0)
        return file_read(at[1], &given->policy, err);
    if (strcmp(at[0], "--bound") == 0)
        return file_read(at[1], &given->bound, err);
    if (strcmp(at[0], "--signature") == 0)
        return file_read(at[1], &given->signature, err);
    if (strcmp(at[0], "--user") == 0)
        given->user = at[1];
    else if (strcmp(at[0], "--cwd") == 0)
        given->cwd = at[1];
    else if (strcmp(at[0], "--tally") == 0)
        given->tally = at[1];
    else if (strcmp(at[0], "--wrong") == 0)
        given->wrong = at[1];
    else if (strcmp(at[0], "--quotes") == 0)
        given->agent = at[1];
    else if (strcmp(at[0], "--times") == 0)
        given->has_times = true;
    else
        return error_set(err, ERROR_USAGE, "%s: no such option", at[0]);
    return 0;
}

static int take_words(char **at, struct given *given, struct error *err)
{
    int status = 0;
    while (status == 0 && at[0] && strncmp(at[0], "--", 2) == 0 && at[1]) {
        bool is_layer = strcmp(at[0], "--layer") == 0;
        if (!is_layer) {
            status = take_option(at, given, err);
            at += 2;
            continue;
        }
        if (!at[2] || given->layer_count == LAYERS_MAX)
            return error_set(err, ERROR_USAGE, "no such layer");
        int fd = file_open_read(at[1], err);
        status = fd < 0 ? -1 : 0;
        given->disks[given->layer_count] = fd;
        given->roots[given->layer_count++] = at[2];
        at += 3;
    }
    given->words = at;
    return status == 0 && !at[0] ? error_set(err, ERROR_USAGE, "no program is named") : status;
}

static int complete(struct given *given, struct error *err)
{
    if (given->policy.size == 0 &&
        (buf_append_text(&given->policy, all_allowed, err) < 0 ||
         (given->agent && buf_append_text(&given->policy, has_api, err) < 0)))
        return -1;
    return given->bound.size == 0 ? buf_append(&given->bound, buf_span(&given->policy), err) : 0;
}

static int run(const char *image, struct given *given, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_system(err, errno, "socketpair");
    pid_t pid = fork();
    if (pid < 0)
        return error_system(err, errno, "fork");
    if (pid == 0) {
        (void)close(pair[0]);
        be_host(image, given, pair[1]);
    }
    (void)close(pair[1]);
    int code = speak(given, pair[0], err);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return code;
}

int main(int argc, char *argv[])
{
    static struct given given = {.user = "0", .cwd = "/"};
    struct error err = {0};
    int code = -1;
    given.policy = given.bound = given.signature = (struct buf)BUF_WITH_LIMIT(POLICY_MAX);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2)
        (void)error_set(&err, ERROR_USAGE, "no enclave is named");
    else if (take_words(argv + 2, &given, &err) == 0 && complete(&given, &err) == 0)
        code = run(argv[1], &given, &err);
    if (code < 0)
        (void)fprintf(stderr, "enclave-run: %s\n", err.text);
    buf_fini(&given.policy);
    buf_fini(&given.bound);
    buf_fini(&given.signature);
    return code < 0 ? NOT_RUN : code;
}
