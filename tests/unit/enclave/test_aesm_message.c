/* aesmd's answers, in every way cut and changed; the whole exchange is tests/scenario's. */
#include "../check.h"

#include <stdlib.h>

#include "enclave/aesm_message.h"

static struct error err;

struct message {
    uint8_t bytes[1024];
    size_t size;
};

static void put(struct message *message, const void *bytes, size_t size)
{
    assert_true(size <= sizeof message->bytes - message->size);
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

/* InitQuoteEx's answer: status 0, TARGETINFO of 512 bytes of 0x5A, size and bytes of the key's id.
 */
static void make_target(struct message *out)
{
    static const uint8_t head[] = {0x7A, 0xA9, 0x04, 0x08, 0x00, 0x12, 0x80, 0x04};
    static const uint8_t tail[] = {0x18, 0x20, 0x22, 0x20};
    uint8_t target[512];
    uint8_t id[32] = {0};
    memset(target, 0x5A, sizeof target);
    out->size = 0;
    put(out, head, sizeof head);
    put(out, target, sizeof target);
    put(out, tail, sizeof tail);
    put(out, id, sizeof id);
}

static void reads_a_target(void **state)
{
    (void)state;
    struct message message;
    struct aesm_answer answer;
    make_target(&message);
    check_ok(aesm_read_answer(span_of(message.bytes, message.size), AESM_INIT_QUOTE, &answer, &err),
             &err);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.target.size, 512);
    assert_int_equal(answer.target.data[511], 0x5A);
}

static void reads_a_size_and_a_status(void **state)
{
    (void)state;
    static const uint8_t size[] = {0x82, 0x01, 0x05, 0x08, 0x00, 0x10, 0xF8, 0x23};
    static const uint8_t status[] = {0x8A, 0x01, 0x02, 0x08, 0x2A};
    struct aesm_answer answer;
    check_ok(aesm_read_answer(span_of(size, sizeof size), AESM_QUOTE_SIZE, &answer, &err), &err);
    assert_int_equal(answer.size, 4600);
    check_ok(aesm_read_answer(span_of(status, sizeof status), AESM_QUOTE, &answer, &err), &err);
    assert_int_equal(answer.status, AESM_KEY_NOT_INITIALIZED);
    assert_int_equal(answer.quote.size, 0);
}

static void refuses_every_truncation_and_what_follows(void **state)
{
    (void)state;
    struct message message;
    struct aesm_answer answer;
    make_target(&message);
    for (size_t size = 0; size <= message.size + 1; size++) {
        if (size == message.size)
            continue;
        uint8_t *exact = calloc(1, size + 1); /* so that a sanitizer sees what reads beyond */
        assert_non_null(exact);
        memcpy(exact + 1, message.bytes, size < message.size ? size : message.size);
        check_error(aesm_read_answer(span_of(exact + 1, size), AESM_INIT_QUOTE, &answer, &err),
                    &err, ERROR_PROTOCOL);
        free(exact);
    }
}

/* What is not content is refused where it is changed, but for the status and the id's size. */
static void refuses_changed_structure(void **state)
{
    (void)state;
    struct message message;
    struct aesm_answer answer;
    make_target(&message);
    const size_t structure[] = {0, 1, 2, 3, 5, 6, 7, 8 + 512, 8 + 512 + 2, 8 + 512 + 3};
    for (size_t i = 0; i < sizeof structure / sizeof *structure; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            message.bytes[structure[i]] ^= (uint8_t)(1U << bit);
            check_error(aesm_read_answer(span_of(message.bytes, message.size), AESM_INIT_QUOTE,
                                         &answer, &err),
                        &err, ERROR_PROTOCOL);
            message.bytes[structure[i]] ^= (uint8_t)(1U << bit);
        }
    }
}

static void refuses_the_answer_to_another_request(void **state)
{
    (void)state;
    struct message message;
    struct aesm_answer answer;
    make_target(&message);
    check_error(
        aesm_read_answer(span_of(message.bytes, message.size), AESM_QUOTE_SIZE, &answer, &err),
        &err, ERROR_PROTOCOL);
    check_error(aesm_read_answer(span_of(message.bytes, message.size), AESM_QUOTE, &answer, &err),
                &err, ERROR_PROTOCOL);
}

static void writes_no_request_beyond_the_limit(void **state)
{
    (void)state;
    static const struct sgx_report report;
    BUF_AUTO whole = BUF_WITH_LIMIT(2048);
    check_ok(aesm_write_quote(&report, 4600, 1, &whole, &err), &err);
    BUF_AUTO small = BUF_WITH_LIMIT(whole.size - 1);
    check_error(aesm_write_quote(&report, 4600, 1, &small, &err), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_target),
        cmocka_unit_test(reads_a_size_and_a_status),
        cmocka_unit_test(refuses_every_truncation_and_what_follows),
        cmocka_unit_test(refuses_changed_structure),
        cmocka_unit_test(refuses_the_answer_to_another_request),
        cmocka_unit_test(writes_no_request_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
