#include "policy/generate.h"

#include "policy/capabilities.h"
#include "policy/generate_parts.h"

static const struct generation generations[] = {
    [POLICY_GENERATION_A] = {"0.10.0", "0.2.3", false, false, false, false},
    [POLICY_GENERATION_A2] = {"0.11.0", "0.2.3", false, false, true, false},
    [POLICY_GENERATION_A3] = {"0.11.0", "0.2.3", false, true, true, false},
    [POLICY_GENERATION_B] = {"0.11.0", "0.2.3", true, true, true, false},
    [POLICY_GENERATION_C] = {"0.12.0", "0.5.0", true, true, true, true},
};

/* The container that holds a pod's namespaces; its capabilities stand in the reference's order. */
static void put_pause(struct writer *writer)
{
    const struct policy_list caps = {policy_default_capability_names,
                                     policy_default_capability_count};
    put(writer, "{\"allow_elevated\":false,\"allow_stdio_access\":");
    put_bool(writer, !writer->draft->disable_stdio);
    put(writer, ",\"capabilities\":{\"ambient\":[],\"bounding\":");
    put_list(writer, caps);
    put(writer, ",\"effective\":");
    put_list(writer, caps);
    put(writer, ",\"inheritable\":[],\"permitted\":");
    put_list(writer, caps);
    put(writer,
        "},\"command\":[\"/pause\"],\"env_rules\":[{\"pattern\":\"PATH=/usr/local/sbin:"
        "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"required\":true,\"strategy\":"
        "\"string\"},{\"pattern\":\"TERM=xterm\",\"required\":false,\"strategy\":\"string\"}],"
        "\"exec_processes\":[],\"layers\":[\"" POLICY_PAUSE_LAYER "\"],\"mounts\":[],"
        "\"name\":\"pause-container\",\"no_new_privileges\":false,"
        "\"seccomp_profile_sha256\":\"\",\"signals\":[");
    put(writer, writer->generation->default_signals ? "9,15" : "");
    put(writer, "],\"user\":{\"group_idnames\":[{\"pattern\":\"\",\"strategy\":\"any\"}],\"umask\":"
                "\"0022\",\"user_idname\":{\"pattern\":\"\",\"strategy\":\"any\"}},"
                "\"working_dir\":\"/\"}");
}

static void put_fragment(struct writer *writer, const struct policy_draft_fragment *fragment,
                         bool *first)
{
    const char *svn = *first ? writer->draft->infrastructure_svn : NULL;
    put(writer, *first ? "{\"feed\":" : ",{\"feed\":");
    put_string(writer, fragment->feed);
    put(writer, ",\"includes\":");
    put_list(writer, fragment->includes);
    put(writer, ",\"issuer\":");
    put_string(writer, fragment->issuer);
    put(writer, ",\"minimum_svn\":");
    put_string(writer, svn ? svn : fragment->minimum_svn);
    put(writer, "}");
    *first = false;
}

static void put_own_fragments(struct writer *writer, bool *first)
{
    for (size_t i = 0; i < writer->draft->fragment_count; i++)
        put_fragment(writer, &writer->draft->fragments[i], first);
}

/* confcom writes them over lines in every form. */
static void put_fragments(struct writer *writer)
{
    static const char *const includes[] = {"containers", "fragments"};
    static const struct policy_draft_fragment infrastructure = {
        .feed = "mcr.microsoft.com/aci/aci-cc-infra-fragment",
        .includes = {includes, 2},
        .issuer = "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::"
                  "eku:1.3.6.1.4.1.311.76.59.1.3",
        .minimum_svn = "4",
    };
    BUF_AUTO list = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    struct writer compact = *writer;
    bool first = true;
    compact.text.out = &list;
    put(&compact, "[");
    if (writer->draft->own_fragments_first)
        put_own_fragments(&compact, &first);
    if (!writer->draft->exclude_default_fragments)
        put_fragment(&compact, &infrastructure, &first);
    if (!writer->draft->own_fragments_first)
        put_own_fragments(&compact, &first);
    put(&compact, "]");
    writer->text.failed = compact.text.failed;
    put(writer, "fragments := ");
    policy_put_pretty(&writer->text, buf_span(&list));
    put(writer, "\n\n");
}

