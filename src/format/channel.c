#include "format/channel.h"

#include "base/cursor.h"

enum frame_type { FRAME_CONTROL = 1, FRAME_DATA = 2, FRAME_CREDIT = 3, FRAME_CLOSE = 4 };

struct frame {
    uint8_t type;
    uint32_t stream;
    struct span payload;
};

#define FRAME_SIZE_MAX (CHANNEL_HEADER_SIZE + CHANNEL_PAYLOAD_MAX)

/* Every stream's window may wait for the transport, cut into frames of any size, and control
 * besides. */
#define OUTPUT_MAX                                                                                 \
    ((size_t)CHANNEL_STREAMS_MAX * CHANNEL_WINDOW * (1 + CHANNEL_HEADER_SIZE) + CHANNEL_CONTROL_MAX)

void channel_init(struct channel *channel, const struct channel_handler *handler, void *argument)
{
    *channel = (struct channel){.handler = handler, .argument = argument};
    buf_init(&channel->input, FRAME_SIZE_MAX);
    buf_init(&channel->output, OUTPUT_MAX);
}

void channel_fini(struct channel *channel)
{
    buf_fini(&channel->input);
    buf_fini(&channel->output);
    channel->dead = true;
}

/* Marks the channel dead; for `return die(channel)`. */
static int die(struct channel *channel)
{
    channel->dead = true;
    return -1;
}

static int refuse_dead(struct error *err)
{
    return error_set(err, ERROR_PROTOCOL, "the channel has ended");
}

static struct channel_stream *find(struct channel *channel, uint32_t id,
                                   enum channel_direction direction)
{
    for (size_t i = 0; id != 0 && i < CHANNEL_STREAMS_MAX; i++) {
        if (channel->streams[i].id == id && channel->streams[i].direction == direction)
            return &channel->streams[i];
    }
    return NULL;
}

static int put_frame(struct channel *channel, enum frame_type type, uint32_t stream,
                     struct span payload, struct error *err)
{
    struct buf *out = &channel->output;
    if (buf_reserve(out, CHANNEL_HEADER_SIZE + payload.size, err) < 0 ||
        buf_append_le32(out, (uint32_t)payload.size, err) < 0 ||
        buf_append_byte(out, (uint8_t)type, err) < 0 || buf_append_zero(out, 3, err) < 0 ||
        buf_append_le32(out, stream, err) < 0 || buf_append(out, payload, err) < 0)
        return error_context(err, "the channel's output queue");
    return 0;
}

static int handle_control(struct channel *channel, const struct frame *frame, struct error *err)
{
    if (frame->stream != 0)
        return error_set(err, ERROR_PROTOCOL, "a CONTROL frame on stream %u; it must be 0",
                         frame->stream);
    return channel->handler->control(channel->argument, frame->payload, err);
}

static int handle_data(struct channel *channel, const struct frame *frame, struct error *err)
{
    struct channel_stream *stream = find(channel, frame->stream, CHANNEL_RECEIVE);
    size_t size = frame->payload.size;
    if (!stream || stream->closed)
        return error_set(err, ERROR_PROTOCOL, "DATA on stream %u, which is not open",
                         frame->stream);
    if (size == 0 || size > stream->credit)
        return error_set(err, ERROR_PROTOCOL, "%zu bytes on stream %u, whose credit is %u", size,
                         frame->stream, stream->credit);
    stream->credit -= (uint32_t)size;
    stream->taken += (uint32_t)size;
    return channel->handler->data(channel->argument, frame->stream, frame->payload, err);
}

static int handle_credit(struct channel *channel, const struct frame *frame, struct error *err)
{
    struct cursor cursor = cursor_of(frame->payload);
    uint32_t more;
    (void)cursor_le32(&cursor, &more);
    if (!cursor_at_end(&cursor) || more == 0)
        return error_set(err, ERROR_PROTOCOL, "a CREDIT frame of %zu bytes, granting %u",
                         frame->payload.size, more);
    struct channel_stream *stream = find(channel, frame->stream, CHANNEL_SEND);
    /* The peer may grant what crossed our CLOSE on the way: the stream is gone, and so is the use.
     */
    if (!stream)
        return 0;
    if (more > CHANNEL_CREDIT_MAX - stream->credit)
        return error_set(err, ERROR_PROTOCOL, "credit of stream %u exceeds %u", frame->stream,
                         CHANNEL_CREDIT_MAX);
    stream->credit += more;
    if (channel->handler->writable)
        channel->handler->writable(channel->argument, frame->stream);
    return 0;
}

