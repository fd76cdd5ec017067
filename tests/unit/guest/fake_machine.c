#include "fake_machine.h"

#include "guest/credentials.h"

#include <stdarg.h>
#include <stdio.h>

#define CAPS "[\"CAP_CHOWN\",\"CAP_KILL\"]"
#define A16  "aaaaaaaaaaaaaaaa"
#define B16  "bbbbbbbbbbbbbbbb"

const char *fake_policy(void)
{
    return "package policy\n"
           "import future.keywords.every\nimport future.keywords.in\n"
           "api_version := \"0.10.0\"\nframework_version := \"0.2.3\"\n"
           "fragments := [{\"feed\":\"f\",\"includes\":[\"containers\"],\"issuer\":\"i\","
           "\"minimum_svn\":\"2\"}]\n"
           "containers := [{\"allow_elevated\":false,\"allow_stdio_access\":true,"
           "\"capabilities\":{\"ambient\":[],\"bounding\":" CAPS ",\"effective\":" CAPS
           ",\"inheritable\":[],\"permitted\":" CAPS "},"
           "\"command\":[\"/bin/app\",\"go\"],"
           "\"env_rules\":[{\"pattern\":\"A=1\",\"required\":false,\"strategy\":\"string\"}],"
           "\"exec_processes\":[{\"command\":[\"/bin/tool\",\"-x\"],\"signals\":[10]},"
           "{\"command\":[\"/bin/sh\"],\"signals\":[]}],\"id\":\"app\","
           "\"layers\":[\"" A16 A16 A16 A16 "\",\"" B16 B16 B16 B16 "\"],"
           "\"mounts\":[{\"destination\":\"/etc/resolv.conf\",\"options\":[\"rbind\",\"rshared\","
           "\"rw\"],\"source\":\"sandbox:///tmp/atlas/resolvconf/.+\",\"type\":\"bind\"}],"
           "\"name\":\"app\",\"no_new_privileges\":false,\"seccomp_profile_sha256\":\"\","
           "\"signals\":[15],\"user\":{\"group_idnames\":[{\"pattern\":\"\",\"strategy\":\"any\"}],"
           "\"umask\":\"0022\",\"user_idname\":{\"pattern\":\"\",\"strategy\":\"any\"}},"
           "\"working_dir\":\"/\"}]\n"
           "allow_properties_access := true\nallow_dump_stacks := false\n"
           "allow_runtime_logging := false\nallow_environment_variable_dropping := true\n"
           "allow_unencrypted_scratch := false\nallow_capability_dropping := true\n"
           "mount_device := data.framework.mount_device\n"
           "unmount_device := data.framework.unmount_device\n"
           "mount_overlay := data.framework.mount_overlay\n"
           "unmount_overlay := data.framework.unmount_overlay\n"
           "create_container := data.framework.create_container\n"
           "exec_in_container := data.framework.exec_in_container\n"
           "exec_external := data.framework.exec_external\n"
           "shutdown_container := data.framework.shutdown_container\n"
           "signal_container_process := data.framework.signal_container_process\n"
           "plan9_mount := data.framework.plan9_mount\n"
           "plan9_unmount := data.framework.plan9_unmount\n"
           "get_properties := data.framework.get_properties\n"
           "dump_stacks := data.framework.dump_stacks\n"
           "runtime_logging := data.framework.runtime_logging\n"
           "load_fragment := data.framework.load_fragment\n"
           "scratch_mount := data.framework.scratch_mount\n"
           "scratch_unmount := data.framework.scratch_unmount\n"
           "reason := {\"errors\": data.framework.errors}\n";
}

void fake_machine_init(struct fake_machine *machine, const char *policy)
{
    *machine = (struct fake_machine){0};
    sha256_digest(span_of_text(policy), machine->host_data);
}

