/* The first process' secrets, as the policy's `caisson_attestation` places them: asked for before
 * it begins, and in their places before it is loaded. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "enclave/libos/agent/secrets.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/log.h"
#include "enclave/libos/threads/lock.h"
#include "guest/agent.h"

/* The next one of this row, from a place on: its place, or the count for none. */
static size_t next_secret(const struct spec *spec, size_t place)
{
    const struct policy_attestation *attestation = spec->attestation;
    while (place < attestation->secret_count && attestation->secrets[place].container != spec->row)
        place++;
    return place;
}

bool gate_wants_secrets(const struct spec *spec)
{
    return spec->attestation && next_secret(spec, 0) < spec->attestation->secret_count;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int check_variable(const struct spec *spec, const char *name, struct error *err)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < spec->env.count; i++) {
        if (strncmp(spec->env.items[i], name, len) == 0 && spec->env.items[i][len] == '=')
            return error_set(err, ERROR_REFUSED, "the variable %s is a secret's: leave it out",
                             name);
    }
    return 0;
}

/* How many there are. */
static int check_all(const struct spec *spec, size_t *out, struct error *err)
{
    const struct policy_attestation *attestation = spec->attestation;
    size_t mounts = spec->mount_count;
    *out = 0;
    for (size_t i = 0; (i = next_secret(spec, i)) < attestation->secret_count; i++) {
        const struct policy_secret *secret = &attestation->secrets[i];
        mounts += secret->path != NULL;
        ++*out;
        if (!secret->path && check_variable(spec, secret->variable, err) < 0)
            return -1;
    }
    return mounts > REQUEST_MOUNTS_MAX
               ? error_set(err, ERROR_LIMIT, "too many mounts beside those of secrets")
               : 0;
}

static int ask(struct container *all, const struct spec *spec, struct error *err)
{
    BUF_AUTO config = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    size_t count;
    if (check_all(spec, &count, err) < 0)
        return -1;
    const struct vfs *root = gate_agent_root(err);
    if (!root)
        return error_context(err, "the attestation agent, which brings secrets");
    if (gate_put_agent_config(all, spec, spec->row, &config, err) < 0 ||
        gate_keep_spec(spec, &all->kept, err) < 0)
        return -1;
    root_begin_attestation(all->start.target);
    int status = secrets_ask(root, buf_span(&config), count);
    return status < 0 ? error_set(err, ERROR_SYSTEM,
                                  "the attestation agent, which brings secrets, cannot be "
                                  "prepared (errno %d)",
                                  -status)
                      : 0;
}

int gate_ask_for_secrets(struct container *all, const struct spec *spec, struct error *err)
{
    if (ask(all, spec, err) < 0) {
        gate_kept_fini(&all->kept);
        return error_context(err, "cannot start the process");
    }
    all->state = PROGRAM_WAITS;
    return 0;
}

/* --- what has come: with the lock ------------------------------------------------------------- */

static int put_file(struct container *all, const struct policy_secret *secret, struct span bytes,
                    struct error *err)
{
    const struct root_file file = {secret->path, bytes, (uint16_t)secret->mode, secret->owner};
    int status = root_mount_file(all->vfs, &file);
    return status < 0 ? error_set(err, ERROR_INVALID,
                                  "the secret %s: no file %.256s can be made (errno %d)",
                                  secret->resource, secret->path, -status)
                      : 0;
}

static int put_variable(struct container *all, const struct policy_secret *secret,
                        struct span bytes, struct error *err)
{
    if (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size))
        return error_set(err, ERROR_INVALID, "the secret %s has a zero byte: no variable holds it",
                         secret->resource);
    return gate_keep_variable(&all->kept, secret->variable, bytes, err);
}

static int put_all(struct container *all, struct error *err)
{
    const struct spec *spec = &all->kept.spec;
    size_t index = 0;
    for (size_t i = 0; (i = next_secret(spec, i)) < spec->attestation->secret_count; i++) {
        const struct policy_secret *secret = &spec->attestation->secrets[i];
        const struct span bytes = secrets_get(index++);
        if ((secret->path ? put_file(all, secret, bytes, err)
                          : put_variable(all, secret, bytes, err)) < 0)
            return error_context(err, "cannot start the process");
    }
    return 0;
}

/* --- what follows ----------------------------------------------------------------------------- */

/* What the host has sent for it is dropped, and so is what comes. */
static int drop_input(struct container *all, struct error *err)
{
    struct channel *channel = &all->gate.channel;
    const uint32_t stream = all->standard[0];
    const size_t size = all->kept.input.size;
    memset(all->standard, 0, sizeof all->standard);
    if (all->first.terminal)
        return gate_streams_end_input(&all->first, channel, err);
    if (size > 0 && channel_grant(channel, stream, size, err) < 0)
        return -1;
    if (all->kept.input_ended)
        channel_forget(channel, stream);
    return 0;
}

static int refuse(struct container *all, const struct error *why, struct error *err)
{
    struct gate_process_name name = {.process = 0};
    (void)text_copy(name.id, sizeof name.id, all->id);
    log_line("", why->text);
    int status = drop_input(all, err);
    gate_kept_fini(&all->kept);
    return status < 0 ? -1 : gate_create_failed(&all->gate, &name, why, err);
}

static int begin(struct container *all, struct error *why)
{
    if (secrets_state() == SECRETS_FAILED)
        return error_set(why, ERROR_REFUSED, "cannot start the process: %s", secrets_reason());
    int status = put_all(all, why);
    return status < 0 ? -1 : gate_finish_start(all, &all->kept.spec, why);
}

int gate_secrets_pump(struct container *all, struct error *err)
{
    struct error why;
    int status = -1;
    if (all->state != PROGRAM_WAITS)
        return 0;
    if (!lock_take_by_gate()) {
        (void)error_set(&why, ERROR_SYSTEM, "cannot start the process: the enclave has ended");
        return refuse(all, &why, err);
    }
    const bool waits = secrets_state() == SECRETS_COME;
    if (!waits) {
        status = begin(all, &why);
        secrets_forget();
    }
    if (!waits && status < 0)
        status = refuse(all, &why, err);
    lock_release();
    return waits ? 0 : status;
}

/* The channel's credit bounds it by the buffer's limit. */
bool gate_keep_input(struct container *all, struct span bytes)
{
    return buf_append(&all->kept.input, bytes, NULL) == 0;
}

/* Also of a program that had no secrets to wait for, and then there is none. */
void gate_give_input(struct container *all)
{
    const struct buf *input = &all->kept.input;
    if (input->size > 0)
        (void)door_input(input->data, input->size);
    if (all->kept.input_ended) {
        const uint32_t stream = all->standard[0];
        all->standard[0] = 0;
        (void)door_input(NULL, 0);
        channel_forget(&all->gate.channel, stream);
    }
    gate_kept_fini(&all->kept);
}
