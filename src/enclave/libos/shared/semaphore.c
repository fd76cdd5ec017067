#include "enclave/libos/shared/semaphore.h"

#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/ipc.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/shared/ipc.h"
#include "enclave/libos/threads/wait.h"

#define SECOND  UINT64_C(1000000000)
#define SERIALS (INT32_MAX / SEMAPHORE_SETS_MAX)

struct semaphore {
    int32_t value;
    int process; /* that changed it last */
    uint32_t more_wait, zero_wait;
};

/* What one process' end takes back. */
struct undo {
    struct undo *next;
    int process;
    int32_t by[]; /* for each semaphore */
};

struct set {
    int id;
    struct ipc64_perm perm;
    uint64_t operated_at, changed_at; /* seconds since 1970 */
    struct wait_queue changed;
    struct undo *undo;
    uint32_t count;
    struct semaphore all[];
};

static struct set *sets[SEMAPHORE_SETS_MAX]; /* at id % SEMAPHORE_SETS_MAX */

static uint64_t now(void)
{
    return clock_now(DOOR_CLOCK_REAL) / SECOND;
}

static struct set *find(int id)
{
    struct set *set = id >= 0 ? sets[id % SEMAPHORE_SETS_MAX] : NULL;
    return set && set->id == id ? set : NULL;
}

static const struct set *find_key(int key)
{
    for (size_t i = 0; key != IPC_PRIVATE && i < SEMAPHORE_SETS_MAX; i++) {
        if (sets[i] && sets[i]->perm.key == key)
            return sets[i];
    }
    return NULL;
}

/* --- making and ending ------------------------------------------------------------------------ */

/* Numbers that were used are not used again soon. */
static int next_id(size_t place)
{
    static int serial;
    serial = (serial + 1) % SERIALS;
    return serial * SEMAPHORE_SETS_MAX + (int)place;
}

static int make(const struct process *by, int key, int count, unsigned mode)
{
    size_t place = 0;
    if (count == 0)
        return -EINVAL;
    while (place < SEMAPHORE_SETS_MAX && sets[place])
        place++;
    if (place == SEMAPHORE_SETS_MAX)
        return -ENOSPC;
    struct set *set = alloc_zeroed(1, sizeof *set + (size_t)count * sizeof *set->all);
    if (!set)
        return -ENOMEM;
    const uint32_t uid = by->identity.ids[IDENTITY_USER].effective;
    const uint32_t gid = by->identity.ids[IDENTITY_GROUP].effective;
    set->id = next_id(place);
    set->perm = (struct ipc64_perm){.key = key,
                                    .uid = uid,
                                    .gid = gid,
                                    .cuid = uid,
                                    .cgid = gid,
                                    .mode = mode & IPC_MODE_BITS,
                                    .seq = (unsigned short)(set->id / SEMAPHORE_SETS_MAX)};
    set->changed_at = now();
    set->count = (uint32_t)count;
    sets[place] = set;
    return set->id;
}

int semaphore_get(const struct process *by, int key, int count, unsigned flags)
{
    if (count < 0 || count > SEMAPHORES_MAX)
        return -EINVAL;
    const struct set *set = find_key(key);
    if (!set)
        return key == IPC_PRIVATE || flags & IPC_CREAT ? make(by, key, count, flags) : -ENOENT;
    if (flags & IPC_CREAT && flags & IPC_EXCL)
        return -EEXIST;
    if ((uint32_t)count > set->count)
        return -EINVAL;
    int status = ipc_check(by, &set->perm, flags & IPC_MODE_BITS);
    return status < 0 ? status : set->id;
}

/* Who waits finds that it has gone. */
static void end(struct set *set)
{
    sets[set->id % SEMAPHORE_SETS_MAX] = NULL;
    wait_wake_all(&set->changed);
    for (struct undo *undo = set->undo, *next; undo; undo = next) {
        next = undo->next;
        libos_free(undo);
    }
    libos_free(set);
}

/* --- telling and changing --------------------------------------------------------------------- */

