/*
 * caisson-fragment-check: verifies a signed policy fragment for the guest's first process, in a
 * process of its own that has no file, no privilege and no system call but reading, writing and
 * ending.
 *
 * The message comes on standard input. The answer goes to standard output: with status 0 the svn
 * as a u64 in the machine's order, FRAGMENT_WITHOUT_SVN where the header has none, the issuer and
 * the feed, each with a zero byte behind it (neither holds one), and the fragment's text; with
 * status 1 the reason. Whoever started it trusts this answer, so
 * the program is part of the measured guest. It lies beside the first process, not in it, because
 * it reads certificates that come from the host.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "evidence/signed_fragment.h"
#include "guest/fragment.h"

#include <linux/seccomp.h>

#define HEAP_SIZE (32 << 20) /* a message, what is made of it, and what its certificates take */

/* From here on memory comes from what the heap has already. */
static bool reserve_heap(void)
{
    if (mallopt(M_MMAP_THRESHOLD, HEAP_SIZE) != 1 || mallopt(M_TRIM_THRESHOLD, HEAP_SIZE) != 1 ||
        mallopt(M_TOP_PAD, HEAP_SIZE) != 1)
        return false;
    void *first = malloc(1);
    free(first);
    return first != NULL;
}

static bool read_all(struct buf *out)
{
    uint8_t bytes[65536];
    ssize_t size;
    while ((size = read(STDIN_FILENO, bytes, sizeof bytes)) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 || buf_append(out, span_of(bytes, (size_t)size), NULL) < 0)
            return false;
    }
    return true;
}

static bool write_all(struct span bytes)
{
    while (bytes.size > 0) {
        ssize_t size = write(STDOUT_FILENO, bytes.data, bytes.size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return false;
        bytes = span_of(bytes.data + size, bytes.size - (size_t)size);
    }
    return true;
}

static int answer(const struct signed_fragment *fragment)
{
    const struct span zero = span_of("", 1);
    const uint64_t svn = fragment->has_svn ? fragment->svn : FRAGMENT_WITHOUT_SVN;
    return write_all(span_of(&svn, sizeof svn)) && write_all(fragment->issuer) && write_all(zero) &&
                   write_all(fragment->feed) && write_all(zero) && write_all(fragment->text)
               ? 0
               : 2;
}

static int check(void)
{
    struct error err = {0};
    struct signed_fragment fragment;
    struct buf message = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    if (!read_all(&message))
        (void)error_set(&err, ERROR_LIMIT, "a signed fragment of more than %d bytes",
                        COSE_SIZE_MAX);
    else if (signed_fragment_verify(buf_span(&message), &fragment, &err) == 0)
        return answer(&fragment);
    return write_all(span_of_text(err.text)) ? 1 : 2;
}

int main(void)
{
    if (!reserve_heap() || prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0)
        return 2;
    /* exit_group, which returning would call, is not among what is left. */
    (void)syscall(SYS_exit, check());
    return 2;
}
