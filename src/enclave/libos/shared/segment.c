#include "enclave/libos/shared/segment.h"

#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/ipc.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/shared/home.h"
#include "enclave/libos/shared/ipc.h"

#define SHM_DEST    01000U /* of the mode: it goes when nobody has it any more */
#define SHM_LOCKED  02000U
#define SHM_HUGETLB 04000U

#define SECOND       UINT64_C(1000000000)
#define SIZE_MAX_ONE (UINT64_C(1) << 32) /* bytes: more than an enclave has addresses for */
#define SERIALS      (INT32_MAX / SEGMENTS_MAX)
#define PAGES(size)  (((size) + MEMORY_PAGE - 1) / MEMORY_PAGE)

struct segment {
    int id, key;
    struct node *node; /* counted */
    uint64_t size;     /* bytes */
    uint32_t mode, uid, gid, creator_uid, creator_gid;
    uint64_t attached_at, detached_at, changed_at; /* seconds since 1970 */
    int creator, last;                             /* processes */
    uint64_t attachments;
    uint16_t of[PROCESSES_MAX]; /* of these, by the process' index */
};

static struct segment *segments[SEGMENTS_MAX]; /* at id % SEGMENTS_MAX */

static uint64_t now(void)
{
    return clock_now(DOOR_CLOCK_REAL) / SECOND;
}

/* --- finding ---------------------------------------------------------------------------------- */

static struct segment *find(int id)
{
    struct segment *segment = id >= 0 ? segments[id % SEGMENTS_MAX] : NULL;
    return segment && segment->id == id ? segment : NULL;
}

static struct segment *find_key(int key)
{
    for (size_t i = 0; i < SEGMENTS_MAX; i++) {
        if (segments[i] && segments[i]->key == key && key != IPC_PRIVATE)
            return segments[i];
    }
    return NULL;
}

static struct segment *find_node(const struct node *node)
{
    for (size_t i = 0; i < SEGMENTS_MAX; i++) {
        if (segments[i] && segments[i]->node == node)
            return segments[i];
    }
    return NULL;
}

static uint32_t user_of(const struct process *process)
{
    return process->identity.ids[IDENTITY_USER].effective;
}

static struct ipc64_perm perm_of(const struct segment *segment)
{
    return (struct ipc64_perm){.key = segment->key,
                               .uid = segment->uid,
                               .gid = segment->gid,
                               .cuid = segment->creator_uid,
                               .cgid = segment->creator_gid,
                               .mode = segment->mode,
                               .seq = (unsigned short)(segment->id / SEGMENTS_MAX)};
}

static bool owns(const struct process *by, const struct segment *segment)
{
    const struct ipc64_perm perm = perm_of(segment);
    return ipc_owns(by, &perm);
}

static int check(const struct process *by, const struct segment *segment, unsigned wanted)
{
    const struct ipc64_perm perm = perm_of(segment);
    return ipc_check(by, &perm, wanted);
}

/* --- making and ending ------------------------------------------------------------------------ */

static int find_free(size_t *out)
{
    for (size_t i = 0; i < SEGMENTS_MAX; i++) {
        *out = i;
        if (!segments[i])
            return 0;
    }
    return -ENOSPC;
}

/* Numbers that were used are not used again soon. */
static int next_id(size_t place)
{
    static int serial;
    serial = (serial + 1) % SERIALS;
    return serial * SEGMENTS_MAX + (int)place;
}

static int make_node(const struct process *by, uint64_t size, unsigned mode, struct node **out)
{
    const struct node_new what = {.mode = (uint16_t)(EXT4_FILE << 12 | (mode & IPC_MODE_BITS)),
                                  .uid = by->vfs.creds.uid,
                                  .gid = by->vfs.creds.gid};
    int status = node_new(by->vfs.root->tree, &what, out);
    if (status == 0)
        status = node_truncate(*out, PAGES(size) * MEMORY_PAGE);
    return status;
}

static int make(const struct process *by, int key, uint64_t size, unsigned mode)
{
    struct node *node = NULL;
    size_t place;
    if (size == 0 || size > SIZE_MAX_ONE)
        return -EINVAL;
    int status = mode & SHM_HUGETLB ? -EPERM : find_free(&place);
    if (status == 0)
        status = make_node(by, size, mode, &node);
    struct segment *segment = status == 0 ? alloc_zeroed(1, sizeof *segment) : NULL;
    if (!segment) {
        node_put(node);
        return status == -ENOSPC || status == -EPERM ? status : -ENOMEM;
    }
    const uint32_t uid = user_of(by), gid = by->identity.ids[IDENTITY_GROUP].effective;
    *segment = (struct segment){.id = next_id(place),
                                .key = key,
                                .node = node,
                                .size = size,
                                .mode = mode & IPC_MODE_BITS,
                                .uid = uid,
                                .gid = gid,
                                .creator_uid = uid,
                                .creator_gid = gid,
                                .changed_at = now(),
                                .creator = by->number};
    segments[place] = segment;
    return segment->id;
}

static void end(struct segment *segment)
{
    segments[segment->id % SEGMENTS_MAX] = NULL;
    node_put(segment->node);
    libos_free(segment);
}

int segment_get(const struct process *by, int key, uint64_t size, unsigned flags)
{
    const struct segment *segment = find_key(key);
    if (!segment)
        return key == IPC_PRIVATE || flags & IPC_CREAT ? make(by, key, size, flags) : -ENOENT;
    if (flags & IPC_CREAT && flags & IPC_EXCL)
        return -EEXIST;
    if (size > segment->size)
        return -EINVAL;
    int status = check(by, segment, flags & IPC_MODE_BITS);
    return status < 0 ? status : segment->id;
}

