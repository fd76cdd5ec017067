#include "os/devicemapper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "base/hex.h"
#include "base/secret.h"
#include "base/text.h"
#include "os/fd.h"

#define CONTROL             "/dev/mapper/control"
#define SECTORS_PER_BLOCK   8
#define SALT                "0000000000000000000000000000000000000000000000000000000000000000"
#define PARAMETERS_SIZE_MAX 512
#define JOURNAL_SECTORS     16 /* there has to be one, though mode D writes none */

/* Without the second, a disk that answers with an error, not with wrong bytes, would be an error to
 * the process alone. */
#define PANIC "2 panic_on_corruption panic_on_error"

/* An ioctl's argument: the header, and room for one target. */
struct request {
    struct dm_ioctl header;
    struct dm_target_spec target;
    char parameters[PARAMETERS_SIZE_MAX];
};

int devicemapper_verity_parameters(const struct devicemapper_verity *verity, struct buf *out,
                                   struct error *err)
{
    char root_hash[2 * DEVICEMAPPER_ROOT_HASH_SIZE + 1];
    hex_encode(span_of(verity->root_hash, sizeof verity->root_hash), root_hash);
    return buf_printf(out, err, "1 %s %s 4096 4096 %llu %llu sha256 %s %s " PANIC, verity->disk,
                      verity->disk, (unsigned long long)verity->data_blocks,
                      (unsigned long long)verity->tree_block, root_hash, SALT);
}

static int request_init(struct request *request, const char *name, struct error *err)
{
    *request = (struct request){.header = {
                                    .version = {DM_VERSION_MAJOR, 0, 0},
                                    .data_size = sizeof *request,
                                    .data_start = offsetof(struct request, target),
                                }};
    if (!text_copy(request->header.name, sizeof request->header.name, name))
        return error_set(err, ERROR_LIMIT, "the device's name %s is too long", name);
    return 0;
}

/* A device before it is made. */
struct table {
    const char *name;
    const char *type;
    const char *parameters;
    uint64_t sectors; /* of 512 bytes */
    uint32_t flags;
};

/* The kernel wipes its copy of a table that holds a key (DM_SECURE_DATA_FLAG); this one is wiped
 * too. */
static int load_table(int control, const struct table *table, struct error *err)
{
    struct request request;
    if (request_init(&request, table->name, err) < 0)
        return -1;
    if (!text_copy(request.parameters, sizeof request.parameters, table->parameters) ||
        !text_copy(request.target.target_type, sizeof request.target.target_type, table->type))
        return error_set(err, ERROR_LIMIT, "the table of %s is too long", table->name);
    request.header.flags = table->flags;
    request.header.target_count = 1;
    request.target.length = table->sectors;
    int status = ioctl(control, DM_TABLE_LOAD, &request) < 0
                     ? error_system(err, errno, "dm-%s does not take the table of %s", table->type,
                                    table->name)
                     : 0;
    secret_wipe(&request, sizeof request);
    return status;
}

static int resume(int control, const char *name, struct error *err)
{
    struct request request;
    if (request_init(&request, name, err) < 0)
        return -1;
    if (ioctl(control, DM_DEV_SUSPEND, &request) < 0)
        return error_system(err, errno, "cannot start the device %s", name);
    return 0;
}

static int remove_device(int control, const char *name, struct error *err)
{
    struct request request;
    if (request_init(&request, name, err) < 0)
        return -1;
    request.header.flags = DM_DEFERRED_REMOVE;
    if (ioctl(control, DM_DEV_REMOVE, &request) < 0)
        return error_system(err, errno, "cannot remove the device %s", name);
    return 0;
}

static int open_control(struct error *err)
{
    int control = open(CONTROL, O_RDWR | O_CLOEXEC);
    return control < 0 ? error_system(err, errno, "cannot open %s", CONTROL) : control;
}

