/* The attestation agent's process and ports before it runs, and when it cannot. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../../../check.h"
#include "../heap.h"
#include "../stage.h"
#include "agent/exchange.h"
#include "enclave/libos/agent/agent.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/sockets/socket_inside.h"
#include "enclave/libos/sockets/socket_unix.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/arrivals.h"
#include "enclave/libos/wire/handshake.h"

static unsigned spawns, connects;
static bool may_spawn;

/* A host that gives a thread when it may, and never an enclave. */
uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a, (void)b, (void)c;
    spawns += number == DOOR_SPAWN;
    connects += number == DOOR_CONNECT;
    return number == DOOR_SOCKET                ? DOOR_STREAMS
           : number == DOOR_SPAWN && !may_spawn ? (uint64_t)-EAGAIN
           : number == DOOR_CHILD               ? (uint64_t)-EAGAIN
                                                : 0;
}

/* What is not reached without an enclave. */
const struct handshake_processor handshake_inside;

void arrival_serve(struct wire *wire, const void *first, size_t size)
{
    (void)wire, (void)first, (void)size;
    abort();
}

void program_save_vectors(void *area)
{
    (void)area;
    abort();
}

void program_load_vectors(const void *area)
{
    (void)area;
    abort();
}

void log_number(const char *text, uint64_t number)
{
    (void)text, (void)number;
}

static int fill(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 7, size);
    return 0;
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){1, 0};
}

static struct file *ask(unsigned port, int *status)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct socket_address to = {.size = sizeof in};
    struct file *file;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(to.bytes, &in, sizeof in);
    assert_int_equal(socket_host_new(SOCKET_INET, SOCKET_STREAM, 0, 0, &file), 0);
    *status = socket_of(file)->ops->connect(file, &to);
    return file;
}

static struct process *find_apart(void)
{
    for (size_t i = 1; i < PROCESSES_MAX; i++) {
        if (process_at(i)->state == PROCESS_ALIVE)
            return process_at(i);
    }
    return NULL;
}

static void it_is_nobody_with_a_link_and_two_ports(void **state)
{
    uint8_t heard[16];
    struct socket_message room = {.bytes = heard, .size = sizeof heard};
    struct process *process = find_apart();
    (void)state;
    assert_non_null(process);
    assert_true(process->is_apart);
    assert_null(process->parent);
    assert_null(process_find(process->number));
    assert_int_equal(process->vfs.creds.uid, 65534);
    assert_int_equal(process->identity.sets.effective | process->identity.bounding, 0);
    struct file *link = file_table_get(&process->vfs.files, 0);
    assert_int_equal(unix_receive(link, &room), 6);
    assert_memory_equal(heard, "Cwhat?", 6);
    for (int i = 1; i < 3; i++)
        assert_true(unix_of(file_table_get(&process->vfs.files, i))->is_listening);
    assert_null(file_table_get(&process->vfs.files, 3));
}

static void the_next_one_has_it_started_where_the_host_gave_no_thread(void **state)
{
    int status;
    (void)state;
    spawns = 0;
    may_spawn = false;
    file_put(ask(AGENT_SIDECAR_PORT, &status));
    assert_int_equal(status, 0);
    file_put(ask(AGENT_SIDECAR_PORT, &status));
    assert_int_equal(spawns, 2);
    may_spawn = true;
    file_put(ask(AGENT_BROKER_PORT, &status));
    file_put(ask(AGENT_BROKER_PORT, &status));
    assert_int_equal(spawns, 3); /* it is about to run */
}

static void without_an_enclave_its_ports_refuse_and_nothing_is_left(void **state)
{
    int status;
    (void)state;
    struct file *waits = ask(AGENT_SIDECAR_PORT, &status);
    assert_int_equal(status, 0);
    thread_at(1)->service(thread_at(1)->service_argument);
    assert_null(find_apart());
    assert_int_equal(unix_poll(waits) & POLLHUP, POLLHUP);
    file_put(waits);
    for (int i = 0; i < 2; i++) {
        file_put(ask(i ? AGENT_BROKER_PORT : AGENT_SIDECAR_PORT, &status));
        assert_int_equal(status, -ECONNREFUSED);
    }
    assert_int_equal(connects, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_nobody_with_a_link_and_two_ports),
        cmocka_unit_test(the_next_one_has_it_started_where_the_host_gave_no_thread),
        cmocka_unit_test(without_an_enclave_its_ports_refuse_and_nothing_is_left),
    };
    const struct file_clock clock = {now, NULL};
    const struct tree_options options = {.limit = 65536, .mode = 0755, .clock = clock};
    static struct tree *tree; /* the agent's till the end */
    static struct vfs root;
    if (tree_new(&options, &tree) < 0)
        return 1;
    vfs_init(&root, tree, clock);
    root.random = (struct file_random){fill, NULL};
    process_begin();
    (void)thread_first(process_first(), PROCESS_FIRST);
    if (agent_prepare(&root, span_of_text("Cwhat?")) < 0)
        return 1;
    return cmocka_run_group_tests_name("enclave/libos/agent", tests, NULL, NULL);
}
