/*
 * Timers that send signals: ITIMER_REAL, and those of timer_create(2). The host is asked for one
 * alarm, at the next deadline; when it comes, or at any other time, timers look at the clock. A
 * host that rings at another time than it should changes nothing, one that never does delays.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_ALARM_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_ALARM_H

#include <stdint.h>

#include "enclave/libos/threads/signal.h"

#define ALARMS     33
#define ALARM_REAL 0 /* alarm(2)'s, which is always there */

/* A new one that sends this, to a thread by its number or with 0 to the process; a number of 0
 * sends nothing. The timer's, from 1 on; -EAGAIN when there are as many as there may be. */
int alarm_new(const struct signal_info *info, int target);
/* -EINVAL for one that is not there, as all that follow. */
int alarm_end(int alarm);

/* Ends all but ALARM_REAL, as execve(2) does. */
void alarm_reset(void);
/* For another process: that of alarm(2) as well. */
void alarm_begin(void);

/* In nanoseconds. `first` of 0 stops it. An interval of 0: once. */
int alarm_set(int alarm, uint64_t first, uint64_t interval);
/* How long until it runs out (0: it is stopped), and its interval. */
int alarm_get(int alarm, uint64_t *left, uint64_t *interval);
/* How often it ran out beyond the first time when its signal was last sent. */
int alarm_overrun(int alarm);

/* Has this thread interrupted in the program at a time of the monotonic clock, once, instead of the
 * thread and time before; DOOR_FOREVER: none. */
void alarm_set_turn(uint64_t deadline);

/* Sends what has run out. */
void alarm_poll(void);

#endif
