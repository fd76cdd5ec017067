/* The files of volumes that hold values: configMap, secret, downwardAPI, projected. Internal to the
 * pod_*.c files. */
#ifndef CAISSON_TEMPLATE_POD_VOLUME_FILES_H
#define CAISSON_TEMPLATE_POD_VOLUME_FILES_H

#include "template/pod_read.h"

/* Fills in type and files from the source, whose kind is out->kind. POD_STRICT only. */
int pod_read_volume_files(const struct pod_reader *reader, const json_t *source,
                          struct pod_volume *out, struct error *err);

/* A path below a volume: relative, and without empty part, "." or "..". */
int pod_check_file_path(const char *path, struct error *err);

#endif