/* --- telling and changing --------------------------------------------------------------------- */

static void describe(const struct segment *segment, struct shmid64_ds *out)
{
    *out = (struct shmid64_ds){
        .shm_perm = perm_of(segment),
        .shm_segsz = segment->size,
        .shm_atime = (long)segment->attached_at,
        .shm_dtime = (long)segment->detached_at,
        .shm_ctime = (long)segment->changed_at,
        .shm_cpid = segment->creator,
        .shm_lpid = segment->last,
        .shm_nattch = segment->attachments,
    };
}

/* The highest place that is taken, as Linux answers it; 0 for none. */
static int last_place(void)
{
    size_t i = SEGMENTS_MAX;
    while (i > 0 && !segments[i - 1])
        i--;
    return i > 0 ? (int)i - 1 : 0;
}

static int tell_limits(union segment_told *told)
{
    told->limits = (struct shminfo64){.shmmax = SIZE_MAX_ONE,
                                      .shmmin = 1,
                                      .shmmni = SEGMENTS_MAX,
                                      .shmseg = SEGMENTS_MAX,
                                      .shmall = SIZE_MAX_ONE / MEMORY_PAGE};
    return last_place();
}

static int tell_info(union segment_told *told)
{
    told->info = (struct segment_info){0};
    for (size_t i = 0; i < SEGMENTS_MAX; i++) {
        told->info.used += segments[i] != NULL;
        told->info.total += segments[i] ? PAGES(segments[i]->size) : 0;
    }
    told->info.resident = told->info.total;
    return last_place();
}

static int tell_state(const struct process *by, int id, unsigned command, union segment_told *told)
{
    bool is_place = command != IPC_STAT;
    const struct segment *segment = !is_place                      ? find(id)
                                    : id >= 0 && id < SEGMENTS_MAX ? segments[id]
                                                                   : NULL;
    if (!segment)
        return -EINVAL;
    int status = command == SEGMENT_STAT_ANY ? 0 : check(by, segment, IPC_READS);
    if (status < 0)
        return status;
    describe(segment, &told->state);
    return is_place ? segment->id : 0;
}

static void remove_segment(struct segment *segment)
{
    segment->mode |= SHM_DEST;
    segment->key = IPC_PRIVATE;
    if (segment->attachments == 0)
        end(segment);
}

static int change(struct segment *segment, unsigned command, const union segment_told *told)
{
    switch (command) {
    case IPC_SET:
        segment->uid = told->state.shm_perm.uid;
        segment->gid = told->state.shm_perm.gid;
        segment->mode = (segment->mode & ~IPC_MODE_BITS) |
                        (told->state.shm_perm.mode & IPC_MODE_BITS);
        segment->changed_at = now();
        return 0;
    case IPC_RMID:
        remove_segment(segment);
        return 0;
    case SEGMENT_LOCK:
        segment->mode |= SHM_LOCKED;
        return 0;
    default:
        segment->mode &= ~SHM_LOCKED;
        return 0;
    }
}

int segment_control(const struct process *by, int id, unsigned command, union segment_told *told)
{
    bool locks = command == SEGMENT_LOCK || command == SEGMENT_UNLOCK;
    struct segment *segment = find(id);
    if (id < 0 || (int)command < 0)
        return -EINVAL;
    if (command == IPC_INFO)
        return tell_limits(told);
    if (command == SEGMENT_INFO)
        return tell_info(told);
    if (segment_told_size(command) > 0 && !segment_is_set(command))
        return tell_state(by, id, command, told);
    if ((command != IPC_SET && command != IPC_RMID && !locks) || !segment)
        return -EINVAL;
    if (!owns(by, segment) && !identity_has(&by->identity, locks ? CAP_IPC_LOCK : CAP_SYS_ADMIN))
        return -EPERM;
    return change(segment, command, told);
}

/* --- attaching -------------------------------------------------------------------------------- */

int segment_attach(struct process *by, int id, unsigned flags, struct segment_part *out)
{
    struct segment *segment = find(id);
    bool writes = !(flags & SEGMENT_READ_ONLY);
    size_t process = process_index(process_of_enclave(by));
    if (!segment)
        return -EINVAL;
    int status = flags & SEGMENT_EXECUTE
                     ? -EACCES
                     : check(by, segment, writes ? IPC_READS | IPC_WRITES : IPC_READS);
    if (status == 0)
        status = shared_home_open(segment->node, process, writes, &out->object);
    if (status < 0)
        return status;
    out->may_write = writes;
    out->size = segment->size;
    segment->of[process]++;
    segment->attachments++;
    segment->attached_at = now();
    segment->last = by->number;
    return 0;
}

static void take_away(struct segment *segment, size_t process, uint16_t count)
{
    segment->of[process] = (uint16_t)(segment->of[process] - count);
    segment->attachments -= count;
    segment->detached_at = now();
    segment->last = process_at(process)->number;
    if (segment->attachments == 0 && segment->mode & SHM_DEST)
        end(segment);
}

/* A mapping that mprotect(2) has divided is several ones after a fork, which still are one. */
void segment_unmapped(const struct node *node, size_t process)
{
    struct segment *segment = find_node(node);
    if (segment && segment->of[process] > 1)
        take_away(segment, process, 1);
}

void segment_left(const struct node *node, size_t process)
{
    struct segment *segment = find_node(node);
    if (segment && segment->of[process] > 0)
        take_away(segment, process, segment->of[process]);
}

void segment_forked(const struct node *node, size_t parent, size_t child)
{
    struct segment *segment = find_node(node);
    if (!segment)
        return;
    segment->attachments += (uint64_t)segment->of[parent] - segment->of[child];
    segment->of[child] = segment->of[parent];
}
