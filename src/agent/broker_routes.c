/* The endpoints of Confidential Containers' api-server-rest (guest-components, api-server-rest):
 * what its containers ask on 127.0.0.1:8006. They speak for the policy's first service. */
#include "agent/api.h"
#include "agent/broker.h"
#include "agent/tee_evidence.h"
#include "base/text.h"
#include "crypto/issue.h"
#include "format/json.h"

#define RESOURCE_PREFIX "/cdh/resource/"
#define RESOURCE_MAX    255

static const struct agent_service *first_service(const struct api *api, struct error *err)
{
    if (api->config->service_count > 0)
        return &api->config->services[0];
    (void)error_set(err, ERROR_REFUSED, "the policy names no service");
    return NULL;
}

/* REPOSITORY/TYPE/TAG, as it stands in the path: of a name's characters alone. */
static bool is_resource(struct span name)
{
    size_t slashes = 0;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        bool first = i == 0 || name.data[i - 1] == '/';
        if (byte == '/' ? first
            : byte == '.'
                ? first
                : !byte ||
                      !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                              byte))
            return false;
        slashes += byte == '/';
    }
    return slashes == 2 && name.size <= RESOURCE_MAX && name.data[name.size - 1] != '/';
}

static int get_resource(struct api *api, struct span path, struct buf *out, struct error *err)
{
    const size_t prefix = sizeof RESOURCE_PREFIX - 1;
    char name[RESOURCE_MAX + 1] = "";
    struct span resource = span_of(path.data + prefix, path.size - prefix);
    BROKER_AUTO broker = {.client.fd = -1};
    const struct agent_service *service = first_service(api, err);
    if (!service)
        return -1;
    if (!is_resource(resource))
        return error_set(err, ERROR_INVALID, "a resource is REPOSITORY/TYPE/TAG");
    memcpy(name, resource.data, resource.size);
    if (broker_init(&broker, service, api->starter, API_SERVICE_MS, err) < 0 ||
        api_take_place(api, service, err) < 0)
        return -1;
    int result = broker_fetch(&broker, name, out, err);
    api_leave_place(api, service);
    return result;
}

static int prove(struct api *api, struct broker *broker, struct error *err)
{
    const struct agent_service *service = broker->client.service;
    if (api_take_place(api, service, err) < 0)
        return -1;
    int result = broker_prove(broker, err);
    api_leave_place(api, service);
    return result;
}

/* The key is made for this token, and whoever has the token needs it. */
static int get_token(struct api *api, struct span query, struct buf *out, struct error *err)
{
    BUF_AUTO type = BUF_WITH_LIMIT(64);
    __attribute__((cleanup(buf_fini_secret))) struct buf pem = BUF_WITH_LIMIT(8192);
    BROKER_AUTO broker = {.client.fd = -1};
    const struct agent_service *service = first_service(api, err);
    if (!service || http_query_find(query, "token_type", &type, err) < 0)
        return -1;
    if (strcmp(buf_text(&type), "kbs") != 0)
        return error_set(err, ERROR_INVALID, "token_type can be kbs");
    if (broker_init(&broker, service, api->starter, API_SERVICE_MS, err) < 0 ||
        prove(api, &broker, err) < 0 || private_key_to_pem(broker.key, &pem, err) < 0 ||
        buf_append_text(out, "{\"token\":", err) < 0 ||
        json_append_string(out, buf_span(&broker.token), err) < 0 ||
        buf_append_text(out, ",\"tee_keypair\":", err) < 0 ||
        json_append_string(out, buf_span(&pem), err) < 0)
        return -1;
    return buf_append_text(out, "}", err);
}

static int get_evidence(struct api *api, struct span query, struct buf *out, struct error *err)
{
    BUF_AUTO runtime = BUF_WITH_LIMIT(EXCHANGE_RUNTIME_MAX);
    if (http_query_find(query, "runtime_data", &runtime, err) < 0)
        return -1;
    return tee_evidence_ask(api->config->tee, api->starter, buf_span(&runtime), out, err);
}

static bool begins(struct span path, const char *prefix)
{
    return path.size >= strlen(prefix) && memcmp(path.data, prefix, strlen(prefix)) == 0;
}

bool broker_routes_ask(const struct http_request *request)
{
    return begins(request->path, RESOURCE_PREFIX) || span_equal_text(request->path, "/aa/token");
}

void broker_routes_answer(struct api *api, const struct http_request *request, struct span body,
                          struct api_answer *answer)
{
    struct error why = {0};
    int result;
    (void)body;
    if (!span_equal_text(request->method, "GET")) {
        (void)error_set(&why, ERROR_INVALID, "only GET is known");
        api_refuse(answer, &why);
        answer->status = HTTP_METHOD_NOT_ALLOWED;
        return;
    }
    if (begins(request->path, RESOURCE_PREFIX)) {
        answer->type = "application/octet-stream";
        result = get_resource(api, request->path, &answer->body, &why);
    } else if (span_equal_text(request->path, "/aa/token"))
        result = get_token(api, request->query, &answer->body, &why);
    else if (span_equal_text(request->path, "/aa/evidence"))
        result = get_evidence(api, request->query, &answer->body, &why);
    else
        result = error_set(&why, ERROR_NOT_FOUND, "there is no such path");
    if (result < 0)
        api_refuse(answer, &why);
}
