/*
 * ENCLU inside, carried out without a signal (model_direct.c).
 *
 * Theory of operation: the instruction has become a CALL, by way of a page inside that pushes the
 * enclave's struct model_direct and comes here. Until `outside` and from `inside` on, this code
 * counts as the enclave's: an interrupt saves its registers, and it goes on where it was. Between
 * the two an interrupt is kept in mind; at the end it is made by the UD2 of
 * model_direct_interrupted, whose handler sees the state behind the instruction. A fault of the
 * leaf's is made by that of model_direct_fault, with the state before it.
 */
#include "enclave/model_thread.h"

#define BLOCK 1 /* SYSCALL_DISPATCH_FILTER_BLOCK */

#define LEAF_EEXIT 4

#define XSAVE_HEADER 512
#define XFRM_KNOWN   0xE7
#define SAVED_BELOW  32 /* bytes of R13, R12, GS and FS below RBP */

.macro function name
        .globl  \name
        .hidden \name
        .type   \name, @function
\name:
.endm

/* The thread makes a leaf, with what is the host's. Changes RAX. */
.macro go_outside thread
        movb    $1, MODEL_THREAD_IS_DIRECT(\thread)
        movb    $0, MODEL_THREAD_SELECTOR(\thread)
        mov     MODEL_THREAD_HOST_FS(\thread), %rax
        wrfsbase %rax
        mov     MODEL_THREAD_HOST_GS(\thread), %rax
        wrgsbase %rax
.endm

        .text
/* The enclave's stack: struct model_direct, then the address behind the instruction. */
function model_direct_entry
        pushfq
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        cld
        mov     96(%rsp), %rdi
        rdgsbase %rax
        sub     MODEL_DIRECT_BASE(%rdi), %rax
        cmp     MODEL_DIRECT_SIZE(%rdi), %rax
        jae     model_direct_fault_at
        shr     $12, %rax
        mov     MODEL_DIRECT_THREADS(%rdi), %rbx
        mov     (%rbx,%rax,8), %rbx
        test    %rbx, %rbx
        jz      model_direct_fault_at
        mov     %rsp, %rbp
        rdfsbase %r8
        rdgsbase %r9
        push    %r8
        push    %r9
        mov     %rsp, %rdi
        push    %r12
        push    %r13
        go_outside %rbx
        mov     MODEL_THREAD_FRAME(%rbx), %rsp
        lea     MODEL_FRAME_VECTORS(%rsp), %r12
        mov     %rdi, %r13
        mov     %rbx, %rsi
        call    model_direct_quick
        test    %al, %al
        jnz     1f
        .irp    word, 0, 8, 16, 24, 32, 40, 48, 56
        movq    $0, XSAVE_HEADER+\word(%r12)
        .endr
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xsave64 (%r12)
        mov     %r13, %rdi
        mov     %rbx, %rsi
        call    model_direct_leaf
        mov     %eax, %r13d
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xrstor64 (%r12)
        mov     %r13d, %eax
1:      lea     -SAVED_BELOW(%rbp), %rsp
        pop     %r13
        pop     %r12
        pop     %r9
        pop     %r8
        wrgsbase %r9
        wrfsbase %r8
        movb    $BLOCK, MODEL_THREAD_SELECTOR(%rbx)
        movb    $0, MODEL_THREAD_IS_DIRECT(%rbx)
        test    %al, %al
        jz      model_direct_fault_at
        cmpq    $0, MODEL_THREAD_PENDING(%rbx)
        jne     model_direct_interrupted_at
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        popfq
        lea     8(%rsp), %rsp           /* of struct model_direct */
        ret
model_direct_fault_at:
function model_direct_fault
        ud2
model_direct_interrupted_at:
function model_direct_interrupted
        ud2

/*
 * EEXIT, with RCX = struct model_direct and RBX = where it goes. Until the thread counts as one
 * that makes a leaf, an interrupt goes on here as above; from then on it is kept in mind, and is
 * one that finds the thread outside (model_enter()).
 */
function model_direct_exit
        cmp     $LEAF_EEXIT, %eax
        jne     1f
        rdgsbase %rax
        sub     MODEL_DIRECT_BASE(%rcx), %rax
        cmp     MODEL_DIRECT_SIZE(%rcx), %rax
        jae     1f
        shr     $12, %rax
        mov     MODEL_DIRECT_THREADS(%rcx), %rcx
        mov     (%rcx,%rax,8), %rcx
        test    %rcx, %rcx
        jz      1f
        go_outside %rcx
        mov     MODEL_THREAD_FRAME(%rcx), %rax
        mov     MODEL_FRAME_TCS(%rax), %rax
        movb    $0, MODEL_TCS_IS_BUSY(%rax)
        movb    $0, MODEL_THREAD_IS_DIRECT(%rcx)
        lea     model_aep(%rip), %rcx
        mov     $LEAF_EEXIT, %eax
        jmp     *%rbx
1:      ud2

        .section .note.GNU-stack, "", @progbits
