/*
 * The one way into an enclave, and the one way out.
 *
 * Theory of operation: EENTER comes here with RAX = CSSA, RBX = the TCS, RCX = where EEXIT is to
 * go, RSP and RBP the host's, and GS at the thread's page (measure/enclave_thread.h), whose rest
 * holds what is kept between entering and leaving. What the host set is cleaned before C runs: the
 * flags for direction and alignment, x87, MXCSR and the vector registers. It is cleaned again
 * before leaving, so that nothing of the enclave's remains in them.
 *
 * A call of the host leaves the callee's registers on the enclave's stack and the stack pointer in
 * SAVED_STACK. Until the answer comes, and after it has, no other way of entering does anything.
 */
#include "enclave/inside/door.h"

/* Offsets in the thread's page: fields of struct enclave_thread, and what follows it. */
#define THREAD_SSA        32
#define THREAD_SSA_FRAME  40
#define THREAD_STACK_TOP  56
#define THREAD_STACK_SIZE 64
#define SAVED_STACK       96  /* of a thread that waits for the host's answer; else 0 */
#define IS_BUSY           104 /* main runs */
#define IS_LOST           112
#define HOST_RETURN       120 /* of the EENTER that main or the answer came with */
#define HOST_STACK        128
#define HOST_FRAME        136
#define FAULT_RETURN      144 /* of the EENTER for an exception */
#define FAULT_STACK       152
#define FAULT_FRAME       160
/* 0, or what exceptions of a program that runs on a stack of its own are dealt with on (libos). */
#define PROGRAM_STACK     176
/* An interrupt came, and nobody has looked at it yet (libos). */
#define WANTED            208

/* struct sgx_gprs ends a frame of the SSA; struct sgx_exinfo stands before it. */
#define GPRS_SIZE      184
#define GPRS_RSP       32
#define GPRS_EXIT_INFO 160
#define EXIT_VALID     0x80000000
#define RED_ZONE       128

#define LEAF_EEXIT 4
#define XFRM_KNOWN 0xE7 /* SGX_XFRM_KNOWN */

.macro enclu
        .byte   0x0f, 0x01, 0xd7
.endm

/* Clobbers RAX and RDX. */
.macro clean_vectors
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xrstor  enclave_clean_state(%rip)
.endm

/* Needs a stack of the enclave's. */
.macro clean_flags
        pushq   $2
        popfq
.endm

        .section .rodata
        .balign 64
/* XRSTOR from here initialises: no component is in the header. MXCSR and FCW as after a reset. */
        .globl  enclave_clean_state
        .hidden enclave_clean_state
enclave_clean_state:
        .short  0x37F
        .zero   22
        .long   0x1F80
        .zero   548

        .text
        .globl  enclave_entry
        .hidden enclave_entry
        .type   enclave_entry, @function
enclave_entry:
        cmpq    $0, %gs:IS_LOST
        jne     unwanted
        test    %rax, %rax
        jnz     exception
        cmp     $DOOR_ANSWER, %rdi
        je      answer
        cmp     $DOOR_START, %rdi
        jne     unwanted
        cmpq    $0, %gs:IS_BUSY
        jne     unwanted
        movq    $1, %gs:IS_BUSY
        mov     %rcx, %gs:HOST_RETURN
        mov     %rsp, %gs:HOST_STACK
        mov     %rbp, %gs:HOST_FRAME
        movabs  $ENCLAVE_AT, %rbp
        lea     __ehdr_start(%rip), %rsp
        sub     %rbp, %rsp
        add     %gs:THREAD_STACK_TOP, %rsp
        xor     %ebp, %ebp
        clean_flags
        sub     $8, %rsp
        push    %r9
        push    %r8
        push    %rdx
        push    %rsi
        mov     %rsp, %rdi
        sub     $8, %rsp
        clean_vectors
        call    enclave_start
        movq    $0, %gs:IS_BUSY
        mov     %rax, %rsi
        mov     $DOOR_DONE, %edi
        xor     %r10d, %r10d
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        jmp     leave

/* The host answers, where it was asked. */
answer:
        cmpq    $0, %gs:SAVED_STACK
        je      unwanted
        mov     %rcx, %gs:HOST_RETURN
        mov     %rsp, %gs:HOST_STACK
        mov     %rbp, %gs:HOST_FRAME
        mov     %gs:SAVED_STACK, %rsp
        movq    $0, %gs:SAVED_STACK
        clean_flags
        clean_vectors
        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        mov     %rsi, %rax
        add     $8, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

