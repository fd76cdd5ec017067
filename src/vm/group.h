/*
 * The life of a container group without a machine: what is to be done next, from what has happened
 * and what time it is. No system call, no clock: whoever drives it (vm/monitor_group.c) tells both.
 *
 * Theory of operation
 *
 * Each member has a phase. Init members run first, one after the other, each to a good end; then
 * the others are started one by one, in their order. A sidecar is an init member that goes on
 * running: what follows waits until it has started up, and it is ended after the others, the last
 * one first. A member that ends is started again where its
 * restart policy says so: the first time at once, then after 10 s, twice as long each time, up to
 * 5 minutes; 10 minutes of running without an end make that short again (as a kubelet does it).
 *
 * A member that runs is probed. Until its startup probe has succeeded nothing else is asked; too
 * many failures of it, or of the liveness probe, end the member, which then is one that has ended.
 * The readiness probe tells whether the member counts as ready.
 *
 * A member may have hooks. Until the one after its start has ended well, nothing follows it; if it
 * fails, the member is ended. The one before its end is run before the member is asked to end, and
 * takes of the same time: when that is over it is asked all the same, and killed soon.
 *
 * group_next() hands out one action at a time; its outcome comes back by group_started(),
 * group_exited(), group_probed() and group_hooked(). The group has ended when no member runs or
 * will run again.
 */
#ifndef CAISSON_VM_GROUP_H
#define CAISSON_VM_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

#define GROUP_MEMBERS_MAX     64
#define GROUP_NAME_MAX        53 /* of a member: its number in the id takes the rest of 64 */
#define GROUP_BACKOFF_MS      10000
#define GROUP_BACKOFF_MAX_MS  300000
#define GROUP_BACKOFF_CALM_MS 600000
#define GROUP_LATE_MS         2000 /* from being asked to being killed, when the time is over */

/* What is asked of a member: probes, and hooks, which are asked once. */
enum group_probe {
    GROUP_STARTUP,
    GROUP_READINESS,
    GROUP_LIVENESS,
    GROUP_PROBES,
    GROUP_POST_START = GROUP_PROBES,
    GROUP_PRE_STOP,
    GROUP_ASKED
};

/* How often a probe is made and what counts. `period_ms` 0: there is no such probe. */
struct group_probe_plan {
    uint32_t delay_ms; /* after the member's start */
    uint32_t period_ms;
    uint32_t successes; /* in a row; at least 1 */
    uint32_t failures;
    uint32_t grace_ms; /* of the end that its failure brings; 0 for the member's */
};

struct group_member_plan {
    const char *name; /* 1 to GROUP_NAME_MAX characters of a container's id */
    bool init;
    bool sidecar;              /* of `init`: it goes on running */
    bool post_start, pre_stop; /* has that hook */
    enum policy_restart restart;
    uint32_t restarts_max; /* 0 for no limit */
    uint32_t grace_ms;     /* from being asked to end to being killed */
    struct group_probe_plan probes[GROUP_PROBES];
};

enum group_action_kind {
    GROUP_START,     /* the member, under the id that group_member_id() tells */
    GROUP_PROBE,     /* the member, by `probe`: a hook too */
    GROUP_TERMINATE, /* ask the member to end: by its failure, or the group's stop */
    GROUP_KILL       /* it has not ended in time */
};

struct group_action {
    enum group_action_kind kind;
    size_t member;
    enum group_probe probe;
};

enum group_phase {
    GROUP_WAITING,  /* not started yet, or between two starts */
    GROUP_STARTING, /* asked for */
    GROUP_POSTING,  /* runs, and the hook after its start does */
    GROUP_RUNNING,
    GROUP_ENDING, /* to be asked to end, or asked */
    GROUP_ENDED   /* not started again */
};

/* How far an end has come. */
enum group_end { GROUP_END_NEW, GROUP_END_HOOK, GROUP_END_HOOKED, GROUP_END_TOLD };

struct group_probe_state {
    int64_t due_ms;
    bool asked; /* an outcome is awaited */
    bool good;
    uint32_t row; /* equal outcomes in a row */
    bool last;    /* what they were */
};

struct group_member {
    enum group_phase phase;
    uint32_t starts;
    unsigned int code; /* of its last end */
    int64_t started_ms;
    int64_t due_ms; /* waiting: not before then; ending: killed then */
    bool hooking;   /* posting: the hook was asked */
    enum group_end end;
    uint32_t grace_ms; /* of an end */
    uint32_t backoff_ms;
    struct group_probe_state probes[GROUP_PROBES];
};

struct group {
    const struct group_member_plan *plan;
    size_t count;
    bool stopping;
    bool paused;
    struct group_member members[GROUP_MEMBERS_MAX];
};

/* `plan` is borrowed. At most GROUP_MEMBERS_MAX members. */
void group_init(struct group *group, const struct group_member_plan *plan, size_t count);

/* The next thing to do now. False when there is none: *wake_ms is when to ask again, -1 for not
 * before something has happened. */
bool group_next(struct group *group, int64_t now_ms, struct group_action *out, int64_t *wake_ms);

/* What has happened. Outcomes that nobody awaits any more are passed over. */
void group_started(struct group *group, size_t member, int64_t now_ms);
void group_exited(struct group *group, size_t member, unsigned int code, int64_t now_ms);
void group_probed(struct group *group, size_t member, enum group_probe probe, bool good,
                  int64_t now_ms);
void group_hooked(struct group *group, size_t member, enum group_probe hook, bool good,
                  int64_t now_ms);

/* While the machine is paused nothing is started, probed, or asked by the hook after a start, and
 * outcomes of probes count for nothing: what is frozen neither fails nor succeeds. */
void group_pause(struct group *group, bool paused);

/* From now on nothing is started or probed, and what runs is ended. */
void group_stop(struct group *group);

/* "web", or "web.2" when it was started twice before. Ids are used once in a machine. */
void group_member_id(const struct group *group, size_t member, char out[65]);

/* No member runs or will run again. */
bool group_has_ended(const struct group *group);

/* Of a group that has ended: the first code that is not 0, of the members in their order; else 0.
 */
unsigned int group_exit_code(const struct group *group);

bool group_member_is_ready(const struct group *group, size_t member);

/* All init members have ended well, or are sidecars that are ready, and all others are ready, or
 * have ended well and for good. */
bool group_is_ready(const struct group *group);

const char *group_phase_name(enum group_phase phase);

#endif
