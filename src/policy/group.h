/*
 * Which of the policy's containers may start now, and how many of them do run: the policy's
 * containers taken together. Internal to this folder.
 *
 * A policy without `caisson_group` demands no order; what runs is counted all the same.
 */
#ifndef CAISSON_POLICY_GROUP_H
#define CAISSON_POLICY_GROUP_H

#include "policy/narrow.h"

/* Puts first the candidate that the container becomes: one that does not run yet, if there is such.
 * With a group and `decide`, the candidate that the group lets start now is the only one left;
 * false with the decision denied where there is none. */
bool group_admit(struct asker *asker, bool decide);

#endif
