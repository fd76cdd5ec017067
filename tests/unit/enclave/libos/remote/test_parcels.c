/* Parcels of remote calls that are cut, lie about sizes, or are of no call: refused, on both sides.
 * Every call that is carried is packed, made and taken apart. */
#include <asm/unistd_64.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/ipc.h>
#include <linux/uio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../check.h"
#include "../heap.h"
#include "calls_stage.h"
#include "enclave/libos/calls/syscall_socket.h"
#include "enclave/libos/remote/mirror_parts.h"
#include "enclave/libos/remote/remote_pack.h"

#define PATH    0x1000
#define PARTS   0x2000
#define HEADER  0x3000
#define CONTROL 0x4000
#define SIZE    0x5000

static uint64_t at(size_t offset)
{
    return (uint64_t)stage_program + offset;
}

static void put(size_t offset, const void *bytes, size_t size)
{
    memcpy(stage_program + offset, bytes, size);
}

static int start(void **state)
{
    const uint32_t size = 24;
    (void)state;
    stage_start();
    stage_clear();
    const struct iovec own[2] = {{stage_program, 30}, {stage_program + 64, 50}};
    const struct syscall_header header = {.name = at(0x100),
                                          .name_size = 16,
                                          .parts = at(PARTS),
                                          .part_count = 2,
                                          .control = at(CONTROL),
                                          .control_size = 24};
    put(PATH, "/a/path", 8);
    put(PARTS, own, sizeof own);
    put(HEADER, &header, sizeof header);
    put(SIZE, &size, sizeof size);
    return 0;
}

static int end(void **state)
{
    (void)state;
    stage_end();
    return 0;
}

/* Good arguments, of which addresses have little behind them. */
static uint64_t argument_of(const struct remote_row *row, size_t i)
{
    switch (row->arguments[i].kind) {
    case REMOTE_NUMBER:
    case REMOTE_MASK:
    case REMOTE_MASK_PAIR:
    case REMOTE_CONTROL:
    case REMOTE_OPTION:
        return 0;
    case REMOTE_LOCK:
    case REMOTE_SEGMENT:
        return at(CONTROL);
    case REMOTE_TEXT:
        return at(PATH);
    case REMOTE_PARTS_IN:
    case REMOTE_PARTS_OUT:
        return at(PARTS);
    case REMOTE_HEADER_IN:
    case REMOTE_HEADER_OUT:
        return at(HEADER);
    default:
        return at(0x200 + 64 * i);
    }
}

static void make(uint64_t number, struct remote_call *call)
{
    const struct remote_row *row = remote_row(number);
    *call = (struct remote_call){.row = row, .number = number, .process = 2};
    for (size_t i = 0; i < REMOTE_ARGUMENTS; i++)
        call->given[i] = argument_of(row, i);
    for (size_t i = 0; i < REMOTE_ARGUMENTS; i++) {
        uint8_t by = row->arguments[i].by, kind = row->arguments[i].kind;
        if (kind == REMOTE_ROOMED)
            call->given[by - 1] = at(SIZE);
        else if (by > 0)
            call->given[by - 1] = kind == REMOTE_PARTS_IN || kind == REMOTE_PARTS_OUT ? 2 : 7;
    }
    if (number == __NR_fcntl)
        call->given[1] = F_GETLK;
    if (number == __NR_shmctl)
        call->given[1] = IPC_SET;
    assert_int_equal(remote_begin(call), 0);
    assert_int_equal(remote_pack(call), 0);
}

/* The first `size` bytes of it, in memory of just that size. */
static void copy(const struct remote_buffer *from, size_t size, struct mirror_call *out)
{
    *out = (struct mirror_call){.parcel = {.bytes = malloc(size + 1), .size = size, .room = size}};
    assert_non_null(out->parcel.bytes);
    memcpy(out->parcel.bytes, from->bytes, size < from->size ? size : from->size);
    if (size > from->size)
        out->parcel.bytes[from->size] = 0;
}

static int unpack(const struct remote_buffer *from, size_t size)
{
    struct mirror_call call;
    copy(from, size, &call);
    int status = mirror_unpack(&call);
    remote_buffer_fini(&call.parcel);
    return status;
}

static bool is_carried(uint64_t number)
{
    const struct remote_row *row = remote_row(number);
    return row && row->way != REMOTE_SEVERAL;
}