static int handle_close(struct channel *channel, const struct frame *frame, struct error *err)
{
    struct channel_stream *stream = find(channel, frame->stream, CHANNEL_RECEIVE);
    if (!stream || stream->closed)
        return error_set(err, ERROR_PROTOCOL, "CLOSE of stream %u, which is not open",
                         frame->stream);
    if (frame->payload.size != 0)
        return error_set(err, ERROR_PROTOCOL, "a CLOSE frame with %zu bytes", frame->payload.size);
    stream->closed = true;
    return channel->handler->closed(channel->argument, frame->stream, err);
}

static int handle(struct channel *channel, const struct frame *frame, struct error *err)
{
    static int (*const by_type[])(struct channel *, const struct frame *, struct error *) = {
        [FRAME_CONTROL] = handle_control,
        [FRAME_DATA] = handle_data,
        [FRAME_CREDIT] = handle_credit,
        [FRAME_CLOSE] = handle_close,
    };
    return by_type[frame->type](channel, frame, err);
}

/* Reads a frame's header. *size is the whole frame's; 0 when the header is not all there. */
static int parse_header(struct span bytes, struct frame *frame, size_t *size, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    uint32_t payload_size;
    uint8_t flags;
    uint16_t reserved;
    *size = 0;
    (void)cursor_le32(&cursor, &payload_size);
    (void)cursor_u8(&cursor, &frame->type);
    (void)cursor_u8(&cursor, &flags);
    (void)cursor_le16(&cursor, &reserved);
    if (!cursor_le32(&cursor, &frame->stream))
        return 0;
    if (payload_size > CHANNEL_PAYLOAD_MAX)
        return error_set(err, ERROR_PROTOCOL, "a frame of %u bytes; the limit is %u", payload_size,
                         CHANNEL_PAYLOAD_MAX);
    if (frame->type < FRAME_CONTROL || frame->type > FRAME_CLOSE || flags != 0 || reserved != 0)
        return error_set(err, ERROR_PROTOCOL, "a frame of type %u, flags %u, reserved %u",
                         frame->type, flags, reserved);
    *size = CHANNEL_HEADER_SIZE + payload_size;
    return 0;
}

/* How many bytes the frame that `input` begins still needs: its header's rest first. */
static int missing(const struct channel *channel, size_t *size, struct error *err)
{
    struct frame frame;
    size_t whole;
    if (parse_header(buf_span(&channel->input), &frame, &whole, err) < 0)
        return -1;
    *size = (whole ? whole : CHANNEL_HEADER_SIZE) - channel->input.size;
    return 0;
}

static int dispatch_whole(struct channel *channel, struct error *err)
{
    struct frame frame;
    size_t whole;
    if (parse_header(buf_span(&channel->input), &frame, &whole, err) < 0)
        return -1;
    frame.payload = span_of(channel->input.data + CHANNEL_HEADER_SIZE, whole - CHANNEL_HEADER_SIZE);
    if (handle(channel, &frame, err) < 0)
        return -1;
    buf_consume(&channel->input, channel->input.size);
    return 0;
}

int channel_receive(struct channel *channel, struct span bytes, struct error *err)
{
    if (channel->dead)
        return refuse_dead(err);
    for (;;) {
        size_t need;
        if (missing(channel, &need, err) < 0)
            return die(channel);
        if (need == 0) {
            if (dispatch_whole(channel, err) < 0)
                return die(channel);
            continue;
        }
        if (bytes.size == 0)
            return 0;
        size_t take = need < bytes.size ? need : bytes.size;
        if (buf_append(&channel->input, span_of(bytes.data, take), err) < 0)
            return die(channel);
        bytes.data += take;
        bytes.size -= take;
    }
}

