/* Manifests: what is accepted has containers within the limits, a policy's groups and, in the
 * strict reading, a sound tar of its files. The same text twice gives the same. */
#include "fuzz.h"

#include "format/tar.h"
#include "format/yaml.h"
#include "template/pod_policy.h"

static int next(void *arg, struct span *out, struct error *err)
{
    (void)err;
    *out = *(struct span *)arg;
    *(struct span *)arg = span_of(NULL, 0);
    return 0;
}

static int check_layer(void *context, struct span tar, char hex[65], struct error *err)
{
    struct tar_reader reader;
    struct tar_entry entry;
    bool more = true;
    (void)context;
    tar_init(&reader, (struct tar_source){.next = next, .arg = &tar});
    while (more)
        fuzz_require(tar_next(&reader, &entry, &more, err) == 0);
    tar_fini(&reader);
    memset(hex, '0', 64);
    hex[64] = '\0';
    return 0;
}

/* Only paths below the manifest's folder are asked for, and the default (NULL). */
static json_t *read_profile(void *context, const char *path, uint64_t capabilities,
                            struct error *err)
{
    (void)context;
    (void)capabilities;
    fuzz_require(!path ||
                 (*path != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0));
    fuzz_require(!path || !strstr(path, "/../"));
    json_t *profile = json_pack("{s:s}", "defaultAction", "SCMP_ACT_ALLOW");
    if (!profile)
        (void)error_memory(err);
    return profile;
}

static void check_group(const struct template_group *group, const struct pod *pod)
{
    fuzz_require(group->container_count == pod->container_count);
    fuzz_require(pod->main_count > 0 && pod->container_count <= POD_CONTAINERS_MAX);
    for (size_t i = 0; i < group->container_count; i++) {
        const struct template_container *container = &group->containers[i];
        fuzz_require(container->draft.mount_count <= POD_LIST_MAX + 3);
        fuzz_require(container->draft.group_count <= 32);
        fuzz_require(!!container->seccomp == (strlen(container->draft.seccomp_sha256) == 64));
    }
}

static void read_as(const json_t *documents, enum pod_reading reading)
{
    const struct template_pod_options options = {
        .reading = reading,
        .approve_wildcards = true,
        .layer = check_layer,
        .profile = reading == POD_STRICT ? read_profile : NULL};
    struct error err = {0};
    PODS_AUTO pods = {0};
    TEMPLATE_GROUPS_AUTO groups = {0};
    if (pods_read(documents, reading, &pods, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE);
        return;
    }
    if (template_groups_init(&groups, &err) < 0 ||
        template_read_pods(&pods, &options, &groups, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE);
        return;
    }
    fuzz_require(groups.count == pods.count);
    for (size_t i = 0; i < groups.count; i++)
        check_group(&groups.groups[i], &pods.items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yaml_limits limits = {.size = 1 << 16, .depth = 32, .nodes = 1 << 12};
    json_auto_t *documents = yaml_read(span_of(data, size), &limits, NULL);
    if (!documents)
        return 0;
    read_as(documents, POD_STRICT);
    read_as(documents, POD_CONFCOM);
    return 0;
}
