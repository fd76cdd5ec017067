/* What differs between two policies, by container and key. */
#ifndef CAISSON_POLICY_DIFF_H
#define CAISSON_POLICY_DIFF_H

#include "base/buf.h"

/* How much is told. Names alone are for outputs that others read too, as logs of builds: a policy
 * may hold secret values of variables and words of commands. */
enum policy_diff_form { POLICY_DIFF_VALUES, POLICY_DIFF_NAMES };

/* Appends a line for each difference and sets *same where there is none. Order, layout and comments
 * of the texts do not count; rows of containers are compared with those of the same name (or id),
 * in their order where several have it. ERROR_INVALID naming the text that is no policy. */
int policy_diff(struct span first, struct span second, enum policy_diff_form form, struct buf *out,
                bool *same, struct error *err);

#endif
