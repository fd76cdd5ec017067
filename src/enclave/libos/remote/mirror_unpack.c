#include <asm/errno.h>
#include <linux/uio.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/remote/mirror_parts.h"

/* --- from the parcel -------------------------------------------------------------------------- */

/* Zeroed memory of the call's own: false when the parcel did not ask for so much. */
static bool carve(struct mirror_call *call, uint64_t size, uint64_t *at)
{
    if (size > REMOTE_ROOM_MAX || remote_room(size) > call->room_end - call->room_at)
        return false;
    *at = (uint64_t)(call->parcel.bytes + call->room_at);
    call->room_at += remote_room(size);
    return true;
}

/* What is in the parcel stays there. */
static bool borrow(struct remote_reader *reader, uint64_t size, uint64_t *at)
{
    const uint8_t *bytes = size <= reader->left ? remote_take(reader, size) : NULL;
    *at = (uint64_t)bytes;
    return bytes != NULL;
}

static bool take_text(const struct remote_argument *argument, struct remote_reader *reader,
                      uint64_t *at)
{
    uint32_t len;
    if (!remote_get(reader, &len, sizeof len) || len > argument->most)
        return false;
    return borrow(reader, (uint64_t)len + 1, at) && ((const char *)*at)[len] == 0;
}

/* Bytes that go there, or room for what comes back. */
static bool take_bytes(struct mirror_call *call, size_t i, const struct remote_argument *argument,
                       struct remote_reader *reader)
{
    uint64_t size = remote_size(argument, call->request.arguments);
    call->sizes[i] = size;
    if (size == UINT64_MAX)
        return false;
    if (argument->kind == REMOTE_OUT || argument->kind == REMOTE_DATA_OUT)
        return carve(call, size, &call->arguments[i]);
    return borrow(reader, size, &call->arguments[i]);
}

static bool take_roomed(struct mirror_call *call, size_t i, const struct remote_argument *argument,
                        struct remote_reader *reader)
{
    uint32_t size;
    if (!remote_get(reader, &size, sizeof size) || size > argument->most)
        return false;
    call->sizes[i] = size;
    return carve(call, size, &call->arguments[i]);
}

static bool take_data(struct mirror_call *call, bool is_out, uint64_t size,
                      struct remote_reader *reader)
{
    call->data_size = size;
    return size <= REMOTE_PIECE_MAX &&
           (is_out ? carve(call, size, &call->data) : borrow(reader, size, &call->data));
}

/* One struct iovec for all bytes. */
static bool make_vector(struct mirror_call *call, uint64_t *at)
{
    const struct iovec one = {(void *)call->data, call->data_size};
    if (!carve(call, sizeof one, at))
        return false;
    memcpy((void *)*at, &one, sizeof one);
    return true;
}

static bool take_parts(struct mirror_call *call, size_t i, const struct remote_argument *argument,
                       struct remote_reader *reader)
{
    uint32_t size;
    if (call->request.arguments[argument->by - 1] != 1 || !remote_get(reader, &size, sizeof size))
        return false;
    return take_data(call, argument->kind == REMOTE_PARTS_OUT, size, reader) &&
           make_vector(call, &call->arguments[i]);
}

/* What a place of a header stands for, with so many bytes. */
static bool take_place(struct mirror_call *call, uint32_t place, uint64_t size, bool is_out,
                       struct remote_reader *reader, uint64_t *at)
{
    *at = place == REMOTE_NULL ? 0 : MIRROR_NOWHERE;
    if (place != REMOTE_THERE)
        return place <= REMOTE_THERE;
    return is_out ? carve(call, size, at) : borrow(reader, size, at);
}

/* struct msghdr, made of what stands for it. */
static bool take_header(struct mirror_call *call, size_t i, bool is_out,
                        struct remote_reader *reader)
{
    struct remote_message got;
    struct syscall_header *header = &call->header;
    if (!remote_get(reader, &got, sizeof got) ||
        (got.name == REMOTE_THERE && got.name_size > REMOTE_NAME_MAX) ||
        (got.control == REMOTE_THERE && got.control_size > REMOTE_CONTROL_MAX))
        return false;
    *header = (struct syscall_header){.name_size = got.name_size,
                                      .part_count = 1,
                                      .control_size = got.control_size,
                                      .flags = got.flags};
    if (!take_place(call, got.name, got.name_size, is_out, reader, &header->name) ||
        !take_place(call, got.control, got.control_size, is_out, reader, &header->control))
        return false;
    header->parts = MIRROR_NOWHERE;
    if (got.parts == REMOTE_THERE &&
        (!take_data(call, is_out, got.total, reader) || !make_vector(call, &header->parts)))
        return false;
    if (!carve(call, sizeof *header, &call->arguments[i]))
        return false;
    memcpy((void *)call->arguments[i], header, sizeof *header);
    return true;
}

