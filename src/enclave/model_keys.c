#include "enclave/model_keys.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/cmac.h"
#include "crypto/random.h"
#include "evidence/dcap_report.h"

static_assert(SGX_REPORT_BODY_SIZE == DCAP_SGX_SIZE, "one body");

/* The SDM's key dependencies; all that a key does not depend on is zero. No padding. */
struct dependencies {
    uint16_t name, product, svn, config_svn;
    uint16_t policy;
    uint16_t reserved[3];
    struct sgx_attributes attributes, attribute_mask;
    uint32_t miscselect, misc_mask;
    uint8_t mrenclave[32], mrsigner[32], config_id[64];
    uint8_t family_id[16], ext_prod_id[16];
    uint8_t key_id[32], cpu_svn[16];
};
static_assert(sizeof(struct dependencies) == 264, "no padding");

static int derive(const uint8_t fuse[16], struct dependencies *from, uint8_t out[SGX_KEY_SIZE],
                  struct error *err)
{
    int result = cmac_aes128(fuse, span_of(from, sizeof *from), out, err);
    secret_wipe(from, sizeof *from);
    return result;
}

static int report_key(const uint8_t fuse[16], const struct sgx_targetinfo *target,
                      const uint8_t key_id[32], uint8_t out[SGX_KEY_SIZE], struct error *err)
{
    struct dependencies from = {.name = SGX_KEY_REPORT,
                                .config_svn = target->config_svn,
                                .attributes = target->attributes,
                                .miscselect = target->miscselect};
    memcpy(from.mrenclave, target->mrenclave, sizeof from.mrenclave);
    memcpy(from.config_id, target->config_id, sizeof from.config_id);
    memcpy(from.key_id, key_id, sizeof from.key_id);
    memset(from.cpu_svn, MODEL_CPU_SVN, sizeof from.cpu_svn);
    return derive(fuse, &from, out, err);
}

static bool svn_is_above(const uint8_t svn[16])
{
    for (size_t i = 0; i < 16; i++) {
        if (svn[i] > MODEL_CPU_SVN)
            return true;
    }
    return false;
}

static void seal_dependencies(const struct model_identity *who,
                              const struct sgx_keyrequest *request, struct dependencies *from)
{
    const struct sgx_secs *secs = who->secs;
    unsigned policy = request->policy;
    const uint64_t always = SGX_INIT | SGX_DEBUG;
    from->attribute_mask = request->attribute_mask;
    from->attributes.flags = secs->attributes.flags & (request->attribute_mask.flags | always);
    from->attributes.xfrm = secs->attributes.xfrm & request->attribute_mask.xfrm;
    from->miscselect = secs->miscselect & request->misc_mask;
    from->misc_mask = request->misc_mask;
    from->svn = request->isv_svn;
    from->policy = request->policy;
    memcpy(from->cpu_svn, request->cpu_svn, sizeof from->cpu_svn);
    if (!(policy & SGX_POLICY_NOPRODUCT))
        from->product = secs->isv_prod_id;
    if (policy & SGX_POLICY_MRENCLAVE)
        memcpy(from->mrenclave, secs->mrenclave, sizeof from->mrenclave);
    if (policy & SGX_POLICY_MRSIGNER)
        memcpy(from->mrsigner, secs->mrsigner, sizeof from->mrsigner);
    if (policy & SGX_POLICY_CONFIGID) {
        memcpy(from->config_id, secs->config_id, sizeof from->config_id);
        from->config_svn = request->config_svn;
    }
    if (policy & SGX_POLICY_ISVFAMILYID)
        memcpy(from->family_id, who->family_id, sizeof from->family_id);
    if (policy & SGX_POLICY_ISVEXTPRODID)
        memcpy(from->ext_prod_id, who->ext_prod_id, sizeof from->ext_prod_id);
}

static int seal_key(const uint8_t fuse[16], const struct model_identity *who,
                    const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE],
                    struct error *err)
{
    struct dependencies from = {.name = SGX_KEY_SEAL};
    if (svn_is_above(request->cpu_svn))
        return SGX_INVALID_CPUSVN;
    if (request->isv_svn > who->secs->isv_svn || request->config_svn > who->secs->config_svn)
        return SGX_INVALID_ISVSVN;
    seal_dependencies(who, request, &from);
    memcpy(from.key_id, request->key_id, sizeof from.key_id);
    return derive(fuse, &from, out, err);
}