struct span channel_output(const struct channel *channel)
{
    return buf_span(&channel->output);
}

void channel_output_written(struct channel *channel, size_t size)
{
    buf_consume(&channel->output, size);
}

int channel_send_control(struct channel *channel, struct span message, struct error *err)
{
    if (channel->dead)
        return refuse_dead(err);
    if (message.size == 0 || message.size > CHANNEL_PAYLOAD_MAX)
        return error_set(err, ERROR_LIMIT, "a control message of %zu bytes; the limit is %u",
                         message.size, CHANNEL_PAYLOAD_MAX);
    return put_frame(channel, FRAME_CONTROL, 0, message, err);
}

int channel_open(struct channel *channel, uint32_t stream, enum channel_direction direction,
                 struct error *err)
{
    if (stream == 0 || find(channel, stream, CHANNEL_SEND) ||
        find(channel, stream, CHANNEL_RECEIVE))
        return error_set(err, ERROR_INVALID, "stream %u is open already, or is 0", stream);
    for (size_t i = 0; i < CHANNEL_STREAMS_MAX; i++) {
        if (channel->streams[i].id != 0)
            continue;
        channel->streams[i] = (struct channel_stream){
            .id = stream, .direction = direction, .credit = CHANNEL_WINDOW};
        return 0;
    }
    return error_set(err, ERROR_LIMIT, "more than %d streams open at once", CHANNEL_STREAMS_MAX);
}

size_t channel_sendable(const struct channel *channel, uint32_t stream)
{
    for (size_t i = 0; stream != 0 && i < CHANNEL_STREAMS_MAX; i++) {
        const struct channel_stream *each = &channel->streams[i];
        if (each->id == stream && each->direction == CHANNEL_SEND)
            return each->credit < CHANNEL_PAYLOAD_MAX ? each->credit : CHANNEL_PAYLOAD_MAX;
    }
    return 0;
}

int channel_send(struct channel *channel, uint32_t stream, struct span bytes, struct error *err)
{
    if (channel->dead)
        return refuse_dead(err);
    if (bytes.size == 0)
        return 0;
    if (bytes.size > channel_sendable(channel, stream))
        return error_set(err, ERROR_LIMIT, "%zu bytes exceed what stream %u may carry now",
                         bytes.size, stream);
    if (put_frame(channel, FRAME_DATA, stream, bytes, err) < 0)
        return -1;
    find(channel, stream, CHANNEL_SEND)->credit -= (uint32_t)bytes.size;
    return 0;
}

int channel_close(struct channel *channel, uint32_t stream, struct error *err)
{
    struct channel_stream *each = find(channel, stream, CHANNEL_SEND);
    if (channel->dead)
        return refuse_dead(err);
    if (!each)
        return error_set(err, ERROR_INVALID, "stream %u is not open for sending", stream);
    if (put_frame(channel, FRAME_CLOSE, stream, span_of(NULL, 0), err) < 0)
        return -1;
    *each = (struct channel_stream){0};
    return 0;
}

int channel_grant(struct channel *channel, uint32_t stream, size_t size, struct error *err)
{
    struct channel_stream *each = find(channel, stream, CHANNEL_RECEIVE);
    if (channel->dead)
        return refuse_dead(err);
    if (!each || size > each->taken)
        return error_set(err, ERROR_INVALID, "%zu bytes granted to stream %u, which took fewer",
                         size, stream);
    if (size == 0 || each->closed)
        return 0;
    uint8_t more[4];
    for (size_t i = 0; i < sizeof more; i++)
        more[i] = (uint8_t)(size >> (8 * i));
    if (put_frame(channel, FRAME_CREDIT, stream, span_of(more, sizeof more), err) < 0)
        return -1;
    each->taken -= (uint32_t)size;
    each->credit += (uint32_t)size;
    return 0;
}

void channel_forget(struct channel *channel, uint32_t stream)
{
    struct channel_stream *each = find(channel, stream, CHANNEL_RECEIVE);
    if (each && each->closed)
        *each = (struct channel_stream){0};
}
