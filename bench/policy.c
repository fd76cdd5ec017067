/*
 * What a decision costs, on a policy of ten containers as confcom writes them: seventeen variables
 * each, two mounts, four layers. Medians; each call is made on a state of its own where it changes
 * it.
 */
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/generate.h"

#define CONTAINERS 10
#define MANY       350 /* containers of a policy of a megabyte */
#define LAYERS     4
#define ROUNDS     2000

struct samples {
    double us[ROUNDS];
    size_t count;
};

struct world {
    struct policy *policy;
    struct policy_state *state;
    char hashes[CONTAINERS * LAYERS][65];
    const char *layers[CONTAINERS * LAYERS];
    struct policy_draft_container drafts[MANY];
    char names[CONTAINERS][32];
    const char *args[CONTAINERS][3];
    char targets[CONTAINERS * LAYERS][32];
    struct samples device, overlay, create, refused, signal;
};

static double now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Of this process, for what takes long enough that others come in between. */
static double cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void keep(struct samples *samples, double us)
{
    if (samples->count < ROUNDS)
        samples->us[samples->count++] = us;
}

static void take(struct samples *samples, double start)
{
    keep(samples, now_us() - start);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct samples *samples)
{
    qsort(samples->us, samples->count, sizeof *samples->us, by_value);
    return samples->us[samples->count / 2];
}

static void require(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "bench/policy: %s\n", what);
    exit(1);
}

static const char *const image_env[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
    "PYTHON_VERSION=3.12.4",
    "PYTHON_PIP_VERSION=24.0",
    "APP_MODE=production",
    "APP_PORT=8080",
};
static const char *const process_env[] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
    "PYTHON_VERSION=3.12.4",
    "PYTHON_PIP_VERSION=24.0",
    "APP_MODE=production",
    "APP_PORT=8080",
    "TERM=xterm",
    "HOSTNAME=3f1c0a7d2b9e",
    "TEMP=/tmp",
    "Fabric_Id=0123456789abcdef",
    "Fabric_NET-0-[Other]=10.0.0.4",
    "IDENTITY_API_VERSION=2019-07-01-preview",
    "IDENTITY_HEADER=eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9",
    "IDENTITY_SERVER_THUMBPRINT=0123456789ABCDEF0123456789ABCDEF01234567",
    "azurecontainerinstance_restarted_by=user",
    "UNKNOWN_THAT_IS_DROPPED=1",
};

static void describe(struct world *world)
{
    for (size_t i = 0; i < CONTAINERS; i++) {
        (void)snprintf(world->names[i], sizeof world->names[i], "service-%zu", i);
        world->args[i][0] = "/usr/bin/python3";
        world->args[i][1] = "-m";
        world->args[i][2] = world->names[i];
        for (size_t j = i * LAYERS; j < (i + 1) * LAYERS; j++) {
            (void)snprintf(world->hashes[j], sizeof world->hashes[j], "%064zx", j + 1);
            (void)snprintf(world->targets[j], sizeof world->targets[j], "/run/mounts/scsi/m%zu", j);
            world->layers[j] = world->hashes[j];
        }
        world->drafts[i] = (struct policy_draft_container){
            .name = world->names[i],
            .has_command = true,
            .command = {world->args[i], 3},
            .image_env = {image_env, sizeof image_env / sizeof *image_env},
            .layers = {&world->layers[i * LAYERS], LAYERS},
            .working_dir = "/app",
            .stop_signal = "",
            .seccomp_sha256 = "",
        };
    }
    for (size_t i = CONTAINERS; i < MANY; i++)
        world->drafts[i] = world->drafts[i % CONTAINERS];
}

static struct buf write_policy(struct world *world, size_t count)
{
    struct policy_draft draft = {.generation = POLICY_GENERATION_DEFAULT,
                                 .containers = world->drafts,
                                 .container_count = count};
    struct buf out = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    require(policy_generate(&draft, &out, NULL) == 0, "the policy cannot be written");
    return out;
}

static double read_time(const struct buf *text, size_t rounds, struct policy **policy)
{
    static struct samples samples;
    samples.count = 0;
    for (size_t i = 0; i < rounds; i++) {
        policy_free(*policy);
        double start = cpu_us();
        require(policy_parse(buf_span(text), 0, policy, NULL) == 0, "cannot be read");
        keep(&samples, cpu_us() - start);
    }
    return median(&samples);
}

/* A fragment with the containers of a policy: the same text between other lines. */
static struct buf write_fragment(const struct buf *policy)
{
    struct buf out = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    const char *rows = strstr(buf_text(policy), "\ncontainers := ");
    const char *end = rows ? strchr(rows + 1, '\n') : NULL;
    require(end && buf_printf(&out, NULL,
                              "package side\nsvn := 1\nframework_version := \"0.2.3\"%.*s\n",
                              (int)(end - rows), rows) == 0,
            "the fragment cannot be written");
    return out;
}

