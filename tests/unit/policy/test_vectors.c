/*
 * The reference's answers to 2,987 calls (vectors/policy): each is played, and each must agree but
 * for the differences listed in differences.txt, where Caisson is stricter. A difference that is
 * not listed fails, a listed one that does not occur fails too, and a call that the reference
 * refused is never allowed unless the states have parted at an earlier difference of the list.
 */
#include "../check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/json.h"
#include "policy/calls.h"
#include "whole.h"

#define DIFFERENCES_MAX 256

static struct difference {
    char policy[32];
    unsigned int first, last; /* calls */
    char why[32];
} differences[DIFFERENCES_MAX];
static size_t difference_count;

static void read_differences(void)
{
    char line[128];
    FILE *file = fopen(CAISSON_SOURCE_ROOT "/tests/unit/policy/differences.txt", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        struct difference *row = &differences[difference_count];
        if (line[0] == '#')
            continue;
        assert_true(difference_count++ < DIFFERENCES_MAX);
        assert_int_equal(
            sscanf(line, "%31s %u %u %31s", row->policy, &row->first, &row->last, row->why), 4);
    }
    (void)fclose(file);
    assert_true(difference_count > 0);
}

static const struct difference *find_difference(const char *policy, size_t call)
{
    for (size_t i = 0; i < difference_count; i++) {
        if (strcmp(differences[i].policy, policy) == 0 && call >= differences[i].first &&
            call <= differences[i].last)
            return &differences[i];
    }
    return NULL;
}

static const char *folder(void)
{
    static char path[512];
    const char *root = getenv("CAISSON_VECTORS");
    if (root)
        (void)snprintf(path, sizeof path, "%s/policy", root);
    else
        (void)snprintf(path, sizeof path, "%s/../shared/vectors/policy", CAISSON_SOURCE_ROOT);
    DIR *dir = opendir(path);
    if (!dir)
        return NULL;
    (void)closedir(dir);
    return path;
}

/* What is given to a process and what it may use; a denial needs a reason. */
static bool agrees(const json_t *own, const json_t *expected)
{
    static const char *const keys[] = {"i",        "op",        "note", "allowed",
                                       "env_kept", "caps_kept", "stdio"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *ours = json_object_get(own, keys[i]);
        json_t *theirs = json_object_get(expected, keys[i]);
        if (ours || theirs ? !json_equal(ours, theirs) : false)
            return false;
    }
    const json_t *errors = json_object_get(own, "errors");
    return json_is_true(json_object_get(own, "allowed")) ||
           json_string_length(json_array_get(errors, 0)) > 0;
}

struct game {
    const char *name;
    struct policy_calls *calls;
    struct policy_state *state;
    struct policy_decision decision;
    size_t agreed, differed;
};

static void play(struct game *game, size_t index, const json_t *expected)
{
    struct error err = {0};
    BUF_AUTO line = BUF_WITH_LIMIT(1 << 20);
    const struct difference *difference = find_difference(game->name, index);
    bool refused_there = !json_is_true(json_object_get(expected, "allowed"));
    check_ok(policy_calls_play(game->calls, index, game->state, &game->decision, &err), &err);
    check_ok(policy_calls_answer(game->calls, index, &game->decision, &line, &err), &err);
    json_t *own = json_loads(buf_text(&line), JSON_ALLOW_NUL, NULL);
    bool same = agrees(own, expected);
    if (same == (difference != NULL))
        fail_msg("%s %zu: %s: %s", game->name, index,
                 difference ? "a listed difference does not occur" : "disagrees", buf_text(&line));
    if (game->decision.allowed && refused_there &&
        (!difference || strcmp(difference->why, "state") != 0))
        fail_msg("%s %zu: allowed, and the reference refuses it", game->name, index);
    json_decref(own);
    game->agreed += same;
    game->differed += !same;
}

static struct policy *load(const char *path, struct error *err)
{
    size_t size;
    struct policy *policy;
    char *text = read_whole(path, &size);
    check_ok(policy_parse(span_of(text, size), POLICY_STRICT, &policy, err), err);
    free(text);
    return policy;
}

static struct policy_calls *load_calls(const char *path, struct error *err)
{
    size_t size;
    struct policy_calls *calls;
    char *text = read_whole(path, &size);
    check_ok(policy_calls_parse(span_of(text, size), &calls, err), err);
    free(text);
    return calls;
}

static void play_file(const char *base, const char *name)
{
    char path[640];
    char line[65536];
    struct error err = {0};
    struct game game = {.name = name};
    (void)snprintf(path, sizeof path, "%s%s.rego", base, name);
    struct policy *policy = load(path, &err);
    check_ok(policy_state_new(policy, &game.state, &err), &err);
    (void)snprintf(path, sizeof path, "%s%s.calls.json", base, name);
    game.calls = load_calls(path, &err);
    (void)snprintf(path, sizeof path, "%s%s.expected.jsonl", base, name);
    FILE *answers = fopen(path, "rbe");
    assert_non_null(answers);
    assert_true(policy_calls_count(game.calls) > 0);
    for (size_t i = 0; i < policy_calls_count(game.calls); i++) {
        assert_non_null(fgets(line, sizeof line, answers));
        json_t *answer = json_loads(line, JSON_ALLOW_NUL, NULL);
        play(&game, i, answer);
        json_decref(answer);
    }
    print_message("%s: %zu calls agree, %zu are stricter or follow from that\n", name, game.agreed,
                  game.differed);
    (void)fclose(answers);
    policy_decision_fini(&game.decision);
    policy_calls_free(game.calls);
    policy_state_free(game.state);
    policy_free(policy);
}

static void agrees_with_the_reference(void **state)
{
    static const char *const names[] = {"classic", "old010",   "full050", "platform",
                                        "ambig",   "olderapi", "newer",   "noversion"};
    char base[600];
    const char *vectors = folder();
    (void)state;
    if (!vectors)
        check_skip("no vectors at $CAISSON_VECTORS or ../shared/vectors");
    read_differences();
    (void)snprintf(base, sizeof base, "%s/more/", vectors);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        play_file(base, names[i]);
    (void)snprintf(base, sizeof base, "%s/", vectors);
    play_file(base, "attestation");
}

static void refuses_hand_written_rules(void **state)
{
    char path[640];
    size_t size;
    struct error err = {0};
    struct policy *policy;
    const char *vectors = folder();
    (void)state;
    if (!vectors)
        check_skip("no vectors at $CAISSON_VECTORS or ../shared/vectors");
    (void)snprintf(path, sizeof path, "%s/more/custom.rego", vectors);
    char *text = read_whole(path, &size);
    check_refused(policy_parse(span_of(text, size), POLICY_ALLOW_ALL, &policy, &err), &err,
                  "line 32");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(refuses_hand_written_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
