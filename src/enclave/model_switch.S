/*
 * The model's EENTER and ERESUME, in the place of __vdso_sgx_enter_enclave() and with its
 * convention; and the first and last steps of its signal handler.
 *
 * Theory of operation: model_cross keeps one struct model_frame on its stack, found again by RBP,
 * which every way out of an enclave restores. model_prepare() checks and fills it; between
 * model_switch_begin and model_switch_end it becomes the processor's state. A signal in between
 * finds it half done: the handler goes on at model_undo, which takes the preparation back and
 * begins again, so that the signal is seen before the enclave is entered.
 *
 * The enclave comes back at model_exited (EEXIT, through the RCX that EENTER gave it), at model_aep
 * (an interrupt: ERESUME follows) or at model_faulted (an exception, which is told).
 */
#include "enclave/model_thread.h"

#define SAVED_RBX -8
#define RUN       16 /* above RBP */
#define RUN_LEAF    8
#define RUN_VECTOR  12
#define RUN_CODE    14
#define RUN_ADDRESS 16

#define LEAF_ERESUME 3
#define LEAF_EEXIT   4
#define BLOCK        1 /* SYSCALL_DISPATCH_FILTER_BLOCK */

#define UC_STACK      16
#define UC_STACK_SIZE 32
#define FLAG_AC       0x40000
#define FLAGS_CLEAN   2
#define NR_SIGRETURN  15

.macro function name
        .globl  \name
        .hidden \name
        .type   \name, @function
\name:
.endm

/* The frame of the crossing that RBP belongs to. */
.macro find_frame register
        lea     SAVED_RBX-MODEL_FRAME_SIZE(%rbp), \register
        and     $-64, \register
.endm

        .text
function model_cross
        endbr64
        push    %rbp
        mov     %rsp, %rbp
        push    %rbx
        pushfq                          /* the host's, which C does not run with */
        pop     %rax
        pushq   $FLAGS_CLEAN
        popfq
        find_frame %rsp
        mov     %rsp, %rbx
        mov     %rax, MODEL_FRAME_FLAGS(%rbx)
        mov     %r10, MODEL_FRAME_HOST(%rbx)
        mov     %r11, MODEL_FRAME_HOST+8(%rbx)
        mov     %r12, MODEL_FRAME_HOST+16(%rbx)
        mov     %r13, MODEL_FRAME_HOST+24(%rbx)
        mov     %r14, MODEL_FRAME_HOST+32(%rbx)
        mov     %r15, MODEL_FRAME_HOST+40(%rbx)
        mov     %rdi, MODEL_FRAME_RDI(%rbx)
        mov     %rsi, MODEL_FRAME_RSI(%rbx)
        mov     %rdx, MODEL_FRAME_RDX(%rbx)
        mov     %r8, MODEL_FRAME_R8(%rbx)
        mov     %r9, MODEL_FRAME_R9(%rbx)
        mov     %ecx, %ecx
        mov     %rcx, MODEL_FRAME_LEAF(%rbx)
        mov     %rbp, MODEL_FRAME_HOST_RBP(%rbx)
        mov     RUN(%rbp), %rax
        mov     %rax, MODEL_FRAME_RUN(%rbx)
prepare:
        mov     %rbx, %rdi
        call    model_prepare
        test    %eax, %eax
        js      return
        jnz     told

function model_switch_begin
        mov     MODEL_FRAME_THREAD(%rbx), %rcx
        cmpq    $0, MODEL_THREAD_PENDING(%rcx)
        jne     model_undo
        mov     MODEL_FRAME_XFRM(%rbx), %rax
        test    %eax, %eax
        jz      1f
        xor     %edx, %edx
        xrstor64 MODEL_FRAME_VECTORS(%rbx)
1:      movb    $BLOCK, MODEL_THREAD_SELECTOR(%rcx)
        mov     MODEL_FRAME_FS(%rbx), %rax
        wrfsbase %rax
        mov     MODEL_FRAME_GS(%rbx), %rax
        wrgsbase %rax
        mov     %rbx, %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rbp
        pop     %rbx
        pop     %rdx
        pop     %rcx
        pop     %rax
        iretq
function model_switch_end

/* RBX is the frame and RSP too; nothing else is known. */
function model_undo
        mov     MODEL_FRAME_HOST_RBP(%rbx), %rbp
        mov     %rbx, %rdi
        call    model_unprepare
        jmp     prepare

function model_aep
        find_frame %rbx
        mov     %rbx, %rsp
        movq    $LEAF_ERESUME, MODEL_FRAME_LEAF(%rbx)
        jmp     prepare

function model_exited
        mov     RUN(%rbp), %rbx
        movl    $LEAF_EEXIT, RUN_LEAF(%rbx)
told:
        xor     %eax, %eax
return:
        mov     SAVED_RBX(%rbp), %rbx
        leave
        ret

/* As the kernel leaves the registers: the leaf, vector, error code and address. */
function model_faulted
        mov     RUN(%rbp), %rbx
        mov     %eax, RUN_LEAF(%rbx)
        mov     %di, RUN_VECTOR(%rbx)
        mov     %si, RUN_CODE(%rbx)
        mov     %rdx, RUN_ADDRESS(%rbx)
        jmp     told

/* (number, siginfo, context). On this thread's own signal stack if the size says so. */
function model_signal_entry
        endbr64
        pushfq
        andl    $~FLAG_AC, (%rsp)
        popfq
        xor     %ecx, %ecx
        cmpq    $MODEL_STACK_SIZE, UC_STACK_SIZE(%rdx)
        jne     foreign
        mov     UC_STACK(%rdx), %rcx
        sub     $MODEL_STACK_ABOVE, %rcx
        mov     $MODEL_MAGIC, %rax
        cmp     %rax, MODEL_THREAD_MAGIC(%rcx)
        jne     unknown
        movzbl  MODEL_THREAD_SELECTOR(%rcx), %eax
        movb    $0, MODEL_THREAD_SELECTOR(%rcx)
        mov     %al, MODEL_THREAD_OLD(%rcx)
        mov     %al, MODEL_THREAD_NEXT(%rcx)
        rdfsbase %rax
        mov     %rax, MODEL_THREAD_NEXT_FS(%rcx)
        rdgsbase %rax
        mov     %rax, MODEL_THREAD_NEXT_GS(%rcx)
        mov     MODEL_THREAD_HOST_FS(%rcx), %rax
        wrfsbase %rax
        mov     MODEL_THREAD_HOST_GS(%rcx), %rax
        wrgsbase %rax
        push    %rcx
        call    model_signal
        pop     %rcx
        mov     MODEL_THREAD_NEXT_FS(%rcx), %rax
        wrfsbase %rax
        mov     MODEL_THREAD_NEXT_GS(%rcx), %rax
        wrgsbase %rax
        mov     MODEL_THREAD_NEXT(%rcx), %al
        mov     %al, MODEL_THREAD_SELECTOR(%rcx)
        ret
unknown:
        xor     %ecx, %ecx
foreign:
        jmp     model_signal

/* The one system call that may be made with the selector at BLOCK. */
function model_restorer
        mov     $NR_SIGRETURN, %eax
        syscall                         /* the kernel looks at the address behind it */
        ud2
function model_restorer_end

        .section .note.GNU-stack, "", @progbits
