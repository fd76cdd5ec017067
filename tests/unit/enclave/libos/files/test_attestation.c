/* /dev/attestation by the model's keys: what a process writes, what it gets for that, and a host
 * that gives other quotes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/poll.h>
#include <signal.h>
#include <stdlib.h>

#include "../../../check.h"
#include "../stage.h"
#include "../wire/party.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/attestation.h"
#include "enclave/libos/files/ready.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/thread.h"
#include "evidence/enclave_mark.h"

#define HANDLE      77
#define BODY_SIZE   SGX_REPORT_BODY_SIZE
#define REST        100 /* bytes of what follows the report in a quote */
#define QUOTE_SIZE  (48 + BODY_SIZE + 4 + REST)
#define REPORT_DATA 320 /* in a report's body */

static struct world {
    struct tree *root, *attestation;
    struct vfs *vfs;
    struct party party;
} world;

/* The host: what it gives on the stream, from where on. */
static struct {
    uint8_t bytes[2 * DOOR_BUFFER_SIZE];
    size_t size, at;
    unsigned pauses; /* so often nothing has come yet */
    int64_t answer;  /* of DOOR_QUOTE, or 0 for the handle */
    unsigned asked, closed;
    void (*change)(uint8_t *quote);
} host;

void program_save_vectors(void *area)
{
    (void)area;
}

void program_load_vectors(const void *area)
{
    (void)area;
}

static void put_quote(void)
{
    static const uint8_t head[] = {3, 0, 2, 0};
    const uint32_t rest = REST;
    memset(host.bytes, 0xEE, sizeof host.bytes);
    memcpy(host.bytes, head, sizeof head);
    memcpy(host.bytes + 48, stage_buffer, BODY_SIZE);
    memcpy(host.bytes + 48 + BODY_SIZE, &rest, sizeof rest);
    host.size = QUOTE_SIZE;
    host.at = 0;
    if (host.change)
        host.change(host.bytes);
}

static int64_t receive(size_t size)
{
    static const struct door_address nobody;
    if (host.pauses > 0) {
        host.pauses--;
        return -EAGAIN;
    }
    size_t left = host.size - host.at;
    size = size < left ? size : left;
    memcpy(stage_buffer, &nobody, sizeof nobody);
    memcpy(stage_buffer + sizeof nobody, host.bytes + host.at, size);
    host.at += size;
    return (int64_t)size;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)c;
    switch (number) {
    case DOOR_QUOTE:
        assert_int_equal(a, SGX_REPORT_SIZE);
        host.asked++;
        if (host.answer != 0)
            return (uint64_t)host.answer;
        put_quote();
        return HANDLE;
    case DOOR_RECEIVE:
        assert_int_equal(a, HANDLE);
        return (uint64_t)receive(b);
    case DOOR_CLOSE:
        assert_int_equal(a, HANDLE);
        host.closed++;
        return 0;
    default:
        return 0;
    }
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){.sec = 1};
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 0xA5, size);
    return 0;
}

static int start(void **state)
{
    struct tree_options options = {.limit = 1 << 20, .mode = 0755, .clock = {now, NULL}};
    static struct attestation_source source;
    (void)state;
    memset(&host, 0, sizeof host);
    party_init(&world.party);
    source.processor = &world.party.processor;
    memset(source.quoting, 0x51, 32); /* MRENCLAVE of who makes quotes */
    assert_int_equal(tree_new(&options, &world.root), 0);
    assert_int_equal(attestation_new(&source, options.clock, &world.attestation), 0);
    process_begin();
    world.vfs = &process_first()->vfs;
    vfs_init(world.vfs, world.root, options.clock);
    world.vfs->random = (struct file_random){fill, NULL};
    assert_int_equal(vfs_mkdir(world.vfs, AT_FDCWD, "/a", 0755), 0);
    assert_int_equal(vfs_mount(world.vfs, "/a", world.attestation), 0);
    assert_ptr_equal(thread_first(process_first(), PROCESS_FIRST), thread_self());
    return 0;
}

static int end(void **state)
{
    (void)state;
    thread_free(thread_self());
    free(process_first()->attested);
    process_first()->attested = NULL;
    vfs_unmount(world.vfs, world.attestation);
    vfs_fini(world.vfs);
    tree_free(world.attestation);
    tree_free(world.root);
    return 0;
}

