#include <stdio.h>

#include "policy/generate_parts.h"

static void put_number(struct writer *writer, const char *key, unsigned int number)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%s%u", key, number);
    put(writer, text);
}

static void put_member(struct writer *writer, const char *key, const char *text)
{
    put(writer, key);
    put_string(writer, text);
}

static void put_secret(struct writer *writer, const struct policy_secret *secret)
{
    put_number(writer, "{\"container\":", secret->container);
    if (secret->path) {
        put_number(writer, ",\"mode\":", secret->mode);
        put_number(writer, ",\"owner\":", secret->owner);
        put_member(writer, ",\"path\":", secret->path);
    }
    put_member(writer, ",\"resource\":", secret->resource);
    put_number(writer, ",\"service\":", secret->service);
    if (secret->variable)
        put_member(writer, ",\"variable\":", secret->variable);
    put(writer, "}");
}

/* Caisson's own: the reference passes over a definition that it does not ask for. */
void generate_attestation(struct writer *writer, const struct policy_attestation *attestation)
{
    put(writer, "caisson_attestation := {\"api\":");
    put_bool(writer, attestation->api);
    put(writer, ",\"secrets\":[");
    for (size_t i = 0; i < attestation->secret_count; i++) {
        put(writer, i ? "," : "");
        put_secret(writer, &attestation->secrets[i]);
    }
    put(writer, "],\"services\":[");
    for (size_t i = 0; i < attestation->service_count; i++) {
        const struct policy_service *service = &attestation->services[i];
        put_member(writer, i ? ",{\"roots\":" : "{\"roots\":", service->roots);
        put_member(writer, ",\"url\":", service->url);
        put(writer, "}");
    }
    put(writer, "]}\n\n");
}
