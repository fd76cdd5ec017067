/* Published ports: Docker's `-p [IP:]HOST:GUEST[/tcp|/udp]`, IPv4. */
#ifndef CAISSON_VM_PORTS_H
#define CAISSON_VM_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define PORTS_MAX      64
#define PORT_RULE_TEXT 96 /* bytes that port_rule_text() may write */

struct port_rule {
    char address[46]; /* where the host listens; "0.0.0.0" where none was given */
    uint16_t host;
    uint16_t guest;
    bool udp;
};

/* ERROR_INVALID says what is wrong with the text. */
int port_rule_parse(const char *text, struct port_rule *out, struct error *err);

/* "127.0.0.1:6379:6379/tcp". */
void port_rule_text(const struct port_rule *rule, char out[PORT_RULE_TEXT]);

/* Whether the host's port is free and this user's to listen on; the error tells why not. It is one
 * a moment ago: passt, who takes it, may still fail. */
int port_rule_check_free(const struct port_rule *rule, struct error *err);

#endif
