#include "enclave/libos/processes/spares.h"

#include <asm/errno.h>
#include <linux/poll.h>

#include "enclave/libos/door/door_calls.h"
#include "enclave/libos/wire/wire.h"

/* On the stack of the thread that waits. */
struct spare {
    struct spare *next; /* the latest first */
    struct wire *wire;
    const struct identity *ran; /* NULL: it is new */
    struct line *line;          /* that has taken it */
    bool must_go;
    struct wait_queue changed;
};

static struct spare *spares;

bool spares_may_share(const struct process *process)
{
    return process->parent && !process->is_apart && !process->is_undumpable &&
           process->vfs.root == process_first()->vfs.root;
}

static bool is_free(const struct spare *spare)
{
    return !spare->line && !spare->must_go;
}

static size_t count(bool is_new)
{
    size_t found = 0;
    for (const struct spare *one = spares; one; one = one->next)
        found += is_free(one) && !one->ran == is_new;
    return found;
}

size_t spares_count(void)
{
    return count(true) + count(false);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static void leave(const struct spare *spare)
{
    struct spare **place = &spares;
    while (*place != spare)
        place = &(*place)->next;
    *place = spare->next;
}

/* Until then it has nothing to say: whatever it does say is its end. */
static bool is_quiet(struct wire *wire)
{
    uint8_t unasked;
    return wire_receive_now(wire, &unasked, sizeof unasked) == -EAGAIN;
}

struct line *spares_wait(struct wire *wire, const struct identity *ran)
{
    const struct door_ready item = {.handle = wire->handle, .events = POLLIN};
    struct spare self = {.next = spares, .wire = wire, .ran = ran};
    if (count(!ran) >= (ran ? SPARES_USED : SPARES_NEW))
        return NULL;
    spares = &self;
    while (is_free(&self) && is_quiet(wire))
        (void)wait_on(&self.changed, DOOR_FOREVER, &item, 1);
    leave(&self);
    return self.line;
}

/* --- taking ----------------------------------------------------------------------------------- */

static bool fits(const struct spare *spare, const struct process *process)
{
    return is_free(spare) && (!spare->ran || (spares_may_share(process) &&
                                              identity_is_same(spare->ran, &process->identity)));
}

static struct spare *find(const struct process *process)
{
    struct spare *found = NULL;
    for (struct spare *one = spares; one; one = one->next) {
        if (fits(one, process) && (!found || (!found->ran && one->ran)))
            found = one;
    }
    return found;
}

bool spares_has(const struct process *process)
{
    return find(process) != NULL;
}

struct wire *spares_take(const struct process *process, struct line *line)
{
    struct spare *spare = find(process);
    if (!spare)
        return NULL;
    spare->line = line;
    wait_wake_all(&spare->changed);
    return spare->wire;
}

size_t spares_dismiss(void)
{
    size_t going = 0;
    for (struct spare *one = spares; one; one = one->next) {
        if (!is_free(one))
            continue;
        one->must_go = true;
        wait_wake_all(&one->changed);
        going++;
    }
    return going;
}
