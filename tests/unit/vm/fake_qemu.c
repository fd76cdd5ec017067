/*
 * Stands in QEMU's place and plays the guest's end of the channel, well or badly: the name by which
 * it is called says how ("exit-3", "refuse-mount_device", "malformed"; see the tables below). It
 * finds the channel among its arguments, as QEMU does, and leaves a line in the file "runs" beside
 * it for each time that it is started.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "fake_guest.h"

struct play {
    struct fake_guest guest;
    char id[80]; /* of the container */
    uint32_t in;
    uint32_t out;
    uint32_t error;
    uint64_t left;   /* bytes of output still to be sent */
    uint64_t at;     /* bytes sent */
    uint64_t policy; /* bytes of the policy still to come */
    uint64_t policy_request;
    bool echoes; /* sends back what comes */
    size_t owed; /* bytes of it that were not granted again */
};

static void answer(struct play *play, uint64_t id, const char *rest)
{
    TEXT_AUTO text = text_format("{\"id\":%llu,%s}", (unsigned long long)id, rest);
    fake_say(&play->guest, text);
}

static void answer_ok(struct play *play, uint64_t id)
{
    answer(play, id, "\"ok\":true,\"result\":{}");
}

static void tell_exit(struct play *play, unsigned int code, unsigned int signal)
{
    TEXT_AUTO text = text_format(
        "{\"event\":\"exited\",\"id\":\"%s\",\"process\":0,\"code\":%u,\"signal\":%u}", play->id,
        code, signal);
    if (play->out)
        (void)channel_close(&play->guest.channel, play->out, NULL);
    if (play->error)
        (void)channel_close(&play->guest.channel, play->error, NULL);
    fake_say(&play->guest, text);
}

/* --- output: a pattern, so that a byte that is lost shows ----------------------------------------
 */

static void pump(struct play *play)
{
    uint8_t piece[8192];
    while (play->left > 0) {
        size_t size = channel_sendable(&play->guest.channel, play->out);
        if (size == 0)
            return;
        size = size < sizeof piece ? size : sizeof piece;
        size = size < play->left ? size : (size_t)play->left;
        for (size_t i = 0; i < size; i++)
            piece[i] = (uint8_t)((play->at + i) * 31 >> 3);
        fake_must(channel_send(&play->guest.channel, play->out, span_of(piece, size), NULL) == 0,
                  "output");
        fake_flush(&play->guest);
        play->at += size;
        play->left -= size;
        if (play->left == 0)
            tell_exit(play, 0, 0);
    }
}

/* --- how the container fares, by the name
 * ---------------------------------------------------------- */

static void end_by_code(struct play *play, unsigned long number)
{
    tell_exit(play, (unsigned int)number, 0);
}

static void end_by_signal(struct play *play, unsigned long number)
{
    tell_exit(play, 128U + (unsigned int)number, (unsigned int)number);
}

static void write_much(struct play *play, unsigned long number)
{
    play->left = number;
    pump(play);
}

static void echo(struct play *play, unsigned long number)
{
    (void)number;
    play->echoes = true;
}

static void be_idle(struct play *play, unsigned long number)
{
    (void)play;
    (void)number;
}

static void die(struct play *play, unsigned long number)
{
    (void)play;
    _exit((int)number);
}

static void break_json(struct play *play, unsigned long number)
{
    (void)number;
    fake_say_frame(&play->guest, 1, 0, "{\"event\":", 9, 9);
}

static void claim_too_much(struct play *play, unsigned long number)
{
    (void)number;
    fake_say_frame(&play->guest, 1, 0, "x", 1, 0x7fffffff);
}

static void answer_unasked(struct play *play, unsigned long number)
{
    answer_ok(play, number);
}

static void send_past_credit(struct play *play, unsigned long number)
{
    uint8_t *bytes = calloc(1, CHANNEL_PAYLOAD_MAX);
    fake_must(bytes != NULL, "memory");
    for (unsigned long i = 0; i < number; i++)
        fake_say_frame(&play->guest, 2, play->out, bytes, CHANNEL_PAYLOAD_MAX, CHANNEL_PAYLOAD_MAX);
    free(bytes);
}

