/*
 * int enclave_cross(const void *function, struct enclave_registers *registers, uint32_t leaf,
 *                   struct enclave_run *run)
 *
 * __vdso_sgx_enter_enclave() takes RDI, RSI, RDX, R8 and R9 as they go in, the leaf in ECX and the
 * run on the stack, and does not keep what C expects of a function but RBX, RBP and RSP: R12 to R15,
 * MXCSR and the x87 control word are kept here. What the enclave leaves in registers is taken over.
 */
#define REGISTERS -56
#define CONTROL   -64

        .text
        .globl  enclave_cross
        .hidden enclave_cross
        .type   enclave_cross, @function
enclave_cross:
        endbr64
        push    %rbp
        mov     %rsp, %rbp
        push    %rbx
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp
        push    %rsi                    /* REGISTERS */
        sub     $8, %rsp                /* CONTROL */
        stmxcsr CONTROL(%rbp)
        fnstcw  CONTROL+4(%rbp)
        sub     $8, %rsp
        push    %rcx                    /* the run: the seventh argument */
        mov     %rdi, %rax
        mov     %rsi, %r10
        mov     %edx, %ecx
        mov     (%r10), %rdi
        mov     8(%r10), %rsi
        mov     16(%r10), %rdx
        mov     24(%r10), %r8
        mov     32(%r10), %r9
        call    *%rax
        mov     REGISTERS(%rbp), %r10
        mov     %rdi, (%r10)
        mov     %rsi, 8(%r10)
        mov     %rdx, 16(%r10)
        mov     %r8, 24(%r10)
        mov     %r9, 32(%r10)
        cld
        ldmxcsr CONTROL(%rbp)
        fldcw   CONTROL+4(%rbp)
        mov     -8(%rbp), %rbx
        mov     -16(%rbp), %r12
        mov     -24(%rbp), %r13
        mov     -32(%rbp), %r14
        mov     -40(%rbp), %r15
        leave
        ret
        .size   enclave_cross, . - enclave_cross

        .section .note.GNU-stack, "", @progbits
