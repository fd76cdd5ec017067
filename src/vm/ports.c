#include "vm/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "os/fd.h"

static int refuse(const char *text, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID,
                     "\"%.80s\" is no published port: %s; write [IP:]HOST:GUEST", text, why);
}

static bool parse_port(const char *text, uint16_t *out)
{
    uint64_t port;
    if (!text_to_u64(text, UINT16_MAX, &port) || port == 0)
        return false;
    *out = (uint16_t)port;
    return true;
}

/* Cuts the text at its last colon; NULL when it has none. */
static char *cut_last(char *text)
{
    char *colon = strrchr(text, ':');
    if (!colon)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

static int take_protocol(char *text, const char *whole, struct port_rule *out, struct error *err)
{
    char *slash = strchr(text, '/');
    if (!slash)
        return 0;
    *slash = '\0';
    out->udp = strcmp(slash + 1, "udp") == 0;
    if (!out->udp && strcmp(slash + 1, "tcp") != 0)
        return refuse(whole, "the protocol is neither tcp nor udp", err);
    return 0;
}

int port_rule_parse(const char *text, struct port_rule *out, struct error *err)
{
    char copy[PORT_RULE_TEXT];
    *out = (struct port_rule){.address = "0.0.0.0"};
    if (!text_copy(copy, sizeof copy, text))
        return refuse(text, "it is too long", err);
    if (take_protocol(copy, text, out, err) < 0)
        return -1;
    const char *guest = cut_last(copy);
    if (!guest)
        return refuse(text, "it names one port only", err);
    const char *host = cut_last(copy);
    if (!parse_port(guest, &out->guest) || !parse_port(host ? host : copy, &out->host))
        return refuse(text, "a port is a number from 1 to 65535", err);
    if (!host)
        return 0;
    if (strchr(copy, ':'))
        return refuse(text, "a machine's network is IPv4 alone", err);
    if (inet_pton(AF_INET, copy, &(struct in_addr){0}) != 1)
        return refuse(text, "the address is no IP address", err);
    (void)text_copy(out->address, sizeof out->address, copy);
    return 0;
}

void port_rule_text(const struct port_rule *rule, char out[PORT_RULE_TEXT])
{
    (void)snprintf(out, PORT_RULE_TEXT, "%s:%u:%u/%s", rule->address, rule->host, rule->guest,
                   rule->udp ? "udp" : "tcp");
}

/* As passt does. */
static int try_to_listen(const struct port_rule *rule)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(rule->host)};
    FD_AUTO fd = socket(AF_INET, (rule->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || inet_pton(AF_INET, rule->address, &address.sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return rule->udp ? 0 : listen(fd, 1);
}

int port_rule_check_free(const struct port_rule *rule, struct error *err)
{
    char text[PORT_RULE_TEXT];
    if (try_to_listen(rule) == 0)
        return 0;
    port_rule_text(rule, text);
    switch (errno) {
    case EADDRINUSE:
        return error_set(err, ERROR_UNAVAILABLE, "cannot publish %s: port %u is in use here", text,
                         rule->host);
    case EADDRNOTAVAIL:
        return error_set(err, ERROR_UNAVAILABLE, "cannot publish %s: %s is no address of this host",
                         text, rule->address);
    case EACCES:
        return error_set(
            err, ERROR_UNAVAILABLE,
            "cannot publish %s: this user may not listen on port %u; take one from 1024 "
            "on, or lower net.ipv4.ip_unprivileged_port_start",
            text, rule->host);
    default:
        return error_system(err, errno, "cannot publish %s", text);
    }
}
