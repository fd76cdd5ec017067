/* placeholder */
#ifndef CAISSON_AGENT_API_H
#define CAISSON_AGENT_API_H

#include "agent/link.h"

int api_serve(const struct agent_config *config, int starter, int sidecar, int broker,
              struct error *err);

#endif
