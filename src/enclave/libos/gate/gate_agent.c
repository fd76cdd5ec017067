/* The attestation agent of an enclave: its disk, and what it is for. */
#include <errno.h>
#include <string.h>

#include "enclave/libos/agent/agent.h"
#include "enclave/libos/agent/agent_disk.h"
#include "enclave/libos/gate/gate_parts.h"
#include "guest/agent.h"

/* They end where not even the first byte of one can be had. */
static uint32_t count_disks(void)
{
    uint8_t first;
    uint32_t count = 0;
    while (count < DOOR_DISKS_MAX && door_read_disk(count, 0, &first, sizeof first) == 0)
        count++;
    return count;
}

/* The host's last disk, if it is the one that this image was built for. */
static int open_disk(struct vfs *vfs, struct error *err)
{
    struct root_layer layer = {.disk = count_disks()};
    if (layer.disk == 0)
        return error_set(err, ERROR_INVALID, "the host gives no disk");
    layer.disk--;
    memcpy(layer.root, agent_disk_root, sizeof layer.root);
    if (gate_read_blocks(&layer, err) < 0)
        return -1;
    int status = root_open_apart(vfs, &layer);
    if (status == -ENOMEM)
        return error_memory(err);
    return status == 0 ? 0
                       : error_set(err, ERROR_REFUSED,
                                   "the host's last disk (LUN %u) is not the one that this enclave "
                                   "image was built with: use the files of one build (errno %d)",
                                   layer.disk, -status);
}

const struct vfs *gate_agent_root(struct error *err)
{
    static struct vfs root;
    static bool is_open;
    if (!agent_disk_is_there) {
        (void)error_set(err, ERROR_UNAVAILABLE,
                        "this enclave image was built without one: build it with -Dguest=true");
        return NULL;
    }
    if (!is_open && open_disk(&root, err) < 0)
        return NULL;
    is_open = true;
    return &root;
}

/* The policy goes to an agent that brings secrets, which may give it to the container as one. */
int gate_put_agent_config(const struct container *all, const struct spec *spec, size_t row,
                          struct buf *out, struct error *err)
{
    const bool brings = row != POLICY_NO_ROW;
    const struct agent_order order = {.attestation = spec->attestation,
                                      .tee = EXCHANGE_SGX,
                                      .addresses = all->services.items,
                                      .address_count = all->services.count,
                                      .policy = brings ? spec->policy : span_of(NULL, 0),
                                      .row = row};
    return agent_put_config(&order, out, err);
}

static int prepare(const struct container *all, const struct spec *spec, struct error *err)
{
    BUF_AUTO config = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    const struct vfs *root = gate_agent_root(err);
    if (!root || gate_put_agent_config(all, spec, POLICY_NO_ROW, &config, err) < 0)
        return -1;
    int status = agent_prepare(root, buf_span(&config));
    return status < 0 ? error_set(err, ERROR_SYSTEM, "it cannot be prepared (errno %d)", -status)
                      : 0;
}

int gate_prepare_agent(struct container *all, const struct spec *spec, struct error *err)
{
    if (!spec->attestation || !spec->attestation->api)
        return 0;
    if (!agent_disk_is_there)
        return agent_prepare_none() < 0 ? error_memory(err) : 0;
    return prepare(all, spec, err) < 0 ? error_context(err, "the attestation agent") : 0;
}
