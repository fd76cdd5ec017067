/* Is the SEV-SNP report in the first file genuine, and of a machine with this HOST_DATA?
 *
 *     cc library.c -lcaisson && ./a.out report.bin chain.pem HOST_DATA-in-hex */
#include <caisson/evidence.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct caisson_bytes read_file(const char *path, uint8_t *room, size_t size)
{
    FILE *file = fopen(path, "rbe");
    size_t got = file ? fread(room, 1, size, file) : 0;
    if (file)
        fclose(file);
    return (struct caisson_bytes){room, got};
}

int main(int argc, char **argv)
{
    static uint8_t report[4096], chain[65536], host_data[32];
    for (size_t i = 0; argc == 4 && i < 32 && strlen(argv[3]) == 64; i++) {
        const char pair[] = {argv[3][2 * i], argv[3][2 * i + 1], '\0'};
        host_data[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    struct caisson_snp_appraisal appraisal = CAISSON_INIT(appraisal);
    struct caisson_snp_input input = CAISSON_INIT(input);
    struct caisson_result *result = caisson_result_new();
    if (argc != 4 || !result)
        return 2;
    struct caisson_bytes certificates = read_file(argv[2], chain, sizeof chain);
    appraisal.host_data = host_data;
    input.report = read_file(argv[1], report, sizeof report);
    input.certificates = &certificates;
    input.certificate_count = 1;
    input.time = time(NULL);
    input.appraisal = &appraisal;
    enum caisson_verdict verdict = caisson_verify_snp(&input, result);
    struct caisson_check check;
    for (size_t i = 0; caisson_result_get_check(result, i, &check); i++)
        printf("%-24s %s: %s\n", check.name, check.result == CAISSON_CHECK_FAILED ? "FAIL" : "ok",
               check.found);
    puts(verdict == CAISSON_ACCEPTED ? "accepted" : "refused");
    fputs(caisson_result_error(result), stderr);
    caisson_result_free(result);
    return verdict == CAISSON_ACCEPTED ? 0 : 1;
}
