/* The service's configuration: what is read is whole, is itself when it is read again, and finds a
 * tenant by each of its hosts. */
#include "fuzz.h"

#include "service/config.h"

static void check_tenant(const struct config *config, const struct config_tenant *tenant)
{
    fuzz_require(tenant->name && strlen(tenant->name) <= CONFIG_TENANT_NAME_MAX && tenant->issuer);
    fuzz_require(tenant->administrator_count == 0 || config->client_roots);
    for (size_t i = 0; i < tenant->host_count; i++)
        fuzz_require(tenant->hosts[i]);
    for (size_t i = 0; i < tenant->authority_count; i++)
        fuzz_require(tenant->authorities[i].issuer && tenant->authorities[i].keys.path);
    for (size_t i = 0; i < tenant->oidc_count; i++) {
        fuzz_require(tenant->oidc[i].issuer && tenant->oidc[i].audience);
        fuzz_require(tenant->oidc[i].keys.path && tenant->oidc[i].administrator_count > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CONFIG_AUTO config;
    CONFIG_AUTO again = {0};
    struct error err = {0};
    if (config_read(span_of(data, size), "/etc/caisson", &config, &err) < 0) {
        fuzz_require(err.text[0]);
        return 0;
    }
    fuzz_require(config.address && config.state && config.master.path);
    fuzz_require(!config.tls_certificate == !config.tls_key);
    fuzz_require(config.tenant_count > 0 && config.tenant_count <= CONFIG_TENANTS_MAX);
    for (size_t i = 0; i < config.tenant_count; i++)
        check_tenant(&config, &config.tenants[i]);
    (void)config_find_tenant(&config, span_of(data, size));
    fuzz_require(config_read(span_of(data, size), "/etc/caisson", &again, NULL) == 0);
    fuzz_require(config_check_change(&config, &again, NULL) == 0);
    return 0;
}
