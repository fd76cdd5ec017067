#include "evidence/tcb_info.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"

#define VERSION_MIN   2
#define VERSION_MAX   3
#define DEPTH_MAX     8
#define TCB_TYPE      0 /* the one way to read components that is known */
#define MODULE_PREFIX "TDX_"

static const struct json_limits limits = {.size = TCB_INFO_SIZE_MAX, .depth = DEPTH_MAX};

/* Version 3: an array of 16 objects; only "svn" counts, the rest is for people. */
static int read_components(const json_t *tcb, const char *key, uint8_t out[TCB_COMPONENT_COUNT],
                           struct error *err)
{
    static const char *const keys[] = {"svn", "category", "type", NULL};
    uint64_t svn;
    json_t *list;
    if (json_get_array(tcb, key, &list, err) < 0)
        return -1;
    if (json_array_size(list) != TCB_COMPONENT_COUNT)
        return error_set(err, ERROR_INVALID, "key \"%s\": %zu components instead of 16", key,
                         json_array_size(list));
    for (size_t i = 0; i < TCB_COMPONENT_COUNT; i++) {
        const json_t *component = json_array_get(list, i);
        if (!json_is_object(component))
            return error_set(err, ERROR_INVALID, "%s[%zu] is %s", key, i, json_kind(component));
        if (json_check_keys(component, keys, err) < 0 ||
            json_get_u64(component, "svn", UINT8_MAX, &svn, err) < 0)
            return error_context(err, "%s[%zu]", key, i);
        out[i] = (uint8_t)svn;
    }
    return 0;
}

static int check_tcb_keys(const json_t *tcb, bool is_tdx, struct error *err)
{
    static const char *const sgx[] = {"sgxtcbcomponents", "pcesvn", NULL};
    static const char *const tdx[] = {"sgxtcbcomponents", "tdxtcbcomponents", "pcesvn", NULL};
    return json_check_keys(tcb, is_tdx ? tdx : sgx, err);
}

/* Version 2: sgxtcbcomp01svn to sgxtcbcomp16svn, and nothing else than pcesvn. */
static int read_old_components(const json_t *tcb, uint8_t out[TCB_COMPONENT_COUNT],
                               struct error *err)
{
    for (unsigned i = 0; i < TCB_COMPONENT_COUNT; i++) {
        uint64_t svn;
        char key[32];
        (void)snprintf(key, sizeof key, "sgxtcbcomp%02usvn", i + 1);
        if (json_get_u64(tcb, key, UINT8_MAX, &svn, err) < 0)
            return -1;
        out[i] = (uint8_t)svn;
    }
    if (json_object_size(tcb) != TCB_COMPONENT_COUNT + 1)
        return error_set(err, ERROR_INVALID, "the TCB of a level has %zu members instead of 17",
                         json_object_size(tcb));
    return 0;
}

static int read_tcb(const struct tcb_info *info, const json_t *tcb, struct tcb_level *level,
                    struct error *err)
{
    uint64_t pcesvn;
    if (json_get_u64(tcb, "pcesvn", UINT16_MAX, &pcesvn, err) < 0)
        return -1;
    level->pcesvn = (uint16_t)pcesvn;
    if (info->version == VERSION_MIN)
        return read_old_components(tcb, level->sgx, err);
    if (check_tcb_keys(tcb, info->is_tdx, err) < 0 ||
        read_components(tcb, "sgxtcbcomponents", level->sgx, err) < 0)
        return -1;
    return info->is_tdx ? read_components(tcb, "tdxtcbcomponents", level->tdx, err) : 0;
}

static int read_level(const struct tcb_info *info, const json_t *object, struct tcb_level *level,
                      struct error *err)
{
    static const char *const keys[] = {"tcb", "tcbDate", "tcbStatus", "advisoryIDs", NULL};
    json_t *tcb;
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "a level is %s", json_kind(object));
    if (json_check_keys(object, keys, err) < 0 || json_get_object(object, "tcb", &tcb, err) < 0 ||
        read_tcb(info, tcb, level, err) < 0)
        return -1;
    return tcb_verdict_read(object, &level->verdict, err);
}

