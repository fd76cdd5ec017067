/* The first process's side of ended processes: whose end is told, and that nobody's is kept. The
 * test stands for PID 1 as what takes over orphans. */
#include "../check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_machine.h"
#include "guest/machine.h"

#define ROUNDS 5000

struct world {
    struct gate gate;
    struct fake_machine fake;
    struct machine machine;
    struct error err;
};

static int setup(void **state)
{
    static struct world world;
    world = (struct world){0};
    fake_machine_init(&world.fake, fake_policy());
    gate_init(&world.gate, &fake_machine_ops, &world.fake, "simulated");
    check_ok(
        policy_parse(span_of_text(fake_policy()), POLICY_STRICT, &world.gate.policy, &world.err),
        &world.err);
    check_ok(policy_state_new(world.gate.policy, &world.gate.state, &world.err), &world.err);
    machine_init(&world.machine, &world.gate, GUEST_SIMULATED, -1);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < MACHINE_TASKS_MAX; i++)
        task_fini(&world->machine.tasks[i]);
    gate_fini(&world->gate);
    return 0;
}

/* A process that waits for a signal, and ends with this code at SIGTERM. */
static pid_t start(int code)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int number;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* a test that fails leaves nothing */
        (void)sigwait(&set, &number);
        _exit(code);
    }
    assert_int_equal(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
    return pid;
}

/* Makes the gate and the machine believe that this process is a container's first. */
static void adopt(struct world *world, size_t slot, const char *id, pid_t pid)
{
    struct gate_container *gate = &world->gate.containers[slot];
    struct task *task = &world->machine.tasks[slot];
    gate->state = CONTAINER_STARTED;
    world->gate.processes[slot] = (struct gate_process){.container = gate, .running = true};
    (void)snprintf(gate->id, sizeof gate->id, "%s", id);
    (void)snprintf(task->id, sizeof task->id, "%s", id);
    task->pid = pid;
}

/* Waits until the process has ended, without taking its status away. */
static void wait_ended(pid_t pid)
{
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void turn(struct world *world)
{
    machine_reap(&world->machine);
    check_ok(machine_pump(&world->machine, &world->err), &world->err);
}

static bool has_said(struct world *world, const char *words)
{
    struct span output = channel_output(&world->gate.channel);
    return output.size > 0 && memmem(output.data, output.size, words, strlen(words)) != NULL;
}

static void tells_the_exit_code(void **state)
{
    struct world *world = *state;
    pid_t pid = start(7);
    adopt(world, 0, "a", pid);
    turn(world);
    assert_false(has_said(world, "exited"));
    check_ok(machine_real_ops.signal(&world->machine, "a", 0, SIGTERM, &world->err), &world->err);
    wait_ended(pid);
    turn(world);
    assert_true(has_said(
        world, "{\"event\":\"exited\",\"id\":\"a\",\"process\":0,\"code\":7,\"signal\":0}"));
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
}

static void tells_the_signal_that_ended_it(void **state)
{
    struct world *world = *state;
    pid_t pid = start(0);
    adopt(world, 0, "a", pid);
    check_ok(machine_real_ops.signal(&world->machine, "a", 0, SIGKILL, &world->err), &world->err);
    wait_ended(pid);
    turn(world);
    assert_true(has_said(
        world, "{\"event\":\"exited\",\"id\":\"a\",\"process\":0,\"code\":137,\"signal\":9}"));
}

/* Its number may be another's by then. */
static void refuses_to_signal_what_is_reaped(void **state)
{
    struct world *world = *state;
    pid_t pid = start(0);
    adopt(world, 0, "a", pid);
    world->machine.tasks[0].outputs[0].fd = dup(0); /* its output has not ended */
    (void)kill(pid, SIGKILL);
    wait_ended(pid);
    machine_reap(&world->machine);
    check_error(machine_real_ops.signal(&world->machine, "a", 0, SIGTERM, &world->err), &world->err,
                ERROR_NOT_FOUND);
    check_error(machine_real_ops.signal(&world->machine, "b", 0, SIGTERM, &world->err), &world->err,
                ERROR_NOT_FOUND);
    assert_false(has_said(world, "exited"));
}

/* How many children this process has, ended ones that nobody has reaped among them. */
static int children(void)
{
    int count = 0;
    char text[4096];
    FILE *file = fopen("/proc/thread-self/children", "re");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    for (size_t i = 0; i < size; i++)
        count += text[i] == ' ';
    return count;
}

static void reaps_orphans_and_takes_no_containers_end_for_one(void **state)
{
    struct world *world = *state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    pid_t lives = start(3);
    adopt(world, 0, "lives", lives);
    for (int i = 0; i < 20; i++) {
        pid_t parent = fork();
        if (parent == 0)
            _exit(fork() < 0); /* its child is ours when it ends */
        wait_ended(parent);
    }
    for (int i = 0; i < ROUNDS && children() > 1; i++) {
        turn(world);
        (void)usleep(1000);
    }
    assert_int_equal(children(), 1); /* who lives */
    (void)kill(lives, SIGTERM);
    wait_ended(lives);
    turn(world);
    assert_true(has_said(world, "\"id\":\"lives\",\"process\":0,\"code\":3"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(tells_the_exit_code),
        TEST(tells_the_signal_that_ended_it),
        TEST(refuses_to_signal_what_is_reaped),
        TEST(reaps_orphans_and_takes_no_containers_end_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
