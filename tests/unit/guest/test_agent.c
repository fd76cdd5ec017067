/* The starter's side of the attestation agent: which reports it makes, and for whom. */
#include "../check.h"

#include <sys/socket.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "guest/agent.h"

struct world {
    int ours, theirs; /* the starter's end, and the agent's */
    uint8_t report_data[REPORT_DATA_SIZE];
    unsigned int reports;
    bool fails;
    struct agent_order order;
    struct buf message;
};

static int make_report(void *machine, const uint8_t report_data[REPORT_DATA_SIZE],
                       struct buf *report, struct buf *certificates, struct error *err)
{
    struct world *world = machine;
    world->reports++;
    memcpy(world->report_data, report_data, sizeof world->report_data);
    if (world->fails)
        return error_set(err, ERROR_UNAVAILABLE, "no processor");
    if (buf_append_zero(report, EXCHANGE_REPORT_SIZE, err) < 0)
        return -1;
    return buf_append_text(certificates, "table", err);
}

static void begin(struct world *world)
{
    int pair[2];
    *world = (struct world){.message = BUF_WITH_LIMIT(EXCHANGE_SECRET_MAX + 1)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    world->ours = pair[0];
    world->theirs = pair[1];
    world->order = (struct agent_order){.report = make_report, .machine = world};
}

static void end(struct world *world)
{
    (void)close(world->ours);
    (void)close(world->theirs);
    buf_fini(&world->message);
}

/* The agent says this; what the starter makes of it. */
static int take(struct world *world, const char *text, size_t size, struct error *err)
{
    assert_int_equal(send(world->theirs, text, size, 0), size);
    return agent_take(&world->order, world->ours, false, &world->message, err);
}

/* What the agent hears, as text of `size` bytes. */
static ssize_t hear(struct world *world, char *out, size_t size)
{
    return recv(world->theirs, out, size, MSG_DONTWAIT);
}

#define TAKE(world, text, err) take(world, text, sizeof(text) - 1, err)

static void hashes_the_runtime_data_itself(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    char heard[2048];
    uint8_t expected[REPORT_DATA_SIZE] = {0};
    begin(&world);
    assert_int_equal(TAKE(&world, "R\x20some data", &err), EXCHANGE_REPORT);
    sha256_digest(span_of_text("some data"), expected);
    assert_memory_equal(world.report_data, expected, sizeof expected);
    assert_int_equal(hear(&world, heard, sizeof heard), 1 + EXCHANGE_REPORT_SIZE + 5);
    assert_int_equal(heard[0], EXCHANGE_REPORTED);
    assert_memory_equal(heard + 1 + EXCHANGE_REPORT_SIZE, "table", 5);
    assert_int_equal(TAKE(&world, "R\x30some data", &err), EXCHANGE_REPORT);
    sha384_digest(span_of_text("some data"), expected);
    assert_memory_equal(world.report_data, expected, sizeof expected);
    end(&world);
}

static void makes_no_report_that_stands_for_the_machines_evidence(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    char heard[1024] = {0};
    begin(&world);
    assert_int_equal(TAKE(&world, "R\x20{\"caisson\":\"evidence-2\",\"nonce\":\"00\"}", &err),
                     EXCHANGE_REPORT);
    assert_int_equal(world.reports, 0);
    assert_true(hear(&world, heard, sizeof heard - 1) > 1);
    assert_int_equal(heard[0], EXCHANGE_NO_REPORT);
    assert_non_null(strstr(heard, "not begin with {\"caisson\":"));
    /* What only looks alike is nobody's. */
    assert_int_equal(TAKE(&world, "R\x20{\"caissons\":1}", &err), EXCHANGE_REPORT);
    assert_int_equal(TAKE(&world, "R\x20 {\"caisson\":1}", &err), EXCHANGE_REPORT);
    assert_int_equal(world.reports, 2);
    end(&world);
}

static void bounds_the_runtime_data(void **state)
{
    (void)state;
    static char text[2 + EXCHANGE_RUNTIME_MAX + 1] = "R\x20";
    struct world world;
    struct error err = {0};
    char heard[2048];
    begin(&world);
    assert_int_equal(take(&world, text, sizeof text, &err), EXCHANGE_REPORT);
    assert_int_equal(world.reports, 0);
    assert_true(hear(&world, heard, sizeof heard) > 0);
    assert_int_equal(heard[0], EXCHANGE_NO_REPORT);
    assert_int_equal(take(&world, text, sizeof text - 1, &err), EXCHANGE_REPORT);
    assert_int_equal(world.reports, 1);
    end(&world);
}

static void tells_why_there_is_no_report(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    char heard[64] = {0};
    begin(&world);
    world.fails = true;
    assert_int_equal(TAKE(&world,
                          "R\x20"
                          "a",
                          &err),
                     EXCHANGE_REPORT);
    assert_int_equal(hear(&world, heard, sizeof heard - 1), 13);
    assert_string_equal(heard, "Nno processor");
    end(&world);
}

static void takes_no_message_in_part(void **state)
{
    (void)state;
    static char text[EXCHANGE_SECRET_MAX + 2] = "S";
    struct world world;
    struct error err = {0};
    begin(&world);
    assert_int_equal(take(&world, text, sizeof text - 1, &err), EXCHANGE_SECRET);
    assert_int_equal(world.message.size, EXCHANGE_SECRET_MAX);
    check_error(take(&world, text, sizeof text, &err), &err, ERROR_UNAVAILABLE);
    end(&world);
}

static void refuses_an_agent_that_asks_for_nothing_or_has_ended(void **state)
{
    (void)state;
    struct world world;
    struct error err = {0};
    begin(&world);
    assert_int_equal(agent_take(&world.order, world.ours, false, &world.message, &err), 0);
    check_error(TAKE(&world, "R", &err), &err, ERROR_PROTOCOL);
    assert_int_equal(TAKE(&world, "Ssecret", &err), EXCHANGE_SECRET);
    assert_true(span_equal_text(buf_span(&world.message), "secret"));
    (void)close(world.theirs);
    check_error(agent_take(&world.order, world.ours, true, &world.message, &err), &err,
                ERROR_UNAVAILABLE);
    world.theirs = -1;
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_the_runtime_data_itself),
        cmocka_unit_test(makes_no_report_that_stands_for_the_machines_evidence),
        cmocka_unit_test(bounds_the_runtime_data),
        cmocka_unit_test(tells_why_there_is_no_report),
        cmocka_unit_test(takes_no_message_in_part),
        cmocka_unit_test(refuses_an_agent_that_asks_for_nothing_or_has_ended),
    };
    return cmocka_run_group_tests_name("guest/agent", tests, NULL, NULL);
}
