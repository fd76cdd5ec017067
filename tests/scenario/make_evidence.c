/*
 * Makes an evidence bundle of a simulated machine that never ran: for tests of who reads one.
 *
 * usage: make_evidence PSP_DIR MANIFEST POLICY NONCE VCPUS [ISSUER FEED SVN]
 *
 * NONCE is hexadecimal, or @FILE: then the runtime data are what is in that file.
 *
 * The bundle comes on standard output. The last three name a fragment that was loaded, with a
 * digest of 01 01 … 01.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "evidence/bundle.h"
#include "evidence/runtime_data.h"
#include "evidence/snp_report.h"
#include "measure/manifest.h"
#include "measure/simulated.h"
#include "os/file.h"
#include "vm/psp.h"

static int fill_guest(const char *path, struct bundle *bundle, struct psp_launch *launch,
                      struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(MANIFEST_SIZE_MAX);
    MANIFEST_AUTO manifest = {0};
    struct measure_kernel kernel;
    const char *cmdline;
    if (file_read(path, &text, err) < 0 || manifest_parse(buf_span(&text), &manifest, err) < 0 ||
        manifest_kernel(&manifest, "simulated", &kernel, err) < 0 ||
        manifest_cmdline(&manifest, "simulated", &cmdline, err) < 0)
        return -1;
    memcpy(bundle->kernel, kernel.kernel, SHA256_SIZE);
    memcpy(bundle->initrd, kernel.initrd, SHA256_SIZE);
    if (!text_copy(bundle->cmdline, sizeof bundle->cmdline, cmdline))
        return error_set(err, ERROR_LIMIT, "the command line is too long");
    return measure_simulated(&kernel, bundle->vcpus, launch->measurement, err);
}

static int fill_runtime_data(char *argv[], struct bundle *bundle, uint8_t request[PSP_REQUEST_SIZE],
                             struct error *err)
{
    const char *text = argv[4];
    uint8_t digest[SHA256_SIZE];
    const struct runtime_fragment fragment = {argv[6], argv[6] ? argv[7] : NULL,
                                              argv[6] ? argv[8] : NULL, digest};
    struct runtime_data data = {.nonce_size = strlen(text) / 2,
                                .demanded = 1,
                                .running = 1,
                                .fragments = &fragment,
                                .fragment_count = argv[6] ? 1 : 0};
    memset(digest, 1, sizeof digest);
    if (text[0] == '@') {
        if (file_read(text + 1, &bundle->runtime_data, err) < 0)
            return -1;
        runtime_data_report_data(buf_span(&bundle->runtime_data), request);
        return 0;
    }
    if (data.nonce_size > sizeof data.nonce ||
        !hex_decode(span_of_text(text), data.nonce, data.nonce_size))
        return error_set(err, ERROR_USAGE, "the nonce is not hexadecimal");
    if (runtime_data_write(&data, &bundle->runtime_data, err) < 0)
        return -1;
    runtime_data_report_data(buf_span(&bundle->runtime_data), request);
    return 0;
}

static int make(char *argv[], struct bundle *bundle, struct error *err)
{
    uint8_t request[PSP_REQUEST_SIZE] = {0};
    uint8_t answer[PSP_ANSWER_SIZE];
    struct psp_launch launch = {.policy = PSP_POLICY_DEFAULT};
    uint64_t vcpus;
    PSP_AUTO *psp = psp_open(argv[1], err);
    if (!psp || !text_to_u64(argv[5], BUNDLE_VCPUS_MAX, &vcpus))
        return -1;
    bundle->tee = BUNDLE_TEE_SIMULATED;
    bundle->vcpus = (uint32_t)vcpus;
    if (fill_guest(argv[2], bundle, &launch, err) < 0 ||
        file_read(argv[3], &bundle->policy, err) < 0 ||
        fill_runtime_data(argv, bundle, request, err) < 0)
        return -1;
    sha256_digest(buf_span(&bundle->policy), launch.host_data);
    if (psp_launch(psp, &launch, err) < 0 ||
        psp_answer(psp, span_of(request, sizeof request), answer, err) < 0 ||
        buf_append(&bundle->report, span_of(answer + 8, SNP_REPORT_SIZE), err) < 0)
        return -1;
    return bundle_set_certificates(bundle, span_of_text(psp_certificates(psp)), err);
}

int main(int argc, char *argv[])
{
    struct error err = {0};
    BUNDLE_AUTO bundle;
    BUF_AUTO text = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    bundle_init(&bundle);
    if (argc != 6 && argc != 9) {
        (void)fprintf(stderr,
                      "usage: make_evidence PSP_DIR MANIFEST POLICY NONCE VCPUS [ISSUER FEED SVN] "
                      ">BUNDLE\n");
        return 2;
    }
    if (make(argv, &bundle, &err) < 0 || bundle_write(&bundle, &text, &err) < 0) {
        (void)fprintf(stderr, "make_evidence: %s\n", err.text);
        return 1;
    }
    return fwrite(text.data, 1, text.size, stdout) == text.size ? 0 : 1;
}
