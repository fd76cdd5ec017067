#include "service/snp_files.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "evidence/snp_leaf.h"
#include "os/file.h"
#include "service/folder.h"

#define SUFFIX ".pem"

/* A file's chain, and whose it is. */
struct entry {
    struct buf der[SNP_CHAIN_LENGTH]; /* leaf first */
    bool is_vlek;
    uint8_t tcb[SNP_TCB_SIZE];
    uint8_t hwid[SNP_HWID_MAX];
    size_t hwid_size; /* 0: a VLEK's, which is of no chip */
};

struct set {
    struct entry *entries[SNP_FILES_MAX];
    size_t count;
};

struct snp_files {
    char *folder;
    pthread_rwlock_t lock; /* for `set` */
    struct set *set;
};

/* --- files ------------------------------------------------------------------------------------ */

static void set_free(struct set *set)
{
    for (size_t i = 0; set && i < set->count; i++) {
        for (size_t k = 0; k < SNP_CHAIN_LENGTH; k++)
            buf_fini(&set->entries[i]->der[k]);
        free(set->entries[i]);
    }
    free(set);
}

static int read_leaf(struct entry *entry, struct error *err)
{
    struct snp_leaf leaf = {0};
    struct checks checks;
    CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(&entry->der[0]), err);
    if (!certificate)
        return -1;
    checks_init(&checks);
    snp_leaf_check(certificate, &leaf, &checks);
    if (!leaf.product || leaf.hwid.size > sizeof entry->hwid)
        return error_set(err, ERROR_INVALID, "its leaf is no certificate of a known processor");
    entry->is_vlek = leaf.is_vlek;
    memcpy(entry->tcb, leaf.tcb, sizeof entry->tcb);
    entry->hwid_size = leaf.hwid.size;
    if (leaf.hwid.size > 0)
        memcpy(entry->hwid, leaf.hwid.data, leaf.hwid.size);
    return 0;
}

static int read_chain(struct span pem, struct entry *entry, struct error *err)
{
    SNP_CERTIFICATES_AUTO certificates;
    struct span chain[SNP_CHAIN_LENGTH];
    snp_certificates_init(&certificates);
    if (snp_certificates_add(&certificates, pem, err) < 0 ||
        snp_certificates_order(&certificates, chain, err) < 0)
        return -1;
    for (size_t i = 0; i < SNP_CHAIN_LENGTH; i++) {
        buf_init(&entry->der[i], CERTIFICATE_DER_MAX);
        if (buf_append(&entry->der[i], chain[i], err) < 0)
            return -1;
    }
    return read_leaf(entry, err);
}

static int read_entry(const char *folder, const char *name, void *context, struct error *err)
{
    struct set *set = context;
    BUF_AUTO text = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    TEXT_AUTO path = text_format("%s/%s", folder, name);
    if (!path)
        return error_memory(err);
    if (set->count == SNP_FILES_MAX)
        return error_set(err, ERROR_LIMIT, "%s: more than %d files " SUFFIX, folder, SNP_FILES_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return error_memory(err);
    set->entries[set->count++] = entry;
    return read_chain(buf_span(&text), entry, err) < 0 ? error_context(err, "%s", path) : 0;
}

int snp_files_refresh(struct snp_files *files, struct error *err)
{
    struct set *set = calloc(1, sizeof *set);
    if (!set)
        return error_memory(err);
    if (files->folder && folder_visit_each(files->folder, SUFFIX, read_entry, set, err) < 0) {
        set_free(set);
        return -1;
    }
    (void)pthread_rwlock_wrlock(&files->lock);
    struct set *before = files->set;
    files->set = set;
    (void)pthread_rwlock_unlock(&files->lock);
    set_free(before);
    return 0;
}

struct snp_files *snp_files_open(const char *folder, struct error *err)
{
    struct snp_files *files = calloc(1, sizeof *files);
    if (!files || pthread_rwlock_init(&files->lock, NULL) != 0) {
        free(files);
        (void)error_memory(err);
        return NULL;
    }
    files->folder = folder ? text_format("%s", folder) : NULL;
    if (folder && !files->folder)
        (void)error_memory(err);
    else if (snp_files_refresh(files, err) == 0)
        return files;
    snp_files_close(files);
    return NULL;
}

void snp_files_close(struct snp_files *files)
{
    if (!files)
        return;
    set_free(files->set);
    (void)pthread_rwlock_destroy(&files->lock);
    free(files->folder);
    free(files);
}

/* --- search ----------------------------------------------------------------------------------- */

static bool signs(const struct entry *entry, const struct snp_report *report)
{
    bool is_vlek = snp_report_signing_key(report) == SNP_SIGNING_VLEK;
    return entry->is_vlek == is_vlek &&
           memcmp(entry->tcb, report->reported_tcb, sizeof entry->tcb) == 0 &&
           memcmp(entry->hwid, report->chip_id, entry->hwid_size) == 0;
}

static int add_chain(const struct entry *entry, struct snp_certificates *out, struct error *err)
{
    for (size_t i = 0; i < SNP_CHAIN_LENGTH; i++) {
        if (snp_certificates_add_der(out, buf_span(&entry->der[i]), err) < 0)
            return -1;
    }
    return 0;
}

static int refuse(const struct snp_report *report, struct error *err)
{
    char chip[2 * sizeof report->chip_id + 1], tcb[2 * SNP_TCB_SIZE + 1];
    hex_encode(span_of(report->chip_id, sizeof report->chip_id), chip);
    hex_encode(span_of(report->reported_tcb, SNP_TCB_SIZE), tcb);
    return error_set(err, ERROR_NOT_FOUND,
                     "this service has no certificate of chip %s with REPORTED_TCB %s", chip, tcb);
}

int snp_files_find(struct snp_files *files, const struct snp_report *report,
                   struct snp_certificates *out, struct error *err)
{
    const struct entry *found = NULL;
    (void)pthread_rwlock_rdlock(&files->lock);
    for (size_t i = 0; !found && i < files->set->count; i++) {
        if (signs(files->set->entries[i], report))
            found = files->set->entries[i];
    }
    int result = found ? add_chain(found, out, err) : refuse(report, err);
    (void)pthread_rwlock_unlock(&files->lock);
    return result;
}