/* Loading a fragment of one container: what comes after its signature. */
static double fragment_time(const struct buf *text)
{
    static const char policy_text[] =
        "package policy\napi_version := \"0.10.0\"\nframework_version := \"0.2.3\"\nfragments := "
        "[{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":\"1\",\"includes\":[\"containers\"]}]\n"
        "load_fragment := data.framework.load_fragment\n";
    static struct samples samples;
    struct policy *policy;
    struct policy_state *state;
    struct policy_decision decision = {0};
    const struct policy_fragment fragment = {"i", "f", false, 0, buf_span(text)};
    require(policy_parse(span_of_text(policy_text), 0, &policy, NULL) == 0, "cannot be read");
    for (size_t i = 0; i < 200; i++) {
        require(policy_state_new(policy, &state, NULL) == 0, "no memory is left");
        double start = now_us();
        require(policy_load_fragment(state, &fragment, &decision), decision.reason);
        take(&samples, start);
        policy_state_free(state);
    }
    policy_decision_fini(&decision);
    policy_free(policy);
    return median(&samples);
}

static void print_row(const char *what, double us, double goal)
{
    (void)printf("RESULT | policy: %s | %.1f µs | < %.0f µs | %s\n", what, us, goal,
                 us < goal ? "ok" : "missed");
}

static void bench_reading(struct world *world)
{
    struct policy *policy = NULL;
    struct buf text = write_policy(world, MANY);
    struct buf one = write_policy(world, 1);
    struct buf fragment = write_fragment(&one);
    print_row("load_fragment of one container, after its signature", fragment_time(&fragment),
              1000);
    (void)fprintf(stderr, "a policy of %zu KiB\n", text.size >> 10);
    print_row("reading a policy of 1 MiB, CPU time", read_time(&text, 20, &policy), 10000);
    policy_free(policy);
    buf_fini(&text);
    buf_fini(&one);
    buf_fini(&fragment);
}

static const char *const caps[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",    "CAP_MKNOD",
    "CAP_NET_RAW", "CAP_SETGID",       "CAP_SETUID",           "CAP_SETFCAP",   "CAP_SETPCAP",
    "CAP_KILL",    "CAP_AUDIT_WRITE",  "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT"};

static void create(struct world *world, size_t index, struct policy_decision *decision)
{
    static const char *const options[] = {"rbind", "rshared", "rw"};
    static const struct policy_identity groups[] = {{"0", "root"}};
    const struct policy_mount mounts[] = {
        {"/proc", "proc", "proc", {(const char *const[]){"nosuid", "noexec", "nodev"}, 3}},
        {"/etc/resolv.conf",
         "bind",
         "/run/gcs/c/pod/sandboxMounts/tmp/atlas/resolvconf/resolv.conf",
         {options, 3}},
    };
    struct policy_process process = {
        .container_id = world->names[index],
        .sandbox_id = "pod",
        .args = {world->args[(index + 1) % CONTAINERS], 3},
        .env = {process_env, sizeof process_env / sizeof *process_env},
        .cwd = "/app",
        .user = {"0", "root"},
        .groups = groups,
        .group_count = 1,
        .umask = "0022",
        .capabilities = {{{caps, 14}, {caps, 14}, {0}, {caps, 14}, {0}}},
        .seccomp_sha256 = "",
        .mounts = mounts,
        .mount_count = 2,
    };
    double start = now_us();
    require(!policy_create_container(world->state, &process, decision), "a wrong argv is allowed");
    take(&world->refused, start);
    process.args.items = world->args[index];
    start = now_us();
    bool allowed = policy_create_container(world->state, &process, decision);
    take(&world->create, start);
    require(allowed && decision->env_kept.count == 16, decision->reason);
}

static void run_container(struct world *world, size_t index, struct policy_decision *decision)
{
    const char *topmost_first[LAYERS];
    char target[64];
    double start;
    for (size_t i = 0; i < LAYERS; i++) {
        size_t layer = index * LAYERS + i;
        topmost_first[LAYERS - 1 - i] = world->targets[layer];
        start = now_us();
        require(policy_mount_device(world->state, world->targets[layer], world->hashes[layer],
                                    decision),
                decision->reason);
        take(&world->device, start);
    }
    (void)snprintf(target, sizeof target, "/run/gcs/c/%s/rootfs", world->names[index]);
    start = now_us();
    require(policy_mount_overlay(world->state, world->names[index],
                                 (struct policy_list){topmost_first, LAYERS}, target, decision),
            decision->reason);
    take(&world->overlay, start);
    create(world, index, decision);
    start = now_us();
    require(policy_signal_container_process(world->state, world->names[index], 15, true,
                                            (struct policy_list){0}, decision),
            decision->reason);
    take(&world->signal, start);
}

int main(void)
{
    static struct world world;
    struct policy_decision decision = {0};
    describe(&world);
    struct buf text = write_policy(&world, CONTAINERS);
    double reading = read_time(&text, 200, &world.policy);
    for (size_t round = 0; round < ROUNDS / CONTAINERS; round++) {
        require(policy_state_new(world.policy, &world.state, NULL) == 0, "no memory is left");
        for (size_t i = 0; i < CONTAINERS; i++)
            run_container(&world, i, &decision);
        policy_state_free(world.state);
    }
    print_row("mount_device", median(&world.device), 20);
    print_row("mount_overlay", median(&world.overlay), 20);
    print_row("create_container, 17 variables", median(&world.create), 100);
    print_row("create_container refused", median(&world.refused), 100);
    print_row("signal_container_process", median(&world.signal), 20);
    (void)printf("RESULT | policy: reading %zu KiB, ten containers | %.0f µs | | info\n",
                 text.size >> 10, reading);
    bench_reading(&world);
    policy_decision_fini(&decision);
    policy_free(world.policy);
    buf_fini(&text);
    return 0;
}
