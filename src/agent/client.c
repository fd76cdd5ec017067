#include "agent/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/tls_client.h"
#include "format/json.h"

#define HTTPS_PORT 443
#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

int client_read_url(const char *url, char name[CLIENT_NAME_MAX + 1], unsigned int *port,
                    struct error *err)
{
    static const char scheme[] = "https://";
    const char *host = text_starts_with(url, scheme) ? url + sizeof scheme - 1 : "";
    size_t size = strspn(host, NAME_BYTES);
    char digits[8] = "";
    uint64_t number = HTTPS_PORT;
    const char *rest = host + size;
    if (*rest == ':') {
        size_t count = strspn(rest + 1, "0123456789");
        if (count == 0 || count > 5)
            size = 0;
        else
            memcpy(digits, rest + 1, count);
        rest += 1 + count;
    }
    if (size == 0 || size > CLIENT_NAME_MAX || strcmp(*rest == '/' ? rest + 1 : rest, "") != 0 ||
        (*digits && (!text_to_u64(digits, 65535, &number) || number == 0)))
        return error_set(err, ERROR_INVALID, "\"%.80s\" is not https://NAME or https://NAME:PORT",
                         url);
    memcpy(name, host, size);
    name[size] = '\0';
    *port = (unsigned int)number;
    return 0;
}

int client_init(struct client *client, const struct agent_service *service, int64_t timeout_ms,
                struct error *err)
{
    *client = (struct client){.service = service,
                              .fd = -1,
                              .input = BUF_WITH_LIMIT(CLIENT_HEAD_MAX + CLIENT_BODY_MAX),
                              .deadline = tls_now() + timeout_ms};
    return client_read_url(service->url, client->name, &client->port, err);
}

static void disconnect(struct client *client)
{
    tls_client_close(client->tls);
    client->tls = NULL;
    if (client->fd >= 0)
        (void)close(client->fd);
    client->fd = -1;
    buf_truncate(&client->input, 0);
}

void client_fini(struct client *client)
{
    disconnect(client);
    buf_fini_secret(&client->input);
}

void client_answer_init(struct client_answer *answer)
{
    *answer = (struct client_answer){.body = BUF_WITH_LIMIT(CLIENT_BODY_MAX)};
}

void client_answer_fini(struct client_answer *answer)
{
    buf_fini_secret(&answer->body);
}

/* --- the connection --------------------------------------------------------------------------- */

