/*
 * The master key as a sealed object of a TPM 2.0 (TCG, "Trusted Platform Module Library", part 3):
 * under the storage root key, an ECC key on P-256 that the TPM derives anew each time from its
 * owner's seed (TCG, "TPM v2.0 Provisioning Guidance", section 7.5.1). What goes over the bus is
 * encrypted by a session that is salted for that key, against who listens: that the key is this
 * TPM's nobody has certified, so a device that answers in its place is not recognized. With PCRs,
 * the object's policy is PolicyPCR over the SHA-256 bank.
 *
 *     4 bytes  "CTPM"
 *     1 byte   version, 1
 *     4 bytes  the PCRs, a bit each, little endian
 *     …        TPM2B_PUBLIC, TPM2B_PRIVATE
 */
#include <stdlib.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "base/cursor.h"
#include "base/secret.h"
#include "service/master_parts.h"

#define MAGIC   0x4d505443U /* "CTPM" */
#define VERSION 1
#define PCRS    24

/* The TPM while it is asked. */
struct tpm {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR parent;  /* the storage root key */
    ESYS_TR session; /* encrypts; with PCRs it is the policy's too */
    ESYS_TR object;
};

static int fail(TSS2_RC code, const char *what, struct error *err)
{
    return error_set(err, ERROR_REFUSED, "the TPM does not %s: %s", what, Tss2_RC_Decode(code));
}

static void tpm_close(struct tpm *tpm)
{
    ESYS_TR *const handles[] = {&tpm->object, &tpm->session, &tpm->parent};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        if (*handles[i] != ESYS_TR_NONE)
            (void)Esys_FlushContext(tpm->esys, *handles[i]);
    }
    Esys_Finalize(&tpm->esys);
    Tss2_TctiLdr_Finalize(&tpm->tcti);
}

/* The template of a storage root key on P-256. */
static TPM2B_PUBLIC root_template(void)
{
    return (TPM2B_PUBLIC){.publicArea = {
                              .type = TPM2_ALG_ECC,
                              .nameAlg = TPM2_ALG_SHA256,
                              .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                                  TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                                  TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA |
                                                  TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
                              .parameters.eccDetail = {.symmetric = {.algorithm = TPM2_ALG_AES,
                                                                     .keyBits.aes = 128,
                                                                     .mode.aes = TPM2_ALG_CFB},
                                                       .scheme.scheme = TPM2_ALG_NULL,
                                                       .curveID = TPM2_ECC_NIST_P256,
                                                       .kdf.scheme = TPM2_ALG_NULL},
                              .unique.ecc = {.x.size = 32, .y.size = 32},
                          }};
}

static int make_parent(struct tpm *tpm, struct error *err)
{
    TPM2B_PUBLIC template = root_template();
    const TPM2B_SENSITIVE_CREATE sensitive = {0};
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    TSS2_RC code = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                      ESYS_TR_NONE, &sensitive, &template, &outside, &no_pcrs,
                                      &tpm->parent, NULL, NULL, NULL, NULL);
    return code == TSS2_RC_SUCCESS ? 0 : fail(code, "make its storage root key", err);
}

