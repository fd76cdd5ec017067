#include "guest/user.h"

#include <stdio.h>

#include "base/text.h"

#define FIELDS_MAX 7

/* A line of passwd(5) or group(5), cut at its colons. */
struct line {
    struct span fields[FIELDS_MAX];
    size_t count;
};

enum {
    PASSWD_NAME = 0,
    PASSWD_UID = 2,
    PASSWD_GID = 3,
    PASSWD_HOME = 5,
    GROUP_NAME = 0,
    GROUP_GID = 2,
    GROUP_MEMBERS = 3
};

/* Takes the bytes up to `separator` off the text. */
static struct span take_until(struct span *text, char separator)
{
    const uint8_t *end = text->size ? memchr(text->data, separator, text->size) : NULL;
    size_t size = end ? (size_t)(end - text->data) : text->size;
    struct span taken = span_of(text->data, size);
    size_t skip = end ? size + 1 : size;
    text->data += skip;
    text->size -= skip;
    return taken;
}

static bool next_line(struct span *text, struct line *line)
{
    if (text->size == 0)
        return false;
    struct span rest = take_until(text, '\n');
    *line = (struct line){0};
    while (line->count < FIELDS_MAX && rest.size > 0)
        line->fields[line->count++] = take_until(&rest, ':');
    return true;
}

static bool to_id(struct span text, uint32_t *id)
{
    char digits[16];
    uint64_t value;
    if (text.size == 0 || text.size >= sizeof digits || memchr(text.data, 0, text.size))
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    if (!text_to_u64(digits, USER_ID_MAX, &value))
        return false;
    *id = (uint32_t)value;
    return true;
}

/* Copies a text; one that does not fit, or that is not plain, is none. */
static bool to_text(struct span text, char *out, size_t size)
{
    out[0] = '\0';
    if (text.size == 0 || text.size >= size || memchr(text.data, 0, text.size) ||
        !text_is_utf8(text))
        return false;
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return true;
}

/* An entry's name and number. False for a line that is malformed. */
static bool to_identity(const struct line *line, size_t name, size_t id, struct user_identity *out)
{
    return line->count > id && to_id(line->fields[id], &out->id) &&
           to_text(line->fields[name], out->name, sizeof out->name);
}

/* What to look for: by name, or by number where the text is one. */
struct wanted {
    struct span name;
    bool is_number;
    uint32_t id;
};

static struct wanted wanted_of(struct span text)
{
    struct wanted wanted = {.name = text};
    wanted.is_number = to_id(text, &wanted.id);
    return wanted;
}

static bool agrees(const struct wanted *wanted, const struct user_identity *identity)
{
    if (wanted->is_number)
        return wanted->id == identity->id;
    return span_equal_text(wanted->name, identity->name);
}

/* A number needs no entry; a name does. */
static int settle_missing(const struct wanted *wanted, const char *kind, const char *file,
                          struct user_identity *out, struct error *err)
{
    if (!wanted->is_number)
        return error_set(
            err, ERROR_NOT_FOUND, "no %s %.*s in the container's %s", kind,
            wanted->name.size < USER_NAME_SIZE ? (int)wanted->name.size : USER_NAME_SIZE,
            (const char *)wanted->name.data, file);
    *out = (struct user_identity){.id = wanted->id};
    return 0;
}

/* The user with its home and, from its entry, the number of its group (0 without an entry). */
static int find_user(struct span passwd, const struct wanted *wanted, struct user *out,
                     uint32_t *gid, struct error *err)
{
    struct line line;
    *gid = 0;
    while (next_line(&passwd, &line)) {
        if (!to_identity(&line, PASSWD_NAME, PASSWD_UID, &out->user) ||
            !agrees(wanted, &out->user) || line.count <= PASSWD_GID ||
            !to_id(line.fields[PASSWD_GID], gid))
            continue;
        if (line.count > PASSWD_HOME)
            (void)to_text(line.fields[PASSWD_HOME], out->home, sizeof out->home);
        return 0;
    }
    return settle_missing(wanted, "user", "/etc/passwd", &out->user, err);
}

static int find_group(struct span group, const struct wanted *wanted, struct user_identity *out,
                      struct error *err)
{
    struct line line;
    while (next_line(&group, &line)) {
        if (to_identity(&line, GROUP_NAME, GROUP_GID, out) && agrees(wanted, out))
            return 0;
    }
    return settle_missing(wanted, "group", "/etc/group", out, err);
}

static bool has_member(struct span members, const char *name)
{
    while (members.size > 0) {
        if (span_equal_text(take_until(&members, ','), name))
            return true;
    }
    return false;
}

static bool has_group(const struct user *user, uint32_t id)
{
    for (size_t i = 0; i < user->group_count; i++) {
        if (user->groups[i].id == id)
            return true;
    }
    return false;
}

static int add_group(const struct user_identity *group, struct user *user, struct error *err)
{
    if (has_group(user, group->id))
        return 0;
    if (user->group_count > USER_GROUPS_MAX)
        return error_set(err, ERROR_LIMIT, "the user %s is in more than %d groups", user->user.name,
                         USER_GROUPS_MAX);
    user->groups[user->group_count++] = *group;
    return 0;
}

/* Every group that lists the user among its members. */
static int add_memberships(struct span group, struct user *user, struct error *err)
{
    struct line line;
    struct user_identity found;
    while (user->user.name[0] && next_line(&group, &line)) {
        if (!to_identity(&line, GROUP_NAME, GROUP_GID, &found) || line.count <= GROUP_MEMBERS ||
            !has_member(line.fields[GROUP_MEMBERS], user->user.name))
            continue;
        if (add_group(&found, user, err) < 0)
            return -1;
    }
    return 0;
}

int user_resolve(const char *text, struct span passwd, struct span group, struct user *out,
                 struct error *err)
{
    struct span rest = span_of_text(*text ? text : "0");
    bool names_group = memchr(rest.data, ':', rest.size) != NULL;
    struct wanted user = wanted_of(take_until(&rest, ':'));
    uint32_t gid;
    *out = (struct user){.group_count = 1};
    if (user.name.size == 0 ||
        (names_group && (rest.size == 0 || memchr(rest.data, ':', rest.size))))
        return error_set(err, ERROR_INVALID, "the user \"%.64s\" is neither USER nor USER:GROUP",
                         text);
    if (find_user(passwd, &user, out, &gid, err) < 0)
        return -1;
    struct wanted own = {.is_number = true, .id = gid};
    if (names_group)
        own = wanted_of(rest);
    if (find_group(group, &own, &out->groups[0], err) < 0)
        return -1;
    /* As in Docker: who names a group gets that one alone. */
    return names_group ? 0 : add_memberships(group, out, err);
}

int user_add_groups(struct policy_list names, struct span group, struct user *user,
                    struct error *err)
{
    struct user_identity found;
    for (size_t i = 0; i < names.count; i++) {
        struct wanted wanted = wanted_of(span_of_text(names.items[i]));
        if (find_group(group, &wanted, &found, err) < 0 || add_group(&found, user, err) < 0)
            return -1;
    }
    return 0;
}
