/*
 * The character devices that every container has, by their numbers (Linux,
 * Documentation/admin-guide/devices.txt): null, zero, full, random, urandom. A node with one of
 * these numbers is the device, wherever it is, as in the VM; all others are not there: -ENXIO.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_DEVICES_H
#define CAISSON_ENCLAVE_LIBOS_FILES_DEVICES_H

#include "enclave/libos/files/vfs.h"

/* Sets the kind of a file that is opened on a character device. */
int devices_open(struct vfs *vfs, struct file *file);

/* Fills an empty tmpfs as /dev: the devices, shm, and links to /proc/self/fd. */
int devices_make(struct tree *tree);

#endif
