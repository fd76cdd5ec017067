/*
 * The documents of an image, by the OCI image specification 1.1 and Docker's image manifest v2
 * schema 2: descriptors, indexes, manifests, configs. Pure: bytes in, structs out.
 *
 * All of it comes from a registry or an archive that nobody vouches for. Whoever fetched a document
 * has checked its digest; here its shape, its sizes and its counts are. What a struct holds is its
 * own copy; the _fini functions free it.
 */
#ifndef CAISSON_FORMAT_OCI_H
#define CAISSON_FORMAT_OCI_H

#include "base/buf.h"
#include "crypto/digest.h"

#define OCI_DOCUMENT_SIZE_MAX (4U << 20)           /* bytes of an index, manifest or config */
#define OCI_BLOB_SIZE_MAX     (UINT64_C(64) << 30) /* bytes of a layer as stored */
#define OCI_LAYERS_MAX        256
#define OCI_MANIFESTS_MAX     1024                      /* in an index */
#define OCI_TEXTS_MAX         4096                      /* strings in one list of a config */
#define OCI_DIGEST_TEXT_SIZE  (7 + 2 * SHA256_SIZE + 1) /* "sha256:<hex>" with its terminator */

/* SHA-256, the only algorithm that registries and tools use. */
struct oci_digest {
    uint8_t bytes[SHA256_SIZE];
};

/* Reads "sha256:" and 64 lower-case digits; ERROR_INVALID names what is there instead. */
int oci_digest_parse(const char *text, struct oci_digest *out, struct error *err);
void oci_digest_text(const struct oci_digest *digest, char out[OCI_DIGEST_TEXT_SIZE]);
bool oci_digest_equal(const struct oci_digest *a, const struct oci_digest *b);
void oci_digest_of(struct span bytes, struct oci_digest *out);

/* Strings; `items` ends with NULL and is NULL for an empty list. */
struct oci_texts {
    char **items;
    size_t count;
};

enum oci_kind {
    OCI_KIND_OTHER = 0, /* artefacts, attestations: never run */
    OCI_KIND_INDEX,
    OCI_KIND_MANIFEST,
    OCI_KIND_CONFIG,
    OCI_KIND_LAYER, /* tar, tar+gzip, tar+zstd */
};

struct oci_descriptor {
    char *media_type;
    struct oci_digest digest;
    uint64_t size;      /* bytes */
    char *architecture; /* the platform, each part NULL where it is not given */
    char *os;
    char *variant;
    char *ref_name; /* annotation org.opencontainers.image.ref.name, or NULL */
};

struct oci_index {
    struct oci_descriptor *manifests;
    size_t count;
};

struct oci_manifest {
    struct oci_descriptor config;
    struct oci_descriptor *layers; /* the bottom one first */
    size_t count;
};

struct oci_config {
    char *architecture;
    char *os;
    struct oci_texts env; /* NAME=value, each with a name */
    struct oci_texts entrypoint;
    struct oci_texts cmd;
    struct oci_texts exposed_ports; /* "6379/tcp" */
    struct oci_texts volumes;       /* absolute paths */
    struct oci_texts labels;        /* "key=value" */
    char *user;                     /* "" where the image names none, and so on below */
    char *working_dir;
    char *stop_signal;
    struct oci_digest *diff_ids; /* the bottom layer first */
    size_t diff_id_count;
};

/* What a media type stands for. */
enum oci_kind oci_kind_of(const char *media_type);

/* Whether a document is an index or a manifest: by its own mediaType, else by its members, else by
 * `media_type`, which its carrier named and which may be NULL. Refuses (ERROR_INVALID) a document
 * that could be read as both, and Docker's schema 1. */
int oci_kind_of_document(struct span text, const char *media_type, enum oci_kind *out,
                         struct error *err);

int oci_index_parse(struct span text, struct oci_index *out, struct error *err);
void oci_index_fini(struct oci_index *index);

/* Picks the manifest for linux/amd64: exactly that, else one that names no platform when it is the
 * only one. ERROR_NOT_FOUND lists what there is. The descriptor is borrowed from the index. */
int oci_index_select(const struct oci_index *index, const struct oci_descriptor **out,
                     struct error *err);

/* Refuses layers that are foreign (fetched from elsewhere), encrypted, or of an unknown kind. */
int oci_manifest_parse(struct span text, struct oci_manifest *out, struct error *err);
void oci_manifest_fini(struct oci_manifest *manifest);

/* Refuses a config for another platform than linux/amd64. */
int oci_config_parse(struct span text, struct oci_config *out, struct error *err);
void oci_config_fini(struct oci_config *config);

/* The manifest.json of a docker-archive (`docker save`): one entry an image. */
struct oci_saved_image {
    char *config; /* path in the archive */
    struct oci_texts tags;
    struct oci_texts layers; /* paths in the archive, the bottom one first */
};

struct oci_saved {
    struct oci_saved_image *images;
    size_t count;
};

int oci_saved_parse(struct span text, struct oci_saved *out, struct error *err);
void oci_saved_fini(struct oci_saved *saved);

#define OCI_INDEX_AUTO    __attribute__((cleanup(oci_index_fini))) struct oci_index
#define OCI_MANIFEST_AUTO __attribute__((cleanup(oci_manifest_fini))) struct oci_manifest
#define OCI_CONFIG_AUTO   __attribute__((cleanup(oci_config_fini))) struct oci_config
#define OCI_SAVED_AUTO    __attribute__((cleanup(oci_saved_fini))) struct oci_saved

#endif
