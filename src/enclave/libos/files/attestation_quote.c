/*
 * /dev/attestation/quote. Theory of operation: who reads from the beginning has a report made,
 * which the host is handed; what comes back on a stream is gathered until its end, and the reader
 * waits for that as for any stream (the kind with a handle). Then the file is what was gathered, if
 * it is a quote of just this report; who signed it is for the verifier to say.
 */
#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door_net.h"
#include "enclave/libos/files/attestation.h"
#include "enclave/libos/files/file.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/log.h"

/* "Intel SGX ECDSA Quote Library Reference", appendix A: header, report, size of what follows. */
#define QUOTE_VERSION 3
#define KEY_P256      2
#define KEY_TYPE_AT   2
#define REPORT_AT     48
#define REST_AT       (REPORT_AT + SGX_REPORT_BODY_SIZE)
#define HEAD_SIZE     (REST_AT + 4)
#define QUOTE_MAX     65536
#define PIECE         4096

struct quoting {
    struct pseudo_text text;
    uint8_t body[SGX_REPORT_BODY_SIZE]; /* of the report that is being quoted */
    uint32_t handle;                    /* while the kind is asking_kind */
    bool is_new;                        /* nobody has read of it */
};

static const struct file_kind quote_kind, asking_kind;

static bool is_quote(const struct quoting *quoting)
{
    const uint8_t *bytes = (const uint8_t *)quoting->text.bytes;
    size_t size = quoting->text.size;
    return size > HEAD_SIZE && get_le16(bytes) == QUOTE_VERSION &&
           get_le16(bytes + KEY_TYPE_AT) == KEY_P256 &&
           memcmp(bytes + REPORT_AT, quoting->body, sizeof quoting->body) == 0 &&
           get_le32(bytes + REST_AT) == size - HEAD_SIZE;
}

/* Once: a program may ask as often as it likes. */
static void say(const char *why)
{
    static bool is_said;
    if (!is_said)
        log_line("no quote: ", why);
    is_said = true;
}

/* Nothing more comes. Others who wait for it look again. */
static int end(struct file *file, int status)
{
    struct quoting *quoting = file->state;
    door_close(quoting->handle);
    file->kind = &quote_kind;
    quoting->is_new = status == 0;
    if (status < 0) {
        pseudo_text_fini(&quoting->text);
        say("the host gives none, or one of another report");
    }
    if (file_changed)
        file_changed();
    return status;
}

/* What has come: 0 when it is all there, -EAGAIN, -EIO. */
static int gather(struct file *file)
{
    uint8_t piece[PIECE];
    struct door_address nobody;
    struct quoting *quoting = file->state;
    int64_t got;
    while ((got = door_receive(quoting->handle, 0, &nobody, piece, sizeof piece, 0)) > 0) {
        pseudo_add(&quoting->text, piece, (size_t)got);
        if (quoting->text.failed || quoting->text.size > QUOTE_MAX)
            return end(file, -EIO);
    }
    if (got == -EAGAIN || got == -EINTR)
        return -EAGAIN;
    return end(file, got == 0 && is_quote(quoting) ? 0 : -EIO);
}

static int begin(struct file *file)
{
    struct sgx_report report;
    struct quoting *quoting = file->state;
    attestation_report_for_quote(&report);
    pseudo_text_fini(&quoting->text);
    quoting->is_new = false;
    memcpy(quoting->body, report.body, sizeof quoting->body);
    int64_t handle = door_quote(&report, SGX_REPORT_SIZE);
    if (handle < 0) {
        say("the host makes none");
        return -EIO;
    }
    quoting->handle = (uint32_t)handle;
    file->kind = &asking_kind;
    return 0;
}

/* Whoever reads from the beginning, and has read before, reads another one. */
static int64_t read_quote(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct quoting *quoting = file->state;
    bool is_asking = file->kind == &asking_kind;
    int status = 0;
    if (size == 0)
        return 0;
    if (!is_asking && (!quoting->text.bytes || (offset == 0 && !quoting->is_new))) {
        status = begin(file);
        is_asking = status == 0;
    }
    if (is_asking)
        status = gather(file);
    if (status < 0)
        return status;
    quoting->is_new = false;
    if (offset >= quoting->text.size)
        return 0;
    if (size > quoting->text.size - offset)
        size = quoting->text.size - (size_t)offset;
    memcpy(out, quoting->text.bytes + offset, size);
    return (int64_t)size;
}

static uint32_t handle_of(const struct file *file)
{
    return ((const struct quoting *)file->state)->handle;
}

static void release(struct file *file)
{
    struct quoting *quoting = file->state;
    if (file->kind == &asking_kind)
        door_close(quoting->handle);
    pseudo_text_fini(&quoting->text);
    libos_free(quoting);
}

static const struct file_kind quote_kind = {.read = read_quote, .release = release};
static const struct file_kind asking_kind = {
    .read = read_quote, .release = release, .handle = handle_of};

int attestation_open_quote(struct file *file)
{
    file->state = alloc_zeroed(1, sizeof(struct quoting));
    if (!file->state)
        return -ENOMEM;
    file->kind = &quote_kind;
    return 0;
}
