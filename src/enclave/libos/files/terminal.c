/* Pairs of a master and slaves, and their open files. */
#include "enclave/libos/files/terminal.h"

#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/special.h"
#include "enclave/libos/files/terminal_parts.h"
#include "enclave/libos/processes/process.h"

#define TTY_GROUP   5 /* as devpts is mounted: gid=5,mode=620 */
#define SLAVE_MODE  (EXT4_CHAR << 12 | 0620)
#define OTHER_MODE  (EXT4_CHAR << 12 | 0666)
#define OTHER_MAJOR 5
#define TTY_MINOR   0
#define PTMX_MINOR  2

static struct terminal *terminals[TERMINALS_MAX];
static struct tree *folder; /* /dev/pts; NULL: nothing has names */

struct terminal *terminal_at(size_t number)
{
    return number < TERMINALS_MAX ? terminals[number] : NULL;
}

static const struct file_kind master_kind, slave_kind;

bool terminal_is_master(const struct file *file)
{
    return file->kind == &master_kind;
}

struct terminal *terminal_of(const struct file *file)
{
    return terminal_is_master(file) ? file->state
                                    : ((const struct terminal_slave *)file->state)->terminal;
}

void terminal_changed(struct terminal *terminal, bool is_master)
{
    if (is_master && terminal->master)
        terminal->master->edges++;
    for (struct terminal_slave *one = terminal->slaves; one && !is_master; one = one->next)
        one->file->edges++;
    if (file_changed)
        file_changed();
}

/* --- the folder of slaves --------------------------------------------------------------------- */

static int open_own(struct node *node, struct file *file);
static int open_master(struct node *node, struct file *file);
static int open_slave(struct node *node, struct file *file);

/* A device by its number that is one by what opens it. */
static int add_device(struct node *directory, struct span name, const struct node_new *what,
                      const struct special *special)
{
    struct node *node;
    int status = tree_create(directory, name, what, &node);
    if (status < 0)
        return status;
    node->special = special;
    node_put(node);
    return 0;
}

int terminal_make_devices(struct tree *dev)
{
    static const struct special own = {.open = open_own};
    const struct node_new tty = {.mode = OTHER_MODE, .major = OTHER_MAJOR, .minor = TTY_MINOR};
    const struct node_new ptmx = {.mode = EXT4_LINK << 12 | 0777,
                                  .target = span_of_text("pts/ptmx")};
    int status = add_device(dev->root, span_of_text("tty"), &tty, &own);
    return status < 0 ? status : tree_create(dev->root, span_of_text("ptmx"), &ptmx, NULL);
}

int terminal_make_folder(struct tree *tree)
{
    static const struct special master = {.open = open_master};
    const struct node_new ptmx = {.mode = OTHER_MODE, .major = OTHER_MAJOR, .minor = PTMX_MINOR};
    int status = add_device(tree->root, span_of_text("ptmx"), &ptmx, &master);
    if (status == 0)
        folder = tree;
    return status;
}

_Static_assert(TERMINALS_MAX <= 100, "a number has two digits");

static struct span name_of(uint32_t number, char out[2])
{
    size_t size = 0;
    if (number >= 10)
        out[size++] = (char)('0' + number / 10);
    out[size++] = (char)('0' + number % 10);
    return (struct span){(const uint8_t *)out, size};
}

static int add_name(uint32_t number, uint32_t uid)
{
    static const struct special slave = {.open = open_slave};
    char name[2];
    const struct node_new what = {
        .mode = SLAVE_MODE, .uid = uid, .gid = TTY_GROUP, .major = TERMINAL_MAJOR, .minor = number};
    return folder ? add_device(folder->root, name_of(number, name), &what, &slave) : 0;
}

static void remove_name(uint32_t number)
{
    char name[2];
    if (folder)
        (void)tree_remove(folder->root, name_of(number, name), false);
}

/* --- pairs ------------------------------------------------------------------------------------ */

static int make(uint32_t uid, struct terminal **out)
{
    uint32_t number = 0;
    while (number < TERMINALS_MAX && terminals[number])
        number++;
    if (number == TERMINALS_MAX)
        return -ENOSPC;
    struct terminal *terminal = alloc_zeroed(1, sizeof *terminal);
    int status = terminal ? add_name(number, uid) : -ENOMEM;
    if (status < 0) {
        libos_free(terminal);
        return status;
    }
    terminal->number = number;
    terminal->is_locked = true;
    terminal_settings_init(&terminal->termios);
    terminals[number] = terminal;
    *out = terminal;
    return 0;
}

static void free_unused(struct terminal *terminal)
{
    if (terminal->master || terminal->slaves)
        return;
    terminals[terminal->number] = NULL;
    libos_free(terminal);
}

/* --- masters ---------------------------------------------------------------------------------- */

/* Linux' -EIO when the last slave has been closed, and none before there was one. */
static bool is_alone(const struct terminal *terminal)
{
    return terminal->had_slaves && !terminal->slaves;
}

static int64_t master_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct terminal *terminal = file->state;
    (void)offset;
    if (size == 0)
        return 0;
    if (terminal->shows == 0)
        return is_alone(terminal) ? -EIO : -EAGAIN;
    return (int64_t)terminal_take_shown(terminal, out, size);
}

static int64_t master_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct terminal *terminal = file->state;
    (void)offset;
    return is_alone(terminal) ? -EIO : terminal_type(terminal, bytes, size);
}

