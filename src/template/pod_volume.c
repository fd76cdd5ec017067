/* A pod's volumes, and where its containers mount them. */
#include "template/pod_read.h"

#include <stdlib.h>

#include "template/pod_volume_files.h"
#include "template/quantity.h"

static const char elsewhere[] = "the data would lie outside the machine, where the host can read "
                                "and change it; only emptyDir, configMap, secret, downwardAPI and "
                                "projected can be had";

static const struct pod_field volume_fields[] = {
    {"name", NULL},
    {"emptyDir", NULL},
    {"configMap", NULL},
    {"secret", NULL},
    {"downwardAPI", NULL},
    {"projected", NULL},
    {"hostPath", "a folder of the host, which is not trusted"},
    {"awsElasticBlockStore", elsewhere},
    {"azureDisk", elsewhere},
    {"azureFile", elsewhere},
    {"cephfs", elsewhere},
    {"cinder", elsewhere},
    {"csi", elsewhere},
    {"ephemeral", elsewhere},
    {"fc", elsewhere},
    {"flexVolume", elsewhere},
    {"flocker", elsewhere},
    {"gcePersistentDisk", elsewhere},
    {"gitRepo", elsewhere},
    {"glusterfs", elsewhere},
    {"image", elsewhere},
    {"iscsi", elsewhere},
    {"nfs", elsewhere},
    {"persistentVolumeClaim", elsewhere},
    {"photonPersistentDisk", elsewhere},
    {"portworxVolume", elsewhere},
    {"quobyte", elsewhere},
    {"rbd", elsewhere},
    {"scaleIO", elsewhere},
    {"storageos", elsewhere},
    {"vsphereVolume", elsewhere},
    {0},
};

static int read_empty_dir(const struct pod_reader *reader, const json_t *source,
                          struct pod_volume *out, struct error *err)
{
    static const struct pod_field fields[] = {{"medium", NULL}, {"sizeLimit", NULL}, {0}};
    const char *medium;
    out->type = POD_VOLUME_EMPTY_DIR;
    if (reader->reading == POD_CONFCOM)
        return 0;
    const json_t *limit = json_object_get(source, "sizeLimit");
    if (pod_check_fields(reader, source, fields, err) < 0 ||
        pod_find_text(source, "medium", &medium, err) < 0)
        return -1;
    if (*medium && strcmp(medium, "Memory") != 0)
        return error_set(err, ERROR_REFUSED, "medium \"%.64s\": it is \"\" or Memory", medium);
    out->in_memory = *medium;
    if (json_is_integer(limit) && json_integer_value(limit) >= 0)
        out->size_limit = (uint64_t)json_integer_value(limit);
    else if (limit && !json_is_string(limit))
        return error_set(err, ERROR_INVALID, "sizeLimit: expected a quantity, found %s",
                         json_kind(limit));
    else if (limit)
        return quantity_parse_units(json_string_value(limit), &out->size_limit, err);
    return 0;
}

/* The one member besides the name is the kind; none stands for emptyDir. */
static int read_source(const struct pod_reader *reader, const json_t *object,
                       struct pod_volume *out, struct error *err)
{
    json_t *members = (json_t *)(uintptr_t)object;
    const json_t *source = NULL;
    const char *key;
    json_t *value;
    out->kind = "emptyDir";
    json_object_foreach (members, key, value) {
        if (strcmp(key, "name") == 0)
            continue;
        if (source)
            return error_set(err, ERROR_INVALID, "is of two kinds, %.64s and %.64s", out->kind,
                             key);
        if (!json_is_object(value))
            return error_set(err, ERROR_INVALID, "%.64s: expected an object, found %s", key,
                             json_kind(value));
        out->kind = key;
        source = value;
    }
    int status;
    if (strcmp(out->kind, "emptyDir") == 0)
        status = read_empty_dir(reader, source, out, err);
    else if (reader->reading == POD_CONFCOM)
        return 0;
    else
        status = pod_read_volume_files(reader, source, out, err);
    return status < 0 ? error_context(err, "%s", out->kind) : 0;
}

static bool is_always_read_only(const char *kind)
{
    return strcmp(kind, "configMap") == 0 || strcmp(kind, "secret") == 0 ||
           strcmp(kind, "downwardAPI") == 0 || strcmp(kind, "projected") == 0;
}

static const struct pod_volume *find_volume(const struct pod *pod, const char *name)
{
    for (size_t i = 0; i < pod->volume_count; i++) {
        if (strcmp(pod->volumes[i].name, name) == 0)
            return &pod->volumes[i];
    }
    return NULL;
}

static int read_volume(const struct pod_reader *reader, const json_t *object,
                       struct pod_volume *out, struct error *err)
{
    *out = (struct pod_volume){.type = POD_VOLUME_OTHER};
    if (pod_get_text(object, "name", &out->name, err) < 0 ||
        pod_check_name(reader, out->name, err) < 0)
        return error_context(err, "volume");
    if (find_volume(reader->pod, out->name))
        return error_set(err, ERROR_INVALID, "volume \"%.64s\" is there twice", out->name);
    if (pod_check_fields(reader, object, volume_fields, err) < 0 ||
        read_source(reader, object, out, err) < 0)
        return error_context(err, "volume \"%.64s\"", out->name);
    out->read_only = is_always_read_only(out->kind);
    return 0;
}

