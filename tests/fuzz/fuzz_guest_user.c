/* A container's passwd and group files, and the command line: any bytes. */
#include "fuzz.h"

#include "guest/cmdline.h"
#include "guest/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const texts[] = {"", "app", "0", "app:grp", "7:8", "app:"};
    struct span bytes = span_of(data, size);
    enum guest_tee tee;
    struct user user;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (user_resolve(texts[i], bytes, bytes, &user, NULL) < 0)
            continue;
        if (user_add_groups((struct policy_list){texts + 1, 2}, bytes, &user, NULL) == 0)
            fuzz_require(user.group_count <= 1 + USER_GROUPS_MAX);
        fuzz_require(user.group_count >= 1 && user.group_count <= 1 + USER_GROUPS_MAX);
        fuzz_require(memchr(user.user.name, 0, USER_NAME_SIZE) != NULL);
    }
    (void)cmdline_parse(bytes, &tee, NULL);
    return 0;
}
