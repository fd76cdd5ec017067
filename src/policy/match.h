/* One value against one rule. Internal to this folder. */
#ifndef CAISSON_POLICY_MATCH_H
#define CAISSON_POLICY_MATCH_H

#include "policy/state.h"

bool match_text(const struct matcher *matcher, struct span text, struct regex_scratch *scratch);
bool match_identity(const struct matcher *matcher, const struct policy_identity *identity,
                    struct regex_scratch *scratch);
bool match_env(const struct env_rule *rule, const char *env, struct regex_scratch *scratch);
/* True for a rule that is decided without PCRE2. */
bool match_is_plain(const struct env_rule *rule);
bool match_list(struct policy_list rule, struct policy_list list);

/* The first of `list` that `other` lacks; NULL where it has all. */
const char *match_find_lacking(struct policy_list list, struct policy_list other);

bool match_signal(const uint32_t *signals, size_t count, uint32_t signal);

/* The umask, the user, and every group by some rule. */
bool match_user(const struct user_rule *rule, const struct policy_process *process,
                struct regex_scratch *scratch);

/* A mount against one rule; `state` tells of plan9 mounts. */
bool match_mount(struct policy_state *state, const struct policy_process *process,
                 const struct mount_rule *rule, const struct policy_mount *mount);

/* A mount against everything that the container may have. */
bool match_any_mount(struct policy_state *state, const struct policy_process *process,
                     const struct policy_container *container, const struct policy_mount *mount);

#endif
