/*
 * Open files, and the table of their numbers. What a file does is behind one table of functions,
 * its kind: plain files, directories, devices, pipes.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_FILE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_FILE_H

#include "enclave/libos/files/tree.h"

struct file;
struct pseudo_text;

#define FILE_SOCKET 12 /* S_IFSOCK >> 12: the one type that a layer's ext4 has none of */

/* Any function may be NULL; the comment says what that means. None waits: -EAGAIN. */
struct file_kind {
    const char *name; /* of what has none: "pipe", "socket", "[eventfd]"; NULL: a pipe's */
    uint16_t type;    /* as EXT4_FIFO; 0 with a name: none */
    bool is_stream;   /* has no offsets: lseek and pread answer -ESPIPE */
    int64_t (*read)(struct file *file, uint64_t offset, void *out, size_t size); /* -EINVAL */
    int64_t (*write)(struct file *file, uint64_t offset, const void *bytes, size_t size);
    /* Of what is the host's: what a thread can wait for there (struct door_ready). */
    uint32_t (*handle)(const struct file *file);
    /* What a look there asks beside what is wanted, what is ready of it in here, and what the look
     * has brought: events, and bytes at this place (door_get_fetched()), or none. NULL: nothing. */
    unsigned (*asks)(const struct file *file);
    unsigned (*held)(const struct file *file);
    void (*hear)(struct file *file, unsigned events, size_t place, size_t size);
    uint64_t (*due)(struct file *file);  /* when it becomes ready by itself; UINT64_MAX: never */
    unsigned (*poll)(struct file *file); /* of POLLIN and the like; NULL: read and write */
    int (*ioctl)(struct file *file, unsigned request, void *argument); /* -ENOTTY */
    void (*tell)(const struct file *file, struct pseudo_text *out);    /* more of /proc's fdinfo */
    void (*release)(struct file *file);                                /* the last number is gone */
    /* Another open file of the same thing, by /proc: sets the kind and the state. -ENXIO */
    int (*open_again)(const struct file *from, struct file *to);
};

struct file {
    const struct file_kind *kind;
    uint32_t references;
    unsigned flags; /* O_* */
    uint64_t offset;
    uint64_t edges;        /* how often it may have become ready (epoll.h) */
    struct watch *watches; /* of epolls (epoll.h), with what ends them */
    void (*forget_watches)(struct file *file);
    int owner;         /* fcntl's F_SETOWN, kept and told */
    uint64_t number;   /* of what has no node, for stat; both ends of a pipe have the same */
    bool is_told;      /* that it is open, and so that it is closed (notify.h) */
    bool keeps_setuid; /* opened with CAP_FSETID: writing takes no bits away */
    struct node *node; /* counted; NULL for what has no name */
    char *path;        /* by which it was opened, from the root on; NULL likewise */
    void *state;       /* the kind's */
};

extern const struct file_kind file_plain;
extern const struct file_kind file_directory;

/* One reference. Takes none of the node until it succeeds. -ENOMEM. */
int file_new(const struct file_kind *kind, unsigned flags, struct node *node, struct file **out);
struct file *file_get(struct file *file);
void file_put(struct file *file);

#define FILE_NUMBERS_MAX 65536

struct file_table {
    struct file_slot *slots;
    size_t count;
    size_t limit; /* RLIMIT_NOFILE */
    int process;  /* whose it is, as locks on files know it (lock_file.h) */
};

/* Puts a file, whose reference it takes on success, at the lowest free number from `least` on.
 * -EMFILE, -ENOMEM; -EINVAL for a number beyond the limit. */
int file_table_add(struct file_table *table, struct file *file, size_t least, bool cloexec);

/* The file of a number, borrowed; NULL for none. */
struct file *file_table_get(const struct file_table *table, int number);

/* dup(2) and F_DUPFD, dup3(2), close(2), close_range(2): numbers or negative errnos. */
int file_dup(struct file_table *table, int number, size_t least, bool cloexec);
int file_dup_to(struct file_table *table, int number, int to, bool cloexec);
int file_close(struct file_table *table, int number);
void file_close_range(struct file_table *table, size_t first, size_t last);
int file_is_cloexec(const struct file_table *table, int number);
int file_set_cloexec(struct file_table *table, int number, bool cloexec);

/* What fork(2) does: the same numbers of the same open files, for a process that is yet to be told.
 * -ENOMEM: nothing was done. */
int file_table_copy(const struct file_table *from, struct file_table *to);

/* What execve(2) does. */
void file_table_close_on_exec(struct file_table *table);
void file_table_fini(struct file_table *table);

/* read(2) and the like of one file. An offset of FILE_HERE means the file's own, which moves. */
#define FILE_HERE UINT64_MAX
int64_t file_read(struct file *file, uint64_t offset, void *out, size_t size);
int64_t file_write(struct file *file, uint64_t offset, const void *bytes, size_t size);
int64_t file_seek(struct file *file, int64_t offset, unsigned whence);
int file_truncate(struct file *file, uint64_t size);
/* fallocate(2), as tmpfs has it: room, with or without FALLOC_FL_KEEP_SIZE, and holes. */
int file_allocate(struct file *file, unsigned mode, int64_t offset, int64_t size);

/* getdents64(2): bytes of struct linux_dirent64. */
int file_list(struct file *file, void *out, size_t size);

#endif
