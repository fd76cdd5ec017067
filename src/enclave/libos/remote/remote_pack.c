#include "enclave/libos/remote/remote_pack.h"

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"

/* --- what the program has --------------------------------------------------------------------- */

static int begin_header(struct remote_call *call)
{
    if (!can_read(call->given[1], sizeof call->header))
        return -EFAULT;
    memcpy(&call->header, (const void *)call->given[1], sizeof call->header);
    return syscall_take_vector(call->header.parts, call->header.part_count, &call->data);
}

static int begin_parts(struct remote_call *call, const struct remote_argument *argument)
{
    uint64_t count = call->given[argument->by - 1];
    int status = syscall_take_vector(call->given[1], count, &call->data);
    return status == -EMSGSIZE ? -EINVAL : status; /* as readv(2) calls it */
}

/* Data are always the second argument. */
int remote_begin(struct remote_call *call)
{
    const struct remote_argument *argument = &call->row->arguments[1];
    int status = 0;
    call->data = (struct syscall_vector){.items = &call->data.one};
    call->has_data = true;
    call->is_out = argument->kind == REMOTE_DATA_OUT || argument->kind == REMOTE_PARTS_OUT ||
                   argument->kind == REMOTE_HEADER_OUT;
    switch (argument->kind) {
    case REMOTE_DATA_IN:
    case REMOTE_DATA_OUT:
        syscall_one_vector(call->given[1], call->given[argument->by - 1], &call->data);
        break;
    case REMOTE_PARTS_IN:
    case REMOTE_PARTS_OUT:
        status = begin_parts(call, argument);
        break;
    case REMOTE_HEADER_IN:
    case REMOTE_HEADER_OUT:
        status = begin_header(call);
        break;
    default:
        call->has_data = false;
    }
    call->is_bad = status == -EFAULT; /* which counts less than what else is wrong */
    return call->is_bad ? 0 : status;
}

void remote_call_fini(struct remote_call *call)
{
    syscall_vector_fini(&call->data);
    remote_buffer_fini(&call->parcel);
}

/* --- there ------------------------------------------------------------------------------------ */

static int put_word(struct remote_call *call, uint32_t word)
{
    return remote_put(&call->parcel, &word, sizeof word);
}

/* What there is of it up to the limit, and a zero byte: who reads it finds its own limit. */
static int put_text(struct remote_call *call, size_t i, const struct remote_argument *argument)
{
    char text[REMOTE_TEXT_MAX];
    uint64_t at = call->given[i];
    uint32_t len = 0;
    for (; len < argument->most; len++) {
        if ((len == 0 || (at + len) % MEMORY_PAGE == 0) && !can_read(at + len, 1)) {
            call->sent[i] = REMOTE_BAD;
            return 0;
        }
        text[len] = *(const char *)(at + len);
        if (text[len] == 0)
            break;
    }
    int status = put_word(call, len);
    if (status == 0)
        status = remote_put(&call->parcel, text, len);
    return status < 0 ? status : remote_put(&call->parcel, NULL, 1);
}

/* Of more than a row allows as much as it does, if the call makes do with less. */
static uint64_t size_of(struct remote_call *call, const struct remote_argument *argument)
{
    uint64_t size = remote_size(argument, call->sent);
    if (size != UINT64_MAX || argument->kind != REMOTE_OUT || argument->by == 0)
        return size;
    uint64_t *count = &call->sent[argument->by - 1];
    if (argument->is_word && (int32_t)*count < 0)
        return size;
    *count = argument->most / argument->size;
    return remote_size(argument, call->sent);
}

static int put_bytes(struct remote_call *call, size_t i, const struct remote_argument *argument)
{
    uint64_t at = call->given[i], size = size_of(call, argument);
    bool is_out = argument->kind != REMOTE_IN && !argument->is_always;
    if (size == UINT64_MAX || (is_out ? !can_write(at, size) : !can_read(at, size))) {
        call->sent[i] = REMOTE_BAD;
        return 0;
    }
    if (argument->kind != REMOTE_OUT)
        return remote_put(&call->parcel, (const void *)at, size);
    call->room += remote_room(size);
    return 0;
}

/* As much as there is room for by the program's word now; what it says later changes nothing. */
static int put_roomed(struct remote_call *call, size_t i, const struct remote_argument *argument)
{
    uint64_t size_at = call->given[argument->by - 1];
    uint32_t size = 0;
    if (can_read(size_at, sizeof size))
        memcpy(&size, (const void *)size_at, sizeof size);
    if ((int32_t)size < 0)
        size = 0;
    call->roomed[i] = size < argument->most ? size : argument->most;
    if (!can_write(call->given[i], call->roomed[i])) {
        call->sent[i] = REMOTE_BAD;
        return 0;
    }
    call->room += remote_room(call->roomed[i]);
    return put_word(call, call->roomed[i]);
}

/* The next piece, as far as the program's memory goes. */
static int put_data(struct remote_call *call, uint64_t most, uint32_t *place)
{
    uint64_t left = call->data.total - call->done;
    call->piece = left < most ? left : most;
    uint64_t allowed = syscall_vector_allows(&call->data, call->done, left, call->is_out);
    *place = left > 0 && allowed == 0 ? REMOTE_BAD : REMOTE_THERE;
    call->piece = allowed < call->piece ? allowed : call->piece;
    if (*place == REMOTE_BAD)
        return 0;
    if (call->is_out) {
        call->room += remote_room(call->piece);
        return 0;
    }
    size_t at = call->parcel.size;
    int status = remote_put(&call->parcel, NULL, call->piece);
    if (status == 0 && syscall_copy_vector(&call->data, call->done, call->parcel.bytes + at,
                                           call->piece, true) < 0)
        status = -EFAULT;
    return status;
}