/* The highest place that is taken, as Linux answers it; 0 for none. */
static int last_place(void)
{
    size_t i = SEMAPHORE_SETS_MAX;
    while (i > 0 && !sets[i - 1])
        i--;
    return i > 0 ? (int)i - 1 : 0;
}

/* SEM_INFO says in two of the limits what there is. */
static int tell_info(unsigned command, struct semaphore_told *told)
{
    told->size = sizeof told->info;
    told->info = (struct seminfo){.semmap = SEMAPHORE_SETS_MAX * SEMAPHORES_MAX,
                                  .semmni = SEMAPHORE_SETS_MAX,
                                  .semmns = SEMAPHORE_SETS_MAX * SEMAPHORES_MAX,
                                  .semmnu = SEMAPHORE_SETS_MAX * SEMAPHORES_MAX,
                                  .semmsl = SEMAPHORES_MAX,
                                  .semopm = SEMAPHORE_OPERATIONS_MAX,
                                  .semume = SEMAPHORE_OPERATIONS_MAX,
                                  .semusz = 20,
                                  .semvmx = SEMAPHORE_VALUE_MAX,
                                  .semaem = SEMAPHORE_VALUE_MAX};
    if (command == IPC_INFO)
        return last_place();
    told->info.semusz = told->info.semaem = 0;
    for (size_t i = 0; i < SEMAPHORE_SETS_MAX; i++) {
        told->info.semusz += sets[i] != NULL;
        told->info.semaem += sets[i] ? (int)sets[i]->count : 0;
    }
    return last_place();
}

static int tell_state(const struct process *by, int id, unsigned command,
                      struct semaphore_told *told)
{
    bool is_place = command != IPC_STAT;
    const struct set *set = !is_place                            ? find(id)
                            : id >= 0 && id < SEMAPHORE_SETS_MAX ? sets[id]
                                                                 : NULL;
    if (!set)
        return -EINVAL;
    int status = command == SEM_STAT_ANY ? 0 : ipc_check(by, &set->perm, IPC_READS);
    if (status < 0)
        return status;
    told->size = sizeof told->state;
    told->state = (struct semid64_ds){.sem_perm = set->perm,
                                      .sem_otime = (long)set->operated_at,
                                      .sem_ctime = (long)set->changed_at,
                                      .sem_nsems = set->count};
    return is_place ? set->id : 0;
}

/* What was to be taken back of these is no more. */
static void forget(struct set *set, size_t first, size_t count)
{
    for (struct undo *undo = set->undo; undo; undo = undo->next)
        memset(undo->by + first, 0, count * sizeof *undo->by);
    set->changed_at = now();
    wait_wake_all(&set->changed);
}

static int set_all(const struct process *by, struct set *set, const struct semaphore_told *told)
{
    if (told->size != set->count * sizeof *told->values)
        return -EINVAL;
    for (size_t i = 0; i < set->count; i++) {
        if (told->values[i] > SEMAPHORE_VALUE_MAX)
            return -ERANGE;
    }
    for (size_t i = 0; i < set->count; i++) {
        set->all[i].value = told->values[i];
        set->all[i].process = by->number;
    }
    forget(set, 0, set->count);
    return 0;
}

static int get_all(const struct set *set, struct semaphore_told *told)
{
    told->size = set->count * (uint32_t)sizeof *told->values;
    for (size_t i = 0; i < set->count; i++)
        told->values[i] = (uint16_t)set->all[i].value;
    return 0;
}

static int of_one(const struct process *by, struct set *set, int number, unsigned command,
                  int value)
{
    if (number < 0 || (uint32_t)number >= set->count)
        return -EINVAL;
    struct semaphore *one = &set->all[number];
    switch (command) {
    case GETVAL:
        return one->value;
    case GETPID:
        return one->process;
    case GETNCNT:
        return (int)one->more_wait;
    case GETZCNT:
        return (int)one->zero_wait;
    default:
        one->value = value;
        one->process = by->number;
        forget(set, (size_t)number, 1);
        return 0;
    }
}