static void calls_are_whole_or_refused(void **state)
{
    struct remote_call call;
    (void)state;
    size_t count = 0;
    for (uint64_t number = 0; number < 512; number++) {
        if (!is_carried(number))
            continue;
        make(number, &call);
        assert_int_equal(unpack(&call.parcel, call.parcel.size), 0);
        for (size_t size = 0; size < call.parcel.size; size++)
            assert_int_equal(unpack(&call.parcel, size), -EPROTO);
        assert_int_equal(unpack(&call.parcel, call.parcel.size + 1), -EPROTO);
        remote_call_fini(&call);
        count++;
    }
    assert_true(count > 100);
}

static int unpack_with(uint64_t number, size_t offset, uint32_t word)
{
    struct remote_call call;
    make(number, &call);
    memcpy(call.parcel.bytes + offset, &word, sizeof word);
    int status = unpack(&call.parcel, call.parcel.size);
    remote_call_fini(&call);
    return status;
}

#define REQUEST(member) (sizeof(struct remote_head) + offsetof(struct remote_request, member))
#define DATA            (sizeof(struct remote_head) + sizeof(struct remote_request))

static void numbers_of_no_call_are_refused(void **state)
{
    const uint32_t others[] = {__NR_recvmmsg, __NR_exit, __NR_brk, __NR_futex, __NR_clone,
                               511,           512,       9999,     UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(unpack_with(__NR_close, REQUEST(number), others[i]), -EPROTO);
    assert_int_equal(unpack_with(__NR_close, REQUEST(number) + 4, 1), -EPROTO);
    assert_int_equal(unpack_with(__NR_close, REQUEST(number), __NR_dup), 0);
}

static void sizes_that_lie_are_refused(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 32; i++) {
        uint32_t size = UINT32_C(1) << i;
        assert_int_equal(unpack_with(__NR_open, DATA, size), -EPROTO); /* of the text */
        assert_int_equal(unpack_with(__NR_write, REQUEST(arguments[2]), size), -EPROTO);
        assert_int_equal(unpack_with(__NR_writev, DATA, size), -EPROTO);
        assert_int_equal(unpack_with(__NR_poll, REQUEST(arguments[1]), size), -EPROTO);
    }
    assert_int_equal(unpack_with(__NR_open, DATA, 6), -EPROTO); /* no end there */
    assert_int_equal(unpack_with(__NR_write, REQUEST(arguments[2]) + 4, 1), -EPROTO);
    assert_int_equal(unpack_with(__NR_writev, REQUEST(arguments[2]), 2), -EPROTO);
    assert_int_equal(unpack_with(__NR_sendmsg, DATA + offsetof(struct remote_message, total), 81),
                     -EPROTO);
    assert_int_equal(
        unpack_with(__NR_sendmsg, DATA + offsetof(struct remote_message, name_size), 129), -EPROTO);
    assert_int_equal(
        unpack_with(__NR_recvmsg, DATA + offsetof(struct remote_message, control_size), 8193),
        -EPROTO);
}

/* What comes back has the room that was asked for, and that is bounded. */
static void room_is_what_was_asked_for(void **state)
{
    (void)state;
    assert_int_equal(unpack_with(__NR_fstat, REQUEST(room), 143), -EPROTO);
    assert_int_equal(unpack_with(__NR_read, REQUEST(room), 0), -EPROTO);
    assert_int_equal(unpack_with(__NR_recvmsg, REQUEST(room), 64), -EPROTO);
    assert_int_equal(unpack_with(__NR_fstat, REQUEST(room), REMOTE_ROOM_MAX + 1), -EPROTO);
    assert_int_equal(unpack_with(__NR_fstat, REQUEST(room), UINT32_MAX), -EPROTO);
    assert_int_equal(unpack_with(__NR_fstat, REQUEST(room), 4096), 0);
}

