/*
 * The master key, encrypted by an AES key of a PKCS#11 token (OASIS, "PKCS #11 Cryptographic Token
 * Interface Base Specification", version 2.40): CKM_AES_GCM in the token. That key never leaves it:
 * it is made sensitive and not extractable, and one that is extractable is refused.
 *
 *     4 bytes  "CP11"
 *     1 byte   version, 1
 *     12 bytes IV, random
 *     48 bytes ciphertext and tag; the additional data are the first five bytes
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>

#include "base/secret.h"
#include "crypto/random.h"
#include "service/master_parts.h"

#define HEAD        "CP11\1"
#define HEAD_SIZE   5
#define CIPHER_SIZE (AES256_KEY_SIZE + GCM_TAG_SIZE)
#define BLOB_SIZE   (HEAD_SIZE + GCM_IV_SIZE + CIPHER_SIZE)
#define SLOTS_MAX   64

/* The token while it is asked. */
struct token {
    void *library;
    CK_FUNCTION_LIST *functions;
    bool is_initialized;
    bool is_open;
    CK_SESSION_HANDLE session;
};

static int fail(CK_RV code, const char *what, struct error *err)
{
    return error_set(err, ERROR_REFUSED, "the PKCS#11 token does not %s: error 0x%lx", what, code);
}

static void token_close(struct token *token)
{
    if (token->is_open)
        (void)token->functions->C_CloseSession(token->session); /* logs out, too */
    if (token->is_initialized)
        (void)token->functions->C_Finalize(NULL);
    if (token->library)
        (void)dlclose(token->library);
}

static int load(const struct master *master, struct token *token, struct error *err)
{
    CK_C_INITIALIZE_ARGS threads = {.flags = CKF_OS_LOCKING_OK};
    CK_C_GetFunctionList get = NULL;
    token->library = dlopen(master->module, RTLD_NOW | RTLD_LOCAL);
    if (token->library)
        *(void **)&get = dlsym(token->library, "C_GetFunctionList");
    if (!get)
        return error_set(err, ERROR_UNAVAILABLE, "%s is no PKCS#11 module: %s", master->module,
                         token->library ? "it has no C_GetFunctionList" : dlerror());
    CK_RV code = get(&token->functions);
    if (code == CKR_OK)
        code = token->functions->C_Initialize(&threads);
    token->is_initialized = code == CKR_OK;
    return code == CKR_OK ? 0 : fail(code, "start", err);
}

/* A label is padded by blanks. */
static bool has_label(const CK_TOKEN_INFO *info, const char *label)
{
    size_t len = strlen(label);
    if (len > sizeof info->label || memcmp(info->label, label, len) != 0)
        return false;
    for (size_t i = len; i < sizeof info->label; i++) {
        if (info->label[i] != ' ')
            return false;
    }
    return true;
}

static int find_slot(const struct master *master, const struct token *token, CK_SLOT_ID *out,
                     struct error *err)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX, found = 0;
    CK_RV code = token->functions->C_GetSlotList(CK_TRUE, slots, &count);
    if (code != CKR_OK)
        return fail(code, "list its slots", err);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        if (token->functions->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            has_label(&info, master->token)) {
            *out = slots[i];
            found++;
        }
    }
    return found == 1 ? 0
                      : error_set(err, ERROR_UNAVAILABLE,
                                  "%lu PKCS#11 tokens have the label \"%s\"; one is wanted", found,
                                  master->token);
}

/* The PIN is what the file holds, without the newline at its end. */
static int log_in(const struct master *master, const struct token *token, struct error *err)
{
    struct buf pin = BUF_WITH_LIMIT(MASTER_PIN_MAX);
    int result = master_read_file(master->pin, "the PIN", &pin, err);
    if (result == 0) {
        if (pin.size > 0 && pin.data[pin.size - 1] == '\n')
            buf_truncate(&pin, pin.size - 1);
        CK_RV code = token->functions->C_Login(token->session, CKU_USER, pin.data, pin.size);
        if (code != CKR_OK)
            result = fail(code, "take the PIN", err);
    }
    buf_fini_secret(&pin);
    return result;
}

static int token_open(const struct master *master, struct token *token, struct error *err)
{
    CK_SLOT_ID slot = 0;
    *token = (struct token){0};
    if (load(master, token, err) < 0 || find_slot(master, token, &slot, err) < 0)
        return -1;
    CK_RV code = token->functions->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                                 NULL, &token->session);
    token->is_open = code == CKR_OK;
    return token->is_open ? log_in(master, token, err) : fail(code, "open a session", err);
}

/* --- its key ---------------------------------------------------------------------------------- */

static int make_key(const struct master *master, const struct token *token, CK_OBJECT_HANDLE *out,
                    struct error *err)
{
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG size = AES256_KEY_SIZE;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE attributes[] = {
        {CKA_TOKEN, &yes, sizeof yes},       {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},   {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_ENCRYPT, &yes, sizeof yes},     {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_VALUE_LEN, &size, sizeof size}, {CKA_LABEL, master->key, strlen(master->key)},
    };
    CK_RV code = token->functions->C_GenerateKey(token->session, &mechanism, attributes,
                                                 sizeof attributes / sizeof attributes[0], out);
    return code == CKR_OK ? 0 : fail(code, "make a key", err);
}