/* The enclave as a target of reports. */
static void as_target(const struct sgx_secs *secs, struct sgx_targetinfo *out)
{
    *out = (struct sgx_targetinfo){.attributes = secs->attributes,
                                   .config_svn = secs->config_svn,
                                   .miscselect = secs->miscselect};
    memcpy(out->mrenclave, secs->mrenclave, sizeof out->mrenclave);
    memcpy(out->config_id, secs->config_id, sizeof out->config_id);
}

int model_key(const uint8_t fuse[16], const struct model_identity *who,
              const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE], struct error *err)
{
    struct sgx_targetinfo self;
    memset(out, 0, SGX_KEY_SIZE);
    switch (request->name) {
    case SGX_KEY_SEAL:
        return seal_key(fuse, who, request, out, err);
    case SGX_KEY_REPORT:
        as_target(who->secs, &self);
        return report_key(fuse, &self, request->key_id, out, err);
    case SGX_KEY_LAUNCH:
    case SGX_KEY_PROVISION:
    case SGX_KEY_PROVISION_SEAL:
        return SGX_INVALID_ATTRIBUTE; /* ECREATE of the model lets no enclave have these */
    default:
        return SGX_INVALID_KEYNAME;
    }
}

static void put(struct sgx_report *report, enum dcap_field field, const void *value)
{
    struct span at = dcap_report_get(DCAP_BODY_SGX, span_of(report->body, sizeof report->body),
                                     field);
    memcpy(report->body + (at.data - report->body), value, at.size);
}

static void write_body(const struct model_identity *who, const uint8_t data[SGX_REPORT_DATA_SIZE],
                       struct sgx_report *out)
{
    const struct sgx_secs *secs = who->secs;
    uint8_t cpu_svn[16];
    memset(cpu_svn, MODEL_CPU_SVN, sizeof cpu_svn);
    put(out, DCAP_CPUSVN, cpu_svn);
    put(out, DCAP_MISCSELECT, &secs->miscselect);
    put(out, DCAP_ISVEXTPRODID, who->ext_prod_id);
    put(out, DCAP_ATTRIBUTES, &secs->attributes);
    put(out, DCAP_MRENCLAVE, secs->mrenclave);
    put(out, DCAP_MRSIGNER, secs->mrsigner);
    put(out, DCAP_CONFIGID, secs->config_id);
    put(out, DCAP_ISVPRODID, &secs->isv_prod_id);
    put(out, DCAP_ISVSVN, &secs->isv_svn);
    put(out, DCAP_CONFIGSVN, &secs->config_svn);
    put(out, DCAP_ISVFAMILYID, who->family_id);
    put(out, DCAP_REPORT_DATA, data);
}

static int report_mac(const uint8_t fuse[16], const struct sgx_targetinfo *target,
                      const struct sgx_report *report, uint8_t out[16], struct error *err)
{
    uint8_t key[SGX_KEY_SIZE];
    int result = report_key(fuse, target, report->key_id, key, err);
    if (result == 0)
        result = cmac_aes128(key, span_of(report->body, sizeof report->body), out, err);
    secret_wipe(key, sizeof key);
    return result;
}

int model_report(const uint8_t fuse[16], const struct model_identity *who,
                 const struct sgx_targetinfo *target, const uint8_t data[SGX_REPORT_DATA_SIZE],
                 struct sgx_report *out, struct error *err)
{
    memset(out, 0, sizeof *out);
    write_body(who, data, out);
    if (random_bytes(out->key_id, sizeof out->key_id, err) < 0)
        return -1;
    return report_mac(fuse, target, out, out->mac, err);
}

int model_report_check(const uint8_t fuse[16], const struct sgx_targetinfo *target,
                       const struct sgx_report *report, struct error *err)
{
    uint8_t mac[16];
    if (report_mac(fuse, target, report, mac, err) < 0)
        return -1;
    if (!secret_equal(span_of(mac, sizeof mac), span_of(report->mac, sizeof report->mac)))
        return error_set(err, ERROR_REFUSED,
                         "the report was not made on this (simulated) processor for this target");
    return 0;
}
