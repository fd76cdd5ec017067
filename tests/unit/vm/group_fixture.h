/* A machine of several containers, whose guest is fake_group.c; and what that was asked for. */
#ifndef CAISSON_TESTS_GROUP_FIXTURE_H
#define CAISSON_TESTS_GROUP_FIXTURE_H

#include "machine_fixture.h"

#include "format/json.h"

#define GROUP_LAYERS 1
#define LOG_SIZE     ((size_t)1 << 20)

static const size_t group_layers[GROUP_LAYERS] = {0};

/* Makes it a machine of these members; they are changed and kept. */
static inline void form_group(struct machine_fixture *fixture, struct vm_member *members,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        members[i].image = "image";
        members[i].process = fixture->config.process;
        members[i].layers = group_layers;
        members[i].layer_count = GROUP_LAYERS;
    }
    fixture->config.members = members;
    fixture->config.member_count = count;
}

/* What the guest was asked for, in its order: "OP ID [MORE]" a line, without the times. The caller
 * frees it. */
static inline char *read_log(const struct machine_fixture *fixture)
{
    BUF_AUTO text = BUF_WITH_LIMIT(LOG_SIZE);
    BUF_AUTO out = BUF_WITH_LIMIT(LOG_SIZE);
    struct error err = {0};
    TEXT_AUTO path = path_in(fixture, "log");
    (void)file_read(path, &text, NULL);
    for (const char *at = buf_text(&text); *at;) {
        const char *end = strchr(at, '\n');
        const char *words = strchr(at, ' ');
        if (!end || !words)
            break;
        check_ok(buf_append(&out, span_of(words + 1, (size_t)(end + 1 - (words + 1))), &err), &err);
        at = end + 1;
    }
    return strdup(buf_text(&out));
}

/* When the guest was asked for this the nth time, from 0: milliseconds; -1 for not yet. */
static inline int64_t time_of(const struct machine_fixture *fixture, const char *line, int nth)
{
    BUF_AUTO text = BUF_WITH_LIMIT(LOG_SIZE);
    TEXT_AUTO path = path_in(fixture, "log");
    TEXT_AUTO words = text_format(" %s\n", line);
    (void)file_read(path, &text, NULL);
    const char *found = buf_text(&text);
    for (found = strstr(found, words); found && nth > 0; nth--)
        found = strstr(found + 1, words);
    if (!found)
        return -1;
    while (found > buf_text(&text) && found[-1] != '\n')
        found--;
    return strtoll(found, NULL, 10);
}

static inline int count_of(const struct machine_fixture *fixture, const char *line)
{
    int count = 0;
    while (time_of(fixture, line, count) >= 0)
        count++;
    return count;
}

/* Waits until the guest was asked for this so often. */
static inline void await_line(const struct machine_fixture *fixture, const char *line, int count)
{
    for (int tries = 0; tries < LONG_MS / 10; tries++) {
        if (time_of(fixture, line, count - 1) >= 0)
            return;
        pause_ms(10);
    }
    TEXT_AUTO log = read_log(fixture);
    fail_msg("\"%s\" has not come %d times:\n%s", line, count, log);
}

/* The lines come in this order; others may be between them. */
static inline void check_order(const struct machine_fixture *fixture, const char *const *lines,
                               size_t count)
{
    TEXT_AUTO log = read_log(fixture);
    const char *at = log;
    for (size_t i = 0; i < count; i++) {
        TEXT_AUTO line = text_format("%s\n", lines[i]);
        const char *found = strstr(at, line);
        if (!found)
            fail_msg("\"%s\" (line %zu) is not where it should be:\n%s", lines[i], i, log);
        at = found + strlen(line);
    }
}

/* What the record says of a member, as "status ready restarts code"; the caller frees it. */
static inline char *standing_of(const char *name)
{
    RECORD_AUTO record = {0};
    if (record_read(NAME, &record, NULL) < 0)
        return strdup("no record");
    for (size_t i = 0; i < json_array_size(record.containers); i++) {
        const json_t *row = json_array_get(record.containers, i);
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return text_format("%s %s %lld %lld", json_string_value(json_object_get(row, "status")),
                               json_is_true(json_object_get(row, "ready")) ? "ready" : "not-ready",
                               json_integer_value(json_object_get(row, "restarts")),
                               json_integer_value(json_object_get(row, "exit_code")));
    }
    return strdup("no such member");
}

static inline void await_standing(const char *name, const char *expected)
{
    TEXT_AUTO found = NULL;
    for (int tries = 0; tries < LONG_MS / 10; tries++) {
        text_free(&found);
        found = standing_of(name);
        if (strcmp(found, expected) == 0)
            return;
        pause_ms(10);
    }
    fail_msg("%s is \"%s\", not \"%s\"", name, found, expected);
}

/* Waits for the end of the machine. */
static inline struct client_exit end_of_group(struct client_connection *connection)
{
    struct error err = {0};
    struct client_exit end = {0};
    check_ok(client_wait(connection, &end, &err), &err);
    return end;
}

/* Stops it, and expects that it goes as it was asked. */
static inline struct client_exit stop(struct client_connection *connection)
{
    struct error err = {0};
    struct client_exit end = {0};
    check_ok(client_stop(connection, LONG_MS, &end, &err), &err);
    return end;
}

#endif
