/*
 * caisson-attestation-agent: proves the machine to services and brings what they give, for the
 * guest's first process and, where the policy lets them, for the containers. A program of its own
 * beside the first process, since it speaks TLS, HTTP, JSON and JOSE with strangers: the services,
 * which a host may play, and the containers.
 *
 * It finds on descriptor 0 its starter (agent/exchange.h) and, where it serves the containers, on 1
 * and 2 the sockets of agent/api.h, which listen. It is nobody, without files and capabilities, and
 * before anything else gives up the system calls that it does not need. In an enclave there is no
 * filter for that: it has an enclave and a root of its own, and no call of it reaches a kernel.
 */
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/api.h"
#include "agent/broker.h"
#include "agent/confine.h"
#include "agent/context.h"

#define STARTER          0
#define FETCH_TIMEOUT_MS 60000 /* of one service, in a machine without KVM too */
#define FETCH_ALARM      150   /* seconds */

static int fetch_one(const struct agent_config *config, struct broker *brokers,
                     const struct agent_resource *resource, struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf secret = BUF_WITH_LIMIT(
        EXCHANGE_SECRET_MAX);
    const char *own = context_name(resource->path);
    if ((own ? context_bring(config, STARTER, own, &secret, err)
             : broker_fetch(&brokers[resource->service], resource->path, &secret, err)) < 0)
        return -1;
    return link_send(STARTER, EXCHANGE_SECRET, buf_span(&secret), err);
}

/* In the order in which they were asked for; a service is asked once to believe the machine. */
static int fetch_all(const struct agent_config *config, struct broker *brokers, struct error *err)
{
    for (size_t i = 0; i < config->service_count; i++) {
        if (broker_init(&brokers[i], &config->services[i], STARTER, FETCH_TIMEOUT_MS, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < config->resource_count; i++) {
        if (fetch_one(config, brokers, &config->resources[i], err) < 0)
            return -1;
    }
    return 0;
}

static int fetch(const struct agent_config *config, struct error *err)
{
    struct broker brokers[EXCHANGE_SERVICES_MAX] = {0};
    (void)alarm(FETCH_ALARM);
    for (size_t i = 0; i < EXCHANGE_SERVICES_MAX; i++)
        brokers[i].client.fd = -1;
    int result = fetch_all(config, brokers, err);
    for (size_t i = 0; i < EXCHANGE_SERVICES_MAX; i++)
        broker_fini(&brokers[i]);
    if (result < 0)
        (void)link_send(STARTER, EXCHANGE_FAILURE, span_of_text(err->text), NULL);
    return result;
}

int main(void)
{
    struct error err = {0};
    struct agent_config config;
    struct buf message = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    if (prctl(PR_SET_DUMPABLE, 0) < 0 ||
        link_receive(STARTER, EXCHANGE_CONFIG, &message, &err) < 0 ||
        agent_config_read(buf_span(&message), &config, &err) < 0 ||
        (config.serves && api_start(&config, STARTER, 1, 2, &err) < 0) ||
        (config.tee == EXCHANGE_SNP && confine(&err) < 0))
        return 2;
    /* Not by exit(), which takes away what other threads still use. */
    _exit((config.serves ? api_serve(&err) : fetch(&config, &err)) < 0);
}
