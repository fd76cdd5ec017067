/* Signals that come to threads inside: the kernel has made an AEX by then, and the handler finds
 * the registers at the vDSO's ENCLU, about to ERESUME. */
#include "enclave/hardware_signal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define SIGNALS_MAX    64
#define ENTRY_SIZE_MAX 512 /* bytes of the vDSO's function */

static enclave_signal_fn *handlers[SIGNALS_MAX + 1];
static const uint8_t *entry_of_all;

bool hardware_is_at_aep(const uint8_t *entry, uint64_t rip, uint64_t rax)
{
    static const uint8_t enclu[] = {0x0F, 0x01, 0xD7};
    uint64_t offset = rip - (uint64_t)(uintptr_t)entry;
    return entry && rax == SGX_ERESUME && offset < ENTRY_SIZE_MAX &&
           memcmp(entry + offset, enclu, sizeof enclu) == 0;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    const greg_t *gregs = ((const ucontext_t *)context)->uc_mcontext.gregs;
    int saved = errno;
    (void)info;
    handlers[number](number, hardware_is_at_aep(entry_of_all, (uint64_t)gregs[REG_RIP],
                                                (uint64_t)gregs[REG_RAX]));
    errno = saved;
}

void hardware_signals_enter_at(const void *entry)
{
    entry_of_all = entry;
}

int hardware_handle_signal(int number, enclave_signal_fn *handler, struct error *err)
{
    const struct sigaction action = {.sa_sigaction = on_signal,
                                     .sa_flags = SA_SIGINFO | SA_RESTART};
    if (number < 1 || number > SIGNALS_MAX)
        return error_set(err, ERROR_INVALID, "there is no signal %d", number);
    handlers[number] = handler;
    if (sigaction(number, &action, NULL) < 0)
        return error_system(err, errno, "a handler for signal %d", number);
    return 0;
}
