/*
 * Stands in QEMU's place and plays the guest of a machine of several containers, well or badly: the
 * beginning of a container's name says how it fares, the first argument of a process beside it how
 * that does (see the tables below). What it is asked for it notes, a line each, in the file "log"
 * beside it, after the milliseconds of CLOCK_MONOTONIC.
 */
#include <fcntl.h>
#include <jansson.h>
#include <time.h>

#include "fake_guest.h"

#define PROCESSES_MAX 64

/* A container's first process, or one beside it. */
struct process {
    char id[80];
    uint64_t number; /* 0 for the first */
    uint32_t standard[3];
    uint64_t left; /* bytes of output still to be sent */
    bool input_open, echoes;
    struct process *next;
};

struct play {
    struct fake_guest guest;
    int log;
    uint64_t policy_request;
    uint32_t policy_stream;
    struct process *processes; /* that run */
    bool paused;
};

static void note(struct play *play, const char *op, const char *id, const char *more)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    TEXT_AUTO line = text_format("%lld %s %s%s%s\n",
                                 (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, op, id,
                                 *more ? " " : "", more);
    fake_must(line && write(play->log, line, strlen(line)) == (ssize_t)strlen(line), "note");
}

static void answer(struct play *play, uint64_t id, const char *rest)
{
    TEXT_AUTO text = text_format("{\"id\":%llu,%s}", (unsigned long long)id, rest);
    fake_say(&play->guest, text);
}

static void answer_ok(struct play *play, uint64_t id)
{
    answer(play, id, "\"ok\":true,\"result\":{}");
}

static void refuse(struct play *play, uint64_t id)
{
    answer(play, id,
           "\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":\"here\","
           "\"reason\":\"because of the test\"}");
}

static void tell_end(struct play *play, const char *id, uint64_t number, unsigned int code,
                     unsigned int signal)
{
    TEXT_AUTO text = text_format(
        "{\"event\":\"exited\",\"id\":\"%s\",\"process\":%llu,\"code\":%u,\"signal\":%u}", id,
        (unsigned long long)number, code, signal);
    fake_say(&play->guest, text);
}

/* --- processes -------------------------------------------------------------------------------- */

static struct process *find(struct play *play, const char *id, uint64_t number)
{
    struct process *process = play->processes;
    while (process && (process->number != number || strcmp(process->id, id) != 0))
        process = process->next;
    return process;
}

static void end(struct play *play, struct process *process, unsigned int code, unsigned int signal)
{
    struct process **at = &play->processes;
    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    for (int i = 1; i < 3; i++) {
        if (process->standard[i])
            (void)channel_close(&play->guest.channel, process->standard[i], NULL);
    }
    fake_flush(&play->guest);
    tell_end(play, process->id, process->number, code, signal);
    free(process);
}

static struct process *begin(struct play *play, const char *id, uint64_t number, const json_t *args)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    struct process *process = calloc(1, sizeof *process);
    fake_must(process != NULL, "memory");
    (void)snprintf(process->id, sizeof process->id, "%s", id);
    process->number = number;
    for (int i = 0; i < 3; i++) {
        process->standard[i] = (uint32_t)json_integer_value(json_object_get(args, names[i]));
        if (process->standard[i])
            fake_must(channel_open(&play->guest.channel, process->standard[i],
                                   i == 0 ? CHANNEL_RECEIVE : CHANNEL_SEND, NULL) == 0,
                      names[i]);
    }
    process->input_open = process->standard[0] != 0;
    process->next = play->processes;
    play->processes = process;
    return process;
}

/* Writes as far as it may; the end comes after the last byte. */
static void write_on(struct play *play, struct process *process)
{
    static const uint8_t bytes[8192] = {'o'};
    while (process->left > 0) {
        size_t size = channel_sendable(&play->guest.channel, process->standard[1]);
        size = size < sizeof bytes ? size : sizeof bytes;
        size = size < process->left ? size : (size_t)process->left;
        if (size == 0)
            return;
        fake_must(channel_send(&play->guest.channel, process->standard[1], span_of(bytes, size),
                               NULL) == 0,
                  "output");
        fake_flush(&play->guest);
        process->left -= size;
        if (process->left == 0) {
            note(play, "written", process->id, "");
            end(play, process, 0, 0);
            return;
        }
    }
}

/* --- how a container fares, by the beginning of its name ----------------------------------------
 */

static void stay(struct play *play, uint64_t request, struct process *process, unsigned int number)
{
    (void)process;
    (void)number;
    answer_ok(play, request);
}

static void end_with(struct play *play, uint64_t request, struct process *process,
                     unsigned int number)
{
    answer_ok(play, request);
    end(play, process, number, 0);
}

