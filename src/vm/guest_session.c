#include "vm/guest_session.h"

#include <stdlib.h>

#include "base/text.h"
#include "format/json.h"

#define ID_SIZE_MAX    32 /* what "id" adds to a message */
#define REQUEST_ID_MAX ((1ULL << 53) - 1)

struct request {
    uint64_t id;
    json_t *message;
    session_answer *answer;
    void *argument;
    uint32_t stream; /* carries these bytes, which must outlive the session; 0 for none */
    struct span bytes;
    bool sent;
    struct request *next;
};

struct guest_session {
    struct link link;
    const struct session_handler *handler;
    void *argument;
    char tee[32];
    bool greeted;
    uint64_t next_id;
    struct request *first; /* in the order of the requests; those sent come first */
    size_t sent_count;
    size_t waiting_count;
    struct span upload; /* what is still to be sent on this stream */
    uint32_t upload_stream;
};

static void free_request(struct request *request)
{
    json_decref(request->message);
    free(request);
}

static int send_json(struct guest_session *session, const json_t *message, struct error *err)
{
    char *text = json_dumps(message, JSON_COMPACT);
    if (!text)
        return error_memory(err);
    int status = channel_send_control(&session->link.channel, span_of_text(text), err);
    free(text);
    return status;
}

/* Sends what is left of an upload, as far as the guest takes it, and closes the stream. */
static int send_upload(struct guest_session *session, struct error *err)
{
    struct channel *channel = &session->link.channel;
    uint32_t stream = session->upload_stream;
    while (session->upload.size > 0) {
        size_t size = channel_sendable(channel, stream);
        if (size == 0)
            return 0;
        if (size > session->upload.size)
            size = session->upload.size;
        if (channel_send(channel, stream, span_of(session->upload.data, size), err) < 0)
            return -1;
        session->upload = span_of(session->upload.data + size, session->upload.size - size);
    }
    session->upload_stream = 0;
    return channel_close(channel, stream, err);
}

static int send_request(struct guest_session *session, struct request *request, struct error *err)
{
    if (send_json(session, request->message, err) < 0)
        return -1;
    request->sent = true;
    session->sent_count++;
    session->waiting_count--;
    if (!request->stream)
        return 0;
    session->upload_stream = request->stream;
    session->upload = request->bytes;
    return send_upload(session, err);
}

/* Sends what waits, as far as the protocol allows. What follows an upload waits for its last
 * byte: before it the guest would answer that it has no policy, or is reading a fragment. */
static int send_waiting(struct guest_session *session, struct error *err)
{
    for (struct request *each = session->first; each; each = each->next) {
        if (each->sent)
            continue;
        if (!session->greeted || session->upload_stream ||
            session->sent_count >= SESSION_OUTSTANDING_MAX)
            return 0;
        if (send_request(session, each, err) < 0)
            return -1;
    }
    return 0;
}

static int on_hello(struct guest_session *session, const json_t *message, struct error *err)
{
    static const char *const keys[] = {"event", "protocol", "version", "tee", NULL};
    const char *version;
    const char *tee;
    uint64_t protocol;
    if (json_check_keys(message, keys, err) < 0 ||
        json_get_u64(message, "protocol", UINT32_MAX, &protocol, err) < 0 ||
        json_get_text(message, "version", &version, err) < 0 ||
        json_get_text(message, "tee", &tee, err) < 0)
        return error_context(err, "the guest's hello");
    if (session->greeted || protocol != CHANNEL_PROTOCOL)
        return error_set(err, ERROR_PROTOCOL,
                         "the guest speaks protocol %u, or greets twice; this program speaks %d",
                         (unsigned int)protocol, CHANNEL_PROTOCOL);
    if (strcmp(tee, session->tee) != 0)
        return error_set(err, ERROR_REFUSED, "the guest says that it runs in \"%.32s\", not \"%s\"",
                         tee, session->tee);
    session->greeted = true;
    if (send_waiting(session, err) < 0)
        return -1;
    session->handler->hello(session->argument);
    return 0;
}

static int on_exited(struct guest_session *session, const json_t *message, struct error *err)
{
    static const char *const keys[] = {"event", "id", "process", "code", "signal", NULL};
    const char *id;
    uint64_t process;
    uint64_t code;
    uint64_t signal;
    if (json_check_keys(message, keys, err) < 0 || json_get_text(message, "id", &id, err) < 0 ||
        json_get_u64(message, "process", REQUEST_ID_MAX, &process, err) < 0 ||
        json_get_u64(message, "code", 255, &code, err) < 0 ||
        json_get_u64(message, "signal", 64, &signal, err) < 0)
        return error_context(err, "the guest's event");
    struct session_exit exit = {id, process, (unsigned int)code, (unsigned int)signal};
    session->handler->exited(session->argument, &exit);
    return 0;
}

/* The reason alone: a decision's begins with its point. */
static const char *without_point(const char *reason, const char *point)
{
    size_t len = strlen(point);
    return strncmp(reason, point, len) == 0 && strncmp(reason + len, ": ", 2) == 0
               ? reason + len + 2
               : reason;
}

