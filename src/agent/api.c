#include "agent/api.h"

int api_serve(const struct agent_config *config, int starter, int sidecar, int broker,
              struct error *err)
{
    (void)config;
    (void)starter;
    (void)sidecar;
    (void)broker;
    return error_set(err, ERROR_UNAVAILABLE, "not yet");
}
