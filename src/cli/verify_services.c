#include "cli/verify_services.h"

#include "base/text.h"
#include "format/security_context.h"

/* A container's security context is the machine's own, and no secret. */
static bool comes_from(const struct policy_secret *secret, size_t place)
{
    return secret->service == place &&
           !text_starts_with(secret->resource, SECURITY_CONTEXT_RESOURCE);
}

/* The service, and what it holds for the containers. The policy's reader lets neither URL nor
 * resource have a character that means something to a terminal. */
static int append_service(const struct policy_attestation *attestation, size_t place,
                          struct buf *out, struct error *err)
{
    size_t told = 0;
    if (buf_printf(out, err, "%s%s",
                   place ? ", " : "services: ", attestation->services[place].url) < 0)
        return -1;
    for (size_t i = 0; i < attestation->secret_count; i++) {
        const struct policy_secret *secret = &attestation->secrets[i];
        if (comes_from(secret, place) &&
            buf_printf(out, err, "%s%s", told++ ? ", " : " (", secret->resource) < 0)
            return -1;
    }
    return told ? buf_append_text(out, ")", err) : 0;
}

int verify_services_note(const struct policy_attestation *attestation, struct buf *out,
                         struct error *err)
{
    if (!attestation || attestation->service_count == 0)
        return 0;
    for (size_t i = 0; i < attestation->service_count; i++) {
        if (append_service(attestation, i, out, err) < 0)
            return -1;
    }
    return buf_append_text(
        out, attestation->api ? "; every container may ask them for more\n" : "\n", err);
}

static json_t *service_claim(const struct policy_attestation *attestation, size_t place)
{
    json_t *secrets = json_array();
    for (size_t i = 0; i < attestation->secret_count; i++) {
        if (comes_from(&attestation->secrets[i], place))
            (void)json_array_append_new(secrets, json_string(attestation->secrets[i].resource));
    }
    return json_pack("{s:s, s:o, s:b}", "url", attestation->services[place].url, "secrets", secrets,
                     "api", attestation->api);
}

json_t *verify_services_claims(const struct policy_attestation *attestation)
{
    json_t *claims = attestation && attestation->service_count > 0 ? json_array() : NULL;
    for (size_t i = 0; claims && i < attestation->service_count; i++)
        (void)json_array_append_new(claims, service_claim(attestation, i));
    return claims;
}
