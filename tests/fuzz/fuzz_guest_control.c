/*
 * The gate against a hostile host, on a machine that does nothing. The first byte chooses how far
 * the host has got: 0 nothing, 1 the policy is set, 2 a container runs. The rest are the channel's
 * bytes.
 */
#include "fuzz.h"

#include <stdio.h>

#include "fake_machine.h"

#define FOUR(c) c c c c
#define HASH(c) FOUR(FOUR(FOUR(c)))

static void feed(struct gate *gate, uint8_t type, uint32_t stream, const char *text)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(CHANNEL_HEADER_SIZE + CHANNEL_PAYLOAD_MAX);
    fuzz_require(buf_append_le32(&bytes, (uint32_t)strlen(text), NULL) == 0);
    fuzz_require(buf_append_le32(&bytes, type, NULL) == 0);
    fuzz_require(buf_append_le32(&bytes, stream, NULL) == 0);
    fuzz_require(buf_append_text(&bytes, text, NULL) == 0);
    fuzz_require(gate_receive(gate, buf_span(&bytes), NULL) == 0);
}

static void set_policy(struct gate *gate)
{
    char message[128];
    (void)snprintf(message, sizeof message,
                   "{\"id\":1,\"op\":\"set_policy\",\"args\":{\"stream\":9,\"size\":%zu}}",
                   strlen(fake_policy()));
    feed(gate, 1, 0, message);
    feed(gate, 2, 9, fake_policy());
    feed(gate, 4, 9, "");
    fuzz_require(gate->phase == GATE_OPEN);
}

static void start_container(struct gate *gate)
{
    feed(gate, 1, 0,
         "{\"id\":2,\"op\":\"mount_device\",\"args\":{\"lun\":0,\"root_hash\":\"" HASH(
             "a") "\",\"target\":\"/run/mounts/scsi/m0\"}}");
    feed(gate, 1, 0,
         "{\"id\":3,\"op\":\"mount_device\",\"args\":{\"lun\":1,\"root_hash\":\"" HASH(
             "b") "\",\"target\":\"/run/mounts/scsi/m1\"}}");
    feed(gate, 1, 0,
         "{\"id\":4,\"op\":\"mount_overlay\",\"args\":{\"id\":\"c1\",\"layers\":["
         "\"/run/mounts/scsi/m1\",\"/run/mounts/scsi/m0\"]}}");
    feed(gate, 1, 0,
         "{\"id\":5,\"op\":\"create_container\",\"args\":{\"id\":\"c1\",\"args\":[\"/bin/app\","
         "\"go\"],\"env\":[\"A=1\"],\"cwd\":\"/\",\"user\":\"\",\"umask\":18,\"capabilities\":{"
         "\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_CHOWN\",\"CAP_KILL\"],"
         "\"inheritable\":[],\"permitted\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"ambient\":[]},"
         "\"no_new_privileges\":false,\"privileged\":false,\"read_only_root\":false,\"mounts\":[],"
         "\"hostname\":\"\",\"terminal\":false,\"rows\":0,\"columns\":0,\"stdin\":1,\"stdout\":2,"
         "\"stderr\":3}}");
    static const struct gate_process_name first = {.id = "c1"};
    fuzz_require(gate_created(gate, &first, 42, NULL) == 0);
}

/* Whatever came: before the policy nothing was done but a report read, and no process was started
 * but those that the policy describes. */
static void check(const struct gate *gate, const struct fake_machine *machine)
{
    if (gate->phase != GATE_OPEN) {
        fuzz_require(!strstr(machine->done, "mount_"));
        fuzz_require(!strstr(machine->done, "create:"));
        fuzz_require(!strstr(machine->done, "set_network"));
    }
    for (const char *at = machine->done; (at = strstr(at, "create:")); at++)
        fuzz_require(strncmp(at, "create:/bin/app ", 16) == 0);
    for (const char *at = machine->done; (at = strstr(at, "exec:")); at++) {
        const char *program = strchr(strchr(at, '/') + 1, '/') + 1;
        fuzz_require(strncmp(program, "/bin/tool ", 10) == 0 ||
                     strncmp(program, "/bin/sh ", 8) == 0);
    }
    fuzz_require(gate->waiting <= GATE_WAITING_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_machine machine;
    struct gate gate;
    if (size == 0)
        return 0;
    fake_machine_init(&machine, fake_policy());
    gate_init(&gate, &fake_machine_ops, &machine, "simulated");
    if (data[0] >= 1)
        set_policy(&gate);
    if (data[0] >= 2)
        start_container(&gate);
    (void)gate_receive(&gate, span_of(data + 1, size - 1), NULL);
    check(&gate, &machine);
    gate_fini(&gate);
    return 0;
}
