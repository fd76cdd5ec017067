#include "enclave/libos/system.h"

#include <linux/utsname.h>
#include <string.h>

static struct new_utsname name = {.sysname = "Linux",
                                  .nodename = "caisson",
                                  .release = "6.12.0-caisson",
                                  .version = "caisson library OS",
                                  .machine = "x86_64",
                                  .domainname = "(none)"};

const struct new_utsname *system_name(void)
{
    return &name;
}

void system_set_hostname(const char *text)
{
    size_t len = strnlen(text, sizeof name.nodename - 1);
    memset(name.nodename, 0, sizeof name.nodename);
    memcpy(name.nodename, text, len);
}
