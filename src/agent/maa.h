/*
 * A client of Microsoft Azure Attestation's and Azure Key Vault's interfaces, or of a service that
 * has them (docs/service.md): a token for runtime data, and the release of a key for it.
 */
#ifndef CAISSON_AGENT_MAA_H
#define CAISSON_AGENT_MAA_H

#include "agent/client.h"

#define MAA_TOKEN_MAX ((size_t)128 << 10)
#define MAA_KID_MAX   255

struct private_key;

/* Appends the certificates of the hardware's table in PEM, the leaf first; nothing for no table. */
int maa_chain(struct span table, struct buf *out, struct error *err);

/* Appends the token that the service gives for evidence over SHA-256 of the runtime data. Runtime
 * data that are a JSON object are shown in the token. */
int maa_attest(struct client *client, int starter, struct span runtime_data, struct buf *token,
               struct error *err);

struct maa_release {
    const struct agent_service *attester;
    const struct agent_service *vault;
    const char *kid;          /* NAME or NAME/VERSION */
    const char *access_token; /* for the vault; NULL for none */
    int starter;
    int64_t timeout_ms;
};

/* An RSA key that keys are released for; half a minute's work for a slow machine. */
struct private_key *maa_release_key_new(struct error *err);

/* First: appends the attester's token, which binds the public half of `wrapping`, made so (above).
 */
int maa_release_token(const struct maa_release *release, const struct private_key *wrapping,
                      struct buf *token, struct error *err);

/* And then: appends the released key as a JWK; the caller wipes it. The vault's signature is not
 * checked: TLS says who it is, and only who has the key's secret can say what it is. */
int maa_release(const struct maa_release *release, struct span token,
                const struct private_key *wrapping, struct buf *out, struct error *err);

#endif
