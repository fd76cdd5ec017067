/* Who may change what belongs to a tenant. */
#include "service/service_parts.h"

/* Whether a page of another origin made a browser ask. A browser shows its certificate and cookies
 * for whoever makes it ask, but says who that is (Fetch Metadata, section 2.1; RFC 6454, section
 * 7). Other clients send neither header. */
static bool is_cross_site(const struct call *call)
{
    const struct http_request *http = call->request->http;
    const struct span *site = http_header_find(http, "Sec-Fetch-Site");
    const struct span *origin = http_header_find(http, "Origin");
    const struct span *host = http_header_find(http, "Host");
    if (site && !span_equal_text(*site, "same-origin") && !span_equal_text(*site, "none"))
        return true;
    if (!origin)
        return false;
    struct span scheme = span_of_text(call->service->config->plain ? "http://" : "https://");
    return !host || origin->size != scheme.size + host->size ||
           memcmp(origin->data, scheme.data, scheme.size) != 0 ||
           memcmp(origin->data + scheme.size, host->data, host->size) != 0;
}

bool service_check_administrator(const struct call *call, struct server_answer *answer)
{
    if (is_cross_site(call)) {
        answer_error(answer, HTTP_FORBIDDEN, NULL, "a page of another origin asks for this");
        return false;
    }
    uint8_t digest[SHA256_SIZE];
    struct span certificate = call->request->certificate;
    const struct config_tenant *tenant = call->tenant;
    if (certificate.size == 0) {
        answer_error(answer, HTTP_UNAUTHORIZED, NULL,
                     "this needs a client certificate of an administrator");
        return false;
    }
    sha256_digest(certificate, digest);
    for (size_t i = 0; i < tenant->administrator_count; i++) {
        if (memcmp(tenant->administrators[i], digest, sizeof digest) == 0)
            return true;
    }
    answer_error(answer, HTTP_FORBIDDEN, NULL,
                 "this client certificate is no administrator's of this tenant");
    return false;
}
