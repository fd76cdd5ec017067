/*
 * From the library OS to the program, and back at its system calls.
 *
 * Theory of operation: while the program runs, PROGRAM_STACK is where the library OS's stack goes
 * on: exceptions are dealt with there (inside/entry.S), and system calls come in on it. While the
 * library OS runs it is 0. Whichever of the two changes last, an exception in between finds a stack
 * that is whole: the stack pointer is looked at first.
 *
 * Leaving the enclave changes FS, so that it is set at every return to the program. The library OS
 * is compiled without vector registers; they are the program's throughout, and door_ask() keeps
 * them.
 */
#define PROGRAM_STACK 176 /* in the thread's page, as inside/entry.S has it */
#define PROGRAM_RSP   184
#define PROGRAM_FS    192
#define RUN_STACK     200 /* of program_run() */

#define VECTORS_SIZE 2752 /* XSAVE's standard format up to AVX-512 */
#define XSAVE_HEADER 512
#define XFRM_KNOWN   0xE7

.macro function name
        .globl  \name
        .hidden \name
        .type   \name, @function
\name:
.endm

        .text
function program_run
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp
        mov     %rsp, %gs:RUN_STACK
        mov     %rsi, %gs:PROGRAM_RSP
        movq    $0, %gs:PROGRAM_FS
        mov     %rdi, %rcx
        xor     %eax, %eax
        xor     %ebx, %ebx
        xor     %edx, %edx
        xor     %esi, %esi
        xor     %edi, %edi
        xor     %ebp, %ebp
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        xor     %r10d, %r10d
        xor     %r12d, %r12d
        xor     %r13d, %r13d
        xor     %r14d, %r14d
        xor     %r15d, %r15d
/* All registers are set but the stack pointer; RCX is where the program goes on. */
go_on:
        mov     %gs:PROGRAM_FS, %r11
        wrfsbase %r11
        mov     %rsp, %gs:PROGRAM_STACK
        mov     %gs:PROGRAM_RSP, %rsp
        jmp     *%rcx

function program_syscall
        mov     %rsp, %gs:PROGRAM_RSP
        mov     %gs:PROGRAM_STACK, %rsp
        movq    $0, %gs:PROGRAM_STACK
        cld
        push    %rcx
        push    %gs:PROGRAM_RSP
        push    %r11
        push    %rax
        push    %rdi
        push    %rsi
        push    %rdx
        push    %r10
        push    %r8
        push    %r9
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, %rdi
        call    syscall_answer
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r9
        pop     %r8
        pop     %r10
        pop     %rdx
        pop     %rsi
        pop     %rdi
        add     $16, %rsp               /* RAX is the answer; R11 need not be the flags */
        pop     %gs:PROGRAM_RSP
        pop     %rcx
        jmp     go_on

function program_killed
        mov     %gs:PROGRAM_STACK, %rsp
        movq    $0, %gs:PROGRAM_STACK
        cld
        call    program_died
        ud2

function program_end
        mov     %rdi, %rax
        mov     %gs:RUN_STACK, %rsp
        add     $8, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

function program_set_fs
        mov     %rdi, %gs:PROGRAM_FS
        ret

function program_get_fs
        mov     %gs:PROGRAM_FS, %rax
        ret

function program_is_running
        xor     %eax, %eax
        cmpq    $0, %gs:PROGRAM_STACK
        setne   %al
        ret

/* uint64_t door_ask(number, a, b, c) */
function door_ask
        push    %rbp
        mov     %rsp, %rbp
        sub     $VECTORS_SIZE, %rsp
        and     $-64, %rsp
        mov     %rdx, %r8
        .irp    at, 0, 8, 16, 24, 32, 40, 48, 56
        movq    $0, XSAVE_HEADER+\at(%rsp)
        .endr
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xsave64 (%rsp)
        mov     %r8, %rdx
        call    door_call
        mov     %rax, %r8
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xrstor64 (%rsp)
        mov     %r8, %rax
        leave
        ret

        .section .note.GNU-stack, "", @progbits