static int of_owner(const struct process *by, struct set *set, unsigned command,
                    const struct semaphore_told *told)
{
    if (!ipc_owns(by, &set->perm) && !identity_has(&by->identity, CAP_SYS_ADMIN))
        return -EPERM;
    if (command == IPC_RMID) {
        end(set);
        return 0;
    }
    if (told->size != sizeof told->state)
        return -EINVAL;
    set->perm.uid = told->state.sem_perm.uid;
    set->perm.gid = told->state.sem_perm.gid;
    set->perm.mode = told->state.sem_perm.mode & IPC_MODE_BITS;
    set->changed_at = now();
    return 0;
}

static int of_set(const struct process *by, struct set *set, int number, unsigned command,
                  int value, struct semaphore_told *told)
{
    bool writes = command == SETVAL || command == SETALL;
    int status = ipc_check(by, &set->perm, writes ? IPC_WRITES : IPC_READS);
    if (status < 0)
        return status;
    if (command == GETALL)
        return get_all(set, told);
    return command == SETALL ? set_all(by, set, told) : of_one(by, set, number, command, value);
}

int semaphore_control(const struct process *by, int id, int number, unsigned command, int value,
                      struct semaphore_told *told)
{
    if (id < 0)
        return -EINVAL;
    if (command == IPC_INFO || command == SEM_INFO)
        return tell_info(command, told);
    if (command == IPC_STAT || command == SEM_STAT || command == SEM_STAT_ANY)
        return tell_state(by, id, command, told);
    if (command == SETVAL && (value < 0 || value > SEMAPHORE_VALUE_MAX))
        return -ERANGE;
    struct set *set = find(id);
    if (!set)
        return -EINVAL;
    if (command == SEMAPHORE_COUNT)
        return (int)set->count;
    if (command == IPC_RMID || command == IPC_SET)
        return of_owner(by, set, command, told);
    bool is_known = command >= GETPID && command <= SETALL;
    return is_known ? of_set(by, set, number, command, value, told) : -EINVAL;
}

/* --- operations ------------------------------------------------------------------------------- */

static int32_t *find_undo(struct set *set, int process)
{
    struct undo *undo = set->undo;
    while (undo && undo->process != process)
        undo = undo->next;
    return undo ? undo->by : NULL;
}

static int32_t *take_undo(struct set *set, int process)
{
    int32_t *known = find_undo(set, process);
    if (known)
        return known;
    struct undo *undo = alloc_zeroed(1, sizeof *undo + set->count * sizeof *undo->by);
    if (!undo)
        return NULL;
    undo->process = process;
    undo->next = set->undo;
    set->undo = undo;
    return undo->by;
}

static bool is_undone(const struct sembuf *one)
{
    return one->sem_flg & SEM_UNDO;
}

/* One operation: 0, 1 where it is to wait, -ERANGE. */
static int operate_once(struct set *set, const struct sembuf *one, int32_t *undo)
{
    struct semaphore *semaphore = &set->all[one->sem_num];
    int32_t next = semaphore->value + one->sem_op;
    if (next < 0 || (one->sem_op == 0 && semaphore->value != 0))
        return 1;
    if (next > SEMAPHORE_VALUE_MAX)
        return -ERANGE;
    if (undo && is_undone(one)) {
        int32_t back = undo[one->sem_num] - one->sem_op;
        if (back < -SEMAPHORE_VALUE_MAX - 1 || back > SEMAPHORE_VALUE_MAX)
            return -ERANGE;
        undo[one->sem_num] = back;
    }
    semaphore->value = next;
    return 0;
}

/* All of them or none: what operate_once() says of the first that cannot be, at *place. */
static int try(struct set *set, const struct sembuf *operations, size_t count, int32_t *undo,
               size_t *place)
{
    int status = 0;
    size_t i = 0;
    while (i < count && (status = operate_once(set, &operations[i], undo)) == 0)
        i++;
    *place = i;
    while (status != 0 && i-- > 0) {
        set->all[operations[i].sem_num].value -= operations[i].sem_op;
        if (undo && is_undone(&operations[i]))
            undo[operations[i].sem_num] += operations[i].sem_op;
    }
    return status;
}

