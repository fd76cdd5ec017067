/*
 * Variables and capabilities that may be dropped: random policies and processes, decided by the
 * policy and by a model that tries everything. Candidates differ in nothing else, so that the two
 * rules alone decide.
 */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "policy/policy.h"
#include "sample.h"

#define ROUNDS     6000
#define CONTAINERS 4
#define VARIABLES  6
#define CAPS       4

static const char *const variables[VARIABLES] = {"A=1", "A=2", "B=1", "C=1", "D=", "E=x=y"};
/* Rules: the variables themselves, and two patterns. */
#define RULES (VARIABLES + 2)
static const char *const patterns[] = {"A=.+", "[BC]=1"};
static const unsigned int pattern_masks[] = {1 << 0 | 1 << 1, 1 << 2 | 1 << 3};
static const char *const capabilities[CAPS] = {"CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_FOWNER"};
static const char *const set_names[POLICY_CAPABILITY_SETS] = {
    "bounding", "effective", "inheritable", "permitted", "ambient"};

struct candidate {
    unsigned int rules, required; /* bit n: has rule n; it is required */
    unsigned int sets[POLICY_CAPABILITY_SETS];
};

struct question {
    struct candidate candidates[CONTAINERS];
    unsigned int count;
    bool drop_variables, drop_capabilities;
    unsigned int env;
    unsigned int sets[POLICY_CAPABILITY_SETS];
};

struct answer {
    bool allowed;
    unsigned int env;
    unsigned int sets[POLICY_CAPABILITY_SETS];
};

/* --- chance ----------------------------------------------------------------------------------- */

static uint64_t random_state = 0x9E3779B97F4A7C15ULL;

static unsigned int below(unsigned int count)
{
    random_state ^= random_state << 13; /* xorshift64, Marsaglia 2003 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned int)(random_state >> 33) % count;
}

/* Each of the bits one time in `rarity`. */
static unsigned int some_bits(unsigned int count, unsigned int rarity)
{
    unsigned int bits = 0;
    for (unsigned int i = 0; i < count; i++)
        bits |= (unsigned int)(below(rarity) == 0) << i;
    return bits;
}

static struct question make_question(void)
{
    struct question it = {.count = 1 + below(CONTAINERS),
                          .drop_variables = below(4) != 0,
                          .drop_capabilities = below(4) != 0,
                          .env = some_bits(VARIABLES, 2)};
    unsigned int alike[POLICY_CAPABILITY_SETS];
    for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++)
        alike[set] = some_bits(CAPS, 3);
    for (unsigned int i = 0; i < it.count; i++) {
        struct candidate *candidate = &it.candidates[i];
        candidate->rules = some_bits(RULES, 2);
        candidate->required = candidate->rules & some_bits(RULES, 8);
        for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++)
            candidate->sets[set] = below(12) ? alike[set] : some_bits(CAPS, 2);
    }
    /* Mostly what some container has, and a little more. */
    for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++)
        it.sets[set] = it.candidates[below(it.count)].sets[set] | some_bits(CAPS, 12);
    return it;
}

/* --- the model -------------------------------------------------------------------------------- */

static unsigned int rule_mask(unsigned int rule)
{
    return rule < VARIABLES ? 1U << rule : pattern_masks[rule - VARIABLES];
}

static unsigned int known(const struct candidate *candidate, unsigned int env)
{
    unsigned int mask = 0;
    for (unsigned int rule = 0; rule < RULES; rule++)
        mask |= candidate->rules >> rule & 1 ? rule_mask(rule) : 0;
    return mask & env;
}

static bool has_required(const struct candidate *candidate, unsigned int env)
{
    for (unsigned int rule = 0; rule < RULES; rule++) {
        if (candidate->required >> rule & 1 && !(rule_mask(rule) & env))
            return false;
    }
    return true;
}

static unsigned int size_of(unsigned int bits)
{
    return (unsigned int)__builtin_popcount(bits);
}

