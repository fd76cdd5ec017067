#include "guest/sysctls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

#define VALUE_MAX 64

/* None of them says whom the machine trusts: no forwarding, routing, redirects or router's
 * advertisements are among those of the network. */
static const char *const allowed[] = {"fs.mqueue.msg_default",
                                      "fs.mqueue.msg_max",
                                      "fs.mqueue.msgsize_default",
                                      "fs.mqueue.msgsize_max",
                                      "fs.mqueue.queues_max",
                                      "kernel.msgmax",
                                      "kernel.msgmnb",
                                      "kernel.msgmni",
                                      "kernel.sem",
                                      "kernel.shm_rmid_forced",
                                      "kernel.shmall",
                                      "kernel.shmmax",
                                      "kernel.shmmni",
                                      "net.core.somaxconn",
                                      "net.ipv4.ip_local_port_range",
                                      "net.ipv4.ip_local_reserved_ports",
                                      "net.ipv4.ip_unprivileged_port_start",
                                      "net.ipv4.ping_group_range",
                                      "net.ipv4.tcp_fin_timeout",
                                      "net.ipv4.tcp_keepalive_intvl",
                                      "net.ipv4.tcp_keepalive_probes",
                                      "net.ipv4.tcp_keepalive_time",
                                      "net.ipv4.tcp_rmem",
                                      "net.ipv4.tcp_syncookies",
                                      "net.ipv4.tcp_wmem",
                                      NULL};

int sysctls_check(const char *word, struct error *err)
{
    const char *value = word + strcspn(word, "=");
    value += *value == '=';
    if (!allowed[text_find_name(allowed, word)])
        return error_set(err, ERROR_INVALID, "not a container's to set: sysctl \"%.64s\"", word);
    if (!*value || strlen(value) > VALUE_MAX || value[strspn(value, "0123456789 \t,-")])
        return error_set(err, ERROR_INVALID, "sysctl \"%.128s\" has no number or numbers", word);
    return 0;
}

int sysctls_set(struct policy_list words, struct error *err)
{
    for (size_t i = 0; i < words.count; i++) {
        char path[160];
        if (sysctls_check(words.items[i], err) < 0)
            return -1;
        (void)snprintf(path, sizeof path, "/proc/sys/%s", words.items[i]);
        char *value = strchr(path, '=');
        *value++ = '\0';
        for (char *dot = path; (dot = strchr(dot, '.'));)
            *dot = '/';
        FD_AUTO file = open(path, O_WRONLY | O_CLOEXEC);
        if (file < 0 || write(file, value, strlen(value)) != (ssize_t)strlen(value))
            return error_system(err, errno, "cannot set %s", words.items[i]);
    }
    return 0;
}
