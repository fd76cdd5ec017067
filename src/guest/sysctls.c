#include "guest/sysctls.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static bool is_allowed(const char *name)
{
    size_t i = 0;
    while (allowed[i] && strcmp(allowed[i], name) != 0)
        i++;
    return allowed[i];
}

int sysctls_parse(const struct value *object, struct sysctls *out, struct error *err)
{
    *out = (struct sysctls){0};
    static_assert(sizeof allowed / sizeof allowed[0] <= SYSCTLS_MAX + 1, "all of them have room");
    if (object->kind != VALUE_OBJECT)
        return error_set(err, ERROR_INVALID, "expected an object, found %s", value_kind(object));
    for (const struct value *each = object->first; each; each = each->next) {
        if (!is_allowed(each->key))
            return error_set(err, ERROR_INVALID,
                             "not a container's to set: key \"%.64s\" is unknown", each->key);
        if (each->kind != VALUE_TEXT)
            return error_set(err, ERROR_INVALID, "%s: expected a string, found %s", each->key,
                             value_kind(each));
        if (!*each->text || strlen(each->text) > VALUE_MAX ||
            each->text[strspn(each->text, "0123456789 \t,-")])
            return error_set(err, ERROR_INVALID, "%s: \"%.64s\" is no number or numbers", each->key,
                             each->text);
        out->names[out->count] = each->key;
        out->values[out->count++] = each->text;
    }
    return 0;
}

int sysctls_set(const struct sysctls *sysctls, struct error *err)
{
    for (size_t i = 0; i < sysctls->count; i++) {
        char path[128];
        size_t size = strlen(sysctls->values[i]);
        (void)snprintf(path, sizeof path, "/proc/sys/%s", sysctls->names[i]);
        for (char *dot = path; (dot = strchr(dot, '.'));)
            *dot = '/';
        FD_AUTO file = open(path, O_WRONLY | O_CLOEXEC);
        if (file < 0 || write(file, sysctls->values[i], size) != (ssize_t)size)
            return error_system(err, errno, "cannot set %s to \"%s\"", sysctls->names[i],
                                sysctls->values[i]);
    }
    return 0;
}