static void send_on_another_stream(struct play *play, unsigned long number)
{
    fake_say_frame(&play->guest, 2, (uint32_t)number, "x", 1, 1);
}

static void greet_again(struct play *play, unsigned long number)
{
    (void)number;
    fake_say(&play->guest,
             "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"simulated\"}");
}

static void say_unknown_event(struct play *play, unsigned long number)
{
    (void)number;
    fake_say(&play->guest, "{\"event\":\"reboot\"}");
}

static const struct {
    const char *prefix;
    void (*function)(struct play *play, unsigned long number);
} lives[] = {
    {"exit-", end_by_code},
    {"signal-", end_by_signal},
    {"output-", write_much},
    {"echo", echo},
    {"idle", be_idle},
    {"stubborn", be_idle},
    {"deny", be_idle},
    {"dumb", be_idle},
    {"die-later", die},
    {"malformed", break_json},
    {"oversized", claim_too_much},
    {"unasked-", answer_unasked},
    {"flood-", send_past_credit},
    {"stream-", send_on_another_stream},
    {"hello-twice", greet_again},
    {"event", say_unknown_event},
    {"die-first", end_by_code},
    {"console", end_by_code},
};

static void live(struct play *play)
{
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        size_t len = strlen(lives[i].prefix);
        if (strncmp(play->guest.name, lives[i].prefix, len) != 0)
            continue;
        lives[i].function(play, strtoul(play->guest.name + len, NULL, 10));
        return;
    }
    fake_must(false, "no such life");
}

/* --- requests --------------------------------------------------------------------------------- */

static uint32_t number_of(const json_t *args, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(args, key));
}

static void create(struct play *play, uint64_t id, const json_t *args)
{
    (void)snprintf(play->id, sizeof play->id, "%s", json_string_value(json_object_get(args, "id")));
    play->in = number_of(args, "stdin");
    play->out = number_of(args, "stdout");
    play->error = number_of(args, "stderr");
    if (play->in)
        fake_must(channel_open(&play->guest.channel, play->in, CHANNEL_RECEIVE, NULL) == 0,
                  "stdin");
    fake_must(channel_open(&play->guest.channel, play->out, CHANNEL_SEND, NULL) == 0, "stdout");
    if (play->error)
        fake_must(channel_open(&play->guest.channel, play->error, CHANNEL_SEND, NULL) == 0,
                  "stderr");
    answer_ok(play, id);
    live(play);
}

static void signal_it(struct play *play, uint64_t id, const json_t *args)
{
    if (strncmp(play->guest.name, "dumb", 4) == 0)
        return;
    if (strncmp(play->guest.name, "deny", 4) == 0) {
        answer(play, id,
               "\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":"
               "\"signal_container_process\",\"reason\":\"no such signal\"}");
        return;
    }
    answer_ok(play, id);
    if (strncmp(play->guest.name, "stubborn", 8) != 0)
        tell_exit(play, 128U + number_of(args, "signal"), number_of(args, "signal"));
}

static bool is_refused(struct play *play, const char *op)
{
    return strncmp(play->guest.name, "refuse-", 7) == 0 && strcmp(play->guest.name + 7, op) == 0;
}

