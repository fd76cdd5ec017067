/* The interface of Microsoft's secure key release sidecar (confidential-sidecar-containers,
 * cmd/skr/README.md): what containers of Azure's confidential groups ask on localhost:8080. */
#include "agent/api.h"
#include "agent/context.h"
#include "agent/maa.h"
#include "base/base64.h"
#include "base/hex.h"
#include "evidence/certificate_table.h"
#include "format/json.h"

static const struct json_limits limits = {.size = API_BODY_MAX, .depth = 4};

static int put_member(struct buf *out, const char *name, struct span text, struct error *err)
{
    if (buf_printf(out, err, "%s\"%s\":", out->size ? "," : "{", name) < 0)
        return -1;
    return json_append_string(out, text, err);
}

/* Runtime data in base64 of either alphabet, padded or not, as the clients that exist write it. */
static int read_runtime(const json_t *object, struct buf *out, struct error *err)
{
    const char *text;
    BUF_AUTO plain = BUF_WITH_LIMIT(2 * EXCHANGE_RUNTIME_MAX);
    if (json_get_text(object, "runtime_data", &text, err) < 0)
        return -1;
    for (; *text && *text != '='; text++) {
        char byte = *text == '+' ? '-' : *text == '/' ? '_' : *text;
        if (buf_append_byte(&plain, (uint8_t)byte, err) < 0)
            return -1;
    }
    return base64url_decode(buf_span(&plain), out, err) < 0 ? error_context(err, "runtime_data")
                                                            : 0;
}

/* Of an enclave it is the quote, which brings its certificates. */
static int get_report(struct api *api, const json_t *request, struct buf *report,
                      struct buf *certificates, struct error *err)
{
    BUF_AUTO runtime = BUF_WITH_LIMIT(EXCHANGE_RUNTIME_MAX);
    if (read_runtime(request, &runtime, err) < 0)
        return -1;
    if (api->config->tee == EXCHANGE_SGX)
        return link_quote(api->starter, EXCHANGE_SHA256, buf_span(&runtime), report, err);
    return link_report(api->starter, EXCHANGE_SHA256, buf_span(&runtime), report, certificates,
                       err);
}

/* --- the routes ------------------------------------------------------------------------------- */

static int attest_raw(struct api *api, const json_t *request, struct buf *out, struct error *err)
{
    BUF_AUTO hex = BUF_WITH_LIMIT(2 * EXCHANGE_QUOTE_MAX + 1);
    BUF_AUTO report = BUF_WITH_LIMIT(EXCHANGE_QUOTE_MAX);
    BUF_AUTO certificates = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    if (get_report(api, request, &report, &certificates, err) < 0 ||
        buf_append_zero(&hex, 2 * report.size + 1, err) < 0)
        return -1;
    hex_encode(buf_span(&report), (char *)hex.data);
    return put_member(out, "report", span_of(hex.data, 2 * report.size), err);
}

static int put_base64(struct buf *out, const char *name, struct span bytes, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(CLIENT_BODY_MAX);
    return base64_encode(bytes, &text, err) < 0 ? -1 : put_member(out, name, buf_span(&text), err);
}

/* As the key management services of the ad auctions take it: certificates in PEM, the TCB in hex as
 * a big-endian number. The guest's own endorsement is there where a cloud has made one: not here.
 */