static int open_session(struct tpm *tpm, TPM2_SE kind, struct error *err)
{
    const TPMT_SYM_DEF cipher = {
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    TPMA_SESSION flags = TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT | TPMA_SESSION_CONTINUESESSION;
    TSS2_RC code = Esys_StartAuthSession(tpm->esys, tpm->parent, ESYS_TR_NONE, ESYS_TR_NONE,
                                         ESYS_TR_NONE, ESYS_TR_NONE, NULL, kind, &cipher,
                                         TPM2_ALG_SHA256, &tpm->session);
    if (code == TSS2_RC_SUCCESS)
        code = Esys_TRSess_SetAttributes(tpm->esys, tpm->session, flags, 0xff);
    return code == TSS2_RC_SUCCESS ? 0 : fail(code, "open a session", err);
}

static int tpm_open(const struct master *master, struct tpm *tpm, struct error *err)
{
    *tpm = (struct tpm){.parent = ESYS_TR_NONE, .session = ESYS_TR_NONE, .object = ESYS_TR_NONE};
    TSS2_RC code = Tss2_TctiLdr_Initialize(master->tcti, &tpm->tcti);
    if (code == TSS2_RC_SUCCESS)
        code = Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
    if (code != TSS2_RC_SUCCESS)
        return error_set(err, ERROR_UNAVAILABLE, "no TPM answers at %s: %s",
                         master->tcti ? master->tcti : "tss2's own choice", Tss2_RC_Decode(code));
    return make_parent(tpm, err);
}

/* --- PCRs ------------------------------------------------------------------------------------- */

static int apply_pcrs(struct tpm *tpm, uint32_t pcrs, struct error *err)
{
    const TPML_PCR_SELECTION selection = {
        .count = 1,
        .pcrSelections = {{.hash = TPM2_ALG_SHA256,
                           .sizeofSelect = 3,
                           .pcrSelect = {(BYTE)pcrs, (BYTE)(pcrs >> 8), (BYTE)(pcrs >> 16)}}}};
    const TPM2B_DIGEST now = {0}; /* as they are: the TPM computes it */
    TSS2_RC code = Esys_PolicyPCR(tpm->esys, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                  &now, &selection);
    return code == TSS2_RC_SUCCESS ? 0 : fail(code, "take the PCRs into a policy", err);
}

/* The policy of the PCRs as they are now. Its session ends here. */
static int policy_of(struct tpm *tpm, uint32_t pcrs, TPM2B_DIGEST *out, struct error *err)
{
    TPM2B_DIGEST *digest = NULL;
    if (open_session(tpm, TPM2_SE_TRIAL, err) < 0 || apply_pcrs(tpm, pcrs, err) < 0)
        return -1;
    TSS2_RC code = Esys_PolicyGetDigest(tpm->esys, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &digest);
    if (code != TSS2_RC_SUCCESS)
        return fail(code, "tell a policy", err);
    *out = *digest;
    Esys_Free(digest);
    code = Esys_FlushContext(tpm->esys, tpm->session);
    tpm->session = ESYS_TR_NONE;
    return code == TSS2_RC_SUCCESS ? 0 : fail(code, "end a session", err);
}

/* --- seal ------------------------------------------------------------------------------------- */

static int write_blob(uint32_t pcrs, const TPM2B_PUBLIC *public, const TPM2B_PRIVATE *private,
                      struct buf *out, struct error *err)
{
    uint8_t bytes[MASTER_BLOB_MAX / 2];
    size_t size = 0;
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(public, bytes, sizeof bytes, &size) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(private, bytes, sizeof bytes, &size) != TSS2_RC_SUCCESS)
        return error_set(err, ERROR_LIMIT, "what the TPM sealed is too large");
    if (buf_append_le32(out, MAGIC, err) < 0 || buf_append_byte(out, VERSION, err) < 0 ||
        buf_append_le32(out, pcrs, err) < 0)
        return -1;
    return buf_append(out, span_of(bytes, size), err);
}

static int create(struct tpm *tpm, uint32_t pcrs, const TPM2B_SENSITIVE_CREATE *sensitive,
                  struct buf *out, struct error *err)
{
    TPM2B_PUBLIC template = {
        .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                           TPMA_OBJECT_NODA |
                                           (pcrs ? 0U : TPMA_OBJECT_USERWITHAUTH),
                       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}};
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_PRIVATE *private = NULL;
    TPM2B_PUBLIC *public = NULL;
    if ((pcrs && policy_of(tpm, pcrs, &template.publicArea.authPolicy, err) < 0) ||
        open_session(tpm, TPM2_SE_HMAC, err) < 0)
        return -1;
    TSS2_RC code = Esys_Create(tpm->esys, tpm->parent, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE,
                               sensitive, &template, &outside, &no_pcrs, &private, &public, NULL,
                               NULL, NULL);
    if (code != TSS2_RC_SUCCESS)
        return fail(code, "seal the master key", err);
    int result = write_blob(pcrs, public, private, out, err);
    Esys_Free(private);
    Esys_Free(public);
    return result;
}

