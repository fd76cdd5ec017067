/* A firmware image: the last page of one, whose tables must not lead outside it. */
#include "fuzz.h"

#include "measure/sev.h"
#include "measure/snp.h"
#include "measure/svsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t firmware[SHA384_SIZE];
    static const struct measure_kernel kernel;
    uint8_t image[MEASURE_PAGE_SIZE] = {0};
    uint8_t digest[SHA384_SIZE];
    struct ovmf ovmf;
    (void)ovmf_parse(span_of(data, size), &ovmf, NULL);
    if (size > sizeof image)
        size = sizeof image;
    if (size > 0)
        memcpy(image + sizeof image - size, data, size);
    if (ovmf_parse(span_of(image, sizeof image), &ovmf, NULL) < 0)
        return 0;
    for (size_t i = 0; i < ovmf.section_count; i++) {
        fuzz_require(ovmf.sections[i].size % MEASURE_PAGE_SIZE == 0);
        ovmf.sections[i].size &= 0xFFFF; /* a large one is many digests, and nothing new */
    }
    const struct snp_machine machine = {.ovmf = &ovmf, .kernel = &kernel, .vcpus = 2};
    (void)measure_snp(&machine, firmware, digest, NULL);
    uint8_t each[2][SHA384_SIZE];
    const struct svsm_machine svsm = {.firmware = &ovmf, .svsm = &ovmf, .vcpus = 2};
    (void)measure_svsm_each(&svsm, each, NULL);
    uint8_t short_each[2][SHA256_SIZE];
    const struct sev_machine sev = {.ovmf = &ovmf, .kernel = &kernel, .vcpus = 2};
    (void)measure_sev_es_each(&sev, short_each, NULL);
    return 0;
}