static int attest_combined(struct api *api, const json_t *request, struct buf *out,
                           struct error *err)
{
    char tcb[CONTEXT_TCB_SIZE];
    BUF_AUTO report = BUF_WITH_LIMIT(EXCHANGE_REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    BUF_AUTO chain = BUF_WITH_LIMIT(CLIENT_BODY_MAX);
    if (api->config->tee != EXCHANGE_SNP)
        return error_set(err, ERROR_INVALID,
                         "/attest/combined is of SEV-SNP alone; an enclave has /attest/raw");
    if (get_report(api, request, &report, &certificates, err) < 0 ||
        maa_chain(buf_span(&certificates), &chain, err) < 0)
        return -1;
    context_tcb(buf_span(&report), tcb);
    if (put_base64(out, "evidence", buf_span(&report), err) < 0 ||
        put_base64(out, "endorsements", buf_span(&chain), err) < 0 ||
        put_member(out, "uvm_endorsements", span_of_text(""), err) < 0)
        return -1;
    return put_member(out, "endorsed_tcb", span_of_text(tcb), err);
}

/* The service that a member of the request names. */
static const struct agent_service *get_service(struct api *api, const json_t *request,
                                               const char *member, struct error *err)
{
    const char *endpoint;
    return json_get_text(request, member, &endpoint, err) < 0
               ? NULL
               : api_find_service(api, endpoint, err);
}

static int attest_maa(struct api *api, const json_t *request, struct buf *out, struct error *err)
{
    BUF_AUTO runtime = BUF_WITH_LIMIT(EXCHANGE_RUNTIME_MAX);
    BUF_AUTO token = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    CLIENT_AUTO client = {.fd = -1};
    const struct agent_service *service = get_service(api, request, "maa_endpoint", err);
    if (!service || read_runtime(request, &runtime, err) < 0 ||
        client_init(&client, service, API_SERVICE_MS, err) < 0 ||
        api_take_place(api, service, err) < 0)
        return -1;
    int result = maa_attest(&client, api->starter, buf_span(&runtime), &token, err);
    api_leave_place(api, service);
    return result < 0 ? -1 : put_member(out, "token", buf_span(&token), err);
}

/* Made by the first who asks; others wait for it. */
static const struct private_key *get_release_key(struct api *api, struct error *err)
{
    (void)pthread_mutex_lock(&api->key_mutex);
    if (!api->release_key)
        api->release_key = maa_release_key_new(err);
    const struct private_key *key = api->release_key;
    (void)pthread_mutex_unlock(&api->key_mutex);
    return key;
}

static int get_release_token(struct api *api, const struct maa_release *release,
                             const struct private_key **wrapping, struct buf *token,
                             struct error *err)
{
    if (api_take_place(api, release->attester, err) < 0)
        return -1;
    *wrapping = get_release_key(api, err);
    int result = *wrapping ? maa_release_token(release, *wrapping, token, err) : -1;
    api_leave_place(api, release->attester);
    return result;
}

/* The vault's place is taken once the attester has answered: a silent one holds up its own alone.
 */
static int ask_for_key(struct api *api, const struct maa_release *release, struct buf *key,
                       struct error *err)
{
    const struct private_key *wrapping;
    BUF_AUTO token = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    if (get_release_token(api, release, &wrapping, &token, err) < 0 ||
        api_take_place(api, release->vault, err) < 0)
        return -1;
    int result = maa_release(release, buf_span(&token), wrapping, key, err);
    api_leave_place(api, release->vault);
    return result;
}

static int release_key(struct api *api, const json_t *request, struct buf *out, struct error *err)
{
    struct maa_release release = {.starter = api->starter, .timeout_ms = API_SERVICE_MS};
    __attribute__((cleanup(buf_fini_secret))) struct buf key = BUF_WITH_LIMIT(MAA_TOKEN_MAX);
    release.attester = get_service(api, request, "maa_endpoint", err);
    release.vault = release.attester ? get_service(api, request, "akv_endpoint", err) : NULL;
    if (!release.vault || json_get_text(request, "kid", &release.kid, err) < 0 ||
        json_find_text(request, "access_token", &release.access_token, err) < 0 ||
        ask_for_key(api, &release, &key, err) < 0)
        return -1;
    return put_member(out, "key", buf_span(&key), err);
}

/* --- all of them ------------------------------------------------------------------------------ */

static const struct {
    const char *path;
    int (*answer)(struct api *api, const json_t *request, struct buf *out, struct error *err);
    bool asks; /* a service */
} posts[] = {
    {"/attest/raw", attest_raw, false},
    {"/attest/combined", attest_combined, false},
    {"/attest/maa", attest_maa, true},
    {"/key/release", release_key, true},
};

bool sidecar_asks(const struct http_request *request)
{
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++) {
        if (posts[i].asks && span_equal_text(request->path, posts[i].path))
            return true;
    }
    return false;
}

static int answer_post(struct api *api, const struct http_request *request, struct span body,
                       struct buf *out, struct error *err)
{
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++) {
        if (!span_equal_text(request->path, posts[i].path))
            continue;
        json_auto_t *object = json_parse_object(body, &limits, err);
        if (!object || posts[i].answer(api, object, out, err) < 0)
            return -1;
        return buf_append_text(out, "}", err);
    }
    return error_set(err, ERROR_NOT_FOUND, "there is no such path");
}

void sidecar_answer(struct api *api, const struct http_request *request, struct span body,
                    struct api_answer *answer)
{
    struct error why = {0};
    bool get = span_equal_text(request->method, "GET");
    int result = get && span_equal_text(request->path, "/status")
                     ? buf_append_text(&answer->body, "{\"message\":\"STATUS OK\"}", &why)
                 : span_equal_text(request->method, "POST")
                     ? answer_post(api, request, body, &answer->body, &why)
                     : error_set(&why, ERROR_NOT_FOUND, "there is no such path");
    if (result < 0)
        api_refuse(answer, &why);
}