static bool take_argument(struct mirror_call *call, size_t i, struct remote_reader *reader)
{
    const struct remote_argument argument = remote_argument(call->row, i, call->request.arguments);
    uint64_t value = call->request.arguments[i];
    call->arguments[i] = value;
    if (argument.kind == REMOTE_NUMBER)
        return true;
    call->arguments[i] = value == REMOTE_NULL ? 0 : MIRROR_NOWHERE;
    if (value != REMOTE_THERE)
        return value <= REMOTE_THERE;
    switch (argument.kind) {
    case REMOTE_TEXT:
        return take_text(&argument, reader, &call->arguments[i]);
    case REMOTE_ROOMED:
        return take_roomed(call, i, &argument, reader);
    case REMOTE_PARTS_IN:
    case REMOTE_PARTS_OUT:
        return take_parts(call, i, &argument, reader);
    case REMOTE_HEADER_IN:
    case REMOTE_HEADER_OUT:
        return take_header(call, i, argument.kind == REMOTE_HEADER_OUT, reader);
    default:
        return take_bytes(call, i, &argument, reader);
    }
}

int mirror_unpack(struct mirror_call *call)
{
    struct remote_reader reader = {call->parcel.bytes, call->parcel.size};
    if (!remote_take(&reader, sizeof(struct remote_head)) ||
        !remote_get(&reader, &call->request, sizeof call->request) ||
        call->request.room > REMOTE_ROOM_MAX)
        return -EPROTO;
    call->row = remote_row(call->request.number);
    if (!call->row || call->row->way == REMOTE_SEVERAL)
        return -EPROTO;
    size_t before = reader.left;
    int status = remote_reserve(&call->parcel, call->request.room + 16);
    if (status < 0)
        return status;
    reader.bytes = call->parcel.bytes + call->parcel.size - before;
    call->room_at = remote_room(call->parcel.size);
    call->room_end = call->room_at + call->request.room;
    memset(call->parcel.bytes + call->parcel.size, 0, call->room_end - call->parcel.size);
    for (size_t i = 0; i < REMOTE_ARGUMENTS; i++) {
        if (!take_argument(call, i, &reader))
            return -EPROTO;
    }
    return reader.left == 0 ? 0 : -EPROTO;
}

/* --- to the answer ---------------------------------------------------------------------------- */

static int put_data(const struct mirror_call *call, uint64_t result, struct remote_buffer *out)
{
    return remote_put(out, (const void *)call->data,
                      result < call->data_size ? result : call->data_size);
}

static int put_roomed(const struct mirror_call *call, size_t i,
                      const struct remote_argument *argument, struct remote_buffer *out)
{
    uint64_t size_at = call->arguments[argument->by - 1];
    uint32_t size = 0;
    if (size_at > MIRROR_NOWHERE)
        memcpy(&size, (const void *)size_at, sizeof size);
    size = size < call->sizes[i] ? size : (uint32_t)call->sizes[i];
    int status = remote_put(out, &size, sizeof size);
    return status < 0 ? status : remote_put(out, (const void *)call->arguments[i], size);
}

static int put_header(const struct mirror_call *call, size_t i, uint64_t result,
                      struct remote_buffer *out)
{
    const struct syscall_header *before = &call->header;
    struct syscall_header header;
    memcpy(&header, (const void *)call->arguments[i], sizeof header);
    uint32_t name = before->name <= MIRROR_NOWHERE         ? 0
                    : header.name_size < before->name_size ? header.name_size
                                                           : before->name_size;
    uint64_t control = before->control <= MIRROR_NOWHERE ? 0 : header.control_size;
    if (control > before->control_size)
        control = before->control_size;
    const struct remote_message message = {
        .name_size = header.name_size, .control_size = (uint32_t)control, .flags = header.flags};
    int status = remote_put(out, &message, sizeof message);
    if (status == 0)
        status = remote_put(out, (const void *)before->name, name);
    if (status == 0)
        status = remote_put(out, (const void *)before->control, control);
    return status < 0 ? status : put_data(call, result, out);
}

static int put_argument(const struct mirror_call *call, size_t i, uint64_t result,
                        struct remote_buffer *out)
{
    const struct remote_argument argument = remote_argument(call->row, i, call->request.arguments);
    if (argument.kind == REMOTE_NUMBER || call->request.arguments[i] != REMOTE_THERE)
        return 0;
    if (argument.kind == REMOTE_HEADER_OUT)
        return put_header(call, i, result, out);
    if (argument.kind == REMOTE_PARTS_OUT)
        return put_data(call, result, out);
    if (argument.kind == REMOTE_ROOMED)
        return put_roomed(call, i, &argument, out);
    if (!remote_is_out(&argument))
        return 0;
    return remote_put(out, (const void *)call->arguments[i],
                      remote_answer_size(&argument, call->sizes[i], result));
}

int mirror_pack(const struct mirror_call *call, const struct remote_answer *answer,
                struct remote_buffer *out)
{
    int status = remote_put(out, NULL, sizeof(struct remote_head));
    if (status == 0)
        status = remote_put(out, answer, sizeof *answer);
    for (size_t i = 0; i < REMOTE_ARGUMENTS && status == 0; i++) {
        if ((int64_t)answer->result >= 0 || call->row->arguments[i].is_always)
            status = put_argument(call, i, answer->result, out);
    }
    return status;
}