static void put_compact_containers(struct writer *writer)
{
    const struct policy_draft *draft = writer->draft;
    put(writer, "[");
    for (size_t i = 0; i < draft->container_count && !writer->text.failed; i++) {
        put(writer, i ? "," : "");
        generate_container(writer, &draft->containers[i]);
    }
    if (!draft->no_pause) {
        put(writer, draft->container_count ? "," : "");
        put_pause(writer);
    }
    put(writer, "]");
}

static void put_containers(struct writer *writer)
{
    BUF_AUTO list = BUF_WITH_LIMIT(POLICY_SIZE_MAX);
    struct writer compact = *writer;
    put(writer, "containers := ");
    if (!writer->draft->pretty) {
        put_compact_containers(writer);
        return;
    }
    compact.text.out = &list;
    put_compact_containers(&compact);
    writer->text.failed = compact.text.failed;
    policy_put_pretty(&writer->text, buf_span(&list));
}

static void put_flags(struct writer *writer)
{
    put(writer, "allow_properties_access := true\nallow_dump_stacks := ");
    put_bool(writer, writer->draft->debug);
    put(writer, "\nallow_runtime_logging := ");
    put_bool(writer, writer->draft->debug);
    put(writer, "\nallow_environment_variable_dropping := true\n"
                "allow_unencrypted_scratch := false\nallow_capability_dropping := true\n");
    if (writer->generation->host_network) {
        put(writer, "allow_host_network := ");
        put_bool(writer, writer->draft->host_network);
        put(writer, "\n");
    }
    put(writer, "\n");
}

static void put_points(struct writer *writer)
{
    static const char *const points[] = {
        "mount_device",
        "unmount_device",
        "mount_overlay",
        "unmount_overlay",
        "create_container",
        "exec_in_container",
        "exec_external",
        "shutdown_container",
        "signal_container_process",
        "plan9_mount",
        "plan9_unmount",
        "get_properties",
        "dump_stacks",
        "runtime_logging",
        "load_fragment",
        "scratch_mount",
        "scratch_unmount",
        "rw_mount_device",
        "host_network",
        "load_transparency_trust_list",
    };
    size_t count = sizeof points / sizeof *points;
    if (!writer->generation->host_network)
        count -= writer->generation->rw_mount_device ? 2 : 3;
    for (size_t i = 0; i < count; i++) {
        put(writer, points[i]);
        put(writer, " := data.framework.");
        put(writer, points[i]);
        put(writer, "\n");
    }
    put(writer, "\nreason := {\"errors\": data.framework.errors}");
}

static void put_versions(struct writer *writer)
{
    put(writer, "api_version := \"");
    put(writer, writer->generation->api);
    put(writer, "\"\nframework_version := \"");
    put(writer, writer->generation->framework);
    put(writer, "\"\n\n");
}

int policy_generate(const struct policy_draft *draft, struct buf *out, struct error *err)
{
    struct writer writer = {.text = {.out = out, .err = err},
                            .draft = draft,
                            .generation = &generations[draft->generation]};
    if (draft->infrastructure) {
        put(&writer, "package microsoftcontainerinstance\n\n");
        put_versions(&writer);
        put_containers(&writer);
        return writer.text.failed ? -1 : 0;
    }
    put(&writer, "package policy\n\nimport future.keywords.every\nimport future.keywords.in\n\n");
    put_versions(&writer);
    put_fragments(&writer);
    put_containers(&writer);
    put(&writer, "\n\n");
    if (draft->group)
        generate_group(&writer, draft->group);
    if (draft->attestation)
        generate_attestation(&writer, draft->attestation);
    put_flags(&writer);
    put_points(&writer);
    return writer.text.failed ? -1 : 0;
}
