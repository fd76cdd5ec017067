/* What a container has used, and its processes, as the kernel tells it. Whoever asks reads the
 * kernel's own text: less to trust here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/channel.h"
#include "format/json_string.h"
#include "guest/control_group.h"
#include "os/fd.h"

#define FILE_MAX      32768
#define LIST_SIZE_MAX (CHANNEL_PAYLOAD_MAX - 1024) /* less than the answer: room for one more */

static int read_at(int folder, const char *name, struct buf *out, struct error *err)
{
    FD_AUTO fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_system(err, errno, "cannot read %s", name);
    return fd_read_to_end(fd, out, err);
}

int control_group_statistics(const char *id, struct buf *out, struct error *err)
{
    static const char *const files[] = {"cpu.stat",    "memory.current", "memory.max",
                                        "memory.stat", "pids.current",   "io.stat"};
    FD_AUTO group = control_group_open(id, err);
    if (group < 0)
        return -1;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        BUF_AUTO text = BUF_WITH_LIMIT(FILE_MAX);
        if (read_at(group, files[i], &text, err) < 0 ||
            buf_printf(out, err, "%s\"%s\":", i ? "," : "", files[i]) < 0 ||
            json_append_string(out, buf_span(&text), err) < 0)
            return -1;
    }
    return 0;
}

/* The word of this place in a line; "" behind its end. */
static const char *word_at(const char *line, size_t place)
{
    for (; place > 0 && line; place--) {
        line = strchr(line, ' ');
        line += line != NULL;
    }
    return line ? line : "";
}

/* proc_pid_stat(5): the number, the name in brackets, which is the process's own choice and may
 * hold brackets and blanks; from the last bracket on the 1st word is the state, the 12th and 13th
 * are ticks of the clock, the 22nd pages. One that has ended meanwhile is left out. */
static int append_process(const char *pid, struct buf *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(FILE_MAX);
    char path[64], name[32];
    struct stat status;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    if (stat(path, &status) < 0 || read_at(AT_FDCWD, path, &text, NULL) < 0)
        return 0;
    const char *from = strchr(buf_text(&text), '(');
    const char *rest = strrchr(buf_text(&text), ')');
    for (; from && from + 1 + size < rest && size < sizeof name - 1; size++) {
        char each = from[1 + size];
        name[size] = each >= ' ' && each <= '~' && each != '"' && each != '\\' ? each : '?';
    }
    name[size] = '\0';
    return buf_printf(out, err,
                      "%s{\"pid\":%.20s,\"user\":%u,\"state\":\"%.1s\",\"ticks\":%llu,"
                      "\"pages\":%llu,\"name\":\"%s\"}",
                      out->data[out->size - 1] == '[' ? "" : ",", pid, status.st_uid,
                      word_at(rest, 1),
                      strtoull(word_at(rest, 12), NULL, 10) + strtoull(word_at(rest, 13), NULL, 10),
                      strtoull(word_at(rest, 22), NULL, 10), name);
}

int control_group_processes(const char *id, struct buf *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(CHANNEL_PAYLOAD_MAX);
    FD_AUTO group = control_group_open(id, err);
    if (group < 0 || read_at(group, "cgroup.procs", &text, err) < 0 ||
        buf_append_text(out, "[", err) < 0)
        return -1;
    char *rest = (char *)text.data;
    for (char *pid; rest && (pid = strsep(&rest, "\n")) && *pid && out->size < LIST_SIZE_MAX;) {
        if (append_process(pid, out, err) < 0)
            return -1;
    }
    return buf_append_text(out, "]", err);
}
