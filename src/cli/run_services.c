#include "cli/run_services.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "policy/policy.h"

#define NAME_MAX_SIZE 253
#define LOOPBACK_NET  0x7F000000U

static int look_up(const char *url, struct in_addr *out, struct error *err)
{
    static const char scheme[] = "https://";
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    char name[NAME_MAX_SIZE + 1];
    struct addrinfo *found = NULL;
    const char *host = url + sizeof scheme - 1; /* the policy's reader has seen it */
    if (snprintf(name, sizeof name, "%.*s", (int)strcspn(host, ":"), host) >= (int)sizeof name)
        return error_set(err, ERROR_LIMIT, "the name in %.80s… is too long", url);
    int result = getaddrinfo(name, NULL, &hints, &found);
    if (result != 0)
        return error_set(err, ERROR_UNAVAILABLE, "%s, which the policy's secrets come from: %s",
                         url, gai_strerror(result));
    struct sockaddr_in address;
    memcpy(&address, found->ai_addr, sizeof address);
    *out = address.sin_addr;
    freeaddrinfo(found);
    return 0;
}

static int find_all(const struct policy_attestation *attestation, struct run_services *out,
                    struct vm_config *config, struct error *err)
{
    for (size_t i = 0; i < attestation->service_count && i < RUN_SERVICES_MAX; i++) {
        struct in_addr address;
        if (look_up(attestation->services[i].url, &address, err) < 0)
            return -1;
        bool local = !config->host_network && (ntohl(address.s_addr) & 0xFF000000U) == LOOPBACK_NET;
        if (local && !config->maps_loopback)
            log_warning("%s is on this host's loopback: the container can reach what listens there",
                        attestation->services[i].url);
        config->maps_loopback = config->maps_loopback || local;
        (void)snprintf(out->addresses[i], sizeof out->addresses[i], "%s",
                       local ? PASST_GATEWAY : inet_ntoa(address));
        out->list[i] = out->addresses[i];
        config->service_count = i + 1;
    }
    config->services = out->list;
    return 0;
}

int run_services_find(struct span text, struct run_services *out, struct vm_config *config,
                      struct error *err)
{
    POLICY_AUTO policy = NULL;
    /* Whether the policy is fit to be run was asked before. */
    if (policy_parse(text, POLICY_ALLOW_ALL, &policy, err) < 0)
        return -1;
    const struct policy_attestation *attestation = policy_get_attestation(policy);
    config->attests = attestation;
    if (!attestation || attestation->service_count == 0)
        return 0;
    if (!config->network && !config->host_network)
        return error_set(err, ERROR_USAGE,
                         "the policy names a service: --network none has no way to it");
    return find_all(attestation, out, config, err);
}