static int check_key(const struct master *master, const struct token *token, CK_OBJECT_HANDLE key,
                     struct error *err)
{
    CK_BBOOL extractable = CK_TRUE;
    CK_ATTRIBUTE attribute = {CKA_EXTRACTABLE, &extractable, sizeof extractable};
    CK_RV code = token->functions->C_GetAttributeValue(token->session, key, &attribute, 1);
    if (code != CKR_OK)
        return fail(code, "tell whether its key is extractable", err);
    return extractable == CK_FALSE
               ? 0
               : error_set(err, ERROR_REFUSED,
                           "the token's key \"%s\" is extractable: it could leave the token; name "
                           "another",
                           master->key);
}

/* Finds the key by its label; makes it where there is none and it may be made. */
static int find_key(const struct master *master, const struct token *token, bool may_make,
                    CK_OBJECT_HANDLE *out, struct error *err)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                             {CKA_KEY_TYPE, &type, sizeof type},
                             {CKA_LABEL, master->key, strlen(master->key)}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    CK_RV code = token->functions->C_FindObjectsInit(token->session, wanted, 3);
    if (code == CKR_OK) {
        code = token->functions->C_FindObjects(token->session, found, 2, &count);
        (void)token->functions->C_FindObjectsFinal(token->session);
    }
    if (code != CKR_OK)
        return fail(code, "look for its key", err);
    if (count == 0 && may_make)
        return make_key(master, token, out, err);
    if (count != 1)
        return error_set(err, ERROR_REFUSED, "the token has %s AES key \"%s\"",
                         count == 0 ? "no" : "more than one", master->key);
    *out = found[0];
    return check_key(master, token, *out, err);
}

/* --- seal and unseal -------------------------------------------------------------------------- */

static CK_MECHANISM gcm_of(CK_GCM_PARAMS *params, const uint8_t iv[GCM_IV_SIZE])
{
    /* The interface takes what it only reads as mutable. */
    *params = (CK_GCM_PARAMS){.pIv = (CK_BYTE *)(uintptr_t)iv,
                              .ulIvLen = GCM_IV_SIZE,
                              .ulIvBits = GCM_IV_SIZE * 8,
                              .pAAD = (CK_BYTE *)(uintptr_t)HEAD,
                              .ulAADLen = HEAD_SIZE,
                              .ulTagBits = GCM_TAG_SIZE * 8};
    return (CK_MECHANISM){CKM_AES_GCM, params, sizeof *params};
}

static int seal(const struct master *master, const struct token *token,
                const uint8_t key[AES256_KEY_SIZE], uint8_t blob[BLOB_SIZE], struct error *err)
{
    CK_GCM_PARAMS params;
    CK_OBJECT_HANDLE handle;
    CK_ULONG size = CIPHER_SIZE;
    uint8_t *iv = blob + HEAD_SIZE;
    memcpy(blob, HEAD, HEAD_SIZE);
    if (find_key(master, token, true, &handle, err) < 0 || random_bytes(iv, GCM_IV_SIZE, err) < 0)
        return -1;
    CK_MECHANISM mechanism = gcm_of(&params, iv);
    CK_RV code = token->functions->C_EncryptInit(token->session, &mechanism, handle);
    if (code == CKR_OK)
        code = token->functions->C_Encrypt(token->session, (CK_BYTE *)(uintptr_t)key,
                                           AES256_KEY_SIZE, iv + GCM_IV_SIZE, &size);
    return code == CKR_OK && size == CIPHER_SIZE ? 0 : fail(code, "seal the master key", err);
}

int master_pkcs11_seal(const struct master *master, const uint8_t key[AES256_KEY_SIZE],
                       struct buf *out, struct error *err)
{
    struct token token;
    uint8_t blob[BLOB_SIZE];
    int result = token_open(master, &token, err);
    if (result == 0)
        result = seal(master, &token, key, blob, err);
    token_close(&token);
    return result < 0 ? -1 : buf_append(out, span_of(blob, sizeof blob), err);
}

static int unseal(const struct master *master, const struct token *token, struct span blob,
                  uint8_t key[AES256_KEY_SIZE], struct error *err)
{
    CK_GCM_PARAMS params;
    CK_OBJECT_HANDLE handle;
    uint8_t plain[CIPHER_SIZE]; /* a token may want as much room as the ciphertext has */
    CK_ULONG size = sizeof plain;
    const uint8_t *iv = blob.data + HEAD_SIZE;
    if (find_key(master, token, false, &handle, err) < 0)
        return -1;
    CK_MECHANISM mechanism = gcm_of(&params, iv);
    CK_RV code = token->functions->C_DecryptInit(token->session, &mechanism, handle);
    if (code == CKR_OK)
        code = token->functions->C_Decrypt(token->session, (CK_BYTE *)(uintptr_t)(iv + GCM_IV_SIZE),
                                           CIPHER_SIZE, plain, &size);
    bool good = code == CKR_OK && size == AES256_KEY_SIZE;
    if (good)
        memcpy(key, plain, AES256_KEY_SIZE);
    secret_wipe(plain, sizeof plain);
    return good ? 0 : fail(code, "unseal the master key: it was sealed by another key", err);
}

int master_pkcs11_unseal(const struct master *master, struct span blob,
                         uint8_t key[AES256_KEY_SIZE], struct error *err)
{
    struct token token;
    if (blob.size != BLOB_SIZE || memcmp(blob.data, HEAD, HEAD_SIZE) != 0)
        return error_set(err, ERROR_INVALID, "%s is no master key that a PKCS#11 token sealed",
                         master->path);
    int result = token_open(master, &token, err);
    if (result == 0)
        result = unseal(master, &token, blob, key, err);
    token_close(&token);
    return result;
}
