/*
 * From the library OS to the program, and back at its system calls, exceptions and interrupts.
 *
 * Theory of operation: the program's registers lie in a struct program_frame at the top of the
 * thread's stack of the library OS, below RUN_STACK. While the program runs, PROGRAM_STACK is the
 * end of that frame: exceptions are dealt with below it (inside/entry.S). While the library OS runs
 * it is 0. Whichever of the two changes last, an exception in between finds a stack that is whole:
 * the stack pointer is looked at first.
 *
 * An interrupt that finds the thread in the library OS sets WANTED, which is looked at before the
 * program goes on. One that comes after this look, in the window up to the jump, takes the way back
 * by program_again: the frame is whole still.
 *
 * FS stays the program's while the library OS runs: it has no use for it, and who is interrupted
 * gets it back by ERESUME. Leaving the enclave by a call changes it, and so it is set again at the
 * next return to the program, and only then: WRFSBASE costs as much as all else of a short call.
 * The library OS is compiled without vector registers; they are the program's throughout, and
 * door_ask() keeps them.
 */
/* In the thread's page, as inside/entry.S has them. */
#define PROGRAM_STACK 176
#define PROGRAM_RSP   184
#define PROGRAM_FS    192
#define RUN_STACK     200 /* of program_run() */
#define WANTED        208
#define PROGRAM_RIP   216
#define PROGRAM_FLAGS 224
#define OWN_RIP       232
#define OWN_FLAGS     240
#define FS_IS_OTHER   248 /* than PROGRAM_FS, or may be */

/* struct program_frame */
#define FRAME_R15    0
#define FRAME_R14    8
#define FRAME_R13    16
#define FRAME_R12    24
#define FRAME_RBP    32
#define FRAME_RBX    40
#define FRAME_R9     48
#define FRAME_R8     56
#define FRAME_R10    64
#define FRAME_RDX    72
#define FRAME_RSI    80
#define FRAME_RDI    88
#define FRAME_RAX    96
#define FRAME_RCX    104
#define FRAME_R11    112
#define FRAME_FLAGS  120
#define FRAME_RSP    128
#define FRAME_RIP    136
#define FRAME_WHOLE  144
#define FRAME_SIZE   160

#define RED_ZONE     128
#define VECTORS_SIZE 2752 /* XSAVE's standard format up to AVX-512 */
#define XSAVE_HEADER 512
#define XFRM_KNOWN   0xE7

.macro function name
        .globl  \name
        .hidden \name
        .type   \name, @function
\name:
.endm

/* Onto the library OS's stack. */
.macro come_in
        mov     %rsp, %gs:PROGRAM_RSP
        mov     %gs:RUN_STACK, %rsp
        movq    $0, %gs:PROGRAM_STACK
        cld
.endm

/* What struct program_frame has up to R11. */
.macro push_registers
        push    %r11
        push    %rcx
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
        movq    $1, %gs:FS_IS_OTHER
        sub     $FRAME_SIZE, %rsp
        mov     %rdi, %rsi
        mov     %rsp, %rdi
        mov     $(FRAME_SIZE / 8), %ecx
        rep movsq

/* The frame is at RSP. */
function program_window_begin
        cmpq    $0, %gs:WANTED
        jne     again
        mov     FRAME_RSP(%rsp), %rax
        mov     %rax, %gs:PROGRAM_RSP
        mov     FRAME_RIP(%rsp), %rax
        mov     %rax, %gs:PROGRAM_RIP
        cmpq    $0, %gs:FS_IS_OTHER
        je      1f
        mov     %gs:PROGRAM_FS, %rax
        wrfsbase %rax
/* Only now: who is interrupted in between sets it again. */
        movq    $0, %gs:FS_IS_OTHER
1:      cmpq    $0, FRAME_WHOLE(%rsp)
        je      2f
        pushq   FRAME_FLAGS(%rsp)
        popfq
/* From here on nothing changes the flags. */
2:      mov     FRAME_R15(%rsp), %r15
        mov     FRAME_R14(%rsp), %r14
        mov     FRAME_R13(%rsp), %r13
        mov     FRAME_R12(%rsp), %r12
        mov     FRAME_RBP(%rsp), %rbp
        mov     FRAME_RBX(%rsp), %rbx
        mov     FRAME_R9(%rsp), %r9
        mov     FRAME_R8(%rsp), %r8
        mov     FRAME_R10(%rsp), %r10
        mov     FRAME_RDX(%rsp), %rdx
        mov     FRAME_RSI(%rsp), %rsi
        mov     FRAME_RDI(%rsp), %rdi
        mov     FRAME_RAX(%rsp), %rax
        mov     FRAME_RCX(%rsp), %rcx
        mov     FRAME_R11(%rsp), %r11
        mov     %rsp, %gs:PROGRAM_STACK
        mov     %gs:PROGRAM_RSP, %rsp
        jmp     *%gs:PROGRAM_RIP
