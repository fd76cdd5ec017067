/* Image documents. The first byte chooses which; what is accepted keeps its limits. */
#include "fuzz.h"

#include "format/oci.h"

static void read_index(struct span text)
{
    OCI_INDEX_AUTO index = {0};
    const struct oci_descriptor *chosen;
    if (oci_index_parse(text, &index, NULL) < 0)
        return;
    fuzz_require(index.count <= OCI_MANIFESTS_MAX);
    if (oci_index_select(&index, &chosen, NULL) == 0)
        fuzz_require(chosen >= index.manifests && chosen < index.manifests + index.count);
}

static void read_manifest(struct span text)
{
    OCI_MANIFEST_AUTO manifest = {0};
    if (oci_manifest_parse(text, &manifest, NULL) < 0)
        return;
    fuzz_require(manifest.count > 0 && manifest.count <= OCI_LAYERS_MAX);
    for (size_t i = 0; i < manifest.count; i++) {
        fuzz_require(manifest.layers[i].size > 0 && manifest.layers[i].size <= OCI_BLOB_SIZE_MAX);
        fuzz_require(oci_kind_of(manifest.layers[i].media_type) == OCI_KIND_LAYER);
    }
}

static void read_config(struct span text)
{
    OCI_CONFIG_AUTO config = {0};
    if (oci_config_parse(text, &config, NULL) < 0)
        return;
    fuzz_require(config.diff_id_count > 0 && config.user && config.working_dir);
    for (size_t i = 0; i < config.env.count; i++)
        fuzz_require(strchr(config.env.items[i], '=') > config.env.items[i]);
}

static void read_saved(struct span text)
{
    OCI_SAVED_AUTO saved = {0};
    if (oci_saved_parse(text, &saved, NULL) == 0)
        fuzz_require(saved.count > 0 && saved.images[0].config);
}

static void read_kind(struct span text)
{
    enum oci_kind kind;
    if (oci_kind_of_document(text, NULL, &kind, NULL) == 0)
        fuzz_require(kind == OCI_KIND_INDEX || kind == OCI_KIND_MANIFEST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct span text) = {read_index, read_manifest, read_config,
                                                        read_saved, read_kind};
    if (size > 0)
        readers[data[0] % (sizeof readers / sizeof readers[0])](span_of(data + 1, size - 1));
    return 0;
}
