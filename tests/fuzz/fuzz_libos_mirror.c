/* A parcel with a call of another enclave: what the call may touch is the parcel's own memory, and
 * so is what goes back. */
#include "fuzz.h"

#include <string.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/remote/mirror_parts.h"

void *libos_alloc(size_t size)
{
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}

static void check(const struct mirror_call *call, size_t i)
{
    const struct remote_argument argument = remote_argument(call->row, i, call->request.arguments);
    uint64_t begin = (uint64_t)call->parcel.bytes, at = call->arguments[i];
    if (argument.kind == REMOTE_NUMBER || at <= MIRROR_NOWHERE)
        return;
    fuzz_require(at >= begin && at <= begin + call->room_end);
    fuzz_require(call->sizes[i] <= begin + call->room_end - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mirror_call call = {0};
    struct remote_buffer out = {0};
    if (remote_put(&call.parcel, data, size) < 0)
        return 0;
    if (mirror_unpack(&call) == 0) {
        const struct remote_answer answer = {.result = data[size - 1]};
        for (size_t i = 0; i < REMOTE_ARGUMENTS; i++)
            check(&call, i);
        fuzz_require(call.room_end <= call.parcel.room);
        fuzz_require(mirror_pack(&call, &answer, &out) == 0);
        fuzz_require(out.size <= call.room_end + REMOTE_ARGUMENTS * 64);
    }
    remote_buffer_fini(&call.parcel);
    remote_buffer_fini(&out);
    return 0;
}