function program_window_end

function program_again
        mov     %gs:RUN_STACK, %rsp
        movq    $0, %gs:PROGRAM_STACK
        cld
        sub     $FRAME_SIZE, %rsp
again:
        movq    $0, %gs:WANTED
        mov     %rsp, %rdi
        call    program_interrupt
        jmp     program_window_begin

/* From a rewritten site: R11 becomes the flags, as SYSCALL has it. */
function program_call
        mov     %rsp, %gs:PROGRAM_RSP
        mov     %gs:RUN_STACK, %rsp
        movq    $0, %gs:PROGRAM_STACK
        pushfq
        pop     %r11
        cld
        jmp     called

function program_syscall
        come_in
called:
        push    %rax                    /* the call's number */
        pushq   $0
        push    %rcx
        push    %gs:PROGRAM_RSP
        push    %r11
        push_registers
        mov     %rsp, %rdi
        call    syscall_answer
        jmp     program_window_begin

/* All registers but RIP and the flags are the program's. */
function program_interrupted
        come_in
        pushq   $-1                     /* no call */
        pushq   $1
        push    %gs:PROGRAM_RIP
        push    %gs:PROGRAM_RSP
        push    %gs:PROGRAM_FLAGS
        push_registers
        mov     %rsp, %rdi
        call    program_interrupt
        jmp     program_window_begin

/* Below the red zone of whatever was interrupted. */
function program_own_fault
        lea     -RED_ZONE(%rsp), %rsp
        pushq   %gs:OWN_RIP
        pushq   %gs:OWN_FLAGS
        push_registers
        mov     %rsp, %rbx
        and     $-16, %rsp
        call    program_bring
        mov     %rbx, %rsp
        .irp    register, r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax, rcx, r11
        pop     %\register
        .endr
        popfq
        ret     $RED_ZONE

function program_set_own_fault
        mov     %rdi, %gs:OWN_RIP
        mov     %rsi, %gs:OWN_FLAGS
        ret

function program_set_interrupted
        mov     %rdi, %gs:PROGRAM_RIP
        mov     %rsi, %gs:PROGRAM_FLAGS
        ret

function program_want
        movq    $1, %gs:WANTED
        ret

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

/* uint64_t program_serve(work, argument): RUN_STACK as program_run() leaves it, so that
 * program_end() comes back from here too. */
function program_serve
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        sub     $8, %rsp
        mov     %rsp, %gs:RUN_STACK
        mov     %rdi, %rax
        mov     %rsi, %rdi
        call    *%rax
        ud2

/* Into and out of 64-byte-aligned memory, by XSAVE's standard format. */
function program_save_vectors
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xsave64 (%rdi)
        ret

function program_load_vectors
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xrstor64 (%rdi)
        ret

function program_clean_vectors
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xrstor  enclave_clean_state(%rip)
        ret

function program_save_control
        stmxcsr (%rdi)
        fnstcw  (%rsi)
        ret

function program_load_control
        ldmxcsr (%rdi)
        fldcw   (%rsi)
        ret

/* bool program_put(at, first, second) */
function program_put
        mov     %rsi, (%rdi)
        mov     %rdx, 8(%rdi)
function program_put_end
        mov     $1, %eax
        ret
function program_put_failed
        xor     %eax, %eax
        ret

/* The image's one RDTSC (scripts/lint-enclave knows these bytes). */
function clock_ticks
        rdtsc
        shl     $32, %rdx
        or      %rdx, %rax
        ret

function program_set_fs
        mov     %rdi, %gs:PROGRAM_FS
        movq    $1, %gs:FS_IS_OTHER
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
        movq    $1, %gs:FS_IS_OTHER
        mov     %rax, %r8
        mov     $XFRM_KNOWN, %eax
        xor     %edx, %edx
        xrstor64 (%rsp)
        mov     %r8, %rax
        leave
        ret

        .section .note.GNU-stack, "", @progbits
