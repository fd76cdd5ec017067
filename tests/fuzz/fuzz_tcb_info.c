/* A TCB info: what is read is within its bounds, and its levels and modules can be found. */
#include "fuzz.h"

#include "evidence/tcb_info.h"

static void check(const struct tcb_info *info)
{
    struct pck pck = {.pcesvn = UINT16_MAX};
    uint8_t tdx[TCB_COMPONENT_COUNT];
    memset(pck.components, 0xFF, sizeof pck.components);
    memset(tdx, 0xFF, sizeof tdx);
    fuzz_require(info->version == 2 || info->version == 3);
    fuzz_require(info->level_count > 0 && info->level_count <= TCB_LEVELS_MAX);
    fuzz_require(tcb_info_find_level(info, &pck, tdx) == info->levels);
    for (size_t i = 0; i < info->level_count; i++) {
        const struct tcb_verdict *verdict = &info->levels[i].verdict;
        fuzz_require(verdict->status != TCB_UNKNOWN && verdict->status < TCB_STATUS_COUNT);
        fuzz_require(json_array_size(verdict->advisories) <= TCB_ADVISORIES_MAX);
    }
    fuzz_require(info->module_count <= (info->is_tdx ? TDX_MODULES_MAX : 0));
    for (size_t i = 0; i < info->module_count; i++) {
        const struct tdx_module_identity *module = &info->modules[i];
        fuzz_require(tcb_info_find_module(info, module->version) == module);
        fuzz_require(isvsvn_levels_find(&module->levels, UINT16_MAX) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcb_info info;
    if (tcb_info_parse(span_of(data, size), &info, NULL) == 0)
        check(&info);
    tcb_info_fini(&info);
    return 0;
}
