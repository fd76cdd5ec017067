#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/remote/remote_pack.h"

/* -EPROTO where the answer has fewer bytes, -EFAULT where the program's memory has gone. */
static int give(struct remote_reader *reader, uint64_t at, uint64_t size)
{
    const uint8_t *bytes = remote_take(reader, size);
    if (!bytes)
        return -EPROTO;
    if (!can_write(at, size))
        return -EFAULT;
    if (size > 0)
        memcpy((void *)at, bytes, size);
    return 0;
}

static int give_data(struct remote_call *call, struct remote_reader *reader, uint64_t result)
{
    uint64_t size = result < call->piece ? result : call->piece;
    uint8_t *bytes = (uint8_t *)(uintptr_t)remote_take(reader, size); /* is only read */
    if (!bytes)
        return -EPROTO;
    return syscall_copy_vector(&call->data, call->done, bytes, size, false);
}

static int give_roomed(struct remote_call *call, size_t i, struct remote_reader *reader)
{
    uint32_t size;
    if (!remote_get(reader, &size, sizeof size) || size > call->roomed[i])
        return -EPROTO;
    return give(reader, call->given[i], size);
}

/* The name, control messages, data, and the struct msghdr itself. */
static int give_header(struct remote_call *call, struct remote_reader *reader, uint64_t result)
{
    const struct remote_message *sent = &call->message;
    struct syscall_header header = call->header;
    struct remote_message got;
    if (!remote_get(reader, &got, sizeof got))
        return -EPROTO;
    uint32_t name = sent->name != REMOTE_THERE        ? 0
                    : got.name_size < sent->name_size ? got.name_size
                                                      : sent->name_size;
    if (got.control_size > (sent->control == REMOTE_THERE ? sent->control_size : 0))
        return -EPROTO;
    int status = give(reader, header.name, name);
    if (status == 0)
        status = give(reader, header.control, got.control_size);
    if (status == 0)
        status = give_data(call, reader, result);
    header.control_size = got.control_size;
    header.flags = got.flags;
    if (sent->name != REMOTE_NULL)
        header.name_size = got.name_size;
    if (status == 0 && !can_write(call->given[1], sizeof header))
        status = -EFAULT;
    if (status == 0)
        memcpy((void *)call->given[1], &header, sizeof header);
    return status;
}

static int give_argument(struct remote_call *call, size_t i, struct remote_reader *reader,
                         uint64_t result)
{
    const struct remote_argument argument = remote_argument(call->row, i, call->sent);
    if (argument.kind == REMOTE_HEADER_OUT)
        return give_header(call, reader, result);
    if (argument.kind == REMOTE_NUMBER || call->sent[i] != REMOTE_THERE)
        return 0;
    if (argument.kind == REMOTE_DATA_OUT || argument.kind == REMOTE_PARTS_OUT)
        return give_data(call, reader, result);
    if (argument.kind == REMOTE_ROOMED)
        return give_roomed(call, i, reader);
    if (!remote_is_out(&argument))
        return 0;
    uint64_t size = remote_size(&argument, call->sent);
    if (argument.is_always && !can_write(call->given[i], size))
        return remote_take(reader, size) ? 0 : -EPROTO;
    return give(reader, call->given[i], remote_answer_size(&argument, size, result));
}

int64_t remote_unpack(struct remote_call *call, const struct remote_buffer *parcel,
                      struct remote_answer *answer, bool *is_wrong)
{
    struct remote_reader reader = {parcel->bytes, parcel->size};
    int status = 0;
    *answer = (struct remote_answer){0};
    bool is_there = remote_take(&reader, sizeof(struct remote_head)) &&
                    remote_get(&reader, answer, sizeof *answer);
    bool has_result = is_there && (int64_t)answer->result >= 0;
    for (size_t i = 0; is_there && i < REMOTE_ARGUMENTS && status == 0; i++) {
        if (has_result || call->row->arguments[i].is_always)
            status = give_argument(call, i, &reader, answer->result);
    }
    *is_wrong = !is_there || status == -EPROTO || (status == 0 && reader.left > 0) ||
                (call->row->way == REMOTE_PIECES && has_result && answer->result > call->piece &&
                 call->has_data);
    return *is_wrong ? -EPROTO : status < 0 ? status : (int64_t)answer->result;
}
