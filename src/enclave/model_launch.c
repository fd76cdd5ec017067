/* What ECREATE and EINIT check (Intel SDM volume 3D, chapter 39), in the model. */
#include <cpuid.h>

#include "base/hex.h"
#include "enclave/model_parts.h"
#include "measure/sgxs.h"

#define FLAGS_KNOWN     (SGX_DEBUG | SGX_MODE64 | SGX_KSS)
#define LEAF_XSTATE     0xD
#define XSAVE_HEAD_SIZE 576 /* the legacy region and the header */

static int refuse(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "ECREATE: %s", what);
}

/* Where the last component of XFRM ends in the standard format; 0 where the machine lacks one. */
static size_t find_xsave_size(uint64_t xfrm)
{
    unsigned size = 0;
    unsigned offset = 0;
    unsigned low = 0;
    unsigned high = 0;
    size_t end = XSAVE_HEAD_SIZE;
    if (!__get_cpuid_count(LEAF_XSTATE, 0, &low, &size, &offset, &high) ||
        (xfrm & ~((uint64_t)high << 32 | low)) != 0)
        return 0;
    for (unsigned i = 2; i < 32; i++) {
        unsigned unused[2];
        if (!(xfrm >> i & 1))
            continue;
        if (!__get_cpuid_count(LEAF_XSTATE, i, &size, &offset, &unused[0], &unused[1]))
            return 0;
        end = offset + size > end ? offset + size : end;
    }
    return end;
}

/* AVX-512 comes whole and with AVX. */
static bool xfrm_is_known(uint64_t xfrm)
{
    const uint64_t wide = SGX_XFRM_KNOWN & ~UINT64_C(7);
    return (xfrm & SGX_XFRM_LEGACY) == SGX_XFRM_LEGACY && (xfrm & ~SGX_XFRM_KNOWN) == 0 &&
           ((xfrm & wide) == 0 || xfrm == SGX_XFRM_KNOWN);
}

static bool reserved_is_zero(const struct sgx_secs *secs)
{
    return span_is_zero(span_of(secs->reserved1, sizeof secs->reserved1)) &&
           span_is_zero(span_of(secs->reserved2, sizeof secs->reserved2)) &&
           span_is_zero(span_of(secs->reserved3, sizeof secs->reserved3)) &&
           span_is_zero(span_of(secs->reserved4, sizeof secs->reserved4));
}

static int check_identity(const struct sgx_secs *secs, struct error *err)
{
    uint64_t flags = secs->attributes.flags;
    if ((flags & ~FLAGS_KNOWN) != 0 || !(flags & SGX_MODE64))
        return error_set(err, ERROR_INVALID,
                         "ECREATE: ATTRIBUTES 0x%llx; the model knows MODE64BIT (which must be), "
                         "DEBUG and KSS",
                         (unsigned long long)flags);
    bool has_config = secs->config_svn != 0 ||
                      !span_is_zero(span_of(secs->config_id, sizeof secs->config_id));
    if (has_config && !(flags & SGX_KSS))
        return refuse(err, "CONFIGID and CONFIGSVN are for enclaves with KSS alone");
    if ((secs->miscselect & ~SGX_MISC_EXINFO) != 0)
        return refuse(err, "MISCSELECT has a bit other than EXINFO");
    return 0;
}

int model_check_secs(const struct sgx_secs *secs, size_t *xsave_size, struct error *err)
{
    if (secs->size < 2 * (uint64_t)SGX_PAGE_SIZE || (secs->size & (secs->size - 1)) != 0 ||
        secs->size > SGXS_ELRANGE_MAX)
        return refuse(err, "the size is no power of two from 8 KiB to 64 GiB");
    if (!reserved_is_zero(secs) || secs->base != 0)
        return refuse(err,
                      "a reserved byte of the SECS is not zero, or the base is chosen already");
    if (check_identity(secs, err) < 0)
        return -1;
    *xsave_size = xfrm_is_known(secs->attributes.xfrm) ? find_xsave_size(secs->attributes.xfrm) : 0;
    if (*xsave_size == 0)
        return refuse(err, "XFRM has components that the model or this machine lacks");
    size_t needed = *xsave_size + sizeof(struct sgx_gprs) + sizeof(struct sgx_exinfo);
    if ((uint64_t)secs->ssa_frame_size * SGX_PAGE_SIZE < needed)
        return refuse(err, "the SSA frame does not hold what XFRM wants saved");
    return 0;
}

static uint64_t le64(const uint8_t bytes[8])
{
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static int check_masks(const struct sgx_secs *secs, const struct sigstruct *sigstruct,
                       struct error *err)
{
    uint64_t flags = le64(sigstruct->attributes_mask);
    uint64_t xfrm = le64(sigstruct->attributes_mask + 8);
    bool same = (secs->attributes.flags & flags) == (le64(sigstruct->attributes) & flags) &&
                (secs->attributes.xfrm & xfrm) == (le64(sigstruct->attributes + 8) & xfrm);
    if (!same)
        return error_set(err, ERROR_REFUSED,
                         "EINIT: the enclave's ATTRIBUTES are not those that were signed "
                         "(INVALID_ATTRIBUTE)");
    if ((secs->miscselect & sigstruct->miscselect_mask) !=
        (sigstruct->miscselect & sigstruct->miscselect_mask))
        return error_set(err, ERROR_REFUSED,
                         "EINIT: the enclave's MISCSELECT is not what was signed "
                         "(INVALID_ATTRIBUTE)");
    return 0;
}

static int check_measurement(const struct model *model, const struct sigstruct *sigstruct,
                             struct error *err)
{
    char found[2 * SHA256_SIZE + 1];
    if (memcmp(model->secs.mrenclave, sigstruct->mrenclave, SHA256_SIZE) == 0)
        return 0;
    hex_encode(span_of(model->secs.mrenclave, SHA256_SIZE), found);
    return error_set(err, ERROR_REFUSED,
                     "EINIT: the enclave measures %s, which is not what was signed "
                     "(INVALID_MEASUREMENT)",
                     found);
}

int model_check_sigstruct(struct model *model, const uint8_t bytes[SIGSTRUCT_SIZE],
                          struct error *err)
{
    struct sigstruct sigstruct;
    bool has_kss = (model->secs.attributes.flags & SGX_KSS) != 0;
    if (sigstruct_check(span_of(bytes, SIGSTRUCT_SIZE), &sigstruct, err) < 0)
        return error_context(err, "EINIT");
    if (check_measurement(model, &sigstruct, err) < 0 ||
        check_masks(&model->secs, &sigstruct, err) < 0)
        return -1;
    if (!has_kss && (!span_is_zero(span_of(sigstruct.isv_family_id, 16)) ||
                     !span_is_zero(span_of(sigstruct.isv_ext_prod_id, 16))))
        return error_set(err, ERROR_REFUSED,
                         "EINIT: ISVFAMILYID and ISVEXTPRODID are for enclaves with KSS alone");
    memcpy(model->secs.mrsigner, sigstruct.mrsigner, SHA256_SIZE);
    model->secs.isv_prod_id = sigstruct.isv_prod_id;
    model->secs.isv_svn = sigstruct.isv_svn;
    memcpy(model->family_id, sigstruct.isv_family_id, 16);
    memcpy(model->ext_prod_id, sigstruct.isv_ext_prod_id, 16);
    return 0;
}
