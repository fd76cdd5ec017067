/* The gate of policies inside an enclave of the model answers as it does outside: the same code,
 * built for another library. */
#include "../check.h"

#include <stdlib.h>

#include "../../enclave/gate.h"
#include "../../policy_sequence.h"
#include "probe_enclave.h"

#define PAIRS 300

static const char *image;
static struct error err;
static struct probe_enclave gate;
static const uint8_t fuse[MODEL_FUSE_SIZE] = {1};
static char *answers;

static int prepare(void **state)
{
    (void)state;
    answers = calloc(1, GATE_ANSWER_MAX + 1);
    assert_non_null(answers);
    model_set_fuse(fuse);
    probe_init(&gate, image);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    free(answers);
    probe_fini(&gate);
    return 0;
}

static uint64_t answer(void *context, uint64_t number, const uint64_t arguments[3])
{
    (void)context;
    (void)number;
    (void)arguments;
    return 0;
}

/* A new enclave under this policy decides; the bytes of its answers. */
static uint64_t decide(struct span policy, struct span pairs)
{
    const uint64_t arguments[4] = {(uint64_t)policy.data, (uint64_t)pairs.data,
                                   (uint64_t)policy.size | (uint64_t)pairs.size << 32,
                                   (uint64_t)answers};
    const struct enclave_host host = {answer, NULL};
    uint64_t result = 0;
    memset(answers, 0, GATE_ANSWER_MAX);
    enclave_options_bind(&gate.options, policy);
    probe_load(&gate);
    check_ok(enclave_run_thread(gate.enclave, probe_tcs(&gate, 0), arguments, &host, &result, &err),
             &err);
    return result;
}

/* Mounts, overlays, processes and the rest, by a sequence that is the same at each run. */
static void make_pairs(uint8_t pairs[2 * PAIRS], uint32_t seed)
{
    static const uint8_t first[] = {0x00, 0x01, 0x01, 0x00, 0x20, 0x04, 0xA0, 0x0C,
                                    0xA0, 0x14, 0xA4, 0x11, 0x40, 0x12, 0x50, 0x00};
    for (size_t i = 0; i < (size_t)2 * PAIRS; i++) {
        seed = seed * 1664525 + 1013904223;
        pairs[i] = (uint8_t)(seed >> 24);
    }
    memcpy(pairs, first, sizeof first);
}

static void decides_as_outside(void **state)
{
    (void)state;
    static uint8_t pairs[2 * PAIRS];
    struct span policy = span_of_text(policy_sequence_text);
    for (uint32_t seed = 1; seed <= 4; seed++) {
        BUF_AUTO expected = BUF_WITH_LIMIT(GATE_ANSWER_MAX);
        make_pairs(pairs, seed);
        struct span calls = span_of(pairs, sizeof pairs);
        check_ok(policy_sequence_play(policy, calls, &expected, &err), &err);
        assert_int_equal(decide(policy, calls), expected.size);
        assert_string_equal(answers, buf_text(&expected));
        assert_non_null(strstr(answers, "allowed stdio B=1 C=1 CAP_CHOWN"));
        assert_non_null(strstr(answers, "denied: "));
    }
}

static void refuses_what_is_no_policy_in_the_same_words(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "package other\n", "package policy\ncontainers := [",
                                        "package policy\nallow_all := true\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        BUF_AUTO none = BUF_WITH_LIMIT(16);
        struct span policy = span_of_text(texts[i]);
        check_error(policy_sequence_play(policy, span_of(NULL, 0), &none, &err), &err,
                    ERROR_INVALID);
        assert_true(decide(policy, span_of("", 0)) == GATE_REFUSED);
        assert_string_equal(answers, err.text);
    }
}

/* The first calls mount two layers, stack them, and create a process that the policy has. */
static void creates_a_container_on_its_layers_alone(void **state)
{
    (void)state;
    static uint8_t pairs[2 * PAIRS];
    struct span policy = span_of_text(policy_sequence_text);
    make_pairs(pairs, 1);
    for (size_t from = 0; from <= 4; from += 4) { /* without the layers the second time */
        assert_true(decide(policy, span_of(pairs + from, 8 - from)) != GATE_REFUSED);
        const char *last = strrchr(answers, '\n');
        assert_non_null(last);
        while (last > answers && last[-1] != '\n')
            last--;
        assert_int_equal(strncmp(last, "allowed", 7) == 0, from == 0);
    }
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_as_outside),
        cmocka_unit_test(refuses_what_is_no_policy_in_the_same_words),
        cmocka_unit_test(creates_a_container_on_its_layers_alone),
    };
    if (argc != 2)
        return 2;
    image = argv[1];
    return cmocka_run_group_tests(tests, prepare, finish);
}
