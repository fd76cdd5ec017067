/*
 * /proc: what programs read there of processes and of the system. What is of a process' memory
 * (cmdline, environ, maps, …) is there for the one whose memory this enclave has.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_PROC_H
#define CAISSON_ENCLAVE_LIBOS_FILES_PROC_H

#include "enclave/libos/files/pseudo.h"

int proc_new(struct file_clock clock, struct tree **out);

/* A mount that /proc/mounts is to show, for ever; the path is borrowed, and so is the tree. */
#define PROC_MOUNTS_MAX 72 /* the root, /dev and in it, /proc, /sys, and the policy's */
void proc_note_mount(const char *path, const struct tree *tree);

/* The tables: proc_process.c, proc_files.c, proc_system.c, proc_sys.c. */
extern const struct pseudo_entry proc_process_entries[], proc_thread_entries[], proc_sys_entries[];
extern const struct pseudo_numbers proc_threads, proc_open_files, proc_file_facts;
int proc_link_folder(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX]);
int proc_link_program(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX]);
int proc_link_root(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX]);
int proc_follow_folder(const struct pseudo_key *key, struct node **out);
int proc_follow_program(const struct pseudo_key *key, struct node **out);
int proc_follow_root(const struct pseudo_key *key, struct node **out);
int proc_text_limits(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_mounts(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_mount_facts(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_memory(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_processors(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_figures(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_uptime(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_load(const struct pseudo_key *key, struct pseudo_text *out);
int proc_text_version(const struct pseudo_key *key, struct pseudo_text *out);

#define PROC_FILE(access)   (EXT4_FILE << 12 | (access))
#define PROC_FOLDER(access) (EXT4_DIR << 12 | (access))
#define PROC_LINK           (EXT4_LINK << 12 | 0777)
#define PROC_TICK           UINT64_C(10000000) /* nanoseconds: a hundred a second */

#endif
