#include "vm/passt.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "os/file.h"
#include "os/process.h"

#define ARGS_MAX      (40 + 2 * PORTS_MAX)
#define ROUTES        "/proc/net/route"
#define ROUTES_MAX    (1024 * 1024)
#define FIXED_ARGS    18
#define DEFAULT_ROUTE "00000000" /* its destination, in ROUTES */

/* "127.0.0.1/6379:6379", as -t and -u take it; every address is "0.0.0.0", which passt has no word
 * for. */
static void forward_text(const struct port_rule *rule, char out[PORT_RULE_TEXT])
{
    bool any = strcmp(rule->address, "0.0.0.0") == 0 || strcmp(rule->address, "::") == 0;
    (void)snprintf(out, PORT_RULE_TEXT, "%s%s%u:%u", any ? "" : rule->address, any ? "" : "/",
                   rule->host, rule->guest);
}

/* Whether one of the lines "<interface> <destination> …" is a default route. */
static bool has_default_route(const char *routes)
{
    for (const char *line = strchr(routes, '\n'); line; line = strchr(line + 1, '\n')) {
        size_t interface = strcspn(line + 1, "\t\n");
        if (strncmp(line + 1 + interface, "\t" DEFAULT_ROUTE "\t", 10) == 0)
            return true;
    }
    return false;
}

bool passt_needs_loopback(void)
{
    BUF_AUTO routes = BUF_WITH_LIMIT(ROUTES_MAX);
    return file_read(ROUTES, &routes, NULL) == 0 && !has_default_route(buf_text(&routes));
}

int passt_start(const char *program, int fd, const struct port_rule *ports, size_t port_count,
                pid_t *pid, struct error *err)
{
    char fd_text[16];
    char forwards[PORTS_MAX][PORT_RULE_TEXT];
    (void)snprintf(fd_text, sizeof fd_text, "%d", fd);
    const char *argv[ARGS_MAX] = {
        program,     "--foreground", "--quiet",         "--ipv4-only",     "--fd",
        fd_text,     "--address",    PASST_GUEST,       "--netmask",       "24",
        "--gateway", PASST_GATEWAY,  "--dns-forward",   PASST_NAME_SERVER, "--no-map-gw",
        "--no-dhcp", "--mac-addr",   PASST_GATEWAY_MAC,
    };
    size_t count = FIXED_ARGS;
    bool tcp = false;
    bool udp = false;
    if (port_count > PORTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d published ports", PORTS_MAX);
    if (passt_needs_loopback()) {
        argv[count++] = "--interface";
        argv[count++] = "lo";
    }
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
