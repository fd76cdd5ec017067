/* Signals of a process that has enclaves of the model: handlers, their stacks, and whose a signal
 * is. */
#include <asm/prctl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "enclave/model_thread.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#endif

#define SIGNALS_MAX     64
#define MASK_SIZE       8
#define KERNEL_RESTORER 0x04000000 /* SA_RESTORER */
#define BLOCK_SIZE      (MODEL_STACK_ABOVE + MODEL_STACK_SIZE)

/* The kernel's struct sigaction: libc's function would put its own restorer there. */
struct kernel_action {
    union {
        void (*plain)(int);
        void (*full)(int, siginfo_t *, void *);
    };
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static struct kernel_action before[SIGNALS_MAX + 1];
static bool is_caught[SIGNALS_MAX + 1];
static enclave_signal_fn *_Atomic handlers[SIGNALS_MAX + 1];
static pthread_mutex_t catching = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct model_thread *mine;

static long set_action(int number, const struct kernel_action *action, struct kernel_action *old)
{
    return syscall(SYS_rt_sigaction, number, action, old, (size_t)MASK_SIZE);
}

int model_catch(int number, struct error *err)
{
    const struct kernel_action action = {
        .full = model_signal_entry,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | KERNEL_RESTORER,
        .restorer = (void (*)(void))(uintptr_t)model_restorer,
        .mask = UINT64_MAX,
    };
    int result = 0;
    (void)pthread_mutex_lock(&catching);
    if (!is_caught[number]) {
        if (set_action(number, &action, &before[number]) < 0)
            result = error_system(err, errno, "a handler for signal %d", number);
        is_caught[number] = result == 0;
    }
    (void)pthread_mutex_unlock(&catching);
    return result;
}

/* What the processor's exceptions become. */
static int catch_faults(struct error *err)
{
    static const int faults[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (model_catch(faults[i], err) < 0)
            return -1;
    }
    return 0;
}

static void thread_end(void *value)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    model_cpuid_traps(false);
    (void)prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
    (void)sigaltstack(&none, NULL);
    (void)munmap(value, BLOCK_SIZE);
    mine = NULL;
}

static pthread_key_t end_key;

static void make_key(void)
{
    (void)pthread_key_create(&end_key, thread_end);
}

static int set_up(struct model_thread *thread, struct error *err)
{
    const stack_t stack = {.ss_sp = (uint8_t *)thread + MODEL_STACK_ABOVE,
                           .ss_size = MODEL_STACK_SIZE};
    thread->magic = MODEL_MAGIC;
    thread->host_fs = __builtin_ia32_rdfsbase64();
    thread->host_gs = __builtin_ia32_rdgsbase64();
    if (mprotect((uint8_t *)thread + MODEL_STACK_ABOVE / 2, MODEL_STACK_ABOVE / 2, PROT_NONE) < 0 ||
        sigaltstack(&stack, NULL) < 0)
        return error_system(err, errno, "a stack for signals");
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, model_restorer,
              (uintptr_t)model_restorer_end - (uintptr_t)model_restorer, &thread->selector) < 0)
        return error_set(err, ERROR_UNAVAILABLE,
                         "the model of SGX needs Syscall User Dispatch (Linux 5.11 or newer)");
    if (catch_faults(err) < 0)
        return -1;
    model_cpuid_traps(true);
    return 0;
}

struct model_thread *model_thread_get(struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (mine)
        return mine;
    (void)pthread_once(&once, make_key);
    void *block = mmap(NULL, BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                       0);
    if (block == MAP_FAILED) {
        (void)error_system(err, errno, "memory for a thread of an enclave");
        return NULL;
    }
    if (set_up(block, err) < 0) {
        thread_end(block);
        return NULL;
    }
    (void)pthread_setspecific(end_key, block);
    mine = block;
    return mine;
}

/* --- whose signal it is ----------------------------------------------------------------------- */

bool model_has_handler(int number)
{
    return number >= 1 && number <= SIGNALS_MAX && handlers[number];
}

void model_deliver(struct model_thread *thread, bool is_inside)
{
    unsigned long long pending = atomic_exchange(&thread->pending, 0);
    for (int number = 1; pending; number++, pending >>= 1) {
        if ((pending & 1) && handlers[number])
            handlers[number](number, is_inside);
    }
}

/* Nothing of an enclave's: what there was before goes on. */
void model_signal_host(int number, siginfo_t *info, void *context)
{
    const struct kernel_action *old = &before[number];
    int saved = errno;
    if (model_has_handler(number)) {
        handlers[number](number, false);
    } else if (old->plain == SIG_DFL) {
        const struct kernel_action plain = {.plain = SIG_DFL};
        (void)set_action(number, &plain, NULL); /* the instruction faults again, or: */
        if (info->si_code <= 0)
            (void)raise(number);
    } else if (old->plain != SIG_IGN && (old->flags & SA_SIGINFO)) {
        old->full(number, info, context);
    } else if (old->plain != SIG_IGN) {
        old->plain(number);
    }
    errno = saved;
}

int model_handle_signal(int number, enclave_signal_fn *handler, struct error *err)
{
    static const int refused[] = {SIGSEGV, SIGILL, SIGFPE,  SIGBUS,
                                  SIGTRAP, SIGSYS, SIGKILL, SIGSTOP};
    if (number < 1 || number > SIGNALS_MAX)
        return error_set(err, ERROR_INVALID, "there is no signal %d", number);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (number == refused[i])
            return error_set(err, ERROR_INVALID,
                             "signal %d is an exception's, or cannot be handled", number);
    }
    handlers[number] = handler;
    return model_catch(number, err);
}