/* On failure no device is left. */
static int create(const struct table *table, char path[DEVICEMAPPER_PATH_SIZE], struct error *err)
{
    struct request request;
    FD_AUTO control = open_control(err);
    if (control < 0 || request_init(&request, table->name, err) < 0)
        return -1;
    if (ioctl(control, DM_DEV_CREATE, &request) < 0)
        return error_system(err, errno, "cannot make the device %s", table->name);
    (void)snprintf(path, DEVICEMAPPER_PATH_SIZE, "/dev/dm-%u", minor(request.header.dev));
    if (load_table(control, table, err) < 0 || resume(control, table->name, err) < 0) {
        (void)remove_device(control, table->name, NULL);
        return -1;
    }
    return 0;
}

int devicemapper_create_verity(const struct devicemapper_verity *verity,
                               char path[DEVICEMAPPER_PATH_SIZE], struct error *err)
{
    BUF_AUTO parameters = BUF_WITH_LIMIT(PARAMETERS_SIZE_MAX - 1);
    if (devicemapper_verity_parameters(verity, &parameters, err) < 0)
        return -1;
    const struct table table = {.name = verity->name,
                                .type = "verity",
                                .parameters = buf_text(&parameters),
                                .sectors = verity->data_blocks * SECTORS_PER_BLOCK,
                                .flags = DM_READONLY_FLAG};
    return create(&table, path, err);
}

int devicemapper_integrity_parameters(const struct devicemapper_integrity *integrity,
                                      struct buf *out, struct error *err)
{
    return buf_printf(out, err, "%s 0 %u D 2 block_size:4096 journal_sectors:%d", integrity->disk,
                      integrity->tag_size, JOURNAL_SECTORS);
}

int devicemapper_create_integrity(const struct devicemapper_integrity *integrity,
                                  char path[DEVICEMAPPER_PATH_SIZE], struct error *err)
{
    BUF_AUTO parameters = BUF_WITH_LIMIT(PARAMETERS_SIZE_MAX - 1);
    if (devicemapper_integrity_parameters(integrity, &parameters, err) < 0)
        return -1;
    const struct table table = {.name = integrity->name,
                                .type = "integrity",
                                .parameters = buf_text(&parameters),
                                .sectors = integrity->sectors};
    return create(&table, path, err);
}

int devicemapper_crypt_parameters(const struct devicemapper_crypt *crypt, struct buf *out,
                                  struct error *err)
{
    char key[2 * DEVICEMAPPER_KEY_MAX + 1];
    if (crypt->key.size > DEVICEMAPPER_KEY_MAX)
        return error_set(err, ERROR_LIMIT, "a key of %zu bytes; at most %d", crypt->key.size,
                         DEVICEMAPPER_KEY_MAX);
    hex_encode(crypt->key, key);
    int status = buf_printf(out, err, "%s %s 0 %s 0 2 integrity:%u:aead sector_size:4096",
                            crypt->cipher, key, crypt->disk, crypt->tag_size);
    secret_wipe(key, sizeof key);
    return status;
}

int devicemapper_create_crypt(const struct devicemapper_crypt *crypt,
                              char path[DEVICEMAPPER_PATH_SIZE], struct error *err)
{
    struct buf parameters = BUF_WITH_LIMIT(PARAMETERS_SIZE_MAX - 1);
    int status = devicemapper_crypt_parameters(crypt, &parameters, err);
    if (status == 0) {
        const struct table table = {.name = crypt->name,
                                    .type = "crypt",
                                    .parameters = buf_text(&parameters),
                                    .sectors = crypt->sectors,
                                    .flags = DM_SECURE_DATA_FLAG};
        status = create(&table, path, err);
    }
    buf_fini_secret(&parameters);
    return status;
}

int devicemapper_remove(const char *name, struct error *err)
{
    FD_AUTO control = open_control(err);
    return control < 0 ? -1 : remove_device(control, name, err);
}
