/* What `caisson confcom acipolicygen` does with the groups that it read: print, write into the
 * file, compare. */
#ifndef CAISSON_CLI_CONFCOM_OUTPUT_H
#define CAISSON_CLI_CONFCOM_OUTPUT_H

#include "cli/args.h"
#include "cli/arm_file.h"
#include "cli/pod_file.h"

struct confcom_output {
    const struct args *args;
    struct template_groups *groups;
    struct arm_file *template;     /* what --template-file names */
    struct pod_manifest *manifest; /* what --virtual-node-yaml names */
    struct pods *pods;             /* of that */
    struct template_form form;     /* compact */
    struct template_images images;
};

/* Both give the exit status, or -1 with `err`. */
int confcom_write(struct confcom_output *output, struct error *err);
int confcom_print_existing(struct confcom_output *output, struct error *err);

#endif
