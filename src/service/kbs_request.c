#include "service/kbs_request.h"

#include "base/text.h"
#include "crypto/digest.h"
#include "format/jcs.h"
#include "service/kbs_init_data.h"

/* --- hashes ----------------------------------------------------------------------------------- */

static const char *const hash_names[] = {
    [KBS_SHA384] = "sha384", [KBS_SHA256] = "sha256", [KBS_SHA512] = "sha512"};
_Static_assert(sizeof hash_names / sizeof hash_names[0] == KBS_HASH_COUNT, "one name each");

const char *kbs_hash_name(enum kbs_hash hash)
{
    return hash_names[hash];
}

static bool lists_hash(const json_t *list, enum kbs_hash hash)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name && strcmp(name, hash_names[hash]) == 0)
            return true;
    }
    return false;
}

/* SHA-384, which clients use where they hear of no other, comes first. */
static int choose_hash(const json_t *list, enum kbs_hash *out, struct error *err)
{
    for (unsigned hash = 0; hash < KBS_HASH_COUNT; hash++) {
        *out = (enum kbs_hash)hash;
        if (lists_hash(list, *out))
            return 0;
    }
    return error_set(err, ERROR_REFUSED,
                     "supported-hash-algorithms holds none of sha384, sha256, sha512");
}

/* --- auth ------------------------------------------------------------------------------------- */

static const struct json_limits limits = {.size = KBS_BODY_MAX, .depth = KBS_DEPTH_MAX};

/* An object, or text (Trustee's clients sent "" before there were any). */
static int read_parameters(const json_t *object, struct kbs_hello *out, struct error *err)
{
    const json_t *parameters = json_object_get(object, "extra-params");
    json_t *list;
    if (!json_is_object(parameters))
        return 0;
    if (json_find_array(parameters, "supported-hash-algorithms", &list, err) < 0)
        return -1;
    return list ? choose_hash(list, &out->hash, err) : 0;
}

int kbs_hello_read(struct span body, struct kbs_hello *out, struct error *err)
{
    const char *version, *tee;
    *out = (struct kbs_hello){.hash = KBS_SHA384};
    json_auto_t *object = json_parse_object(body, &limits, err);
    if (!object)
        return error_context(err, "the request");
    if (json_get_text(object, "version", &version, err) < 0 ||
        json_get_text(object, "tee", &tee, err) < 0)
        return -1;
    if (strcmp(version, KBS_VERSION) != 0)
        return error_set(err, ERROR_INVALID,
                         "the client speaks version %.32s of the protocol; " KBS_VERSION
                         " is spoken here",
                         version);
    if (!text_copy(out->tee, sizeof out->tee, tee))
        return error_set(err, ERROR_INVALID, "tee \"%.64s\" is no kind of evidence", tee);
    return read_parameters(object, out, err);
}

/* --- attest ----------------------------------------------------------------------------------- */

int kbs_key_read(const json_t *tee_pubkey, struct jwk *out, enum jwe_algorithm *sealed,
                 struct error *err)
{
    static const struct {
        const char *name;
        enum jwe_algorithm algorithm;
        bool is_rsa;
    } known[] = {{"ECDH-ES+A256KW", JWE_ECDH_ES_A256KW, false},
                 {"RSA-OAEP-256", JWE_RSA_OAEP_256, true},
                 {"RSA-OAEP", JWE_RSA_OAEP, true}};
    json_auto_t *copy = json_deep_copy(tee_pubkey); /* reading wipes private members */
    if (!copy)
        return error_memory(err);
    if (jwk_read(copy, out, err) < 0)
        return -1;
    if (!out->public_key || out->private_key)
        return error_set(err, ERROR_INVALID, "it is no public key");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        *sealed = known[i].algorithm;
        if (strcmp(out->alg, known[i].name) == 0 && known[i].is_rsa == (out->kind == KEY_RSA))
            return 0;
    }
    return error_set(err, ERROR_INVALID,
                     "alg \"%s\" does not seal for this kind of key; ECDH-ES+A256KW, RSA-OAEP-256 "
                     "and RSA-OAEP are known",
                     out->alg);
}

