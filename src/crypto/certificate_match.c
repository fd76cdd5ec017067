#include "crypto/certificate_match.h"

#include "crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static X509 *parse(struct span der, struct error *err)
{
    const unsigned char *at = der.data;
    X509 *x509 = der.size > 0 && der.size <= CERTIFICATE_DER_MAX
                     ? d2i_X509(NULL, &at, (long)der.size)
                     : NULL;
    ERR_clear_error();
    if (x509 && at == der.data + der.size)
        return x509;
    X509_free(x509);
    (void)error_set(err, ERROR_INVALID, "these %zu bytes are not one X.509 certificate in DER",
                    der.size);
    return NULL;
}

static void cleanup(X509 **x509)
{
    X509_free(*x509);
    ERR_clear_error();
}
#define X509_AUTO __attribute__((cleanup(cleanup))) X509

static bool has_eku(const X509 *x509, const ASN1_OBJECT *wanted)
{
    bool found = false;
    /* NULL also where the extension is there twice. */
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
        found = found || OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted) == 0;
    EXTENDED_KEY_USAGE_free(usages);
    return found;
}

int certificate_match_eku(struct span der, const char *oid, struct error *err)
{
    X509_AUTO *x509 = parse(der, err);
    if (!x509)
        return -1;
    ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 1);
    bool found = wanted && has_eku(x509, wanted);
    ASN1_OBJECT_free(wanted);
    return found
               ? 0
               : error_set(err, ERROR_REFUSED, "the certificate has no extended key usage %s", oid);
}

static bool value_is(const ASN1_STRING *string, struct span value)
{
    unsigned char *utf8 = NULL;
    int size = ASN1_STRING_to_UTF8(&utf8, string);
    bool same = size >= 0 && span_equal(span_of(utf8, (size_t)size), value);
    if (size >= 0)
        OPENSSL_free(utf8);
    return same;
}

/* RFC 4514's labels that did:x509 knows; all else is a dotted OID. */
static ASN1_OBJECT *attribute_object(const char *attribute)
{
    static const struct {
        const char *label;
        const char *oid;
    } labels[] = {{"CN", "2.5.4.3"},  {"L", "2.5.4.7"}, {"ST", "2.5.4.8"},    {"O", "2.5.4.10"},
                  {"OU", "2.5.4.11"}, {"C", "2.5.4.6"}, {"STREET", "2.5.4.9"}};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (strcmp(labels[i].label, attribute) == 0)
            return OBJ_txt2obj(labels[i].oid, 1);
    }
    return OBJ_txt2obj(attribute, 1);
}

int certificate_match_subject(struct span der, const char *attribute, struct span value,
                              struct error *err)
{
    X509_AUTO *x509 = parse(der, err);
    if (!x509)
        return -1;
    const X509_NAME *name = X509_get_subject_name(x509);
    ASN1_OBJECT *object = attribute_object(attribute);
    int at = object ? X509_NAME_get_index_by_OBJ(name, object, -1) : -1;
    bool once = at >= 0 && X509_NAME_get_index_by_OBJ(name, object, at) < 0;
    ASN1_OBJECT_free(object);
    if (!once || !value_is(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), value))
        return error_set(err, ERROR_REFUSED,
                         "the certificate's subject does not have one %s with the value demanded",
                         attribute);
    return 0;
}

static bool has_san(const GENERAL_NAMES *names, int type, struct span value)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        /* All three kinds are IA5Strings, which the union's members alias. */
        if (name->type == type && span_equal(span_of(ASN1_STRING_get0_data(name->d.ia5),
                                                     (size_t)ASN1_STRING_length(name->d.ia5)),
                                             value))
            return true;
    }
    return false;
}

int certificate_match_san(struct span der, enum certificate_san kind, struct span value,
                          struct error *err)
{
    static const struct {
        int type;
        const char *name;
    } kinds[] = {[SAN_EMAIL] = {GEN_EMAIL, "email"},
                 [SAN_DNS] = {GEN_DNS, "dns"},
                 [SAN_URI] = {GEN_URI, "uri"}};
    X509_AUTO *x509 = parse(der, err);
    if (!x509)
        return -1;
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    bool found = has_san(names, kinds[kind].type, value);
    GENERAL_NAMES_free(names);
    return found ? 0
                 : error_set(err, ERROR_REFUSED,
                             "the certificate has no alternative name (%s) with the value demanded",
                             kinds[kind].name);
}

int certificate_check_signer(struct span der, struct error *err)
{
    X509_AUTO *x509 = parse(der, err);
    if (!x509)
        return -1;
    /* The function asks keyUsage first; whoever says CA is none of ours, whatever else it says. */
    if (X509_check_ca(x509) != 0 || (X509_get_extension_flags(x509) & EXFLAG_CA))
        return error_set(err, ERROR_REFUSED,
                         "the signer's certificate is an authority's: it signs certificates");
    if (!(X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE))
        return error_set(err, ERROR_REFUSED, "the signer's key may not sign messages");
    return 0;
}

int certificate_check_path_length(struct span der, size_t below, struct error *err)
{
    X509_AUTO *x509 = parse(der, err);
    if (!x509)
        return -1;
    long most = X509_get_pathlen(x509); /* -1 where nothing is said */
    if (most >= 0 && below > (size_t)most)
        return error_set(err, ERROR_REFUSED,
                         "%zu authorities stand below one that allows %ld (basicConstraints)",
                         below, most);
    return 0;
}
