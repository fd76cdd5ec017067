/* The configuration's `master`: where the master key comes from. */
#include "base/text.h"
#include "format/json.h"
#include "service/config_parts.h"

#define PCR_MAX 23

static int set_path(const char *state, const char *name, struct master *out, struct error *err)
{
    if (out->path)
        return 0;
    out->path = text_format("%s/%s", state, name);
    return out->path ? 0 : error_memory(err);
}

static int read_pcrs(const json_t *object, uint32_t *out, struct error *err)
{
    json_t *list;
    if (json_find_array(object, "pcrs", &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        json_int_t pcr = json_is_integer(value) ? json_integer_value(value) : -1;
        if (pcr < 0 || pcr > PCR_MAX || (*out & 1U << pcr))
            return error_set(err, ERROR_INVALID, "pcrs: numbers from 0 to %d, each once", PCR_MAX);
        *out |= 1U << pcr;
    }
    return 0;
}

static int read_tpm(const json_t *object, const char *folder, struct master *out, struct error *err)
{
    static const char *const known[] = {"tcti", "pcrs", "file", NULL};
    out->kind = MASTER_TPM;
    if (json_check_keys(object, known, err) < 0 ||
        json_copy_text(object, "tcti", &out->tcti, err) < 0 ||
        config_copy_path(object, "file", folder, &out->path, err) < 0)
        return -1;
    return read_pcrs(object, &out->pcrs, err);
}

static int read_pkcs11(const json_t *object, const char *folder, struct master *out,
                       struct error *err)
{
    static const char *const known[] = {"module", "token", "key", "pin", "file", NULL};
    out->kind = MASTER_PKCS11;
    if (json_check_keys(object, known, err) < 0 ||
        config_copy_path(object, "module", folder, &out->module, err) < 0 ||
        json_copy_text(object, "token", &out->token, err) < 0 ||
        json_copy_text(object, "key", &out->key, err) < 0 ||
        config_copy_path(object, "pin", folder, &out->pin, err) < 0 ||
        config_copy_path(object, "file", folder, &out->path, err) < 0)
        return -1;
    if (!out->module || !out->token || !out->key || !out->pin)
        return error_set(err, ERROR_INVALID,
                         "module, token, key and pin (a file with it) are needed");
    return 0;
}

static int read_master(const json_t *master, const char *folder, const char *state,
                       struct master *out, struct error *err)
{
    static const char *const known[] = {"file", "tpm", "pkcs11", NULL};
    json_t *tpm, *pkcs11;
    if (json_check_keys(master, known, err) < 0 || json_find_object(master, "tpm", &tpm, err) < 0 ||
        json_find_object(master, "pkcs11", &pkcs11, err) < 0)
        return -1;
    if (json_object_size(master) != 1)
        return error_set(err, ERROR_INVALID, "one of file, tpm and pkcs11 is meant");
    if (tpm)
        return read_tpm(tpm, folder, out, err) < 0 ? error_context(err, "tpm")
                                                   : set_path(state, "master.tpm", out, err);
    if (pkcs11)
        return read_pkcs11(pkcs11, folder, out, err) < 0
                   ? error_context(err, "pkcs11")
                   : set_path(state, "master.pkcs11", out, err);
    return config_copy_path(master, "file", folder, &out->path, err);
}

/* A member that says where a key comes from; *there tells whether it is there. */
static int find_master(const json_t *object, const char *key, const char *folder, const char *state,
                       bool *there, struct master *out, struct error *err)
{
    json_t *master;
    if (json_find_object(object, key, &master, err) < 0)
        return -1;
    *there = master != NULL;
    return master && read_master(master, folder, state, out, err) < 0
               ? error_context(err, "%s", key)
               : 0;
}

int config_read_masters(const json_t *object, const char *folder, struct config *out,
                        struct error *err)
{
    bool there;
    if (find_master(object, "master", folder, out->state, &there, &out->master, err) < 0 ||
        find_master(object, "master_before", folder, out->state, &out->changes_master, &out->before,
                    err) < 0)
        return -1;
    if (set_path(out->state, "master.key", &out->master, err) < 0)
        return -1;
    if (out->changes_master && strcmp(out->before.path, out->master.path) == 0)
        return error_set(err, ERROR_INVALID,
                         "master and master_before are in the same file: name another by \"file\"");
    return 0;
}