/* Hashes what the client bound: members as they came, in their canonical form. */
static int hash_runtime(enum kbs_hash hash, const char *additional, struct kbs_attestation *out,
                        struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(KBS_BODY_MAX);
    /* The key is borrowed and stays as it is; jansson has no constant reference. */
    json_auto_t *bound = json_pack("{s:s, s:s, s:O}", "additional-evidence", additional, "nonce",
                                   out->nonce, "tee-pubkey", (json_t *)(uintptr_t)out->tee_pubkey);
    if (!bound)
        return error_memory(err);
    if (jcs_append(bound, &text, err) < 0)
        return error_context(err, "runtime-data");
    memset(out->report_data, 0, sizeof out->report_data);
    if (hash == KBS_SHA256)
        sha256_digest(buf_span(&text), out->report_data);
    else if (hash == KBS_SHA384)
        sha384_digest(buf_span(&text), out->report_data);
    else
        sha512_digest(buf_span(&text), out->report_data);
    return 0;
}

static int read_runtime(const json_t *document, struct kbs_attestation *out, struct error *err)
{
    JWK_AUTO read;
    enum jwe_algorithm sealed;
    json_t *runtime, *key;
    jwk_init(&read);
    if (json_get_object(document, "runtime-data", &runtime, err) < 0)
        return -1;
    if (json_get_text(runtime, "nonce", &out->nonce, err) < 0 ||
        json_get_object(runtime, "tee-pubkey", &key, err) < 0)
        return error_context(err, "runtime-data");
    out->tee_pubkey = key;
    return kbs_key_read(key, &read, &sealed, err) < 0
               ? error_context(err, "runtime-data: tee-pubkey")
               : 0;
}

/* Text that is empty, or the JSON of no devices. */
static int check_no_devices(const char *additional, struct error *err)
{
    if (strcmp(additional, "") == 0 || strcmp(additional, "{}") == 0)
        return 0;
    return error_set(
        err, ERROR_REFUSED,
        "tee-evidence: additional_evidence is of devices, which are not verified here");
}

static int read_evidence(const json_t *document, enum kbs_hash hash, struct kbs_attestation *out,
                         struct error *err)
{
    json_t *evidence;
    const char *additional = NULL;
    if (json_get_object(document, "tee-evidence", &evidence, err) < 0)
        return -1;
    if (json_find_text(evidence, "additional_evidence", &additional, err) < 0)
        return error_context(err, "tee-evidence");
    if (!additional)
        additional = "";
    out->evidence = json_object_get(evidence, "primary_evidence");
    if (!out->evidence)
        return error_set(err, ERROR_INVALID, "tee-evidence: primary_evidence is missing");
    return check_no_devices(additional, err) < 0 ? -1 : hash_runtime(hash, additional, out, err);
}

static int read_init_data(const json_t *document, struct kbs_attestation *out, struct error *err)
{
    json_t *init;
    if (json_is_null(json_object_get(document, "init-data")))
        return 0;
    if (json_find_object(document, "init-data", &init, err) < 0)
        return -1;
    out->has_init_data = init != NULL;
    if (init && kbs_init_data_digest(init, out->host_data, err) < 0)
        return error_context(err, "init-data");
    return 0;
}

int kbs_attestation_read(struct span body, enum kbs_hash hash, struct kbs_attestation *out,
                         struct error *err)
{
    *out = (struct kbs_attestation){0};
    out->document = json_parse_object(body, &limits, err);
    if (!out->document)
        return error_context(err, "the request");
    if (read_runtime(out->document, out, err) < 0 ||
        read_evidence(out->document, hash, out, err) < 0)
        return -1;
    return read_init_data(out->document, out, err);
}

void kbs_attestation_fini(struct kbs_attestation *attestation)
{
    json_decref(attestation->document);
    attestation->document = NULL;
}