/* Only the first time: ids of later starts have a dot. */
static void fail_once(struct play *play, uint64_t request, struct process *process,
                      unsigned int number)
{
    answer_ok(play, request);
    if (!strchr(process->id, '.'))
        end(play, process, number, 0);
}

static void be_refused(struct play *play, uint64_t request, struct process *process,
                       unsigned int number)
{
    (void)number;
    for (int i = 1; i < 3; i++)
        (void)channel_close(&play->guest.channel, process->standard[i], NULL);
    fake_flush(&play->guest);
    refuse(play, request);
}

static void never_answer(struct play *play, uint64_t request, struct process *process,
                         unsigned int number)
{
    (void)play;
    (void)request;
    (void)process;
    (void)number;
}

/* Tells ends of what never ran, and its own end before its start. */
static void tell_of_ghosts(struct play *play, uint64_t request, struct process *process,
                           unsigned int number)
{
    (void)number;
    tell_end(play, "nobody", 0, 1, 0);
    tell_end(play, process->id, 4242, 1, 0);
    answer_ok(play, request);
    tell_end(play, "nobody", 4242, 1, 0);
}

static void end_twice(struct play *play, uint64_t request, struct process *process,
                      unsigned int number)
{
    TEXT_AUTO id = strdup(process->id);
    answer_ok(play, request);
    end(play, process, number, 0);
    tell_end(play, id, 0, number + 1, 0);
}

static void end_before_the_start(struct play *play, uint64_t request, struct process *process,
                                 unsigned int number)
{
    end(play, process, number, 0);
    answer_ok(play, request);
}

static void answer_twice(struct play *play, uint64_t request, struct process *process,
                         unsigned int number)
{
    (void)process;
    (void)number;
    answer_ok(play, request);
    answer_ok(play, request);
}

static void answer_with_a_number(struct play *play, uint64_t request, struct process *process,
                                 unsigned int number)
{
    (void)process;
    (void)number;
    answer(play, request, "\"ok\":true,\"result\":7");
}

static const struct {
    const char *prefix;
    void (*live)(struct play *play, uint64_t request, struct process *process, unsigned int number);
} lives[] = {
    {"ok", stay},
    {"deaf", stay},
    {"end-", end_with},
    {"once-", fail_once},
    {"refused", be_refused},
    {"mute", never_answer},
    {"ghosts", tell_of_ghosts},
    {"twice-", end_twice},
    {"early-", end_before_the_start},
    {"again", answer_twice},
    {"seven", answer_with_a_number},
};

static void create(struct play *play, uint64_t request, const char *id, const json_t *args)
{
    struct process *process = begin(play, id, 0, args);
    fake_must(!play->paused, "started while paused");
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        size_t len = strlen(lives[i].prefix);
        if (strncmp(id, lives[i].prefix, len) != 0)
            continue;
        lives[i].live(play, request, process, (unsigned int)strtoul(id + len, NULL, 10));
        return;
    }
    fake_must(false, "no such life");
}

/* --- how a process beside it does, by its first argument -----------------------------------------
 */

static void tell_process(struct play *play, uint64_t request, uint64_t number)
{
    TEXT_AUTO rest = text_format("\"ok\":true,\"result\":{\"pid\":2,\"process\":%llu}",
                                 (unsigned long long)number);
    answer(play, request, rest);
}