static struct file *open_file(const char *path, int flags, int *number)
{
    *number = vfs_open(world.vfs, AT_FDCWD, path, (unsigned)flags, 0, 0);
    assert_true(*number >= 0);
    return file_table_get(&world.vfs->files, *number);
}

static int64_t put(const char *path, const void *bytes, size_t size)
{
    int number;
    struct file *file = open_file(path, O_WRONLY | O_TRUNC, &number);
    int64_t got = file_write(file, FILE_HERE, bytes, size);
    assert_int_equal(file_close(&world.vfs->files, number), 0);
    return got;
}

/* The whole of it, or a negative errno; what makes the reader wait has happened meanwhile. */
static int64_t take(const char *path, void *out, size_t size)
{
    int number;
    struct file *file = open_file(path, O_RDONLY, &number);
    size_t done = 0;
    int64_t got;
    do {
        got = file_read(file, FILE_HERE, (uint8_t *)out + done, size - done);
        done += got > 0 ? (size_t)got : 0;
    } while (got > 0 || got == -EAGAIN);
    assert_int_equal(file_close(&world.vfs->files, number), 0);
    return got < 0 ? got : (int64_t)done;
}

/* --- what is written -------------------------------------------------------------------------- */

static void what_is_written_is_read_again_and_short_data_end_in_zeros(void **state)
{
    static const uint8_t long_one[64] = {1, 2, 3, [63] = 9};
    uint8_t data[1024];
    (void)state;
    assert_int_equal(take("/a/attestation_type", data, sizeof data), 4);
    assert_memory_equal(data, "dcap", 4);
    assert_int_equal(take("/a/user_report_data", data, sizeof data), 64);
    assert_true(span_is_zero(span_of(data, 64)));
    assert_int_equal(put("/a/user_report_data", long_one, 64), 64);
    assert_int_equal(take("/a/user_report_data", data, sizeof data), 64);
    assert_memory_equal(data, long_one, 64);
    assert_int_equal(put("/a/user_report_data", "xy", 2), 2);
    assert_int_equal(take("/a/user_report_data", data, sizeof data), 64);
    assert_memory_equal(data, "xy", 2);
    assert_true(span_is_zero(span_of(data + 2, 62)));
    assert_int_equal(take("/a/target_info", data, sizeof data), 512);
    assert_true(span_is_zero(span_of(data, 512)));
}

static void data_may_come_in_pieces_and_no_more_than_fit(void **state)
{
    uint8_t data[600] = {0};
    int number;
    struct file *file = open_file("/a/user_report_data", O_RDWR, &number);
    (void)state;
    assert_int_equal(file_write(file, FILE_HERE, "abc", 3), 3);
    assert_int_equal(file_write(file, FILE_HERE, "def", 3), 3);
    assert_int_equal(file_write(file, FILE_HERE, data, 59), -EINVAL);
    assert_int_equal(file_write(file, 64, "x", 1), -EINVAL);
    assert_int_equal(file_write(file, INT64_MAX, "x", 1), -EINVAL);
    assert_int_equal(file_read(file, 0, data, sizeof data), 64);
    assert_memory_equal(data, "abcdef", 7);
    assert_int_equal(file_close(&world.vfs->files, number), 0);
    assert_int_equal(put("/a/user_report_data", data, 65), -EINVAL);
    assert_int_equal(put("/a/target_info", data, 513), -EINVAL);
}

static void what_stands_for_the_gates_word_is_refused(void **state)
{
    uint8_t data[64] = "anything";
    uint8_t found[64];
    int number;
    (void)state;
    enclave_mark_set(data);
    assert_int_equal(put("/a/user_report_data", data, 64), -EACCES);
    assert_int_equal(take("/a/user_report_data", found, sizeof found), 64);
    assert_true(span_is_zero(span_of(found, 64)));
    /* Not in pieces either, and the last byte decides. */
    struct file *file = open_file("/a/user_report_data", O_WRONLY, &number);
    assert_int_equal(file_write(file, 0, data, 63), 63);
    assert_int_equal(file_write(file, 63, data + 63, 1), -EACCES);
    assert_int_equal(file_write(file, 63, "", 1), 1);
    assert_int_equal(file_close(&world.vfs->files, number), 0);
}

