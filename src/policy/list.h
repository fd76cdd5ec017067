/* Lists of texts in JSON, as policies have them, and requests. */
#ifndef CAISSON_POLICY_LIST_H
#define CAISSON_POLICY_LIST_H

#include "format/fields.h"
#include "policy/policy.h"

/* A struct policy_list; field->max bounds it. */
field_reader policy_list_read;

/* A struct policy_capabilities, of an object with a list for each set. */
field_reader policy_capabilities_read;

#endif
