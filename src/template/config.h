/*
 * confcom's own input (`--input F.json`): a list of containers, each with its image and what it may
 * do. Version 1 has a container's members under `properties`; version 0, recognised by
 * containers[0].containerImage, has them beside its name.
 */
#ifndef CAISSON_TEMPLATE_CONFIG_H
#define CAISSON_TEMPLATE_CONFIG_H

#include "template/group.h"

/* Appends one group. ERROR_INVALID or ERROR_LIMIT with container and member. */
int template_read_config(struct span text, struct template_groups *groups, struct error *err);

/* A group of the one image, as `--image` makes it. The reference has to outlive the groups. */
int template_of_image(const char *reference, struct template_groups *groups, struct error *err);

/* The fragments that `--fragments-json` names: appended to each group that is there. */
int template_add_fragments(struct span text, struct template_groups *groups, struct error *err);

#endif
