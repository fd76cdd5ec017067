#include "os/devicemapper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "base/hex.h"
#include "base/text.h"
#include "os/fd.h"

#define CONTROL             "/dev/mapper/control"
#define SECTORS_PER_BLOCK   8
#define SALT                "0000000000000000000000000000000000000000000000000000000000000000"
#define PARAMETERS_SIZE_MAX 512

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

static int load_table(int control, const struct devicemapper_verity *verity, struct error *err)
{
    struct request request;
    BUF_AUTO parameters = BUF_WITH_LIMIT(PARAMETERS_SIZE_MAX - 1);
    if (request_init(&request, verity->name, err) < 0 ||
        devicemapper_verity_parameters(verity, &parameters, err) < 0)
        return -1;
    request.header.flags = DM_READONLY_FLAG;
    request.header.target_count = 1;
    request.target.length = verity->data_blocks * SECTORS_PER_BLOCK;
    memcpy(request.target.target_type, "verity", sizeof "verity");
    memcpy(request.parameters, buf_text(&parameters), parameters.size + 1);
    if (ioctl(control, DM_TABLE_LOAD, &request) < 0)
        return error_system(err, errno, "dm-verity does not take %s", verity->disk);
    return 0;
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
    if (ioctl(control, DM_DEV_REMOVE, &request) < 0)
        return error_system(err, errno, "cannot remove the device %s", name);
    return 0;
}

static int open_control(struct error *err)
{
    int control = open(CONTROL, O_RDWR | O_CLOEXEC);
    return control < 0 ? error_system(err, errno, "cannot open %s", CONTROL) : control;
}

int devicemapper_create_verity(const struct devicemapper_verity *verity,
                               char path[DEVICEMAPPER_PATH_SIZE], struct error *err)
{
    struct request request;
    FD_AUTO control = open_control(err);
    if (control < 0 || request_init(&request, verity->name, err) < 0)
        return -1;
    if (ioctl(control, DM_DEV_CREATE, &request) < 0)
        return error_system(err, errno, "cannot make the device %s", verity->name);
    (void)snprintf(path, DEVICEMAPPER_PATH_SIZE, "/dev/dm-%u", minor(request.header.dev));
    if (load_table(control, verity, err) < 0 || resume(control, verity->name, err) < 0) {
        (void)remove_device(control, verity->name, NULL);
        return -1;
    }
    return 0;
}

int devicemapper_remove(const char *name, struct error *err)
{
    FD_AUTO control = open_control(err);
    return control < 0 ? -1 : remove_device(control, name, err);
}
