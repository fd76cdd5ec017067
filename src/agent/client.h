/*
 * HTTP/1.1 over TLS to one service, as the agent asks it: one question at a time over one
 * connection, all of it bounded in size, and in time by the deadline of the whole.
 */
#ifndef CAISSON_AGENT_CLIENT_H
#define CAISSON_AGENT_CLIENT_H

#include "agent/link.h"
#include "format/http.h"

#define CLIENT_HEAD_MAX   16384
#define CLIENT_BODY_MAX   ((size_t)256 << 10)
#define CLIENT_NAME_MAX   253 /* of a host */
#define CLIENT_COOKIE_MAX 255

struct tls_client;

struct client {
    const struct agent_service *service;
    char name[CLIENT_NAME_MAX + 1];
    unsigned int port;
    int fd;
    struct tls_client *tls; /* NULL while there is no connection */
    struct buf input;       /* came, and is no answer's yet */
    int64_t deadline;       /* of everything that is asked, tls_now() */
};

struct client_answer {
    unsigned int code;
    struct buf body;                    /* its secrets are wiped */
    char cookie[CLIENT_COOKIE_MAX + 1]; /* NAME=VALUE of the first one that was set; "" for none */
};

/* Takes a URL apart: https://NAME or https://NAME:PORT, a slash behind it or not. */
int client_read_url(const char *url, char name[CLIENT_NAME_MAX + 1], unsigned int *port,
                    struct error *err);

/* Connects to nobody yet. `timeout_ms` is for all that is asked of it. */
int client_init(struct client *client, const struct agent_service *service, int64_t timeout_ms,
                struct error *err);
void client_fini(struct client *client);
#define CLIENT_AUTO __attribute__((cleanup(client_fini))) struct client

void client_answer_init(struct client_answer *answer);
void client_answer_fini(struct client_answer *answer);
#define CLIENT_ANSWER_AUTO __attribute__((cleanup(client_answer_fini))) struct client_answer

/* What is asked. `header` is a whole line with its end, or "". */
struct client_question {
    const char *method;
    const char *target;
    const char *header;
    struct span body; /* JSON; a POST's */
};

/* Asks, and takes the answer whatever its code is. `answer` is initialised and gets a new content.
 * ERROR_UNAVAILABLE, ERROR_REFUSED (a server that is not believed), ERROR_INVALID, ERROR_LIMIT. */
int client_ask(struct client *client, const struct client_question *question,
               struct client_answer *answer, struct error *err);

/* Sets the error to what a service's refusal says, in printable characters. Always -1. */
int client_refusal(const struct client_answer *answer, struct error *err);

#endif
