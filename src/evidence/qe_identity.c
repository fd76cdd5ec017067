#include "evidence/qe_identity.h"

#define VERSION   2
#define DEPTH_MAX 6

static const struct json_limits limits = {.size = QE_IDENTITY_SIZE_MAX, .depth = DEPTH_MAX};

static int read_kind(struct qe_identity *identity, struct error *err)
{
    static const char *const keys[] = {
        "id",         "version",        "issueDate",  "nextUpdate",     "tcbEvaluationDataNumber",
        "miscselect", "miscselectMask", "attributes", "attributesMask", "mrsigner",
        "isvprodid",  "tcbLevels",      NULL};
    uint64_t version;
    const char *id;
    if (json_get_u64(identity->document, "version", UINT32_MAX, &version, err) < 0)
        return -1;
    if (version != VERSION)
        return error_set(err, ERROR_INVALID, "the identity has version %llu; only 2 is known",
                         (unsigned long long)version);
    if (json_check_keys(identity->document, keys, err) < 0 ||
        json_get_text(identity->document, "id", &id, err) < 0)
        return -1;
    identity->is_td = strcmp(id, "TD_QE") == 0;
    if (!identity->is_td && strcmp(id, "QE") != 0)
        return error_set(err, ERROR_INVALID, "the identity's id is \"%.16s\", not QE or TD_QE", id);
    return 0;
}

static int read_facts(struct qe_identity *identity, struct error *err)
{
    uint64_t number;
    uint64_t isvprodid;
    const json_t *document = identity->document;
    if (tcb_read_time(document, "issueDate", &identity->issue_date, err) < 0 ||
        tcb_read_time(document, "nextUpdate", &identity->next_update, err) < 0 ||
        json_get_u64(document, "tcbEvaluationDataNumber", UINT32_MAX, &number, err) < 0 ||
        json_get_u64(document, "isvprodid", UINT16_MAX, &isvprodid, err) < 0)
        return -1;
    identity->evaluation_number = (uint32_t)number;
    identity->isvprodid = (uint16_t)isvprodid;
    return 0;
}

static int read_bytes(struct qe_identity *identity, struct error *err)
{
    const struct {
        const char *key;
        uint8_t *out;
        size_t size;
    } members[] = {
        {"miscselect", identity->miscselect, QE_MISCSELECT_SIZE},
        {"miscselectMask", identity->miscselect_mask, QE_MISCSELECT_SIZE},
        {"attributes", identity->attributes, QE_ATTRIBUTES_SIZE},
        {"attributesMask", identity->attributes_mask, QE_ATTRIBUTES_SIZE},
        {"mrsigner", identity->mrsigner, QE_MRSIGNER_SIZE},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (tcb_read_hex(identity->document, members[i].key, members[i].out, members[i].size, err) <
            0)
            return -1;
    }
    return 0;
}

int qe_identity_parse(struct span text, struct qe_identity *identity, struct error *err)
{
    *identity = (struct qe_identity){.document = json_parse_object(text, &limits, err)};
    if (!identity->document || read_kind(identity, err) < 0 || read_facts(identity, err) < 0 ||
        read_bytes(identity, err) < 0)
        return -1;
    return isvsvn_levels_read(identity->document, &identity->levels, err);
}

void qe_identity_fini(struct qe_identity *identity)
{
    isvsvn_levels_fini(&identity->levels);
    json_decref(identity->document);
    *identity = (struct qe_identity){0};
}