/* Turns the guest's refusal into an error: "denied by mount_device: …". */
static int read_refusal(const json_t *message, struct error *refusal, struct error *err)
{
    const json_t *error = json_object_get(message, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *point = json_string_value(json_object_get(error, "point"));
    const char *reason = json_string_value(json_object_get(error, "reason"));
    if (!code || !reason)
        return error_set(err, ERROR_PROTOCOL, "the guest refused without code or reason");
    if (!point)
        point = "policy";
    if (strcmp(code, "denied") == 0)
        (void)error_set(refusal, ERROR_REFUSED, "denied by %.64s: %.800s", point,
                        without_point(reason, point));
    else
        (void)error_set(refusal, strcmp(code, "failed") == 0 ? ERROR_UNAVAILABLE : ERROR_REFUSED,
                        "%.32s: %.800s", code, reason);
    return 0;
}

static struct request *take_request(struct guest_session *session, json_int_t id)
{
    for (struct request **at = &session->first; *at; at = &(*at)->next) {
        struct request *each = *at;
        if (!each->sent || id <= 0 || each->id != (uint64_t)id)
            continue;
        *at = each->next;
        session->sent_count--;
        return each;
    }
    return NULL;
}

static int on_answer(struct guest_session *session, const json_t *message, struct error *err)
{
    const json_t *ok = json_object_get(message, "ok");
    const json_t *result = json_object_get(message, "result");
    struct error refusal = {0};
    if (!json_is_boolean(ok) || (json_is_true(ok) && !json_is_object(result)))
        return error_set(err, ERROR_PROTOCOL, "an answer of the guest without ok or result");
    if (json_is_false(ok) && read_refusal(message, &refusal, err) < 0)
        return -1;
    struct request *request = take_request(session,
                                           json_integer_value(json_object_get(message, "id")));
    if (!request)
        return error_set(err, ERROR_PROTOCOL, "the guest answers what was not asked");
    if (request->answer)
        request->answer(request->argument, json_is_true(ok) ? result : NULL,
                        json_is_true(ok) ? NULL : &refusal);
    free_request(request);
    return send_waiting(session, err);
}

static int on_control(void *argument, struct span text, struct error *err)
{
    struct guest_session *session = argument;
    static const struct json_limits limits = {CHANNEL_PAYLOAD_MAX, 8};
    json_auto_t *message = json_parse_object(text, &limits, err);
    if (!message)
        return error_context(err, "the guest's message");
    const char *event = json_string_value(json_object_get(message, "event"));
    if (!event)
        return on_answer(session, message, err);
    if (strcmp(event, "hello") == 0)
        return on_hello(session, message, err);
    if (strcmp(event, "exited") == 0)
        return on_exited(session, message, err);
    return error_set(err, ERROR_PROTOCOL, "the guest's event \"%.32s\" is not known", event);
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct guest_session *session = argument;
    (void)err;
    session->handler->output(session->argument, stream, bytes);
    return 0;
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct guest_session *session = argument;
    (void)err;
    session->handler->output_closed(session->argument, stream);
    channel_forget(&session->link.channel, stream); /* its number may be used again */
    return 0;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct guest_session *session = argument;
    if (stream == session->upload_stream) {
        /* What fails here fails for want of memory: the guest's silence then ends the start. */
        if (send_upload(session, NULL) == 0 && !session->upload_stream)
            (void)send_waiting(session, NULL);
    } else {
        session->handler->input_writable(session->argument, stream);
    }
}

static void on_ended(void *argument, const struct error *err)
{
    struct guest_session *session = argument;
    session->handler->ended(session->argument, err);
}

static const struct channel_handler channel_functions = {on_control, on_data, on_closed,
                                                         on_writable};

struct guest_session *session_open(struct event_base *base, int fd, const char *tee,
                                   const struct session_handler *handler, void *argument,
                                   struct error *err)
{
    struct guest_session *session = calloc(1, sizeof *session);
    if (!session || !text_copy(session->tee, sizeof session->tee, tee)) {
        free(session);
        (void)error_memory(err);
        return NULL;
    }
    session->handler = handler;
    session->argument = argument;
    session->next_id = 1;
    if (link_open(&session->link, base, fd, &channel_functions, on_ended, session, err) < 0) {
        free(session);
        return NULL;
    }
    return session;
}

void session_close(struct guest_session *session)
{
    if (!session)
        return;
    while (session->first) {
        struct request *request = session->first;
        session->first = request->next;
        free_request(request);
    }
    link_close(&session->link);
    free(session);
}

/* What does not fit into one frame is refused before it is queued: behind it nothing could go on.
 */
static int check_size(const json_t *message, struct error *err)
{
    size_t size = json_dumpb(message, NULL, 0, JSON_COMPACT);
    if (size == 0)
        return error_memory(err);
    if (size > CHANNEL_PAYLOAD_MAX - ID_SIZE_MAX)
        return error_set(
            err, ERROR_LIMIT,
            "a request of %zu bytes to the guest; arguments and variables together may "
            "take %d",
            size, CHANNEL_PAYLOAD_MAX - ID_SIZE_MAX);
    return 0;
}

/* A request that could not be sent is nobody's any more: an answer to it is a breach. */
static void forget_request(struct guest_session *session, struct request *request)
{
    for (struct request **at = &session->first; *at; at = &(*at)->next) {
        if (*at != request)
            continue;
        *at = request->next;
        if (request->sent)
            session->sent_count--;
        else
            session->waiting_count--;
        free_request(request);
        return;
    }
}

/* Queues a request behind the others; NULL with `err` when it cannot. */
static struct request *queue_request(struct guest_session *session, const char *op, json_t *args,
                                     struct error *err)
{
    json_auto_t *owned_args = args;
    if (session->waiting_count >= SESSION_QUEUE_MAX) {
        (void)error_set(err, ERROR_LIMIT, "too many requests wait for the guest");
        return NULL;
    }
    struct request *request = calloc(1, sizeof *request);
    if (request)
        request->id = session->next_id++; /* they are sent in the order in which they are queued */
    if (request && owned_args)
        request->message = json_pack("{s:I, s:s, s:O}", "id", (json_int_t)request->id, "op", op,
                                     "args", owned_args);
    if (!request || !request->message || check_size(request->message, err) < 0) {
        if (!request || !request->message)
            (void)error_memory(err);
        if (request)
            free_request(request);
        return NULL;
    }
    struct request **at = &session->first;
    while (*at)
        at = &(*at)->next;
    *at = request;
    session->waiting_count++;
    return request;
}

int session_request(struct guest_session *session, const char *op, json_t *args,
                    session_answer *answer, void *argument, struct error *err)
{
    struct request *request = queue_request(session, op, args, err);
    if (!request)
        return -1;
    request->answer = answer;
    request->argument = argument;
    if (send_waiting(session, err) < 0) {
        forget_request(session, request);
        return -1;
    }
    link_flush(&session->link);
    return 0;
}

uint64_t session_last_id(const struct guest_session *session)
{
    return session->next_id - 1;
}

int session_upload(struct guest_session *session, const char *op, uint32_t stream,
                   struct span bytes, session_answer *answer, void *argument, struct error *err)
{
    if (channel_open(&session->link.channel, stream, CHANNEL_SEND, err) < 0)
        return -1;
    json_t *args = json_pack("{s:I, s:I}", "stream", (json_int_t)stream, "size",
                             (json_int_t)bytes.size);
    struct request *request = queue_request(session, op, args, err);
    if (!request)
        return -1;
    *request = (struct request){.id = request->id,
                                .message = request->message,
                                .answer = answer,
                                .argument = argument,
                                .stream = stream,
                                .bytes = bytes,
                                .next = request->next};
    if (send_waiting(session, err) < 0) {
        forget_request(session, request);
        return -1;
    }
    link_flush(&session->link);
    return 0;
}

int session_set_policy(struct guest_session *session, struct span policy, session_answer *answer,
                       void *argument, struct error *err)
{
    return session_upload(session, "set_policy", SESSION_POLICY, policy, answer, argument, err);
}

int session_open_streams(struct guest_session *session, bool with_stdin, bool with_stderr,
                         struct error *err)
{
    struct channel *channel = &session->link.channel;
    if ((with_stdin && channel_open(channel, SESSION_STDIN, CHANNEL_SEND, err) < 0) ||
        channel_open(channel, SESSION_STDOUT, CHANNEL_RECEIVE, err) < 0 ||
        (with_stderr && channel_open(channel, SESSION_STDERR, CHANNEL_RECEIVE, err) < 0))
        return -1;
    return 0;
}

int session_open_output(struct guest_session *session, uint32_t stream, struct error *err)
{
    return channel_open(&session->link.channel, stream, CHANNEL_RECEIVE, err);
}

int session_open_input(struct guest_session *session, uint32_t stream, struct error *err)
{
    return channel_open(&session->link.channel, stream, CHANNEL_SEND, err);
}

size_t session_sendable(const struct guest_session *session, uint32_t stream)
{
    return channel_sendable(&session->link.channel, stream);
}

int session_send(struct guest_session *session, uint32_t stream, struct span bytes,
                 struct error *err)
{
    if (channel_send(&session->link.channel, stream, bytes, err) < 0)
        return -1;
    link_flush(&session->link);
    return 0;
}

int session_end_input(struct guest_session *session, uint32_t stream, struct error *err)
{
    if (channel_close(&session->link.channel, stream, err) < 0)
        return -1;
    link_flush(&session->link);
    return 0;
}

void session_grant(struct guest_session *session, uint32_t stream, size_t size)
{
    /* A stream that has been closed, or a channel that has died, needs no credit. */
    (void)channel_grant(&session->link.channel, stream, size, NULL);
    link_flush(&session->link);
}