/* A template of a StatefulSet; only confcom gets here with any. */
static int read_claim(const json_t *claim, struct pod_volume *out, struct error *err)
{
    json_t *metadata, *spec, *modes;
    size_t count;
    *out = (struct pod_volume){.type = POD_VOLUME_OTHER, .kind = "persistentVolumeClaim"};
    if (json_get_object(claim, "metadata", &metadata, err) < 0 ||
        pod_get_text(metadata, "name", &out->name, err) < 0 ||
        json_find_object(claim, "spec", &spec, err) < 0)
        return -1;
    if (!spec)
        return 0;
    if (pod_find_list(spec, "accessModes", &modes, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char *mode;
        if (json_text_at(modes, i, "accessModes", &mode, err) < 0)
            return -1;
        out->read_only = out->read_only || strstr(mode, "ReadOnlyMany") != NULL;
    }
    return 0;
}

int pod_read_volumes(struct pod_reader *reader, const json_t *claims, struct error *err)
{
    json_t *array, *object;
    size_t count;
    size_t claim_count = json_array_size(claims);
    if (pod_find_list(reader->spec, "volumes", &array, &count, err) < 0)
        return -1;
    if (claim_count > POD_LIST_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d volumeClaimTemplates", POD_LIST_MAX);
    struct pod_volume *volumes = pod_room(reader, count + claim_count, sizeof *volumes, err);
    if (!volumes)
        return -1;
    reader->pod->volumes = volumes;
    for (size_t i = 0; i < count; i++) {
        if (pod_object_at(array, i, &object, err) < 0)
            return error_context(err, "volumes");
        if (read_volume(reader, object, &volumes[i], err) < 0)
            return -1;
        reader->pod->volume_count++;
    }
    for (size_t i = 0; i < claim_count; i++) {
        if (pod_object_at(claims, i, &object, err) < 0 ||
            read_claim(object, &volumes[count + i], err) < 0)
            return error_context(err, "volumeClaimTemplates");
        reader->pod->volume_count++;
    }
    return 0;
}

/* POD_STRICT: the path without a slash at its end. */
static int normal_path(const struct pod_reader *reader, const char **path, struct error *err)
{
    size_t size = strlen(*path);
    while (size > 1 && (*path)[size - 1] == '/')
        size--;
    const char *normal = pod_format(reader, err, "%.*s", (int)size, *path);
    if (!normal)
        return -1;
    if (!pod_is_normal_path(normal))
        return error_set(err, ERROR_INVALID,
                         "mountPath \"%.128s\" is not an absolute path without \"//\", \".\" and "
                         "\"..\"",
                         *path);
    *path = normal;
    return 0;
}

static int check_mount(const struct pod_reader *reader, struct pod_mount *out, struct error *err)
{
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (normal_path(reader, &out->path, err) < 0)
        return -1;
    if (!*out->sub_path)
        return 0;
    if (out->volume->type != POD_VOLUME_FILES)
        return error_set(err, ERROR_REFUSED, "subPath \"%.64s\" of an emptyDir: mount all of it",
                         out->sub_path);
    return pod_check_file_path(out->sub_path, err);
}

static int read_mount(const struct pod_reader *reader, const json_t *object, struct pod_mount *out,
                      struct error *err)
{
    static const struct pod_field fields[] = {
        {"name", NULL},
        {"mountPath", NULL},
        {"readOnly", NULL},
        {"subPath", NULL},
        {"subPathExpr", "it depends on the machine; use subPath"},
        {"mountPropagation", "mounts do not leave their container"},
        {"recursiveReadOnly", NULL},
        {0},
    };
    const char *name;
    bool read_only = false;
    if (pod_check_fields(reader, object, fields, err) < 0 ||
        pod_get_text(object, "name", &name, err) < 0 ||
        pod_get_text(object, "mountPath", &out->path, err) < 0 ||
        json_find_bool(object, "readOnly", &read_only, err) < 0 ||
        pod_find_text(object, "subPath", &out->sub_path, err) < 0)
        return -1;
    out->volume = find_volume(reader->pod, name);
    if (!out->volume)
        return error_set(err, ERROR_NOT_FOUND, "the pod has no volume \"%.64s\"", name);
    out->read_only = read_only || out->volume->read_only;
    return check_mount(reader, out, err) < 0 ? error_context(err, "%.64s", name) : 0;
}

int pod_read_mounts(const struct pod_reader *reader, const json_t *container,
                    struct pod_container *out, struct error *err)
{
    json_t *array, *object;
    size_t count;
    if (pod_find_list(container, "volumeMounts", &array, &count, err) < 0)
        return -1;
    struct pod_mount *mounts = pod_room(reader, count, sizeof *mounts, err);
    if (!mounts)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (pod_object_at(array, i, &object, err) < 0 ||
            read_mount(reader, object, &mounts[i], err) < 0)
            return error_context(err, "volumeMounts");
        for (size_t j = 0; j < i && reader->reading == POD_STRICT; j++) {
            if (strcmp(mounts[i].path, mounts[j].path) == 0)
                return error_set(err, ERROR_INVALID, "two volumes are mounted at \"%.128s\"",
                                 mounts[i].path);
        }
    }
    out->mounts = mounts;
    out->mount_count = count;
    return 0;
}