static void places_are_three(void **state)
{
    (void)state;
    for (uint32_t place = 3; place < 100; place++) {
        assert_int_equal(unpack_with(__NR_open, REQUEST(arguments[0]), place), -EPROTO);
        assert_int_equal(unpack_with(__NR_read, REQUEST(arguments[1]), place), -EPROTO);
        assert_int_equal(unpack_with(__NR_sendmsg, DATA, place), -EPROTO);
    }
    assert_int_equal(unpack_with(__NR_open, REQUEST(arguments[0]) + 4, 1), -EPROTO);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* What a mirror would answer to this call. */
static void answer(const struct remote_call *call, uint64_t result, struct remote_buffer *out)
{
    struct mirror_call mirror;
    const struct remote_answer all = {.result = result};
    copy(&call->parcel, call->parcel.size, &mirror);
    assert_int_equal(mirror_unpack(&mirror), 0);
    assert_int_equal(mirror_pack(&mirror, &all, out), 0);
    remote_buffer_fini(&mirror.parcel);
}

static bool is_refused(struct remote_call *call, const struct remote_buffer *from, size_t size)
{
    struct remote_buffer part = {.bytes = malloc(size + 1), .size = size};
    struct remote_answer got;
    bool is_wrong;
    assert_non_null(part.bytes);
    memcpy(part.bytes, from->bytes, size < from->size ? size : from->size);
    if (size > from->size)
        part.bytes[from->size] = 0;
    int64_t result = remote_unpack(call, &part, &got, &is_wrong);
    free(part.bytes);
    assert_true(!is_wrong || result == -EPROTO);
    return is_wrong;
}

static void answers_are_whole_or_refused(void **state)
{
    const uint64_t results[] = {0, 1, 7, (uint64_t)-ENOENT};
    (void)state;
    for (uint64_t number = 0; number < 512; number++) {
        for (size_t i = 0; i < 4 && is_carried(number); i++) {
            struct remote_buffer whole = {0};
            struct remote_call call;
            make(number, &call);
            answer(&call, results[i], &whole);
            assert_false(is_refused(&call, &whole, whole.size));
            for (size_t size = 0; size < whole.size; size++)
                assert_true(is_refused(&call, &whole, size));
            assert_true(is_refused(&call, &whole, whole.size + 1));
            remote_call_fini(&call);
            remote_buffer_fini(&whole);
        }
    }
}

/* Neither says more than was asked for, nor writes beyond. */
static void answers_with_too_much_are_refused(void **state)
{
    struct remote_buffer whole = {0};
    struct remote_call call;
    (void)state;
    make(__NR_read, &call);
    answer(&call, 7, &whole);
    const uint64_t more = 8;
    memcpy(whole.bytes + sizeof(struct remote_head), &more, sizeof more);
    assert_true(is_refused(&call, &whole, whole.size));
    remote_call_fini(&call);
    remote_buffer_fini(&whole);
    make(__NR_accept, &call);
    answer(&call, 7, &whole);
    const uint32_t room = 25;
    memcpy(whole.bytes + sizeof(struct remote_head) + sizeof(struct remote_answer), &room,
           sizeof room);
    assert_true(is_refused(&call, &whole, whole.size + 1));
    remote_call_fini(&call);
    remote_buffer_fini(&whole);
}

static void without_memory_nothing_is_done(void **state)
{
    struct remote_call call;
    struct mirror_call mirror;
    (void)state;
    make(__NR_fstat, &call);
    copy(&call.parcel, call.parcel.size, &mirror);
    heap_left = 0;
    assert_int_equal(mirror_unpack(&mirror), -ENOMEM);
    struct remote_buffer empty = {0};
    assert_int_equal(remote_put(&empty, "x", 1), -ENOMEM);
    heap_left = SIZE_MAX;
    assert_int_equal(remote_put(&empty, NULL, REMOTE_PARCEL_MAX), 0);
    assert_int_equal(remote_put(&empty, "x", 1), -E2BIG);
    remote_buffer_fini(&empty);
    remote_buffer_fini(&mirror.parcel);
    remote_call_fini(&call);
}

static size_t given_back, unwiped;

static void look_for_secret(const void *memory, size_t size)
{
    given_back++;
    unwiped += memmem(memory, size, "secret", 6) != NULL;
}

/* Some calls carry secrets; what carried them is wiped wherever it was. */
static void what_was_outgrown_is_wiped(void **state)
{
    struct remote_buffer buffer = {0};
    (void)state;
    given_back = unwiped = 0;
    heap_freed = look_for_secret;
    for (int i = 0; i < 2000; i++)
        assert_int_equal(remote_put(&buffer, "secret", 6), 0);
    assert_true(given_back > 2);
    assert_int_equal(unwiped, 0);
    remote_buffer_wipe(&buffer);
    remote_buffer_fini(&buffer);
    heap_freed = NULL;
    assert_int_equal(unwiped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_are_whole_or_refused, start, end),
        cmocka_unit_test_setup_teardown(numbers_of_no_call_are_refused, start, end),
        cmocka_unit_test_setup_teardown(sizes_that_lie_are_refused, start, end),
        cmocka_unit_test_setup_teardown(room_is_what_was_asked_for, start, end),
        cmocka_unit_test_setup_teardown(places_are_three, start, end),
        cmocka_unit_test_setup_teardown(answers_are_whole_or_refused, start, end),
        cmocka_unit_test_setup_teardown(answers_with_too_much_are_refused, start, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_done, start, end),
        cmocka_unit_test_setup_teardown(what_was_outgrown_is_wiped, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
