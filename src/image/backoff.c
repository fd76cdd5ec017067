#include "image/backoff.h"

#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "crypto/random.h"

#define DELAY_FIRST_MS 250
#define DELAY_MAX_MS   (BACKOFF_MAX_S * UINT64_C(1000))
#define STEP_MS        100 /* how soon a stop is noticed */

static uint64_t delay_before(unsigned tries, unsigned retry_after)
{
    uint16_t noise = 0;
    uint64_t delay_ms = (uint64_t)DELAY_FIRST_MS << (tries < 8 ? tries : 8);
    /* Many clients that were turned away together must not come back together. */
    (void)random_bytes(&noise, sizeof noise, NULL);
    delay_ms += delay_ms / 2 * noise / UINT16_MAX;
    if (delay_ms < retry_after * UINT64_C(1000))
        delay_ms = retry_after * UINT64_C(1000);
    return delay_ms > DELAY_MAX_MS ? DELAY_MAX_MS : delay_ms;
}

void backoff_wait(unsigned tries, unsigned retry_after, bool (*is_stopped)(const void *arg),
                  const void *arg)
{
    uint64_t delay_ms = delay_before(tries, retry_after);
    for (uint64_t step; delay_ms > 0 && !(is_stopped && is_stopped(arg)); delay_ms -= step) {
        step = delay_ms < STEP_MS ? delay_ms : STEP_MS;
        struct timespec delay = {.tv_nsec = (long)step * 1000000L};
        while (nanosleep(&delay, &delay) < 0 && errno == EINTR)
            ;
    }
}
