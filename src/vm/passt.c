#include "vm/passt.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "os/fd.h"
#include "os/file.h"

#define ARGS_MAX      (56 + 2 * PORTS_MAX)
#define ROUTES        "/proc/net/route"
#define ROUTES_MAX    (1024 * 1024)
#define DEFAULT_ROUTE "00000000" /* its destination, in ROUTES */

/* "127.0.0.1/6379:6379", as -t and -u take it; every address is "0.0.0.0", which passt has no word
 * for. */
static void forward_text(const struct port_rule *rule, char out[PORT_RULE_TEXT])
{
    bool any = strcmp(rule->address, "0.0.0.0") == 0;
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

/* What passt is told, and the texts that its words point to. */
struct line {
    const char *argv[ARGS_MAX];
    size_t count;
    char fd[16];
    char user[32];
    char paths[2][32];
    char forwards[PORTS_MAX][PORT_RULE_TEXT];
};

static void add(struct line *line, const char *option, const char *value)
{
    line->argv[line->count++] = option;
    line->argv[line->count++] = value;
}

static void add_forwards(struct line *line, const struct passt_config *config)
{
    bool tcp = false;
    bool udp = false;
    for (size_t i = 0; i < config->port_count; i++) {
        forward_text(&config->ports[i], line->forwards[i]);
        add(line, config->ports[i].udp ? "-u" : "-t", line->forwards[i]);
        tcp = tcp || !config->ports[i].udp;
        udp = udp || config->ports[i].udp;
    }
    if (!tcp)
        add(line, "-t", "none");
    if (!udp)
        add(line, "-u", "none");
}

/* passt opens its ports first, and then turns into the user by itself. */
static void add_user(struct line *line, const struct process_user *user)
{
    if (!user)
        return;
    (void)snprintf(line->user, sizeof line->user, "%u:%u", user->uid, user->gid);
    add(line, "--runas", line->user);
}

/* Descriptors have no option, but paths. Nothing that listens inside is reached from there. */
static void add_namespaces(struct line *line, const struct namespaces *namespaces)
{
    (void)snprintf(line->paths[0], sizeof line->paths[0], "/proc/self/fd/%d", namespaces->user);
    (void)snprintf(line->paths[1], sizeof line->paths[1], "/proc/self/fd/%d", namespaces->network);
    add(line, "--userns", line->paths[0]);
    add(line, "--netns", line->paths[1]);
    add(line, "--ns-ifname", PASST_INTERFACE);
    add(line, "-T", "none");
    add(line, "-U", "none");
    line->argv[line->count++] = "--config-net";
}

/* Its end of the socket, or the namespaces. */
static void add_other_end(struct line *line, const struct passt_config *config)
{
    if (config->namespaces) {
        add_namespaces(line, config->namespaces);
        return;
    }
    (void)snprintf(line->fd, sizeof line->fd, "%d", config->fd);
    add(line, "--fd", line->fd);
}

static void add_all(struct line *line, const struct passt_config *config)
{
    static const char *const flags[] = {"--foreground", "--quiet", "--ipv4-only", "--no-dhcp"};
    line->argv[line->count++] = config->program;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        line->argv[line->count++] = flags[i];
    if (!config->maps_loopback)
        line->argv[line->count++] = "--no-map-gw";
    add_other_end(line, config);
    add(line, "--address", PASST_GUEST);
    add(line, "--netmask", "24");
    add(line, "--gateway", PASST_GATEWAY);
    add(line, "--dns-forward", PASST_NAME_SERVER);
    add(line, "--mac-addr", PASST_GATEWAY_MAC);
    if (passt_needs_loopback())
        add(line, "--interface", "lo");
    if (!config->namespaces)
        add_user(line, config->user);
    add_forwards(line, config);
}

int passt_announce(int fd, struct error *err)
{
    /* The frame's size, and an announcement of RFC 5227, 3. */
    static const uint8_t frame[] = {
        0,    0,    0,    42,                             /* size */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff,               /* to all */
        0x52, 0x54, 0,    0x12, 0x34, 0x56, 8,  6,        /* of the guest, ARP */
        0,    1,    8,    0,    6,    4,    0,  1,        /* Ethernet, IPv4, request */
        0x52, 0x54, 0,    0x12, 0x34, 0x56, 10, 0, 2, 15, /* the guest's */
        0,    0,    0,    0,    0,    0,    10, 0, 2, 15,
    };
    return fd_write_all(fd, span_of(frame, sizeof frame), err);
}

int passt_start(const struct passt_config *config, pid_t *pid, struct error *err)
{
    struct line line = {.count = 0};
    if (config->port_count > PORTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d published ports", PORTS_MAX);
    add_all(&line, config);
    const int *namespaces = config->namespaces ? (const int[]){config->namespaces->user,
                                                               config->namespaces->network}
                                               : NULL;
    struct process_spec spec = {
        .argv = line.argv,
        .standard = {-1, -1, 2},
        .keep = namespaces ? namespaces : &config->fd,
        .keep_count = namespaces ? 2 : 1,
        .die_with_parent = true,
        .user = namespaces ? config->user : NULL,
    };
    return process_start(&spec, pid, err);
}
