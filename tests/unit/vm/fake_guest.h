/* What the programs share that stand in QEMU's place: the guest's end of the channel. */
#ifndef CAISSON_TESTS_FAKE_GUEST_H
#define CAISSON_TESTS_FAKE_GUEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "format/channel.h"

struct fake_guest {
    const char *name; /* how the program was called, without the folder */
    int fd;
    struct channel channel;
};

static inline void fake_must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "fake: %s\n", what);
    _exit(9);
}

static inline void fake_flush(struct fake_guest *guest)
{
    struct span out = channel_output(&guest->channel);
    while (out.size > 0) {
        ssize_t sent = send(guest->fd, out.data, out.size, MSG_NOSIGNAL);
        if (sent <= 0)
            _exit(0);
        channel_output_written(&guest->channel, (size_t)sent);
        out = channel_output(&guest->channel);
    }
}

static inline void fake_say(struct fake_guest *guest, const char *text)
{
    fake_must(channel_send_control(&guest->channel, span_of_text(text), NULL) == 0, "send");
    fake_flush(guest);
}

/* Bytes past the codec: what a guest may send that keeps to no rule. */
static inline void fake_say_raw(struct fake_guest *guest, const void *bytes, size_t size)
{
    fake_flush(guest);
    (void)send(guest->fd, bytes, size, MSG_NOSIGNAL);
}

static inline void fake_put32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static inline void fake_say_frame(struct fake_guest *guest, uint8_t type, uint32_t stream,
                                  const void *payload, uint32_t size, uint32_t claimed)
{
    uint8_t *frame = calloc(1, CHANNEL_HEADER_SIZE + size);
    fake_must(frame != NULL, "memory");
    fake_put32(frame, claimed);
    frame[4] = type;
    fake_put32(frame + 8, stream);
    memcpy(frame + CHANNEL_HEADER_SIZE, payload, size);
    fake_say_raw(guest, frame, CHANNEL_HEADER_SIZE + size);
    free(frame);
}

static inline int fake_find_channel(char *argv[])
{
    static const char prefix[] = "socket,id=channel,fd=";
    for (; *argv; argv++) {
        if (text_starts_with(*argv, prefix))
            return (int)strtol(*argv + sizeof prefix - 1, NULL, 10);
    }
    fake_must(false, "no channel");
    return -1;
}

#endif