static int connect_socket(struct client *client, struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)client->port)};
    socklen_t size = sizeof(int);
    int failure = 0;
    if (inet_pton(AF_INET, client->service->address, &address.sin_addr) != 1)
        return error_set(err, ERROR_UNAVAILABLE, "the host has told no address for it");
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return error_system(err, errno, "cannot make a socket");
    if (connect(client->fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return error_system(err, errno, "cannot connect");
    if (tls_wait(client->fd, POLLOUT, client->deadline, err) < 0)
        return -1;
    (void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    return failure ? error_system(err, failure, "cannot connect") : 0;
}

static int connect_to(struct client *client, struct error *err)
{
    if (client->tls)
        return 0;
    if (connect_socket(client, err) == 0)
        client->tls = tls_client_open(client->fd, client->name,
                                      span_of_text(client->service->roots), client->deadline, err);
    if (client->tls)
        return 0;
    disconnect(client);
    return -1;
}

/* --- a question ------------------------------------------------------------------------------- */

static int send_question(struct client *client, const struct client_question *question,
                         struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf text = BUF_WITH_LIMIT(CLIENT_BODY_MAX);
    if (buf_printf(&text, err,
                   "%s %s HTTP/1.1\r\nHost: %s:%u\r\nAccept: application/json\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
                   question->method, question->target, client->name, client->port,
                   question->body.size, question->header) < 0 ||
        buf_append(&text, question->body, err) < 0)
        return -1;
    return tls_client_write(client->tls, buf_span(&text), client->deadline, err);
}

/* More of what the service says. */
static int read_more(struct client *client, struct error *err)
{
    uint8_t bytes[4096];
    size_t got;
    if (tls_client_read(client->tls, bytes, sizeof bytes, &got, client->deadline, err) < 0)
        return -1;
    if (got == 0)
        return error_set(err, ERROR_UNAVAILABLE, "the answer was cut short");
    return buf_append(&client->input, span_of(bytes, got), err);
}

static int read_head(struct client *client, size_t *size, struct error *err)
{
    size_t scanned = 0;
    while (!http_head_is_whole(buf_span(&client->input), &scanned, size)) {
        if (client->input.size > CLIENT_HEAD_MAX)
            return error_set(err, ERROR_LIMIT, "the answer's head has more than %d bytes",
                             CLIENT_HEAD_MAX);
        if (read_more(client, err) < 0)
            return -1;
    }
    return 0;
}

static void take_cookie(const struct http_request *head, struct client_answer *answer)
{
    const struct span *cookie = http_header_find(head, "Set-Cookie");
    size_t size = 0;
    answer->cookie[0] = '\0';
    while (cookie && size < cookie->size && cookie->data[size] > ' ' && cookie->data[size] < 0x7f &&
           !strchr(";,\"\\", cookie->data[size]))
        size++;
    if (size > CLIENT_COOKIE_MAX)
        return;
    if (cookie)
        memcpy(answer->cookie, cookie->data, size);
    answer->cookie[size] = '\0';
}

static int read_chunks(struct client *client, struct buf *body, struct error *err)
{
    struct http_chunks chunks = {0};
    enum http_status ignored;
    while (!chunks.is_done) {
        size_t used;
        if (client->input.size == 0 && read_more(client, err) < 0)
            return -1;
        if (http_chunks_take(&chunks, buf_span(&client->input), &used, body, &ignored, err) < 0)
            return -1;
        buf_consume(&client->input, used);
    }
    return 0;
}

static int read_body(struct client *client, const struct http_request *head, struct buf *body,
                     struct error *err)
{
    if (head->chunked)
        return read_chunks(client, body, err);
    if (head->content_length > CLIENT_BODY_MAX)
        return error_set(err, ERROR_LIMIT, "an answer of more than %zu bytes", CLIENT_BODY_MAX);
    while (client->input.size < head->content_length) {
        if (read_more(client, err) < 0)
            return -1;
    }
    if (buf_append(body, span_of(client->input.data, head->content_length), err) < 0)
        return -1;
    buf_consume(&client->input, head->content_length);
    return 0;
}

static int read_answer(struct client *client, struct client_answer *answer, struct error *err)
{
    struct http_request head;
    size_t size;
    if (read_head(client, &size, err) < 0 ||
        http_answer_read(span_of(client->input.data, size), &answer->code, &head, err) < 0)
        return -1;
    take_cookie(&head, answer);
    const bool chunked = head.chunked, keep_alive = head.keep_alive;
    buf_consume(&client->input, size); /* the head's spans end here */
    if (read_body(client,
                  &(struct http_request){.chunked = chunked, .content_length = head.content_length},
                  &answer->body, err) < 0)
        return -1;
    if (!keep_alive)
        disconnect(client);
    return 0;
}

int client_ask(struct client *client, const struct client_question *question,
               struct client_answer *answer, struct error *err)
{
    buf_truncate(&answer->body, 0);
    if (connect_to(client, err) == 0 && send_question(client, question, err) == 0 &&
        read_answer(client, answer, err) == 0)
        return 0;
    disconnect(client);
    return error_context(err, "%s", client->service->url);
}

/* --- refusals --------------------------------------------------------------------------------- */

/* Whatever a service says is shown to people, and to a host. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~')
            *text = '?';
    }
}

int client_refusal(const struct client_answer *answer, struct error *err)
{
    static const struct json_limits limits = {.size = CLIENT_BODY_MAX, .depth = 8};
    char reason[512] = "";
    json_auto_t *object = json_parse_object(buf_span(&answer->body), &limits, NULL);
    const json_t *error = object ? json_object_get(object, "error") : NULL;
    const json_t *text = object ? json_object_get(object, "detail") : NULL;
    text = text ? text : json_object_get(error, "message");
    if (json_is_string(text))
        (void)snprintf(reason, sizeof reason, ": %s", json_string_value(text));
    make_printable(reason);
    return error_set(err, ERROR_REFUSED, "the service refuses with %u%s", answer->code, reason);
}
