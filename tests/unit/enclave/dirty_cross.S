/*
 * The model's function of the vDSO's kind, called by a host that has whatever it likes in R10 to
 * R15 and in the flags, and that looks at what is in these registers when the enclave has been left.
 */
#define RUN   16 /* above RBP */
#define CLEAN 2

        .text
        .globl  dirty_cross
        .hidden dirty_cross
        .type   dirty_cross, @function
dirty_cross:
        endbr64
        push    %rbp
        mov     %rsp, %rbp
        push    %rbx
        push    RUN(%rbp)
        mov     dirty_registers(%rip), %r10
        mov     dirty_registers+8(%rip), %r11
        mov     dirty_registers+16(%rip), %r12
        mov     dirty_registers+24(%rip), %r13
        mov     dirty_registers+32(%rip), %r14
        mov     dirty_registers+40(%rip), %r15
        pushq   dirty_flags(%rip)
        popfq
        call    model_cross
        pushq   $CLEAN
        popfq
        mov     %r10, left_registers(%rip)
        mov     %r11, left_registers+8(%rip)
        mov     %r12, left_registers+16(%rip)
        mov     %r13, left_registers+24(%rip)
        mov     %r14, left_registers+32(%rip)
        mov     %r15, left_registers+40(%rip)
        mov     -8(%rbp), %rbx
        leave
        ret
        .size   dirty_cross, . - dirty_cross

        .section .note.GNU-stack, "", @progbits
