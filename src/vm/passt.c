#include "vm/passt.h"

#include <stdio.h>
#include <string.h>

#include "os/process.h"

#define ARGS_MAX (40 + 2 * PORTS_MAX)

/* "127.0.0.1/6379:6379", as -t and -u take it; every address is "0.0.0.0", which passt has no word
 * for. */
static void forward_text(const struct port_rule *rule, char out[PORT_RULE_TEXT])
{
    bool any = strcmp(rule->address, "0.0.0.0") == 0 || strcmp(rule->address, "::") == 0;
    (void)snprintf(out, PORT_RULE_TEXT, "%s%s%u:%u", any ? "" : rule->address, any ? "" : "/",
                   rule->host, rule->guest);
}

int passt_start(const char *program, int fd, const struct port_rule *ports, size_t port_count,
                pid_t *pid, struct error *err)
{
    char fd_text[16];
    char forwards[PORTS_MAX][PORT_RULE_TEXT];
    (void)snprintf(fd_text, sizeof fd_text, "%d", fd);
    const char *argv[ARGS_MAX] = {
        program,     "--foreground", "--quiet",       "--ipv4-only",     "--fd",
        fd_text,     "--address",    PASST_GUEST,     "--netmask",       "24",
        "--gateway", PASST_GATEWAY,  "--dns-forward", PASST_NAME_SERVER, "--no-map-gw",
        "--no-dhcp",
    };
    size_t count = 16;
    bool tcp = false;
    bool udp = false;
    if (port_count > PORTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d published ports", PORTS_MAX);
    for (size_t i = 0; i < port_count; i++) {
        forward_text(&ports[i], forwards[i]);
        argv[count++] = ports[i].udp ? "-u" : "-t";
        argv[count++] = forwards[i];
        tcp = tcp || !ports[i].udp;
        udp = udp || ports[i].udp;
    }
    if (!tcp) {
        argv[count++] = "-t";
        argv[count++] = "none";
    }
    if (!udp) {
        argv[count++] = "-u";
        argv[count++] = "none";
    }
    struct process_spec spec = {
        .argv = argv,
        .standard = {-1, -1, 2},
        .keep = &fd,
        .keep_count = 1,
        .die_with_parent = true,
    };
    return process_start(&spec, pid, err);
}