static int read_levels(struct tcb_info *info, struct error *err)
{
    json_t *list;
    if (json_get_array(info->document, "tcbLevels", &list, err) < 0)
        return -1;
    size_t count = json_array_size(list);
    if (count == 0 || count > TCB_LEVELS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu TCB levels; 1 to %d are accepted", count,
                         TCB_LEVELS_MAX);
    info->levels = calloc(count, sizeof *info->levels);
    if (!info->levels)
        return error_memory(err);
    info->level_count = count;
    for (size_t i = 0; i < count; i++) {
        if (read_level(info, json_array_get(list, i), &info->levels[i], err) < 0)
            return error_context(err, "tcbLevels[%zu]", i);
    }
    return 0;
}

static int read_module(const json_t *object, struct tdx_module *module, struct error *err)
{
    if (tcb_read_hex(object, "mrsigner", module->mrsigner, sizeof module->mrsigner, err) < 0 ||
        tcb_read_hex(object, "attributes", module->attributes, sizeof module->attributes, err) < 0)
        return -1;
    return tcb_read_hex(object, "attributesMask", module->attributes_mask,
                        sizeof module->attributes_mask, err);
}

static int read_module_identity(const json_t *object, struct tdx_module_identity *identity,
                                struct error *err)
{
    static const char *const keys[] = {"id",        "mrsigner", "attributes", "attributesMask",
                                       "tcbLevels", NULL};
    const char *id;
    const size_t prefix = sizeof MODULE_PREFIX - 1;
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "a module is %s", json_kind(object));
    if (json_check_keys(object, keys, err) < 0 || json_get_text(object, "id", &id, err) < 0)
        return -1;
    if (strncmp(id, MODULE_PREFIX, prefix) != 0 ||
        !hex_decode(span_of_text(id + prefix), &identity->version, 1))
        return error_set(err, ERROR_INVALID, "a module's id is \"%.16s\", not like \"TDX_01\"", id);
    if (read_module(object, &identity->module, err) < 0)
        return -1;
    return isvsvn_levels_read(object, &identity->levels, err);
}

static int read_module_identities(struct tcb_info *info, struct error *err)
{
    json_t *list;
    if (json_find_array(info->document, "tdxModuleIdentities", &list, err) < 0)
        return -1;
    size_t count = json_array_size(list);
    if (count == 0)
        return 0;
    if (count > TDX_MODULES_MAX)
        return error_set(err, ERROR_LIMIT, "%zu TDX modules; at most %d are accepted", count,
                         TDX_MODULES_MAX);
    info->modules = calloc(count, sizeof *info->modules);
    if (!info->modules)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        info->module_count = i + 1;
        struct tdx_module_identity *identity = &info->modules[i];
        if (read_module_identity(json_array_get(list, i), identity, err) < 0)
            return error_context(err, "tdxModuleIdentities[%zu]", i);
        if (tcb_info_find_module(info, identity->version) != identity)
            return error_set(err, ERROR_INVALID,
                             "the TDX module " MODULE_PREFIX "%02x is there "
                             "twice",
                             identity->version);
    }
    return 0;
}

static int read_tdx(struct tcb_info *info, struct error *err)
{
    static const char *const keys[] = {"mrsigner", "attributes", "attributesMask", NULL};
    json_t *module;
    if (json_get_object(info->document, "tdxModule", &module, err) < 0)
        return -1;
    if (json_check_keys(module, keys, err) < 0 || read_module(module, &info->module, err) < 0)
        return error_context(err, "tdxModule");
    return read_module_identities(info, err);
}

