/* Standard streams that are in this enclave: pipes and terminals, and what carries them to and from
 * the channel. */
#include <errno.h>
#include <fcntl.h>

#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/terminal.h"
#include "enclave/libos/gate/gate_parts.h"
#include "enclave/libos/processes/process.h"

/* --- opening ---------------------------------------------------------------------------------- */

/* The process' end gets the lowest number; the other is the gate's. */
static int open_pipe(struct vfs *vfs, bool is_input, struct exec_stream *out)
{
    struct file *ends[2];
    int status = pipe_new(0, &ends[0], &ends[1]);
    if (status < 0)
        return status;
    status = file_table_add(&vfs->files, ends[is_input ? 0 : 1], 0, false);
    if (status < 0) {
        file_put(ends[0]);
        file_put(ends[1]);
        return status;
    }
    out->file = ends[is_input ? 1 : 0];
    out->seen = 0;
    return 0;
}

static int open_one(struct vfs *vfs, uint32_t stream, bool is_input, struct exec_stream *out)
{
    *out = (struct exec_stream){.stream = stream};
    return stream ? open_pipe(vfs, is_input, out)
                  : vfs_open(vfs, AT_FDCWD, "/dev/null", is_input ? O_RDONLY : O_WRONLY, 0, 0);
}

static int open_pipes(struct gate_streams *streams, struct vfs *vfs, const uint32_t standard[3])
{
    int status = open_one(vfs, standard[0], true, &streams->input);
    for (size_t i = 0; status >= 0 && i < 2; i++)
        status = open_one(vfs, standard[1 + i], false, &streams->outputs[i]);
    return status < 0 ? status : 0;
}

/* All three numbers are the slave; the gate reads and writes the master. */
static int open_terminal(struct gate_streams *streams, struct process *process,
                         const struct spec *spec, const uint32_t standard[3])
{
    struct file *slave;
    const struct terminal_start how = {spec->user->user.id, (uint16_t)spec->rows,
                                       (uint16_t)spec->columns};
    int status = terminal_new(process, &how, &streams->terminal, &slave);
    if (status < 0)
        return status;
    for (size_t i = 0; i < 3 && status >= 0; i++) {
        status = file_table_add(&process->vfs.files, file_get(slave), i, false);
        if (status < 0)
            file_put(slave);
    }
    file_put(slave);
    streams->outputs[0] = (struct exec_stream){standard[1], file_get(streams->terminal), 0};
    if (standard[0] != 0)
        streams->input = (struct exec_stream){standard[0], file_get(streams->terminal), 0};
    return status < 0 ? status : 0;
}

int gate_streams_open(struct gate_streams *streams, struct process *process,
                      const struct spec *spec, const uint32_t standard[3])
{
    *streams = (struct gate_streams){.pending = BUF_WITH_LIMIT(CHANNEL_WINDOW)};
    int status = spec->terminal ? open_terminal(streams, process, spec, standard)
                                : open_pipes(streams, &process->vfs, standard);
    if (status < 0)
        gate_streams_close(streams);
    return status;
}

static void close_one(struct exec_stream *stream)
{
    if (stream->file)
        file_put(stream->file);
    stream->file = NULL;
}

void gate_streams_close(struct gate_streams *streams)
{
    close_one(&streams->input);
    close_one(&streams->outputs[0]);
    close_one(&streams->outputs[1]);
    if (streams->terminal)
        file_put(streams->terminal);
    streams->terminal = NULL;
    buf_fini(&streams->pending);
}

/* --- looking ---------------------------------------------------------------------------------- */

static bool has_changed(const struct exec_stream *stream)
{
    return stream->file && stream->file->edges != stream->seen;
}

bool gate_streams_have_changed(const struct gate_streams *streams)
{
    return (streams->pending.size > 0 && has_changed(&streams->input)) ||
           has_changed(&streams->outputs[0]) || has_changed(&streams->outputs[1]);
}

/* --- carrying --------------------------------------------------------------------------------- */

/* The process reads no more: what is pending is dropped, and so is what comes. */
static int drop_input(struct gate_streams *streams, struct channel *channel, struct error *err)
{
    size_t size = streams->pending.size;
    close_one(&streams->input);
    buf_consume(&streams->pending, size);
    return size ? channel_grant(channel, streams->input.stream, size, err) : 0;
}

static int pump_input(struct gate_streams *streams, struct channel *channel, struct error *err)
{
    struct exec_stream *input = &streams->input;
    while (input->file && streams->pending.size > 0) {
        input->seen = input->file->edges;
        int64_t size = file_write(input->file, FILE_HERE, streams->pending.data,
                                  streams->pending.size);
        if (size == -EAGAIN)
            return 0;
        if (size < 0)
            return drop_input(streams, channel, err);
        buf_consume(&streams->pending, (size_t)size);
        if (channel_grant(channel, input->stream, (size_t)size, err) < 0)
            return -1;
    }
    if (streams->input_ended && streams->pending.size == 0 && input->stream != 0) {
        channel_forget(channel, input->stream);
        input->stream = 0;
        close_one(input);
    }
    return 0;
}

/* Without a stream what a terminal shows is dropped: a full one would block. */
static size_t room_for(const struct exec_stream *output, const struct channel *channel)
{
    if (!output->file)
        return 0;
    return output->stream ? channel_sendable(channel, output->stream) : CHANNEL_PAYLOAD_MAX;
}

/* One read, which takes all that a pipe holds, as far as the channel does. A terminal whose last
 * user is gone answers -EIO. */
static int pump_output(struct exec_stream *output, struct channel *channel, struct error *err)
{
    static uint8_t bytes[CHANNEL_PAYLOAD_MAX];
    size_t room = room_for(output, channel);
    if (room == 0)
        return 0;
    int64_t size = file_read(output->file, FILE_HERE, bytes,
                             room < sizeof bytes ? room : sizeof bytes);
    output->seen = output->file->edges;
    if (size == -EAGAIN)
        return 0;
    if (size > 0 && output->stream == 0)
        return 0;
    if (size > 0)
        return channel_send(channel, output->stream, span_of(bytes, (size_t)size), err);
    close_one(output);
    return output->stream ? channel_close(channel, output->stream, err) : 0;
}

int gate_streams_pump(struct gate_streams *streams, struct channel *channel, bool is_over,
                      struct error *err)
{
    if (is_over && drop_input(streams, channel, err) < 0)
        return -1;
    if (pump_input(streams, channel, err) < 0 ||
        pump_output(&streams->outputs[0], channel, err) < 0)
        return -1;
    return pump_output(&streams->outputs[1], channel, err);
}

bool gate_streams_are_done(const struct gate_streams *streams)
{
    return !streams->outputs[0].file && !streams->outputs[1].file;
}

int gate_streams_end_input(struct gate_streams *streams, struct channel *channel, struct error *err)
{
    return drop_input(streams, channel, err) < 0 ? -1 : pump_input(streams, channel, err);
}

int gate_streams_abandon(struct gate_streams *streams, struct channel *channel, struct error *err)
{
    const struct exec_stream *input = &streams->input;
    size_t size = streams->pending.size;
    int status = 0;
    buf_consume(&streams->pending, size);
    if (size > 0)
        status = channel_grant(channel, input->stream, size, err);
    if (streams->input_ended && input->stream != 0)
        channel_forget(channel, input->stream);
    for (size_t i = 0; i < 2 && status == 0; i++) {
        const struct exec_stream *output = &streams->outputs[i];
        if (output->file && output->stream != 0)
            status = channel_close(channel, output->stream, err);
    }
    return status;
}