static int on_control(void *argument, struct span text, struct error *err)
{
    struct play *play = argument;
    json_auto_t *message = json_loadb((const char *)text.data, text.size, 0, NULL);
    const char *op = json_string_value(json_object_get(message, "op"));
    uint64_t id = (uint64_t)json_integer_value(json_object_get(message, "id"));
    const json_t *args = json_object_get(message, "args");
    (void)err;
    fake_must(op && id > 0 && args, "a request");
    if (is_refused(play, op))
        answer(play, id,
               "\"ok\":false,\"error\":{\"code\":\"denied\",\"point\":\"here\","
               "\"reason\":\"because of the test\"}");
    else if (strcmp(op, "set_policy") == 0) {
        fake_must(channel_open(&play->guest.channel, number_of(args, "stream"), CHANNEL_RECEIVE,
                               NULL) == 0,
                  "policy");
        play->policy_request = id;
    } else if (strcmp(op, "create_container") == 0)
        create(play, id, args);
    else if (strcmp(op, "signal_container_process") == 0)
        signal_it(play, id, args);
    else if (strcmp(op, "attest") == 0)
        return 0; /* is never answered */
    else
        answer_ok(play, id);
    return 0;
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct play *play = argument;
    if (play->echoes && stream == play->in) {
        play->owed += bytes.size;
        fake_must(channel_send(&play->guest.channel, play->out, bytes, err) == 0, "echo");
        fake_flush(&play->guest);
        return 0;
    }
    return channel_grant(&play->guest.channel, stream, bytes.size, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct play *play = argument;
    (void)err;
    if (play->policy_request) {
        answer_ok(play, play->policy_request);
        play->policy_request = 0;
    } else if (play->echoes && stream == play->in)
        tell_exit(play, 0, 0);
    return 0;
}

/* What comes is let in only as far as it may go back at once: no buffer is needed. */
static void let_in(struct play *play)
{
    size_t allowed = CHANNEL_WINDOW - play->owed;
    size_t sendable = channel_sendable(&play->guest.channel, play->out);
    if (sendable <= allowed)
        return;
    fake_must(channel_grant(&play->guest.channel, play->in, sendable - allowed, NULL) == 0,
              "grant");
    play->owed -= sendable - allowed;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct play *play = argument;
    if (stream != play->out)
        return;
    if (play->echoes)
        let_in(play);
    else
        pump(play);
}

static const struct channel_handler handler = {on_control, on_data, on_closed, on_writable};

/* --- the program --------------------------------------------------------------------------------
 */

/* Notes the start; how often it was started before. */
static long note_run(const char *program)
{
    TEXT_AUTO path = text_format("%.*s/runs", (int)(strrchr(program, '/') - program), program);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    fake_must(fd >= 0, "runs");
    long before = lseek(fd, 0, SEEK_END);
    (void)!write(fd, "\n", 1);
    (void)close(fd);
    return before;
}

static void fill_console(void)
{
    char piece[4096];
    memset(piece, 'c', sizeof piece);
    for (int i = 0; i < 768; i++)
        (void)!write(STDOUT_FILENO, piece, sizeof piece);
}

int main(int argc, char *argv[])
{
    struct play play = {.guest = {strrchr(argv[0], '/') + 1, fake_find_channel(argv), {0}}};
    uint8_t piece[65536];
    long before = note_run(argv[0]);
    (void)argc;
    if (strcmp(play.guest.name, "die-before") == 0 ||
        (strcmp(play.guest.name, "die-first") == 0 && before == 0)) {
        (void)fprintf(stderr, "the fake QEMU dies\n");
        return 1;
    }
    if (strcmp(play.guest.name, "silent") == 0)
        for (;;)
            (void)pause();
    if (strcmp(play.guest.name, "console") == 0)
        fill_console();
    channel_init(&play.guest.channel, &handler, &play);
    fake_say(&play.guest,
             strcmp(play.guest.name, "other-tee") == 0
                 ? "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"sev-snp\"}"
                 : "{\"event\":\"hello\",\"protocol\":1,\"version\":\"0\",\"tee\":\"simulated\"}");
    if (strcmp(play.guest.name, "die-hello") == 0)
        return 1;
    if (strcmp(play.guest.name, "exit-early") == 0)
        fake_say(&play.guest,
                 "{\"event\":\"exited\",\"id\":\"a\",\"process\":0,\"code\":0,\"signal\":0}");
    for (;;) {
        ssize_t got = recv(play.guest.fd, piece, sizeof piece, 0);
        if (got <= 0)
            return 0;
        if (strcmp(play.guest.name, "mute") == 0)
            continue;
        fake_must(channel_receive(&play.guest.channel, span_of(piece, (size_t)got), NULL) == 0,
                  "receive");
        fake_flush(&play.guest);
    }
}
