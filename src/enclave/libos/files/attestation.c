#include "enclave/libos/files/attestation.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/file.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/seal/report.h"
#include "enclave/libos/seal/seal.h"
#include "enclave/libos/wipe.h"
#include "enclave/libos/wire/handshake.h"
#include "evidence/enclave_mark.h"

#define DEVICE 5 /* behind those of /dev, /proc and /sys */

static struct attestation_source source;

/* --- what a process has written --------------------------------------------------------------- */

_Static_assert(REPORT_DATA_SIZE == SGX_REPORT_DATA_SIZE, "one size");

static const struct attested nothing;

static const struct attested *written(void)
{
    const struct attested *own = process_self()->attested;
    return own ? own : &nothing;
}

/* A part of struct attested, as a file of its size. */
static int64_t read_part(const uint8_t *part, size_t room, uint64_t offset, void *out, size_t size)
{
    if (offset >= room)
        return 0;
    if (size > room - offset)
        size = room - (size_t)offset;
    memcpy(out, part + offset, size);
    return (int64_t)size;
}

static struct attested *make_own(void)
{
    struct process *self = process_self();
    if (!self->attested)
        self->attested = alloc_zeroed(1, sizeof *self->attested);
    return self->attested;
}

int attested_copy(const struct attested *from, struct attested **to)
{
    *to = from ? alloc_zeroed(1, sizeof **to) : NULL;
    if (*to)
        **to = *from;
    return from && !*to ? -ENOMEM : 0;
}

/* Whoever writes from the beginning writes all: what does not come is zero. */
static int64_t write_part(uint8_t *part, size_t room, uint64_t offset, const void *bytes,
                          size_t size)
{
    if (offset > room || size > room - offset)
        return -EINVAL;
    if (offset == 0)
        memset(part, 0, room);
    memcpy(part + offset, bytes, size);
    return (int64_t)size;
}

static int64_t read_data(struct file *file, uint64_t offset, void *out, size_t size)
{
    (void)file;
    return read_part(written()->report_data, sizeof written()->report_data, offset, out, size);
}

/* All that a program may say but what stands for the gate's word. */
static int64_t write_data(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    uint8_t data[REPORT_DATA_SIZE];
    (void)file;
    memcpy(data, written()->report_data, sizeof data);
    int64_t status = write_part(data, sizeof data, offset, bytes, size);
    if (status < 0)
        return status;
    if (enclave_mark_is_in(data))
        return -EACCES;
    struct attested *own = make_own();
    if (!own)
        return -ENOMEM;
    memcpy(own->report_data, data, sizeof own->report_data);
    return status;
}

static int64_t read_target(struct file *file, uint64_t offset, void *out, size_t size)
{
    (void)file;
    return read_part(written()->target, sizeof written()->target, offset, out, size);
}

static int64_t write_target(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct attested *own = make_own();
    (void)file;
    return own ? write_part(own->target, sizeof own->target, offset, bytes, size) : -ENOMEM;
}

static const struct file_kind data_kind = {.read = read_data, .write = write_data};
static const struct file_kind target_kind = {.read = read_target, .write = write_target};

static int open_data(struct file *file)
{
    file->kind = &data_kind;
    return 0;
}

static int open_target(struct file *file)
{
    file->kind = &target_kind;
    return 0;
}

/* --- reports ---------------------------------------------------------------------------------- */

void attestation_report(const uint8_t target[sizeof(struct sgx_targetinfo)], struct sgx_report *out)
{
    struct sgx_targetinfo whom;
    uint8_t data[SGX_REPORT_DATA_SIZE] __attribute__((aligned(128)));
    memcpy(&whom, target, sizeof whom);
    memcpy(data, written()->report_data, sizeof data);
    source.processor->report(source.processor->arg, &whom, data, out);
}

void attestation_report_for_quote(struct sgx_report *out)
{
    attestation_report(source.quoting, out);
}

/* The processor takes no TARGETINFO that has other than zeros where it is reserved: #GP, which
 * would be the end of the program. */
static bool is_target(const uint8_t target[sizeof(struct sgx_targetinfo)])
{
    struct sgx_targetinfo whom;
    memcpy(&whom, target, sizeof whom);
    unsigned used = whom.cet;
    for (size_t i = 0; i < sizeof whom.reserved1; i++)
        used |= whom.reserved1[i];
    for (size_t i = 0; i < sizeof whom.reserved2; i++)
        used |= whom.reserved2[i];
    return used == 0;
}

static int text_report(const struct pseudo_key *key, struct pseudo_text *out)
{
    struct sgx_report report;
    (void)key;
    if (!is_target(written()->target))
        return -EINVAL;
    attestation_report(written()->target, &report);
    pseudo_add(out, &report, SGX_REPORT_SIZE);
    return 0;
}

static int text_own_target(const struct pseudo_key *key, struct pseudo_text *out)
{
    struct sgx_targetinfo own;
    struct sgx_report report;
    (void)key;
    attestation_report(source.quoting, &report);
    report_get_target(&report, &own);
    pseudo_add(out, &own, sizeof own);
    return 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

static int text_key(enum seal_to to, struct pseudo_text *out)
{
    uint8_t key[SEAL_PROGRAM_KEY_SIZE];
    struct sgx_report own;
    struct seal_processor processor = {.key = source.processor->key,
                                       .random = source.processor->random,
                                       .arg = source.processor->arg};
    attestation_report(source.quoting, &own);
    report_get_versions(&own, processor.cpu_svn, &processor.isv_svn, &processor.config_svn);
    int status = seal_program_key(&processor, to, key);
    if (status == 0)
        pseudo_add(out, key, sizeof key);
    libos_wipe(key, sizeof key);
    return status;
}

static int text_enclave_key(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    return text_key(SEAL_TO_ENCLAVE, out);
}

static int text_signer_key(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    return text_key(SEAL_TO_SIGNER, out);
}

/* --- the tree --------------------------------------------------------------------------------- */

#define FILE_MODE(access) (EXT4_FILE << 12 | (access))
#define FOLDER_MODE       (EXT4_DIR << 12 | 0555)

static const struct pseudo_entry keys[] = {
    {.name = "_sgx_mrenclave", .mode = FILE_MODE(0444), .text = text_enclave_key},
    {.name = "_sgx_mrsigner", .mode = FILE_MODE(0444), .text = text_signer_key},
    {.name = NULL},
};

static const struct pseudo_entry entries[] = {
    {.name = "attestation_type", .mode = FILE_MODE(0444), .constant = "dcap"},
    {.name = "keys", .mode = FOLDER_MODE, .entries = keys},
    {.name = "my_target_info", .mode = FILE_MODE(0444), .text = text_own_target},
    {.name = "quote", .mode = FILE_MODE(0444), .open = attestation_open_quote},
    {.name = "report", .mode = FILE_MODE(0444), .text = text_report},
    {.name = "target_info", .mode = FILE_MODE(0666), .open = open_target},
    {.name = "user_report_data", .mode = FILE_MODE(0666), .open = open_data},
    {.name = NULL},
};

static const struct pseudo_entry root = {.name = "", .mode = FOLDER_MODE, .entries = entries};

void attestation_begin(const struct attestation_source *wanted)
{
    source = *wanted;
}

int attestation_new(const struct attestation_source *wanted, struct file_clock clock,
                    struct tree **out)
{
    const struct pseudo_options options = {.root = &root,
                                           .kind = "attestation",
                                           .magic = MAGIC_TMPFS,
                                           .device = DEVICE,
                                           .clock = clock};
    attestation_begin(wanted);
    return pseudo_new(&options, out);
}