/* One part of it is sent as the bytes of one struct iovec. */
static int put_parts(struct remote_call *call, const struct remote_argument *argument)
{
    bool is_vector = argument->kind == REMOTE_PARTS_IN || argument->kind == REMOTE_PARTS_OUT;
    size_t at = call->parcel.size;
    uint32_t place = REMOTE_BAD;
    int status = is_vector ? put_word(call, 0) : 0;
    if (status == 0)
        status = put_data(call, argument->most, &place);
    if (status < 0)
        return status;
    call->sent[1] = place;
    if (!is_vector) {
        if (place == REMOTE_THERE)
            call->sent[argument->by - 1] = call->piece;
        return 0;
    }
    const uint32_t size = (uint32_t)call->piece;
    call->sent[argument->by - 1] = 1;
    call->room += remote_room(sizeof(struct iovec));
    memcpy(call->parcel.bytes + at, &size, sizeof size);
    if (place == REMOTE_BAD)
        call->parcel.size = at;
    return 0;
}

/* Where there is none at 0; `most` bytes of it, else it is bad. */
static enum remote_place place_of(uint64_t at, uint64_t size, uint64_t most, bool writes)
{
    if (at == 0)
        return REMOTE_NULL;
    return size <= most && (writes ? can_write(at, size) : can_read(at, size)) ? REMOTE_THERE
                                                                               : REMOTE_BAD;
}

static void describe(struct remote_call *call)
{
    const struct syscall_header *header = &call->header;
    struct remote_message *message = &call->message;
    uint64_t control = header->control_size;
    uint32_t name = header->name_size;
    if (call->is_out) {
        name = name < REMOTE_NAME_MAX ? name : REMOTE_NAME_MAX;
        control = control < REMOTE_CONTROL_MAX ? control : REMOTE_CONTROL_MAX;
    }
    *message = (struct remote_message){.name_size = name, .flags = header->flags};
    message->name = place_of(header->name, name, REMOTE_NAME_MAX, call->is_out);
    if (control > 0 && call->done == 0) /* with the first bytes, as files go */
        message->control = place_of(header->control, control, REMOTE_CONTROL_MAX, call->is_out);
    message->control_size = message->control == REMOTE_NULL ? 0
                            : control < UINT32_MAX          ? (uint32_t)control
                                                            : UINT32_MAX;
}

static int put_header(struct remote_call *call, const struct remote_argument *argument)
{
    struct remote_message *message = &call->message;
    size_t at = call->parcel.size;
    describe(call);
    bool has_name = message->name == REMOTE_THERE, has_control = message->control == REMOTE_THERE;
    int status = remote_put(&call->parcel, message, sizeof *message);
    if (status == 0 && has_name && !call->is_out)
        status = remote_put(&call->parcel, (const void *)call->header.name, message->name_size);
    if (status == 0 && has_control && !call->is_out)
        status = remote_put(&call->parcel, (const void *)call->header.control,
                            message->control_size);
    if (status == 0)
        status = put_data(call, argument->most, &message->parts);
    if (status < 0)
        return status;
    call->room += remote_room(sizeof(struct syscall_header)) + remote_room(sizeof(struct iovec));
    if (call->is_out)
        call->room += remote_room(has_name ? message->name_size : 0) +
                      remote_room(has_control ? message->control_size : 0);
    message->total = call->piece;
    memcpy(call->parcel.bytes + at, message, sizeof *message);
    return 0;
}

static int put_argument(struct remote_call *call, size_t i)
{
    const struct remote_argument argument = remote_argument(call->row, i, call->sent);
    uint8_t kind = call->row->arguments[i].kind;
    if (kind == REMOTE_MASK || kind == REMOTE_MASK_PAIR)
        call->sent[i] = 0;
    if (argument.kind == REMOTE_NUMBER)
        return 0;
    bool is_header = argument.kind == REMOTE_HEADER_IN || argument.kind == REMOTE_HEADER_OUT;
    if (call->given[i] == 0 && !(call->has_data && i == 1)) {
        call->sent[i] = REMOTE_NULL;
        return 0;
    }
    call->sent[i] = call->is_bad && i == 1 ? REMOTE_BAD : REMOTE_THERE;
    if (call->sent[i] == REMOTE_BAD)
        return 0;
    if (is_header)
        return put_header(call, &argument);
    if (call->has_data && i == 1)
        return put_parts(call, &argument);
    if (argument.kind == REMOTE_TEXT)
        return put_text(call, i, &argument);
    return argument.kind == REMOTE_ROOMED ? put_roomed(call, i, &argument)
                                          : put_bytes(call, i, &argument);
}

int remote_pack(struct remote_call *call)
{
    struct remote_request request = {.number = call->number,
                                     .process = call->process,
                                     .unheard = call->unheard,
                                     .pending = call->pending};
    call->parcel.size = 0;
    call->room = 0;
    memcpy(call->sent, call->given, sizeof call->sent);
    if (call->row->position > 0 && (int64_t)call->given[call->row->position] >= 0)
        call->sent[call->row->position] += call->done;
    int status = remote_put(&call->parcel, NULL, sizeof(struct remote_head) + sizeof request);
    for (size_t i = 0; status == 0 && i < REMOTE_ARGUMENTS; i++)
        status = put_argument(call, i);
    if (status < 0)
        return status;
    if ((call->done > 0 && call->is_out) || thread_self()->is_hasty)
        request.flags |= REMOTE_CONTINUES;
    if (call->has_data && call->done + call->piece < call->data.total)
        request.flags |= REMOTE_HAS_MORE;
    request.room = call->room;
    memcpy(request.arguments, call->sent, sizeof request.arguments);
    memcpy(call->parcel.bytes + sizeof(struct remote_head), &request, sizeof request);
    return 0;
}
