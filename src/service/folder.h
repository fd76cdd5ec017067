/* Folders of the configuration that the service reads whole. */
#ifndef CAISSON_SERVICE_FOLDER_H
#define CAISSON_SERVICE_FOLDER_H

struct error;

/* Reads one file of the folder; ends the reading by -1 with `err`. */
typedef int folder_visit(const char *folder, const char *name, void *context, struct error *err);

/* Visits each file whose name has the suffix and no dot in front, in no order. ERROR_SYSTEM when
 * the folder cannot be read to its end, and what `visit` says. */
int folder_visit_each(const char *path, const char *suffix, folder_visit *visit, void *context,
                      struct error *err);

#endif