static void nothing_else_can_be_written(void **state)
{
    static const char *const others[] = {"/a/report", "/a/quote", "/a/my_target_info",
                                         "/a/attestation_type", "/a/keys/_sgx_mrenclave"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(put(others[i], "x", 1) < 0);
    assert_int_equal(vfs_open(world.vfs, AT_FDCWD, "/a/new", O_CREAT | O_WRONLY, 0600, 0), -ENOENT);
    assert_int_equal(vfs_open(world.vfs, AT_FDCWD, "/a/keys/other", O_RDONLY, 0, 0), -ENOENT);
}

/* --- reports and keys ------------------------------------------------------------------------- */

static void a_report_is_for_the_target_over_the_data(void **state)
{
    struct sgx_report report;
    struct sgx_targetinfo own;
    struct error err;
    (void)state;
    assert_int_equal(take("/a/my_target_info", &own, sizeof own), sizeof own);
    assert_memory_equal(own.mrenclave, world.party.secs.mrenclave, 32);
    assert_memory_equal(own.config_id, world.party.secs.config_id, 64);
    assert_int_equal(put("/a/target_info", &own, sizeof own), sizeof own);
    assert_int_equal(put("/a/user_report_data", "abc", 3), 3);
    assert_int_equal(take("/a/report", &report, SGX_REPORT_SIZE), SGX_REPORT_SIZE);
    assert_memory_equal(report.body + REPORT_DATA, "abc", 4);
    check_ok(model_report_check(world.party.fuse, &own, &report, &err), &err);
    report.body[REPORT_DATA] ^= 1;
    check_error(model_report_check(world.party.fuse, &own, &report, &err), &err, ERROR_REFUSED);
}

/* The processor would answer #GP. */
static void a_target_that_no_processor_takes_is_refused(void **state)
{
    static const size_t places[] = {48, 49, 56, 63, 128, 511}; /* CET, reserved */
    uint8_t report[SGX_REPORT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint8_t target[512] = {0};
        target[places[i]] = 1;
        assert_int_equal(put("/a/target_info", target, sizeof target), 512);
        assert_int_equal(take("/a/report", report, sizeof report), -EINVAL);
    }
}

static void keys_are_of_the_enclave_or_of_its_signer_under_its_policy(void **state)
{
    uint8_t enclave[2][SGX_KEY_SIZE], signer[2][SGX_KEY_SIZE];
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(take("/a/keys/_sgx_mrenclave", enclave[0], 16), 16);
        assert_int_equal(take("/a/keys/_sgx_mrsigner", signer[0], 16), 16);
    }
    assert_memory_not_equal(enclave[0], signer[0], 16);
    world.party.secs.mrenclave[5] ^= 1;
    assert_int_equal(take("/a/keys/_sgx_mrenclave", enclave[1], 16), 16);
    assert_int_equal(take("/a/keys/_sgx_mrsigner", signer[1], 16), 16);
    assert_memory_not_equal(enclave[0], enclave[1], 16);
    assert_memory_equal(signer[0], signer[1], 16);
    world.party.secs.config_id[0] ^= 1; /* another policy */
    assert_int_equal(take("/a/keys/_sgx_mrsigner", signer[1], 16), 16);
    assert_memory_not_equal(signer[0], signer[1], 16);
    world.party.has_no_keys = true;
    assert_int_equal(take("/a/keys/_sgx_mrsigner", signer[1], 16), -EACCES);
}

/* --- quotes ----------------------------------------------------------------------------------- */

static void a_quote_is_what_the_host_gives_for_this_report(void **state)
{
    uint8_t quote[4096];
    (void)state;
    host.pauses = 3;
    assert_int_equal(put("/a/user_report_data", "abc", 3), 3);
    assert_int_equal(take("/a/quote", quote, sizeof quote), QUOTE_SIZE);
    assert_memory_equal(quote, host.bytes, QUOTE_SIZE);
    assert_memory_equal(quote + 48 + REPORT_DATA, "abc", 4);
    assert_int_equal(host.asked, 1);
    assert_int_equal(host.closed, 1);
}

