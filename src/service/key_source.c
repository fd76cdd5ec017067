#include "service/key_source.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "os/file.h"

/* A set and how many sources have it: the one of before a reload may still be in use. */
struct shared_keys {
    atomic_uint holders;
    struct key_set set;
};

static void release_keys(struct shared_keys *keys)
{
    if (!keys || atomic_fetch_sub(&keys->holders, 1) > 1)
        return;
    key_set_fini(&keys->set);
    free(keys);
}

static struct shared_keys *parse_keys(struct span text, struct error *err)
{
    struct shared_keys *keys = calloc(1, sizeof *keys);
    if (!keys) {
        (void)error_memory(err);
        return NULL;
    }
    atomic_init(&keys->holders, 1);
    if (key_set_read(text, &keys->set, err) == 0)
        return keys;
    release_keys(keys);
    return NULL;
}

static int read_file(struct key_source *source, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(KEY_SET_SIZE_MAX);
    if (file_read(source->place->path, &text, err) < 0)
        return -1;
    source->keys = parse_keys(buf_span(&text), err);
    return source->keys ? 0 : error_context(err, "%s", source->place->path);
}

int key_source_open(struct key_source *source, const char *issuer, const char *tenant,
                    const struct config_keys *place, struct error *err)
{
    *source = (struct key_source){.issuer = issuer, .tenant = tenant, .place = place};
    if (pthread_rwlock_init(&source->lock, NULL) != 0)
        return error_memory(err);
    source->is_open = true;
    return place->is_url ? 0 : read_file(source, err);
}

void key_source_close(struct key_source *source)
{
    release_keys(source->keys);
    if (source->is_open)
        (void)pthread_rwlock_destroy(&source->lock);
    *source = (struct key_source){0};
}

static void fetch_keys(struct key_source *source, service_fetch *fetch)
{
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(KEY_SET_SIZE_MAX);
    struct shared_keys *keys = NULL;
    if (fetch(source->place->path, source->place->ca, &text, &err) == 0)
        keys = parse_keys(buf_span(&text), &err);
    if (!keys) {
        log_error("the keys of %s, for tenant %s: %s", source->issuer, source->tenant, err.text);
        return;
    }
    (void)pthread_rwlock_wrlock(&source->lock);
    struct shared_keys *before = source->keys;
    source->keys = keys;
    (void)pthread_rwlock_unlock(&source->lock);
    release_keys(before);
}

void key_source_refresh(struct key_source *source, service_fetch *fetch, int64_t now)
{
    bool sooner = atomic_load(&source->is_wanted) || !source->keys;
    int64_t wait = sooner ? KEY_SOURCE_SOONER_SECONDS : KEY_SOURCE_REFRESH_SECONDS;
    if (!source->place->is_url || now < source->tried + wait)
        return;
    source->tried = now;
    atomic_store(&source->is_wanted, false);
    fetch_keys(source, fetch);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

void key_source_adopt(struct key_source *source, const struct key_source *before)
{
    if (source->keys || !before->keys || !source->place->is_url || !before->place->is_url ||
        !same_text(source->issuer, before->issuer) ||
        !same_text(source->place->path, before->place->path) ||
        !same_text(source->place->ca, before->place->ca))
        return;
    (void)atomic_fetch_add(&before->keys->holders, 1);
    source->keys = before->keys;
    source->tried = before->tried;
}

int key_source_check(struct key_source *source, const struct jws *jws, struct error *err)
{
    (void)pthread_rwlock_rdlock(&source->lock);
    int result = source->keys
                     ? key_set_check(&source->keys->set, jws, err)
                     : error_set(err, ERROR_NOT_FOUND, "its keys could not be fetched yet");
    (void)pthread_rwlock_unlock(&source->lock);
    if (result == 0)
        return 0;
    if (err->code == ERROR_NOT_FOUND) {
        atomic_store(&source->is_wanted, true);
        err->code = ERROR_REFUSED;
    }
    return error_context(err, "the keys of %.128s", source->issuer);
}
