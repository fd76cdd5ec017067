#include "cli/doctor_finding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

static const char *const state_names[] = {
    [FINDING_MISSING] = "missing",
    [FINDING_OPTIONAL] = "optional",
    [FINDING_OK] = "ok",
};
_Static_assert(sizeof state_names / sizeof *state_names == FINDING_STATE_COUNT,
               "a state without name");

const char *finding_state_name(enum finding_state state)
{
    return state_names[state];
}

void finding_conclude(struct finding *finding, enum finding_state state, const char *remedy,
                      const char *format, ...)
{
    va_list values;
    va_start(values, format);
    finding->state = state;
    (void)vsnprintf(finding->found, sizeof finding->found, format, values);
    va_end(values);
    (void)snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy);
    text_make_printable(finding->found);
    text_make_printable(finding->remedy);
}

void finding_conclude_system(struct finding *finding, enum finding_state state, const char *remedy,
                             const char *what)
{
    struct error err = {0};
    (void)error_system(&err, errno, "%s", what);
    finding_conclude(finding, state, remedy, "%s", err.text);
}