static void start(struct play *play, uint64_t request, const char *id, const json_t *args)
{
    const char *how = json_string_value(json_array_get(json_object_get(args, "args"), 0));
    fake_must(how != NULL, "an argument");
    fake_must(!play->paused, "asked while paused");
    struct process *process = begin(play, id, request, args);
    if (strcmp(how, "/mute") == 0)
        return;
    if (strcmp(how, "/refused") == 0)
        be_refused(play, request, process, 0);
    else if (strcmp(how, "/nameless") == 0)
        answer_ok(play, request);
    else if (strcmp(how, "/negative") == 0)
        answer(play, request, "\"ok\":true,\"result\":{\"pid\":2,\"process\":-1}");
    else if (strcmp(how, "/early") == 0) {
        tell_end(play, id, request, 3, 0);
        tell_process(play, request, request);
        end(play, process, 3, 0);
    } else {
        tell_process(play, request, request);
        process->echoes = strcmp(how, "/echo") == 0;
        if (text_starts_with(how, "/end-"))
            end(play, process, (unsigned int)strtoul(how + 5, NULL, 10), 0);
        else if (text_starts_with(how, "/write-")) {
            process->left = strtoul(how + 7, NULL, 10);
            write_on(play, process);
        }
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static void signal_it(struct play *play, uint64_t request, const char *id, const json_t *args)
{
    uint64_t number = (uint64_t)json_integer_value(json_object_get(args, "process"));
    unsigned int signal = (unsigned int)json_integer_value(json_object_get(args, "signal"));
    struct process *process = find(play, id, number);
    if (!process) {
        refuse(play, request);
        return;
    }
    answer_ok(play, request);
    if (signal == 9 || strncmp(id, "deaf", 4) != 0)
        end(play, process, 128 + signal, signal);
}

/* A guest refuses what it is or is not already. */
static void pause_it(struct play *play, uint64_t request, bool paused)
{
    if (play->paused == paused)
        refuse(play, request);
    else
        answer_ok(play, request);
    play->paused = paused;
}

/* A port's number says what is answered. */
static void probe(struct play *play, uint64_t request, const json_t *args)
{
    switch (json_integer_value(json_object_get(args, "port"))) {
    case 1:
        answer(play, request, "\"ok\":true,\"result\":{\"open\":true}");
        break;
    case 2:
        answer(play, request, "\"ok\":true,\"result\":{\"open\":false}");
        break;
    case 3:
        answer(play, request, "\"ok\":true,\"result\":{\"open\":\"yes\"}");
        break;
    case 4:
        refuse(play, request);
        break;
    default: /* never */
        break;
    }
}

static void do_request(struct play *play, uint64_t request, const char *op, const json_t *args)
{
    const char *id = json_string_value(json_object_get(args, "id"));
    char more[32] = "";
    json_int_t signal = json_integer_value(json_object_get(args, "signal"));
    const char *how = json_string_value(json_array_get(json_object_get(args, "args"), 0));
    if (signal)
        (void)snprintf(more, sizeof more, "%lld", (long long)signal);
    note(play, op, id ? id : "-", strcmp(op, "exec_in_container") == 0 && how ? how : more);
    if (strcmp(op, "set_policy") == 0) {
        play->policy_stream = (uint32_t)json_integer_value(json_object_get(args, "stream"));
        play->policy_request = request;
        fake_must(
            channel_open(&play->guest.channel, play->policy_stream, CHANNEL_RECEIVE, NULL) == 0,
            "policy");
    } else if (strcmp(op, "pause") == 0 || strcmp(op, "unpause") == 0)
        pause_it(play, request, *op == 'p');
    else if (strcmp(op, "create_container") == 0)
        create(play, request, id, args);
    else if (strcmp(op, "exec_in_container") == 0)
        start(play, request, id, args);
    else if (strcmp(op, "signal_container_process") == 0)
        signal_it(play, request, id, args);
    else if (strcmp(op, "probe_port") == 0)
        probe(play, request, args);
    else
        answer_ok(play, request);
}

static int on_control(void *argument, struct span text, struct error *err)
{
    json_auto_t *message = json_loadb((const char *)text.data, text.size, 0, NULL);
    const char *op = json_string_value(json_object_get(message, "op"));
    uint64_t request = (uint64_t)json_integer_value(json_object_get(message, "id"));
    const json_t *args = json_object_get(message, "args");
    (void)err;
    fake_must(op && request > 0 && args, "a request");
    do_request(argument, request, op, args);
    return 0;
}

static struct process *of_stream(struct play *play, uint32_t stream, size_t standard)
{
    struct process *process = play->processes;
    while (process && process->standard[standard] != stream)
        process = process->next;
    return process;
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct play *play = argument;
    struct process *process = of_stream(play, stream, 0);
    if (process && process->echoes &&
        channel_send(&play->guest.channel, process->standard[1], bytes, err) < 0)
        return -1;
    return channel_grant(&play->guest.channel, stream, bytes.size, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct play *play = argument;
    (void)err;
    if (play->policy_request && stream == play->policy_stream) {
        answer_ok(play, play->policy_request);
        play->policy_request = 0;
        return 0;
    }
    struct process *process = of_stream(play, stream, 0);
    if (!process)
        return 0;
    note(play, "input-ended", process->id, "");
    process->input_open = false;
    if (process->echoes)
        end(play, process, 0, 0);
    return 0;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct process *process = of_stream(argument, stream, 1);
    if (process)
        write_on(argument, process);
}

static const struct channel_handler handler = {on_control, on_data, on_closed, on_writable};

int main(int argc, char *argv[])
{
    struct play play = {.guest = {strrchr(argv[0], '/') + 1, fake_find_channel(argv), {0}}};
    uint8_t piece[65536];
    TEXT_AUTO path = text_format("%.*s/log", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
    (void)argc;
    play.log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    fake_must(play.log >= 0, "log");
    channel_init(&play.guest.channel, &handler, &play);
    fake_say(&play.guest,
             "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"simulated\"}");
    for (;;) {
        ssize_t got = recv(play.guest.fd, piece, sizeof piece, 0);
        if (got <= 0)
            return 0;
        fake_must(channel_receive(&play.guest.channel, span_of(piece, (size_t)got), NULL) == 0,
                  "receive");
        fake_flush(&play.guest);
    }
}
