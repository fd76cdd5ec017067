/* One end of the channel, fed by a hostile peer: the first byte says how the bytes are cut. */
#include "fuzz.h"

#include "format/channel.h"

#define RECEIVED_STREAM 3
#define SENT_STREAM     4

static int on_control(void *argument, struct span message, struct error *err)
{
    return channel_send_control(argument, message.size ? message : span_of("{}", 2), err);
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    fuzz_require(stream == RECEIVED_STREAM && bytes.size > 0);
    return channel_grant(argument, stream, bytes.size, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    (void)err;
    fuzz_require(stream == RECEIVED_STREAM);
    channel_forget(argument, stream);
    return 0;
}

static const struct channel_handler handler = {on_control, on_data, on_closed, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel channel;
    channel_init(&channel, &handler, &channel);
    fuzz_require(channel_open(&channel, RECEIVED_STREAM, CHANNEL_RECEIVE, NULL) == 0);
    fuzz_require(channel_open(&channel, SENT_STREAM, CHANNEL_SEND, NULL) == 0);
    size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
    for (size_t at = 1; at < size && !channel.dead; at += piece) {
        size_t here = size - at < piece ? size - at : piece;
        (void)channel_receive(&channel, span_of(data + at, here), NULL);
        fuzz_require(channel_sendable(&channel, SENT_STREAM) <= CHANNEL_PAYLOAD_MAX);
    }
    channel_fini(&channel);
    return 0;
}