static unsigned master_poll(struct file *file)
{
    const struct terminal *terminal = file->state;
    return (terminal->shows > 0 ? POLLIN | POLLRDNORM : 0) |
           (terminal_takes(terminal) ? POLLOUT | POLLWRNORM : 0) |
           (is_alone(terminal) ? POLLHUP : 0);
}

static void master_release(struct file *file)
{
    struct terminal *terminal = file->state;
    remove_name(terminal->number);
    terminal->master = NULL;
    terminal_hang_up(terminal);
    terminal_changed(terminal, false);
    free_unused(terminal);
}

static const struct file_kind master_kind = {.is_stream = true,
                                             .read = master_read,
                                             .write = master_write,
                                             .poll = master_poll,
                                             .ioctl = terminal_control,
                                             .release = master_release};

static int begin_master(struct file *file, uint32_t uid)
{
    struct terminal *terminal;
    int status = make(uid, &terminal);
    if (status < 0)
        return status;
    terminal->master = file;
    file->kind = &master_kind;
    file->state = terminal;
    return 0;
}

static int open_master(struct node *node, struct file *file)
{
    (void)node;
    return begin_master(file, process_self()->vfs.creds.uid);
}

/* --- slaves ----------------------------------------------------------------------------------- */

static bool has_hung_up(const struct terminal *terminal)
{
    return !terminal->master;
}

static int64_t slave_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct terminal *terminal = terminal_of(file);
    (void)offset;
    if (has_hung_up(terminal))
        return 0;
    int status = terminal_check(terminal, SIGTTIN);
    return status < 0 ? status : terminal_read(terminal, out, size, !(file->flags & O_NONBLOCK));
}

static int64_t slave_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct terminal *terminal = terminal_of(file);
    (void)offset;
    if (has_hung_up(terminal))
        return -EIO;
    int status = terminal_has(terminal, TOSTOP) ? terminal_check(terminal, SIGTTOU) : 0;
    return status < 0 ? status : terminal_show(terminal, bytes, size);
}

static unsigned slave_poll(struct file *file)
{
    const struct terminal *terminal = terminal_of(file);
    if (has_hung_up(terminal))
        return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
    return (terminal_is_ready(terminal) ? POLLIN | POLLRDNORM : 0) |
           (terminal_shows(terminal) ? POLLOUT | POLLWRNORM : 0);
}

static uint64_t slave_due(struct file *file)
{
    const struct terminal *terminal = terminal_of(file);
    return terminal->due ? terminal->due : UINT64_MAX;
}

static void slave_release(struct file *file)
{
    struct terminal_slave *slave = file->state;
    struct terminal *terminal = slave->terminal;
    struct terminal_slave **place = &terminal->slaves;
    while (*place != slave)
        place = &(*place)->next;
    *place = slave->next;
    libos_free(slave);
    terminal_changed(terminal, true);
    free_unused(terminal);
}

static const struct file_kind slave_kind = {.is_stream = true,
                                            .read = slave_read,
                                            .write = slave_write,
                                            .poll = slave_poll,
                                            .due = slave_due,
                                            .ioctl = terminal_control,
                                            .release = slave_release};

static int join(struct terminal *terminal, struct file *file)
{
    struct terminal_slave *slave = alloc_zeroed(1, sizeof *slave);
    if (!slave)
        return -ENOMEM;
    *slave = (struct terminal_slave){terminal, file, terminal->slaves};
    terminal->slaves = slave;
    terminal->had_slaves = true;
    file->kind = &slave_kind;
    file->state = slave;
    return 0;
}

static int open_slave(struct node *node, struct file *file)
{
    struct terminal *terminal = terminal_at(node->minor);
    if (!terminal || has_hung_up(terminal) || terminal->is_locked)
        return -EIO;
    int status = join(terminal, file);
    if (status == 0 && !(file->flags & O_NOCTTY))
        terminal_offer(terminal);
    return status;
}

static int open_own(struct node *node, struct file *file)
{
    (void)node;
    struct terminal *terminal = terminal_own();
    return terminal ? join(terminal, file) : -ENXIO;
}

/* --- from outside ----------------------------------------------------------------------------- */

/* Open by its name, so that it has one. */
static int open_by_name(struct process *process, uint32_t number, struct file **out)
{
    char path[sizeof "/dev/pts/77"] = "/dev/pts/";
    char *digits = path + sizeof "/dev/pts/" - 1;
    digits[name_of(number, digits).size] = 0;
    int opened = vfs_open(&process->vfs, AT_FDCWD, path, O_RDWR | O_NOCTTY, 0, 0);
    if (opened < 0)
        return opened;
    *out = file_get(file_table_get(&process->vfs.files, opened));
    return file_close(&process->vfs.files, opened);
}

int terminal_new(struct process *process, const struct terminal_start *start, struct file **master,
                 struct file **slave)
{
    int status = file_new(NULL, O_RDWR, NULL, master);
    if (status < 0)
        return status;
    status = begin_master(*master, start->uid);
    if (status == 0) {
        struct terminal *terminal = terminal_of(*master);
        terminal->is_locked = false;
        terminal->size = (struct winsize){.ws_row = start->rows, .ws_col = start->columns};
        status = open_by_name(process, terminal->number, slave);
    }
    if (status == 0) {
        terminal_give(terminal_of(*slave), process);
        return 0;
    }
    file_put(*master);
    *master = NULL;
    return status;
}

void terminal_resize(struct file *master, unsigned rows, unsigned columns)
{
    struct winsize size = terminal_of(master)->size;
    size.ws_row = (unsigned short)rows;
    size.ws_col = (unsigned short)columns;
    terminal_set_size(terminal_of(master), &size);
}