static void note(struct set *set, const struct sembuf *operations, size_t count, int process)
{
    bool has_changed = false;
    for (size_t i = 0; i < count; i++) {
        set->all[operations[i].sem_num].process = process;
        has_changed |= operations[i].sem_op != 0;
    }
    set->operated_at = now();
    if (has_changed)
        wait_wake_all(&set->changed);
}

/* Whether these could be at all; *undo is NULL where nothing is to be taken back. */
static int prepare(const struct process *by, struct set *set, const struct sembuf *operations,
                   size_t count, int32_t **undo)
{
    bool alters = false, is_to_undo = false;
    for (size_t i = 0; i < count; i++) {
        if (operations[i].sem_num >= set->count)
            return -EFBIG;
        alters |= operations[i].sem_op != 0;
        is_to_undo |= is_undone(&operations[i]);
    }
    int status = ipc_check(by, &set->perm, alters ? IPC_WRITES : IPC_READS);
    if (status < 0)
        return status;
    *undo = is_to_undo ? take_undo(set, by->number) : NULL;
    return is_to_undo && !*undo ? -ENOMEM : 0;
}

static void count_waiter(struct set *set, const struct sembuf *one, uint32_t by)
{
    struct semaphore *semaphore = &set->all[one->sem_num];
    if (one->sem_op == 0)
        semaphore->zero_wait += by;
    else
        semaphore->more_wait += by;
}

/* The set may have gone when this comes back, and the process' number is all that is relied on. */
static int wait_for(struct set *set, const struct sembuf *one, uint64_t deadline)
{
    int id = set->id;
    if (one->sem_flg & IPC_NOWAIT)
        return -EAGAIN;
    count_waiter(set, one, 1);
    int status = wait_on(&set->changed, deadline, NULL, 0);
    set = find(id);
    if (!set)
        return -EIDRM;
    count_waiter(set, one, UINT32_MAX); /* one less */
    return status == -ETIMEDOUT ? -EAGAIN : status;
}

int semaphore_operate(const struct process *by, int id, const struct sembuf *operations,
                      size_t count, uint64_t deadline)
{
    struct set *set = find(id);
    if (!set || count == 0)
        return -EINVAL;
    if (count > SEMAPHORE_OPERATIONS_MAX)
        return -E2BIG;
    for (;;) {
        int32_t *undo = NULL;
        size_t place = 0;
        int status = prepare(by, set, operations, count, &undo);
        if (status == 0)
            status = try(set, operations, count, undo, &place);
        if (status == 0)
            note(set, operations, count, by->number);
        if (status <= 0)
            return status;
        status = wait_for(set, &operations[place], deadline);
        if (status < 0)
            return status;
        set = find(id); /* which is there: nobody else had the lock since */
    }
}

/* ipc/sem.c, exit_sem(): what would be less than nothing is nothing. */
static void take_back(struct set *set, const int32_t *by, int process)
{
    for (size_t i = 0; i < set->count; i++) {
        struct semaphore *one = &set->all[i];
        if (by[i] == 0)
            continue;
        one->value += by[i];
        one->value = one->value < 0                     ? 0
                     : one->value > SEMAPHORE_VALUE_MAX ? SEMAPHORE_VALUE_MAX
                                                        : one->value;
        one->process = process;
    }
    set->operated_at = now();
    wait_wake_all(&set->changed);
}

static void leave(struct set *set, int process)
{
    struct undo **place = &set->undo;
    while (*place && (*place)->process != process)
        place = &(*place)->next;
    struct undo *undo = *place;
    if (!undo)
        return;
    *place = undo->next;
    take_back(set, undo->by, process);
    libos_free(undo);
}

void semaphore_left(int process)
{
    for (size_t i = 0; i < SEMAPHORE_SETS_MAX; i++) {
        if (sets[i])
            leave(sets[i], process);
    }
}
