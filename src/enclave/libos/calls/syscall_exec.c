/* execve and execveat. */
#include <asm/unistd_64.h>
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/processes/spawn.h"
#include "enclave/libos/program/exec.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/remote/remote_source.h"

#define TEXT_MAX 131072 /* bytes of one text with its end (MAX_ARG_STRLEN) */
#define HERE     ((uint64_t)AT_FDCWD)

#define FD_FOLDER "/dev/fd/"

/* The words that are taken together. */
struct words {
    char *texts; /* PROGRAM_WORDS_MAX bytes */
    size_t size; /* bytes of them */
    size_t left; /* bytes that there is room for still: of words and their addresses */
};

/* The program's other threads may change what is copied: each byte is looked at once. */
static int take_text(struct words *words, uint64_t at)
{
    for (size_t i = 0; i < TEXT_MAX; i++) {
        if ((i == 0 || (at + i) % MEMORY_PAGE == 0) && !can_read(at + i, 1))
            return -EFAULT;
        if (words->left == 0)
            return -E2BIG;
        char byte = *(const char *)(at + i);
        words->texts[words->size++] = byte;
        words->left--;
        if (byte == 0)
            return 0;
    }
    return -E2BIG;
}

/* An array of texts' addresses, up to a zero: how many. Without an array, none. */
static int take_texts(struct words *words, uint64_t at, size_t *count)
{
    uint64_t text;
    for (*count = 0; at != 0; (*count)++, at += sizeof text) {
        if (!can_read(at, sizeof text))
            return -EFAULT;
        memcpy(&text, (const void *)at, sizeof text);
        if (text == 0)
            break;
        if (words->left < sizeof text)
            return -E2BIG;
        words->left -= sizeof text;
        int status = take_text(words, text);
        if (status < 0)
            return status;
    }
    return 0;
}

/* A program without an argument has an empty one, as Linux has it since 5.18. */
static int take_words(struct words *words, const char *path, uint64_t arguments,
                      uint64_t environment, struct program_words *out)
{
    *words = (struct words){.texts = libos_alloc(PROGRAM_WORDS_MAX), .left = PROGRAM_WORDS_MAX};
    if (!words->texts)
        return -ENOMEM;
    words->size = strlen(path) + 1;
    words->left -= words->size;
    memcpy(words->texts, path, words->size);
    int status = take_texts(words, arguments, &out->arguments);
    if (status == 0 && out->arguments == 0 && words->left > 0) {
        words->texts[words->size++] = 0;
        words->left--;
        out->arguments = 1;
    }
    if (status == 0)
        status = take_texts(words, environment, &out->environment);
    out->texts = words->texts;
    out->size = words->size;
    return status;
}

static char *put_number(char *at, unsigned number)
{
    if (number >= 10)
        at = put_number(at, number / 10);
    *at = (char)('0' + number % 10);
    return at + 1;
}

/* By which path the program knows itself: the one that was given, or one below an open file. */
static int own_path(const struct program_name *name, char out[SYSCALL_PATH_MAX])
{
    size_t size = strlen(name->path) + 1;
    char *at = out;
    if (name->at != AT_FDCWD && *name->path != '/') {
        memcpy(out, FD_FOLDER, sizeof FD_FOLDER);
        at = put_number(out + sizeof FD_FOLDER - 1, (unsigned)name->at);
        *at = '/';
        at += *name->path ? 1 : 0;
    }
    if (size > (size_t)(out + SYSCALL_PATH_MAX - at))
        return -ENAMETOOLONG;
    memcpy(at, name->path, size);
    return 0;
}

static void find_source(struct program_source *source)
{
    static const uint64_t nothing[REMOTE_ARGUMENTS];
    if (!remote_is_child()) {
        program_source_init(source, process_self());
        return;
    }
    remote_source_init(source, (uint32_t)remote_make_call(__NR_geteuid, nothing),
                       (uint32_t)remote_make_call(__NR_getegid, nothing));
}

static int execute(struct program_frame *frame, const struct program_name *name,
                   const struct program_words *words)
{
    struct program_source source;
    struct program_image *image;
    find_source(&source);
    int status = program_open(&source, name, words, &image);
    if (status < 0)
        return status;
    if (!persona_is_there())
        status = exec_image(frame, image);
    program_close(image);
    return persona_is_there() ? spawn_program(frame, name, words) : status;
}

static uint64_t exec(struct program_frame *frame, uint64_t at, uint64_t path, uint64_t arguments,
                     uint64_t environment, uint64_t flags)
{
    char text[SYSCALL_PATH_MAX], own[SYSCALL_PATH_MAX];
    const struct program_name name = {.at = (int)at, .path = text, .flags = (unsigned)flags};
    struct words words = {.texts = NULL};
    struct program_words all;
    int status = syscall_path(path, text);
    if (status == 0)
        status = own_path(&name, own);
    if (status == 0)
        status = take_words(&words, own, arguments, environment, &all);
    if (status == 0)
        status = execute(frame, &name, &all);
    libos_free(words.texts);
    return (uint64_t)status;
}

uint64_t syscall_execve(struct program_frame *frame)
{
    return exec(frame, HERE, frame->rdi, frame->rsi, frame->rdx, 0);
}

uint64_t syscall_execveat(struct program_frame *frame)
{
    if (frame->r8 & ~(uint64_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return SYSCALL_ERROR(EINVAL);
    return exec(frame, frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8);
}
