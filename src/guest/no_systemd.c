/*
 * The libsystemd of the guest: every call fails, for there is no systemd. crun is linked against
 * the library for hosts where systemd makes its control groups; in the guest it makes them itself.
 * The true library would bring seven times as much code as crun has into what is measured
 * (compression, ciphers), and would take 3.5 MB of the machine's memory.
 *
 * The names are those that Debian's crun asks for, under libsystemd's version names
 * (no_systemd.map); scripts/build-guest refuses a crun that asks for another.
 */
#include <errno.h>

#define FAILS(name)                                                                                \
    int name(void);                                                                                \
    int name(void)                                                                                 \
    {                                                                                              \
        return -ENOSYS;                                                                            \
    }

FAILS(sd_bus_call)
FAILS(sd_bus_default_system)
FAILS(sd_bus_default_user)
FAILS(sd_bus_error_free)
FAILS(sd_bus_error_get_errno)
FAILS(sd_bus_match_signal_async)
FAILS(sd_bus_message_append)
FAILS(sd_bus_message_append_strv)
FAILS(sd_bus_message_close_container)
FAILS(sd_bus_message_new_method_call)
FAILS(sd_bus_message_open_container)
FAILS(sd_bus_message_read)
FAILS(sd_bus_message_unref)
FAILS(sd_bus_process)
FAILS(sd_bus_unref)
FAILS(sd_bus_wait)
FAILS(sd_journal_send_with_location)
FAILS(sd_notify)
FAILS(sd_notify_barrier)