/* Writes down, and fails where the test wants it. */
__attribute__((format(printf, 4, 5))) static int note(struct fake_machine *machine,
                                                      const char *name, struct error *err,
                                                      const char *format, ...)
{
    char what[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (machine->fail && strcmp(machine->fail, name) == 0)
        return error_set(err, ERROR_SYSTEM, "the machine cannot %s", name);
    size_t used = strlen(machine->done);
    (void)snprintf(machine->done + used, sizeof machine->done - used, "%s:%s ", name, what);
    return 0;
}

static int fake_report(void *argument, const uint8_t report_data[REPORT_DATA_SIZE],
                       struct buf *report, struct buf *certificates, struct error *err)
{
    struct fake_machine *machine = argument;
    (void)certificates;
    if (note(machine, "report", err, "%d", report_data[0] != 0) < 0 ||
        buf_append_zero(report, GATE_REPORT_SIZE, err) < 0)
        return -1;
    memcpy(report->data + 0x50, report_data, REPORT_DATA_SIZE);
    memcpy(report->data + GATE_HOST_DATA_AT, machine->host_data, SHA256_SIZE);
    return 0;
}

static int fake_set_network(void *argument, const struct request_set_network *network,
                            struct error *err)
{
    return note(argument, "set_network", err, "%u", network->prefix);
}

static int fake_mount_device(void *argument, const struct request_mount_device *device,
                             struct error *err)
{
    return note(argument, "mount_device", err, "%u", device->lun);
}

static int fake_scratch_mount(void *argument, const struct request_scratch_mount *scratch,
                              struct error *err)
{
    return note(argument, "scratch_mount", err, "%u", scratch->lun);
}

static int fake_mount_overlay(void *argument, const char *id, struct policy_list layers,
                              struct error *err)
{
    return note(argument, "mount_overlay", err, "%s/%zu", id, layers.count);
}

static int fake_remove_overlay(void *argument, const char *id, struct error *err)
{
    return note(argument, "remove_overlay", err, "%s", id);
}

static int fake_unmount_device(void *argument, const char *target, struct error *err)
{
    return note(argument, "unmount_device", err, "%s", target);
}

static int fake_find_user(void *argument, const struct request_process *process, struct user *out,
                          struct error *err)
{
    *out = (struct user){.user = {.name = "root"}, .groups = {{.name = "root"}}, .group_count = 1};
    return note(argument, "find_user", err, "%s", process->user);
}

static int fake_create(void *argument, const struct spec *spec, const uint32_t standard[3],
                       struct error *err)
{
    struct fake_machine *machine = argument;
    machine->env[0] = '\0';
    for (size_t i = 0; i < spec->env.count; i++) {
        size_t used = strlen(machine->env);
        (void)snprintf(machine->env + used, sizeof machine->env - used, "%s ", spec->env.items[i]);
    }
    memcpy(machine->standard, standard, sizeof machine->standard);
    machine->terminal = spec->terminal;
    struct credentials credentials;
    if (spec_check_mounts(spec, err) < 0 || credentials_of(spec, &credentials, err) < 0)
        return -1;
    return note(machine, "create", err, "%s", spec->args.items[0]);
}

static int fake_exec(void *argument, const struct spec *spec, uint64_t process,
                     const uint32_t standard[3], struct error *err)
{
    struct fake_machine *machine = argument;
    struct credentials credentials;
    memcpy(machine->exec_standard, standard, sizeof machine->exec_standard);
    if (credentials_of(spec, &credentials, err) < 0)
        return -1;
    return note(machine, "exec", err, "%s/%llu/%s", spec->id, (unsigned long long)process,
                spec->args.items[0]);
}

static int fake_signal(void *argument, const char *id, uint64_t process, unsigned int number,
                       struct error *err)
{
    return note(argument, "signal", err, "%s/%llu/%u", id, (unsigned long long)process, number);
}

static int fake_resize(void *argument, const char *id, uint64_t process, unsigned int rows,
                       unsigned int columns, struct error *err)
{
    return note(argument, "resize", err, "%s/%llu/%ux%u", id, (unsigned long long)process, rows,
                columns);
}

static int fake_freeze(void *argument, bool frozen, struct error *err)
{
    return note(argument, "freeze", err, "%d", frozen);
}

static int fake_usage(void *argument, const char *id, struct buf *out, struct error *err)
{
    if (note(argument, "usage", err, "%s", id) < 0)
        return -1;
    return buf_append_text(out, "\"memory\":7", err);
}

static int fake_processes(void *argument, const char *id, struct buf *out, struct error *err)
{
    if (note(argument, "processes", err, "%s", id) < 0)
        return -1;
    return buf_append_text(out, "[{\"pid\":1}]", err);
}

static int fake_probe_port(void *argument, unsigned int port, bool *open, struct error *err)
{
    *open = port == 80;
    return note(argument, "probe_port", err, "%u", port);
}

/* The message is the answer, as if it had been signed. */
static int fake_verify_fragment(void *argument, struct span cose, struct buf *answer,
                                struct error *err)
{
    struct fake_machine *machine = argument;
    if (machine->forged)
        return error_set(err, ERROR_REFUSED, "signature: it does not hold");
    if (note(argument, "verify_fragment", err, "%zu", cose.size) < 0)
        return -1;
    return buf_append(answer, cose, err);
}

static int fake_statistics(void *argument, uint64_t *total, uint64_t *available, struct error *err)
{
    *total = 100;
    *available = 50;
    return note(argument, "statistics", err, "%s", "");
}

static bool fake_stream_data(void *argument, uint32_t stream, struct span bytes)
{
    struct fake_machine *machine = argument;
    if (stream != machine->standard[0])
        return false;
    machine->input += bytes.size;
    return true;
}

static bool fake_stream_closed(void *argument, uint32_t stream)
{
    (void)argument;
    (void)stream;
    return false;
}

static int fake_start(void *argument, const struct spec *spec, uint64_t process,
                      const uint32_t standard[3], struct error *err)
{
    struct fake_machine *machine = argument;
    machine->policy = spec->policy;
    return process ? fake_exec(argument, spec, process, standard, err)
                   : fake_create(argument, spec, standard, err);
}

const struct machine_ops fake_machine_ops = {
    .reports = GATE_REPORTS_SNP,
    .report = fake_report,
    .set_network = fake_set_network,
    .mount_device = fake_mount_device,
    .scratch_mount = fake_scratch_mount,
    .mount_overlay = fake_mount_overlay,
    .remove_overlay = fake_remove_overlay,
    .find_user = fake_find_user,
    .unmount_device = fake_unmount_device,
    .start = fake_start,
    .signal = fake_signal,
    .resize = fake_resize,
    .probe_port = fake_probe_port,
    .freeze = fake_freeze,
    .usage = fake_usage,
    .processes = fake_processes,
    .verify_fragment = fake_verify_fragment,
    .statistics = fake_statistics,
    .stream_data = fake_stream_data,
    .stream_closed = fake_stream_closed,
};
