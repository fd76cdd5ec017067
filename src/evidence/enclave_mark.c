#include "evidence/enclave_mark.h"

#include <string.h>

/* Half of REPORT_DATA, without a terminator. */
static const char mark[REPORT_DATA_SIZE / 2] = "caisson evidence of this enclave";

void enclave_mark_set(uint8_t report_data[REPORT_DATA_SIZE])
{
    memcpy(report_data + REPORT_DATA_SIZE - sizeof mark, mark, sizeof mark);
}

bool enclave_mark_is_in(const uint8_t report_data[REPORT_DATA_SIZE])
{
    return memcmp(report_data + REPORT_DATA_SIZE - sizeof mark, mark, sizeof mark) == 0;
}