/* The candidates (bits) that remain, and what is kept; 0 when the variables are refused. */
static unsigned int model_variables(const struct question *it, unsigned int *kept)
{
    unsigned int most = 0;
    unsigned int left = 0;
    for (unsigned int i = 0; i < it->count; i++) {
        unsigned int size = size_of(known(&it->candidates[i], it->env));
        most = size > most ? size : most;
    }
    if (!it->drop_variables && most < size_of(it->env))
        return 0;
    for (unsigned int i = 0; i < it->count; i++)
        left |= (unsigned int)(size_of(known(&it->candidates[i], it->env)) == most) << i;
    for (unsigned int i = 0; i < it->count; i++) {
        unsigned int own = known(&it->candidates[i], it->env);
        unsigned int first = known(&it->candidates[__builtin_ctz(left)], it->env);
        if (left >> i & 1 && own != first)
            return 0;
        *kept = first;
    }
    for (unsigned int i = 0; i < it->count; i++) {
        if (!has_required(&it->candidates[i], it->env))
            left &= ~(1U << i);
    }
    bool twice = (*kept & 3) == 3; /* A=1 and A=2 */
    return twice ? 0 : left;
}

static bool model_capabilities(const struct question *it, unsigned int left,
                               unsigned int kept[POLICY_CAPABILITY_SETS])
{
    unsigned int most = 0;
    bool begun = false;
    for (unsigned int i = 0; i < it->count; i++) {
        unsigned int own[POLICY_CAPABILITY_SETS];
        unsigned int size = 0;
        for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++) {
            own[set] = it->candidates[i].sets[set] & it->sets[set];
            size += size_of(own[set]);
        }
        if (!(left >> i & 1) || (begun && size < most))
            continue;
        if (!begun || size > most)
            memcpy(kept, own, sizeof own);
        begun = true;
        most = size;
    }
    for (unsigned int i = 0; i < it->count; i++) {
        unsigned int size = 0;
        bool same = true;
        for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++) {
            unsigned int own = it->candidates[i].sets[set] & it->sets[set];
            size += size_of(own);
            same = same && own == kept[set];
        }
        if (left >> i & 1 && size == most && !same)
            return false;
    }
    return true;
}

static struct answer model(const struct question *it)
{
    struct answer out = {0};
    unsigned int left = model_variables(it, &out.env);
    if (left == 0)
        return (struct answer){0};
    memcpy(out.sets, it->sets, sizeof out.sets);
    if (it->drop_capabilities && !model_capabilities(it, left, out.sets))
        return (struct answer){0};
    for (unsigned int i = 0; i < it->count; i++)
        out.allowed = out.allowed || (left >> i & 1 && memcmp(it->candidates[i].sets, out.sets,
                                                              sizeof out.sets) == 0);
    return out.allowed ? out : (struct answer){0};
}

/* --- the policy ------------------------------------------------------------------------------- */

static void append_names(struct buf *out, const char *const *names, unsigned int bits)
{
    const char *comma = "";
    for (unsigned int i = 0; bits >> i; i++) {
        if (bits >> i & 1) {
            assert_int_equal(buf_printf(out, NULL, "%s\"%s\"", comma, names[i]), 0);
            comma = ",";
        }
    }
}

static void append_container(struct buf *out, const struct candidate *it)
{
    const char *comma = "";
    assert_int_equal(
        buf_append_text(out, "{\"name\":\"c\",\"command\":[\"/c\"],\"env_rules\":[", NULL), 0);
    for (unsigned int rule = 0; rule < RULES; rule++) {
        if (!(it->rules >> rule & 1))
            continue;
        bool plain = rule < VARIABLES;
        assert_int_equal(
            buf_printf(out, NULL, "%s{\"pattern\":\"%s\",\"strategy\":\"%s\",\"required\":%s}",
                       comma, plain ? variables[rule] : patterns[rule - VARIABLES],
                       plain ? "string" : "re2", it->required >> rule & 1 ? "true" : "false"),
            0);
        comma = ",";
    }
    assert_int_equal(buf_append_text(out, "],\"capabilities\":{", NULL), 0);
    for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++) {
        assert_int_equal(buf_printf(out, NULL, "%s\"%s\":[", set ? "," : "", set_names[set]), 0);
        append_names(out, capabilities, it->sets[set]);
        assert_int_equal(buf_append_text(out, "]", NULL), 0);
    }
    assert_int_equal(
        buf_append_text(out,
                        "},\"layers\":[\"" HASH_A "\"],\"mounts\":[],\"exec_processes\":[],"
                        "\"signals\":[],\"allow_elevated\":false,\"allow_stdio_access\":true,"
                        "\"no_new_privileges\":false,\"working_dir\":\"/\","
                        "\"seccomp_profile_sha256\":\"\"," SAMPLE_USER("", "any") "}",
                        NULL),
        0);
}

