/*
 * What a read of the service's store costs while another thread writes: the median of reads of one
 * record, alone and beside a writer that appends entries to the log, each with its sync of the
 * disk, both in turn. Reads have connections of their own: who reads waits for no sync.
 */
#include "service/database.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "timing.h"

#define TURNS      10
#define TURN_READS 100
#define PAUSE_US                                                                                   \
    300 /* between two reads: a writer that waits for the reader would get its turn                \
         */

static const struct database_key key = {"acme", "resource", "default/secret/one"};
static struct database *store;
static atomic_bool writes;
static atomic_ulong written;

static int make_entry(void *context, const struct database_entry *last, struct buf *out,
                      struct error *err)
{
    static const char line[600] = {0};
    (void)context;
    (void)last;
    return buf_append(out, span_of(line, sizeof line), err);
}

static void *write_entries(void *argument)
{
    const struct database_draft draft = {"acme", make_entry, NULL};
    (void)argument;
    while (atomic_load(&writes)) {
        require(database_append(store, &draft, 1, NULL) == 0, "an entry could not be appended");
        (void)atomic_fetch_add(&written, 1);
    }
    return NULL;
}

static void read_turn(double *times)
{
    uint64_t revision;
    for (size_t i = 0; i < TURN_READS; i++) {
        BUF_AUTO value = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
        (void)usleep(PAUSE_US);
        double start = now_us();
        require(database_get(store, &key, &value, &revision, NULL) == 0, "no record");
        times[i] = now_us() - start;
    }
}

/* Reads beside a writer, once it has written. */
static void read_beside(double *times)
{
    pthread_t thread;
    unsigned long before = atomic_load(&written);
    atomic_store(&writes, true);
    require(pthread_create(&thread, NULL, write_entries, NULL) == 0, "no thread");
    while (atomic_load(&written) == before)
        (void)usleep(100);
    read_turn(times);
    atomic_store(&writes, false);
    (void)pthread_join(thread, NULL);
}

static void measure(void)
{
    static double alone[TURNS * TURN_READS];
    static double beside[TURNS * TURN_READS];
    const size_t count = TURNS * TURN_READS;
    for (size_t i = 0; i < TURNS; i++) {
        read_turn(alone + i * TURN_READS);
        read_beside(beside + i * TURN_READS);
    }
    double single = median(alone, count);
    double both = median(beside, count);
    (void)printf(
        "RESULT | store: a record read beside a writer, by the same alone: medians | %.1f × "
        "(%.0f µs against %.0f µs) | ≤ 3 × | %s\n",
        both / single, both, single, both <= 3 * single ? "ok" : "missed");
    (void)printf("RESULT | store: the same, the 99th of 100 | %.0f µs against %.0f µs | | info\n",
                 beside[count * 99 / 100], alone[count * 99 / 100]);
}

int main(void)
{
    static const char *const files[] = {"store", "store-wal", "store-shm"};
    char folder[] = "/var/tmp/caisson-bench-store-XXXXXX"; /* on a disk: /tmp may be memory */
    char path[sizeof folder + 8];
    uint64_t revision = DATABASE_ABSENT;
    require(mkdtemp(folder) != NULL, "no folder");
    (void)snprintf(path, sizeof path, "%s/store", folder);
    store = database_open(path, NULL);
    require(store && database_put(store, &key, span_of("a secret", 8), &revision, NULL) == 0,
            "no store");
    measure();
    database_close(store);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)unlinkat(fd, files[i], 0);
    (void)close(fd);
    (void)rmdir(folder);
    return 0;
}
