/* What the attestation agent is told that it is for: every text lies within the message. */
#include "fuzz.h"

#include "agent/link.h"

static void check_text(const char *text, struct span message)
{
    const uint8_t *at = (const uint8_t *)text;
    fuzz_require(at >= message.data && at < message.data + message.size);
    fuzz_require(memchr(at, '\0', (size_t)(message.data + message.size - at)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct agent_config config;
    struct span message = span_of(data, size);
    if (agent_config_read(message, &config, NULL) < 0)
        return 0;
    for (size_t i = 0; i < config.service_count; i++) {
        check_text(config.services[i].url, message);
        check_text(config.services[i].address, message);
        check_text(config.services[i].roots, message);
    }
    for (size_t i = 0; i < config.resource_count; i++) {
        check_text(config.resources[i].path, message);
        fuzz_require(config.resources[i].service < config.service_count);
    }
    fuzz_require(config.policy.size <= EXCHANGE_POLICY_MAX &&
                 config.policy.data + config.policy.size == data + size);
    return 0;
}