static void write_policy(const struct question *it, struct buf *out)
{
    assert_int_equal(buf_append_text(out, SAMPLE_HEAD "fragments := []\ncontainers := [", NULL), 0);
    for (unsigned int i = 0; i < it->count; i++) {
        assert_int_equal(buf_append_text(out, i ? "," : "", NULL), 0);
        append_container(out, &it->candidates[i]);
    }
    assert_int_equal(
        buf_printf(out, NULL,
                   "]\nallow_environment_variable_dropping := %s\nallow_capability_dropping := "
                   "%s\n" SAMPLE_POINTS "\nreason := {\"errors\": data.framework.errors}",
                   it->drop_variables ? "true" : "false", it->drop_capabilities ? "true" : "false"),
        0);
}

/* The names of these bits, as a list in `room`. */
static struct policy_list list_of(const char *const *names, unsigned int bits, const char **room)
{
    size_t count = 0;
    for (unsigned int i = 0; bits >> i; i++) {
        if (bits >> i & 1)
            room[count++] = names[i];
    }
    return (struct policy_list){room, count};
}

static unsigned int bits_of(struct policy_list list, const char *const *names, unsigned int count)
{
    unsigned int bits = 0;
    for (size_t i = 0; i < list.count; i++) {
        for (unsigned int bit = 0; bit < count; bit++)
            bits |= (unsigned int)(strcmp(names[bit], list.items[i]) == 0) << bit;
    }
    return bits;
}

static bool create(struct policy_state *state, const struct question *it,
                   struct policy_decision *decision)
{
    static const char *const args[] = {"/c"};
    static const char *const layers[] = {"/run/mounts/scsi/m0"};
    static const struct policy_identity root = {"0", "root"};
    const char *env[VARIABLES];
    const char *caps[POLICY_CAPABILITY_SETS][CAPS];
    struct policy_process process = {.container_id = "c",
                                     .sandbox_id = "pod",
                                     .args = {args, 1},
                                     .env = list_of(variables, it->env, env),
                                     .cwd = "/",
                                     .user = root,
                                     .groups = &root,
                                     .group_count = 1,
                                     .umask = "0022",
                                     .seccomp_sha256 = ""};
    for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++)
        process.capabilities.sets[set] = list_of(capabilities, it->sets[set], caps[set]);
    assert_true(policy_mount_device(state, layers[0], HASH_A, decision));
    assert_true(policy_mount_overlay(state, "c", (struct policy_list){layers, 1},
                                     "/run/gcs/c/c/rootfs", decision));
    return policy_create_container(state, &process, decision);
}

static struct answer decide(const struct question *it)
{
    struct error err = {0};
    struct answer out = {0};
    struct policy_state *state = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
    POLICY_AUTO policy = NULL;
    POLICY_DECISION_AUTO decision = {0};
    write_policy(it, &text);
    check_ok(policy_parse(buf_span(&text), POLICY_STRICT, &policy, &err), &err);
    check_ok(policy_state_new(policy, &state, &err), &err);
    out.allowed = create(state, it, &decision);
    if (out.allowed) {
        out.env = bits_of(decision.env_kept, variables, VARIABLES);
        for (unsigned int set = 0; set < POLICY_CAPABILITY_SETS; set++)
            out.sets[set] = bits_of(decision.caps_kept.sets[set], capabilities, CAPS);
    }
    policy_state_free(state);
    return out;
}

static void keeps_what_trying_everything_keeps(void **state)
{
    unsigned int allowed = 0;
    unsigned int dropped = 0;
    (void)state;
    for (unsigned int round = 0; round < ROUNDS; round++) {
        const struct question it = make_question();
        struct answer expected = model(&it);
        struct answer found = decide(&it);
        if (memcmp(&expected, &found, sizeof found) != 0) {
            BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
            write_policy(&it, &text);
            fail_msg("round %u: allowed %d, not %d; env %#x of %#x, not %#x:\n%s", round,
                     found.allowed, expected.allowed, found.env, it.env, expected.env,
                     buf_text(&text));
        }
        allowed += found.allowed;
        dropped += found.allowed && found.env != it.env;
    }
    /* The questions were neither all too hard nor all too easy. */
    assert_in_range(allowed, ROUNDS / 20, ROUNDS - ROUNDS / 5);
    assert_true(dropped > ROUNDS / 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_trying_everything_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