/* uint64_t door_call(number, a, b, c) */
        .globl  door_call
        .hidden door_call
        .type   door_call, @function
door_call:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp
        stmxcsr (%rsp)
        fnstcw  4(%rsp)
        mov     %rsp, %gs:SAVED_STACK
        mov     %rcx, %r9
        mov     %rdx, %r8
        mov     %rsi, %r10
        mov     %rdi, %rsi
        mov     $DOOR_CALL, %edi

/* RDI, RSI, R8 and R9 are set; what goes into RDX is in R10. */
leave:
        clean_vectors
        mov     %gs:HOST_RETURN, %rbx
        mov     %gs:HOST_STACK, %rsp
        mov     %gs:HOST_FRAME, %rbp
/* RBX, RSP and RBP are set too. */
leave_to:
        mov     %r10, %rdx
        xor     %r10d, %r10d
        xor     %r11d, %r11d
        xor     %r12d, %r12d
        xor     %r13d, %r13d
        xor     %r14d, %r14d
        xor     %r15d, %r15d
        xor     %ecx, %ecx
        mov     $LEAF_EEXIT, %eax
        enclu
        ud2

/* Only this file has run: the vector registers are the host's still. */
unwanted:
        mov     $DOOR_UNWANTED, %edi
refuse:
        mov     %rcx, %rbx
        xor     %esi, %esi
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        xor     %r10d, %r10d
        jmp     leave_to

/* What this thread did is interrupted; its registers are in the frame before the current one. */
exception:
        movabs  $ENCLAVE_AT, %r10
        lea     __ehdr_start(%rip), %r11
        sub     %r10, %r11
        mov     %gs:THREAD_SSA, %r10
        add     %gs:THREAD_SSA_FRAME, %r10
        cmp     $2, %rax
        je      in_handler
        ja      unwanted
        lea     -GPRS_SIZE(%r11, %r10), %r10
        testl   $EXIT_VALID, GPRS_EXIT_INFO(%r10)
        jnz     1f
        movq    $1, %gs:WANTED
1:
        /* The stack that was interrupted, if it is the enclave's. */
        mov     GPRS_RSP(%r10), %r9
        add     %gs:THREAD_STACK_TOP, %r11
        cmp     %r11, %r9
        ja      not_own
        sub     %gs:THREAD_STACK_SIZE, %r11
        add     $(RED_ZONE + 512), %r11
        cmp     %r11, %r9
        jb      not_own
on_stack:
        mov     %rcx, %gs:FAULT_RETURN
        mov     %rsp, %gs:FAULT_STACK
        mov     %rbp, %gs:FAULT_FRAME
        lea     -RED_ZONE(%r9), %rsp
        and     $-16, %rsp
        xor     %ebp, %ebp
        clean_flags
        mov     %r10, %rdi
        clean_vectors
        call    enclave_fault
        mov     $DOOR_RESUME, %edi
        test    %al, %al
        jnz     1f
        movq    $1, %gs:IS_LOST
        mov     $DOOR_LOST, %edi
1:
        clean_vectors
        xor     %esi, %esi
        xor     %r8d, %r8d
        xor     %r9d, %r9d
        xor     %r10d, %r10d
        mov     %gs:FAULT_RETURN, %rbx
        mov     %gs:FAULT_STACK, %rsp
        mov     %gs:FAULT_FRAME, %rbp
        jmp     leave_to

/* While an exception is dealt with: an interrupt is remembered. */
in_handler:
        add     %gs:THREAD_SSA_FRAME, %r10
        lea     -GPRS_SIZE(%r11, %r10), %r10
        movq    $1, %gs:WANTED
        jmp     elsewhere

/* A program's, or: */
not_own:
        mov     %gs:PROGRAM_STACK, %r9
        test    %r9, %r9
        jnz     on_stack
/* In this file's code, on the host's stack, or at the end of the enclave's: an interrupt may go on,
 * an exception is the end of the thread. */
elsewhere:
        mov     $DOOR_RESUME, %edi
        testl   $EXIT_VALID, GPRS_EXIT_INFO(%r10)
        jz      refuse
        movq    $1, %gs:IS_LOST
        mov     $DOOR_LOST, %edi
        jmp     refuse

        .section .note.GNU-stack, "", @progbits