static void who_waits_for_a_quote_waits_for_its_stream(void **state)
{
    uint8_t byte;
    int number;
    struct file *file = open_file("/a/quote", O_RDONLY, &number);
    (void)state;
    assert_null(file->kind->handle);
    host.pauses = 1;
    assert_int_equal(file_read(file, FILE_HERE, &byte, 0), 0);
    assert_int_equal(host.asked, 0);
    assert_int_equal(file_read(file, FILE_HERE, &byte, 1), -EAGAIN);
    assert_int_equal(file->kind->handle(file), HANDLE);
    assert_int_equal(file_read(file, FILE_HERE, &byte, 1), 1);
    assert_null(file->kind->handle);
    assert_int_equal(file_read(file, FILE_HERE, &byte, 1), 1); /* of the same one */
    assert_int_equal(host.asked, 1);
    assert_int_equal(file_read(file, 0, &byte, 1), 1); /* and of the next */
    assert_int_equal(host.asked, 2);
    host.pauses = 1;
    assert_int_equal(file_read(file, 0, &byte, 1), -EAGAIN);
    assert_int_equal(file_close(&world.vfs->files, number), 0);
    assert_int_equal(host.closed, 3); /* that of who closed it early, too */
}

static void set_version(uint8_t *quote)
{
    quote[0] = 4;
}

static void set_key_type(uint8_t *quote)
{
    quote[2] = 3;
}

static void set_body(uint8_t *quote)
{
    quote[48 + REPORT_DATA] ^= 1;
}

static void set_last_of_body(uint8_t *quote)
{
    quote[48 + BODY_SIZE - 1] ^= 1;
}

static void set_rest(uint8_t *quote)
{
    quote[48 + BODY_SIZE]++;
}

static void cut(uint8_t *quote)
{
    (void)quote;
    host.size--;
}

static void add(uint8_t *quote)
{
    (void)quote;
    host.size++;
}

static void cut_all(uint8_t *quote)
{
    (void)quote;
    host.size = 0;
}

static void cut_to_the_head(uint8_t *quote)
{
    quote[48 + BODY_SIZE] = 0;
    host.size = 48 + BODY_SIZE + 4;
}

static void give_without_end(uint8_t *quote)
{
    (void)quote;
    host.size = sizeof host.bytes;
}

static void other_quotes_are_refused(void **state)
{
    static void (*const changes[])(uint8_t *) = {
        set_version, set_key_type, set_body, set_last_of_body, set_rest,
        cut,         add,          cut_all,  cut_to_the_head,  give_without_end};
    uint8_t quote[4096];
    unsigned count = sizeof changes / sizeof *changes;
    (void)state;
    for (unsigned i = 0; i < count; i++) {
        host.change = changes[i];
        assert_int_equal(take("/a/quote", quote, sizeof quote), -EIO);
    }
    assert_int_equal(host.closed, count);
    host.change = NULL;
    assert_int_equal(take("/a/quote", quote, sizeof quote), QUOTE_SIZE);
}

static void a_host_without_quotes_is_an_error_and_no_wait(void **state)
{
    static const int64_t answers[] = {-ENOSYS, -EAGAIN, -EINVAL, 2, -5000, INT64_MAX};
    uint8_t quote[16];
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        host.answer = answers[i];
        assert_int_equal(take("/a/quote", quote, sizeof quote), -EIO);
    }
    assert_int_equal(host.closed, 0);
}

/* --- processes -------------------------------------------------------------------------------- */

static void a_child_begins_with_its_parents_data_and_has_its_own(void **state)
{
    struct process *child;
    uint8_t data[64];
    (void)state;
    assert_int_equal(put("/a/user_report_data", "parent", 6), 6);
    assert_int_equal(process_new(process_first(), SIGCHLD, &child), 0);
    thread_self()->process = child;
    assert_int_equal(take("/a/user_report_data", data, sizeof data), 64);
    assert_memory_equal(data, "parent", 7);
    assert_int_equal(put("/a/user_report_data", "child", 5), 5);
    thread_self()->process = process_first();
    assert_int_equal(take("/a/user_report_data", data, sizeof data), 64);
    assert_memory_equal(data, "parent", 7);
    process_end(child, 0);
    assert_null(child->attested);
    process_forget(child);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_again_and_short_data_end_in_zeros),
        TEST(data_may_come_in_pieces_and_no_more_than_fit),
        TEST(what_stands_for_the_gates_word_is_refused),
        TEST(nothing_else_can_be_written),
        TEST(a_report_is_for_the_target_over_the_data),
        TEST(a_target_that_no_processor_takes_is_refused),
        TEST(keys_are_of_the_enclave_or_of_its_signer_under_its_policy),
        TEST(a_quote_is_what_the_host_gives_for_this_report),
        TEST(who_waits_for_a_quote_waits_for_its_stream),
        TEST(other_quotes_are_refused),
        TEST(a_host_without_quotes_is_an_error_and_no_wait),
        TEST(a_child_begins_with_its_parents_data_and_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