int master_tpm_seal(const struct master *master, const uint8_t key[AES256_KEY_SIZE],
                    struct buf *out, struct error *err)
{
    struct tpm tpm;
    TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.data.size = AES256_KEY_SIZE};
    memcpy(sensitive.sensitive.data.buffer, key, AES256_KEY_SIZE);
    int result = tpm_open(master, &tpm, err);
    if (result == 0)
        result = create(&tpm, master->pcrs, &sensitive, out, err);
    tpm_close(&tpm);
    secret_wipe(&sensitive, sizeof sensitive);
    return result;
}

/* --- unseal ----------------------------------------------------------------------------------- */

struct blob {
    uint32_t pcrs;
    TPM2B_PUBLIC public;
    TPM2B_PRIVATE private;
};

static int read_blob(const struct master *master, struct span bytes, struct blob *out,
                     struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t magic;
    uint8_t version;
    size_t at = 0;
    *out = (struct blob){0};
    if (!cursor_le32(&cursor, &magic) || !cursor_u8(&cursor, &version) ||
        !cursor_le32(&cursor, &out->pcrs) || magic != MAGIC || version != VERSION ||
        out->pcrs >> PCRS != 0 ||
        Tss2_MU_TPM2B_PUBLIC_Unmarshal(cursor.rest.data, cursor.rest.size, &at, &out->public) !=
            TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Unmarshal(cursor.rest.data, cursor.rest.size, &at, &out->private) !=
            TSS2_RC_SUCCESS ||
        at != cursor.rest.size)
        return error_set(err, ERROR_INVALID, "%s is no master key that a TPM sealed", master->path);
    if (out->pcrs != master->pcrs)
        return error_set(err, ERROR_REFUSED,
                         "%s was sealed for other PCRs than the configuration has", master->path);
    return 0;
}

static int take_key(struct tpm *tpm, uint8_t key[AES256_KEY_SIZE], struct error *err)
{
    TPM2B_SENSITIVE_DATA *data = NULL;
    TSS2_RC code = Esys_Unseal(tpm->esys, tpm->object, tpm->session, ESYS_TR_NONE, ESYS_TR_NONE,
                               &data);
    if (code != TSS2_RC_SUCCESS)
        return fail(code, "unseal the master key (are the PCRs what they were?)", err);
    bool good = data->size == AES256_KEY_SIZE;
    if (good)
        memcpy(key, data->buffer, AES256_KEY_SIZE);
    secret_wipe(data, sizeof *data);
    Esys_Free(data);
    return good ? 0 : error_set(err, ERROR_INVALID, "what the TPM unseals is no master key");
}

static int unseal(struct tpm *tpm, const struct blob *blob, uint8_t key[AES256_KEY_SIZE],
                  struct error *err)
{
    if (open_session(tpm, blob->pcrs ? TPM2_SE_POLICY : TPM2_SE_HMAC, err) < 0)
        return -1;
    TSS2_RC code = Esys_Load(tpm->esys, tpm->parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                             &blob->private, &blob->public, &tpm->object);
    if (code != TSS2_RC_SUCCESS)
        return fail(code, "know the master key: it was sealed by another, or for another owner",
                    err);
    if (blob->pcrs && apply_pcrs(tpm, blob->pcrs, err) < 0)
        return -1;
    return take_key(tpm, key, err);
}

int master_tpm_unseal(const struct master *master, struct span bytes, uint8_t key[AES256_KEY_SIZE],
                      struct error *err)
{
    struct tpm tpm;
    struct blob blob;
    if (read_blob(master, bytes, &blob, err) < 0)
        return -1;
    int result = tpm_open(master, &tpm, err);
    if (result == 0)
        result = unseal(&tpm, &blob, key, err);
    tpm_close(&tpm);
    return result;
}
