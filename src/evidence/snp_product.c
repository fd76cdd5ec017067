#include "evidence/snp_product.h"

/* Roots: SHA-256 of the ARKs that AMD's KDS serves,
 * https://kdsintf.amd.com/vcek/v1/NAME/cert_chain. TCB_VERSION, AMD 56860 section 2.2: Turin has
 * its own order, with the FMC first. */
static const struct snp_product products[] = {
    {"Milan",
     "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
     0,
     64,
     {SNP_TCB_NOWHERE, 0, 1, 6, 7}},
    {"Genoa",
     "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
     0,
     64,
     {SNP_TCB_NOWHERE, 0, 1, 6, 7}},
    {"Turin",
     "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
     1,
     8,
     {0, 1, 2, 3, 7}},
};

/* Announced, and no root is published that could be pinned. */
static const char *const without_root[] = {"Venice"};

/* AMD's revision guides. Bergamo and Siena (A0h to AFh) are Genoa's to the KDS. */
static const struct {
    uint8_t family;
    uint8_t first;
    uint8_t last;
    const char *product;
} models[] = {
    {0x19, 0x00, 0x0F, "Milan"},  {0x19, 0x10, 0x1F, "Genoa"},  {0x19, 0xA0, 0xAF, "Genoa"},
    {0x1A, 0x00, 0x11, "Turin"},  {0x1A, 0x50, 0x57, "Venice"}, {0x1A, 0x90, 0xAF, "Venice"},
    {0x1A, 0xC0, 0xC7, "Venice"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *snp_tcb_part_name(enum snp_tcb_part part)
{
    static const char *const names[SNP_TCB_PART_COUNT] = {"fmc", "bootloader", "tee", "snp",
                                                          "microcode"};
    return names[part];
}

static struct span before_dash(struct span name)
{
    const uint8_t *dash = name.size ? memchr(name.data, '-', name.size) : NULL;
    return dash ? span_of(name.data, (size_t)(dash - name.data)) : name;
}

const struct snp_product *snp_product_by_name(struct span name)
{
    for (size_t i = 0; i < COUNT(products); i++) {
        if (span_equal_text(before_dash(name), products[i].name))
            return &products[i];
    }
    return NULL;
}

bool snp_product_lacks_root(struct span name)
{
    for (size_t i = 0; i < COUNT(without_root); i++) {
        if (span_equal_text(before_dash(name), without_root[i]))
            return true;
    }
    return false;
}

const char *snp_product_name_of_cpuid(uint8_t family, uint8_t model)
{
    for (size_t i = 0; i < COUNT(models); i++) {
        if (models[i].family == family && models[i].first <= model && model <= models[i].last)
            return models[i].product;
    }
    return NULL;
}

const struct snp_product *snp_product_of_cpuid(uint8_t family, uint8_t model)
{
    const char *name = snp_product_name_of_cpuid(family, model);
    return name ? snp_product_by_name(span_of_text(name)) : NULL;
}

bool snp_product_has_root(const char *digest)
{
    for (size_t i = 0; i < COUNT(products); i++) {
        if (strcmp(products[i].root, digest) == 0)
            return true;
    }
    return false;
}
