/*
 * The reference's answers to 2,987 calls (vectors/policy): each is played, and each must agree but
 * for the differences listed here, where Caisson is stricter. A difference that is not listed
 * fails, a listed one that does not occur fails too, and a call that the reference refused is never
 * allowed unless the states have parted at an earlier difference of the list.
 */
#include "../check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

enum why {
    WHY_ALTERNATION, /* a|b is matched whole */
    WHY_DOUBLE_NAME, /* a variable with two values */
    WHY_SANDBOX,     /* the host's word "this is the sandbox" grants no mount */
    WHY_IN_USE,      /* a layer or root in use is not unmounted */
    WHY_ID_REUSED,   /* a container id is used once */
    WHY_FRAGMENT,    /* fragments are not loaded yet */
    WHY_STATE, /* follows from an earlier difference: that call changed the reference's state */
};

static const struct difference {
    const char *policy;
    unsigned int first, last; /* calls */
    enum why why;
} differences[] = {
    {"classic", 177, 177, WHY_DOUBLE_NAME},  {"classic", 226, 226, WHY_SANDBOX},
    {"classic", 247, 247, WHY_SANDBOX},      {"classic", 274, 274, WHY_FRAGMENT},
    {"classic", 284, 284, WHY_FRAGMENT},     {"classic", 286, 290, WHY_FRAGMENT},
    {"classic", 291, 292, WHY_IN_USE},       {"classic", 293, 294, WHY_STATE},
    {"classic", 306, 306, WHY_ID_REUSED},    {"classic", 308, 310, WHY_IN_USE},
    {"classic", 312, 312, WHY_STATE},        {"old010", 302, 303, WHY_IN_USE},
    {"old010", 304, 305, WHY_STATE},         {"old010", 317, 317, WHY_ID_REUSED},
    {"old010", 319, 321, WHY_IN_USE},        {"old010", 323, 323, WHY_STATE},
    {"full050", 69, 69, WHY_ALTERNATION},    {"full050", 186, 186, WHY_ALTERNATION},
    {"full050", 188, 188, WHY_ALTERNATION},  {"full050", 190, 190, WHY_ALTERNATION},
    {"full050", 192, 192, WHY_ALTERNATION},  {"full050", 194, 194, WHY_ALTERNATION},
    {"full050", 196, 196, WHY_ALTERNATION},  {"full050", 308, 308, WHY_ALTERNATION},
    {"full050", 310, 310, WHY_ALTERNATION},  {"full050", 352, 352, WHY_SANDBOX},
    {"full050", 434, 434, WHY_FRAGMENT},     {"full050", 444, 444, WHY_FRAGMENT},
    {"full050", 446, 450, WHY_FRAGMENT},     {"full050", 451, 452, WHY_IN_USE},
    {"full050", 453, 454, WHY_STATE},        {"full050", 466, 466, WHY_ID_REUSED},
    {"full050", 468, 470, WHY_IN_USE},       {"full050", 472, 472, WHY_STATE},
    {"platform", 264, 265, WHY_IN_USE},      {"platform", 266, 267, WHY_STATE},
    {"platform", 279, 279, WHY_ID_REUSED},   {"platform", 281, 283, WHY_IN_USE},
    {"platform", 285, 285, WHY_STATE},       {"ambig", 388, 388, WHY_SANDBOX},
    {"ambig", 389, 389, WHY_STATE},          {"ambig", 433, 434, WHY_IN_USE},
    {"ambig", 435, 435, WHY_STATE},          {"ambig", 452, 452, WHY_ID_REUSED},
    {"ambig", 454, 456, WHY_IN_USE},         {"ambig", 458, 458, WHY_STATE},
    {"olderapi", 108, 108, WHY_SANDBOX},     {"olderapi", 109, 109, WHY_STATE},
    {"olderapi", 203, 203, WHY_ALTERNATION}, {"olderapi", 299, 300, WHY_IN_USE},
    {"olderapi", 301, 302, WHY_STATE},       {"olderapi", 315, 316, WHY_IN_USE},
    {"olderapi", 318, 318, WHY_STATE},       {"attestation", 66, 68, WHY_FRAGMENT},
};

static const struct difference *find_difference(const char *policy, size_t call)
{
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
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

/* Bytes that no C string can hold: the guest refuses such a request before it asks the policy. */
static bool has_zero(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        if (strlen(json_string_value(text)) != json_string_length(text))
            return true;
    }
    return false;
}

static bool list_holds(struct policy_list list, const char *text)
{
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.items[i], text) == 0)
            return true;
    }
    return false;
}

static bool same_set(struct policy_list list, const json_t *expected)
{
    if (list.count != json_array_size(expected))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        if (!list_holds(list, json_string_value(json_array_get(expected, i))))
            return false;
    }
    return true;
}

static bool same_capabilities(const struct policy_decision *decision, const json_t *expected)
{
    static const char *const names[] = {"bounding", "effective", "inheritable", "permitted",
                                        "ambient"};
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (!same_set(decision->caps_kept.sets[i], json_object_get(expected, names[i])))
            return false;
    }
    return true;
}

static bool agrees(const struct policy_decision *decision, const json_t *call, const json_t *answer)
{
    enum policy_point point = decision->point;
    if (decision->allowed != json_is_true(json_object_get(answer, "allowed")))
        return false;
    if (!decision->allowed)
        return decision->reason[0] != '\0';
    if (point != POLICY_CREATE_CONTAINER && point != POLICY_EXEC_IN_CONTAINER &&
        point != POLICY_EXEC_EXTERNAL)
        return true;
    if (has_zero(json_object_get(call, "Env")))
        return true;
    return same_set(decision->env_kept, json_object_get(answer, "env_kept")) &&
           (point == POLICY_EXEC_EXTERNAL ||
            same_capabilities(decision, json_object_get(answer, "caps_kept"))) &&
           decision->stdio == json_is_true(json_object_get(answer, "stdio"));
}

struct game {
    const char *name;
    struct policy_state *state;
    struct policy_decision decision;
    size_t agreed, differed;
};

static void play(struct game *game, size_t index, const json_t *call, const json_t *answer)
{
    const struct difference *difference = find_difference(game->name, index);
    bool allowed = play_call(game->state, call, &game->decision);
    bool refused_there = !json_is_true(json_object_get(answer, "allowed"));
    bool same = agrees(&game->decision, call, answer);
    if (same == (difference != NULL))
        fail_msg("%s %zu: %s: %s", game->name, index,
                 difference ? "a listed difference does not occur" : "disagrees",
                 game->decision.reason);
    if (allowed && refused_there && (!difference || difference->why != WHY_STATE))
        fail_msg("%s %zu: allowed, and the reference refuses it", game->name, index);
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
    json_t *calls = json_load_file(path, JSON_ALLOW_NUL, NULL);
    (void)snprintf(path, sizeof path, "%s%s.expected.jsonl", base, name);
    FILE *answers = fopen(path, "rbe");
    assert_non_null(answers);
    assert_true(json_array_size(calls) > 0);
    for (size_t i = 0; i < json_array_size(calls); i++) {
        assert_non_null(fgets(line, sizeof line, answers));
        json_t *answer = json_loads(line, JSON_ALLOW_NUL, NULL);
        assert_int_equal(json_integer_value(json_object_get(answer, "i")), i);
        play(&game, i, json_array_get(calls, i), answer);
        json_decref(answer);
    }
    print_message("%s: %zu calls agree, %zu are stricter or follow from that\n", name, game.agreed,
                  game.differed);
    (void)fclose(answers);
    json_decref(calls);
    policy_decision_fini(&game.decision);
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
