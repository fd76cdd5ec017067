/* What the attestation agent is told that it is for: the message EXCHANGE_CONFIG. */
#include <arpa/inet.h>
#include <string.h>

#include "guest/agent.h"

static int put_text(struct buf *out, const char *text, struct error *err)
{
    return buf_append(out, span_of(text, strlen(text) + 1), err);
}

static int put_service(const struct agent_order *order, size_t place, struct buf *out,
                       struct error *err)
{
    const struct policy_service *service = &order->attestation->services[place];
    char address[INET_ADDRSTRLEN] = "";
    if (place < order->address_count)
        (void)inet_ntop(AF_INET, &order->addresses[place], address, sizeof address);
    if (put_text(out, service->url, err) < 0 || put_text(out, address, err) < 0)
        return -1;
    return put_text(out, service->roots, err);
}

int agent_put_config(const struct agent_order *order, struct buf *out, struct error *err)
{
    const struct policy_attestation *attestation = order->attestation;
    uint8_t head[] = {EXCHANGE_CONFIG, order->row == POLICY_NO_ROW, (uint8_t)order->tee,
                      (uint8_t)attestation->service_count, 0};
    if (buf_append(out, span_of(head, sizeof head), err) < 0)
        return -1;
    for (size_t i = 0; i < attestation->service_count; i++) {
        if (put_service(order, i, out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < attestation->secret_count; i++) {
        const struct policy_secret *secret = &attestation->secrets[i];
        if (secret->container != order->row)
            continue;
        out->data[sizeof head - 1]++; /* how many there are */
        if (buf_append_byte(out, (uint8_t)('a' + secret->service), err) < 0 ||
            put_text(out, secret->resource, err) < 0)
            return -1;
    }
    return buf_append(out, order->policy, err);
}
