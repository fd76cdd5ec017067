#include "guest/fragment.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/program.h"
#include "os/fd.h"

#define CPU_SECONDS 60 /* in a machine without KVM too */

/* 0 and 1 as the program ended, -1 with the error set for any other end. */
static int run(int program, int input, int output, struct error *err)
{
    const struct program spec = {.name = FRAGMENT_PART,
                                 .ends = {input, output, -1},
                                 .file_size = FRAGMENT_ANSWER_MAX,
                                 .cpu = CPU_SECONDS};
    int status;
    pid_t pid = program_start(program, &spec, err);
    if (pid < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return error_system(err, errno, "cannot wait for " FRAGMENT_PART);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
        return WEXITSTATUS(status);
    return error_set(err, ERROR_UNAVAILABLE, FRAGMENT_PART " did not answer (status 0x%x)",
                     (unsigned int)status);
}

static int read_back(int fd, struct buf *out, struct error *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_system(err, errno, "cannot read an answer");
    return fd_read_to_end(fd, out, err);
}

int fragment_verify(int program, struct span cose, struct buf *answer, struct error *err)
{
    FD_AUTO input = memfd_create("fragment", MFD_CLOEXEC);
    FD_AUTO output = memfd_create("answer", MFD_CLOEXEC);
    if (input < 0 || output < 0)
        return error_system(err, errno, "cannot make room for a fragment");
    if (fd_write_all(input, cose, err) < 0)
        return -1;
    if (lseek(input, 0, SEEK_SET) < 0)
        return error_system(err, errno, "cannot hand over a fragment");
    int outcome = run(program, input, output, err);
    if (outcome < 0)
        return -1;
    if (outcome == 0)
        return read_back(output, answer, err);
    BUF_AUTO reason = BUF_WITH_LIMIT(ERROR_TEXT_SIZE);
    if (read_back(output, &reason, err) < 0)
        return -1;
    return error_set(err, ERROR_REFUSED, "%s", buf_text(&reason));
}

/* Takes the text before the next zero byte. */
static bool take_text(struct span *rest, const char **out)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\0', rest->size) : NULL;
    if (!end)
        return false;
    *out = (const char *)rest->data;
    *rest = span_of(end + 1, rest->size - (size_t)(end + 1 - rest->data));
    return true;
}

int fragment_read(struct span answer, struct policy_fragment *out, struct error *err)
{
    uint64_t svn;
    *out = (struct policy_fragment){0};
    if (answer.size < sizeof svn)
        return error_set(err, ERROR_INVALID, "a fragment's answer has %zu bytes", answer.size);
    memcpy(&svn, answer.data, sizeof svn);
    out->text = span_of(answer.data + sizeof svn, answer.size - sizeof svn);
    if (!take_text(&out->text, &out->issuer) || !take_text(&out->text, &out->feed))
        return error_set(err, ERROR_INVALID, "a fragment's answer names no issuer or feed");
    out->has_svn = svn != FRAGMENT_WITHOUT_SVN;
    out->svn = out->has_svn ? svn : 0;
    return 0;
}
