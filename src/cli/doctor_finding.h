/* What one check of `caisson doctor` found: a state, a line, and what to do. */
#ifndef CAISSON_CLI_DOCTOR_FINDING_H
#define CAISSON_CLI_DOCTOR_FINDING_H

/* FINDING_OPTIONAL: it is not there, and `--tee simulated` works without it. */
enum finding_state { FINDING_MISSING, FINDING_OPTIONAL, FINDING_OK, FINDING_STATE_COUNT };

struct finding {
    const char *name;
    enum finding_state state;
    char found[320];  /* one line */
    char remedy[320]; /* one line; "" where nothing is to be done */
};

/* "missing", "optional", "ok". */
const char *finding_state_name(enum finding_state state);

/* Writes all but the name; what cannot be printed is replaced. */
__attribute__((format(printf, 4, 5))) void finding_conclude(struct finding *finding,
                                                            enum finding_state state,
                                                            const char *remedy, const char *format,
                                                            ...);

/* The same, with what the system said (errno) behind `what`. */
void finding_conclude_system(struct finding *finding, enum finding_state state, const char *remedy,
                             const char *what);

#endif