/* Version 3 says whether it is of SGX or TDX; version 2 knew SGX alone. */
static int read_kind(struct tcb_info *info, struct error *err)
{
    uint64_t version;
    const char *id;
    if (json_get_u64(info->document, "version", UINT32_MAX, &version, err) < 0)
        return -1;
    if (version < VERSION_MIN || version > VERSION_MAX)
        return error_set(err, ERROR_INVALID, "the TCB info has version %llu; %d and %d are known",
                         (unsigned long long)version, VERSION_MIN, VERSION_MAX);
    info->version = (unsigned)version;
    if (json_find_text(info->document, "id", &id, err) < 0)
        return -1;
    if (version == VERSION_MIN)
        return id ? error_set(err, ERROR_INVALID, "a TCB info of version 2 with an \"id\"") : 0;
    if (!id || (strcmp(id, "SGX") != 0 && strcmp(id, "TDX") != 0))
        return error_set(err, ERROR_INVALID, "the TCB info's id is \"%.16s\", not SGX or TDX",
                         id ? id : "");
    info->is_tdx = strcmp(id, "TDX") == 0;
    return 0;
}

static int check_keys(const struct tcb_info *info, struct error *err)
{
    static const char *const sgx[] = {
        "id",        "version", "issueDate", "nextUpdate",
        "fmspc",     "pceId",   "tcbType",   "tcbEvaluationDataNumber",
        "tcbLevels", NULL};
    static const char *const tdx[] = {"id",
                                      "version",
                                      "issueDate",
                                      "nextUpdate",
                                      "fmspc",
                                      "pceId",
                                      "tcbType",
                                      "tcbEvaluationDataNumber",
                                      "tcbLevels",
                                      "tdxModule",
                                      "tdxModuleIdentities",
                                      NULL};
    return json_check_keys(info->document, info->is_tdx ? tdx : sgx, err);
}

static int read_facts(struct tcb_info *info, struct error *err)
{
    uint64_t type;
    uint64_t number;
    const json_t *document = info->document;
    if (tcb_read_time(document, "issueDate", &info->issue_date, err) < 0 ||
        tcb_read_time(document, "nextUpdate", &info->next_update, err) < 0 ||
        tcb_read_hex(document, "fmspc", info->fmspc, sizeof info->fmspc, err) < 0 ||
        tcb_read_hex(document, "pceId", info->pceid, sizeof info->pceid, err) < 0 ||
        json_get_u64(document, "tcbType", UINT32_MAX, &type, err) < 0 ||
        json_get_u64(document, "tcbEvaluationDataNumber", UINT32_MAX, &number, err) < 0)
        return -1;
    info->evaluation_number = (uint32_t)number;
    if (type != TCB_TYPE)
        return error_set(err, ERROR_INVALID, "tcbType is %llu; only 0 is known",
                         (unsigned long long)type);
    return 0;
}

int tcb_info_parse(struct span text, struct tcb_info *info, struct error *err)
{
    *info = (struct tcb_info){.document = json_parse_object(text, &limits, err)};
    if (!info->document || read_kind(info, err) < 0 || check_keys(info, err) < 0 ||
        read_facts(info, err) < 0 || read_levels(info, err) < 0)
        return -1;
    return info->is_tdx ? read_tdx(info, err) : 0;
}

void tcb_info_fini(struct tcb_info *info)
{
    for (size_t i = 0; i < info->module_count; i++)
        isvsvn_levels_fini(&info->modules[i].levels);
    free(info->modules);
    free(info->levels);
    json_decref(info->document);
    *info = (struct tcb_info){0};
}

static bool reaches(const uint8_t *have, const uint8_t *want, size_t from)
{
    for (size_t i = from; i < TCB_COMPONENT_COUNT; i++) {
        if (have[i] < want[i])
            return false;
    }
    return true;
}

const struct tcb_level *tcb_info_find_level(const struct tcb_info *info, const struct pck *pck,
                                            const uint8_t tdx[TCB_COMPONENT_COUNT])
{
    for (size_t i = 0; i < info->level_count; i++) {
        const struct tcb_level *level = &info->levels[i];
        if (!reaches(pck->components, level->sgx, 0) || pck->pcesvn < level->pcesvn)
            continue;
        if (!info->is_tdx || reaches(tdx, level->tdx, tdx[1] ? 2 : 0))
            return level;
    }
    return NULL;
}

const struct tdx_module_identity *tcb_info_find_module(const struct tcb_info *info, uint8_t version)
{
    for (size_t i = 0; i < info->module_count; i++) {
        if (info->modules[i].version == version)
            return &info->modules[i];
    }
    return NULL;
}
