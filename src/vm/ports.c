#include "vm/ports.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

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
