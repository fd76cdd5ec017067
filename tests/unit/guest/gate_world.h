/* The gate over a fake machine, as a test talks to it: what the host says goes in as frames,
 * answers come out. */
#ifndef CAISSON_TESTS_GATE_WORLD_H
#define CAISSON_TESTS_GATE_WORLD_H

#include "../check.h"

#include <stdio.h>

#include "fake_machine.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct world {
    struct gate gate;
    struct fake_machine machine;
    uint64_t id;
    char answer[8192]; /* the control messages since the last request, one a line */
    uint32_t closed;   /* bit n: the guest closed stream n */
    uint32_t granted;  /* bytes */
    struct error err;
};

static const struct gate_process_name first = {.id = "c1"};

static inline int setup(void **state)
{
    static struct world world;
    world = (struct world){0};
    fake_machine_init(&world.machine, fake_policy());
    gate_init(&world.gate, &fake_machine_ops, &world.machine, "simulated");
    *state = &world;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *world = *state;
    gate_fini(&world->gate);
    return 0;
}

/* Reads the frames that the guest wrote. */
static inline void collect(struct world *world)
{
    struct span out = channel_output(&world->gate.channel);
    size_t at = 0;
    while (at + CHANNEL_HEADER_SIZE <= out.size) {
        const uint8_t *header = out.data + at;
        size_t size = header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16;
        const uint8_t *payload = header + CHANNEL_HEADER_SIZE;
        size_t used = strlen(world->answer);
        if (header[4] == 1)
            (void)snprintf(world->answer + used, sizeof world->answer - used, "%.*s\n", (int)size,
                           (const char *)payload);
        if (header[4] == 3)
            world->granted += payload[0] | (uint32_t)payload[1] << 8 | (uint32_t)payload[2] << 16;
        if (header[4] == 4)
            world->closed |= 1U << header[8];
        at += CHANNEL_HEADER_SIZE + size;
    }
    channel_output_written(&world->gate.channel, out.size);
}

static inline int frame(struct world *world, uint8_t type, uint32_t stream, const void *data,
                        size_t size)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(CHANNEL_HEADER_SIZE + CHANNEL_PAYLOAD_MAX);
    check_ok(buf_append_le32(&bytes, (uint32_t)size, &world->err), &world->err);
    check_ok(buf_append_le32(&bytes, type, &world->err), &world->err);
    check_ok(buf_append_le32(&bytes, stream, &world->err), &world->err);
    check_ok(buf_append(&bytes, span_of(data, size), &world->err), &world->err);
    return gate_receive(&world->gate, buf_span(&bytes), &world->err);
}

/* Sends one control message as it is; what comes back is in world->answer. */
static inline int say(struct world *world, const char *message)
{
    world->answer[0] = '\0';
    int said = frame(world, 1, 0, message, strlen(message));
    collect(world);
    return said;
}

static inline void ask(struct world *world, const char *op, const char *args)
{
    char message[8192];
    (void)snprintf(message, sizeof message, "{\"id\":%llu,\"op\":\"%s\",\"args\":%s}",
                   (unsigned long long)++world->id, op, args);
    check_ok(say(world, message), &world->err);
}

#define expect(world, words)                                                                       \
    do {                                                                                           \
        if (!strstr((world)->answer, (words)))                                                     \
            fail_msg("\"%s\" does not hold \"%s\"", (world)->answer, (words));                     \
    } while (0)

static inline void send_policy(struct world *world, const char *text, size_t told, uint32_t stream)
{
    char args[128];
    (void)snprintf(args, sizeof args, "{\"stream\":%u,\"size\":%zu}", stream, told);
    ask(world, "set_policy", args);
    check_ok(frame(world, 2, stream, text, strlen(text)), &world->err);
    check_ok(frame(world, 4, stream, NULL, 0), &world->err);
    collect(world);
}

static inline void open_gate(struct world *world)
{
    send_policy(world, fake_policy(), strlen(fake_policy()), 9);
    expect(world, "\"ok\":true");
}

#define DEVICE(lun, hash)                                                                          \
    "{\"lun\":" #lun ",\"root_hash\":\"" hash "\",\"target\":\"/run/mounts/scsi/m" #lun "\"}"
#define OVERLAY "{\"id\":\"c1\",\"layers\":[\"/run/mounts/scsi/m1\",\"/run/mounts/scsi/m0\"]}"

static inline void mount_all(struct world *world)
{
    open_gate(world);
    ask(world, "mount_device", DEVICE(0, HASH_A));
    expect(world, "\"ok\":true");
    ask(world, "mount_device", DEVICE(1, HASH_B));
    expect(world, "\"ok\":true");
    ask(world, "mount_overlay", OVERLAY);
    expect(world, "\"ok\":true");
}

#define CAPS "[\"CAP_CHOWN\",\"CAP_KILL\"]"
#define MOUNTS                                                                                     \
    "[{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":"                         \
    "\"/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/resolvconf/resolv.conf\","                       \
    "\"options\":[\"rbind\",\"rshared\",\"rw\"]}]"

static inline void create(struct world *world, const char *args, const char *rest)
{
    char text[4096];
    (void)snprintf(
        text, sizeof text,
        "{\"id\":\"c1\",\"args\":%s,\"env\":[\"A=1\",\"B=2\"],\"cwd\":\"/\",\"user\":\"\","
        "\"umask\":18,\"capabilities\":{\"bounding\":" CAPS ",\"effective\":" CAPS
        ",\"inheritable\":[],\"permitted\":" CAPS ",\"ambient\":[]},\"no_new_privileges\":false,"
        "\"privileged\":false,\"read_only_root\":false,\"mounts\":" MOUNTS
        ",\"hostname\":\"\",\"rows\":24,\"columns\":80,%s}",
        args, rest);
    ask(world, "create_container", text);
}

#define GOOD    "[\"/bin/app\",\"go\"]"
#define STREAMS "\"terminal\":false,\"stdin\":1,\"stdout\":2,\"stderr\":3"

static inline void run(struct world *world)
{
    mount_all(world);
    create(world, GOOD, STREAMS);
    check_ok(gate_created(&world->gate, &first, 42, &world->err), &world->err);
    collect(world);
    expect(world, "{\"pid\":42}");
}

#endif
