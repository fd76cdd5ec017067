/* Docker's words for what confines a container, and what request and policy say of them. */
#include "../check.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/confinement.h"
#include "format/json.h"

static const struct option_rule rules[] = {CONFINEMENT_OPTIONS, LIMIT_OPTIONS, {0}};

/* The request's keys, as text with limits; NULL with `err`. */
static char *ask(char *words[], struct confinement *confinement, struct error *err)
{
    int count = 0;
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    while (words[count])
        count++;
    *confinement = (struct confinement){0};
    ARGS_AUTO args = args_parse(rules, false, count, words, err);
    if (!args || confinement_read(args, confinement, err) < 0)
        return NULL;
    json_auto_t *request = confinement_request(confinement, err);
    if (!request || confinement_add_limits(args, request, err) < 0 ||
        json_append(request, &text, err) < 0)
        return NULL;
    return buf_take_text(&text);
}

static void says(char *words[], const char *expected)
{
    struct error err = {0};
    struct confinement confinement;
    char *text = ask(words, &confinement, &err);
    if (!text || !strstr(text, expected))
        fail_msg("%s: %s, not %s", words[1], text ? text : err.text, expected);
    free(text);
    confinement_fini(&confinement);
}

static void refuses(char *words[], enum error_code code, const char *because)
{
    struct error err = {0};
    struct confinement confinement;
    char *text = ask(words, &confinement, &err);
    if (text || err.code != code || !strstr(err.text, because))
        fail_msg("%s %s: %s", words[1], words[2], text ? text : err.text);
    confinement_fini(&confinement);
}

#define USUAL                                                                                      \
    "\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\",\"CAP_"         \
    "SETGID\","                                                                                    \
    "\"CAP_SETUID\",\"CAP_SETPCAP\",\"CAP_NET_BIND_SERVICE\",\"CAP_NET_RAW\",\"CAP_SYS_CHROOT\","  \
    "\"CAP_MKNOD\",\"CAP_AUDIT_WRITE\",\"CAP_SETFCAP\""

static void asks_for_dockers_capabilities(void **state)
{
    (void)state;
    says((char *[]){"run", NULL}, "\"bounding\":[" USUAL "],\"effective\":[" USUAL
                                  "],\"permitted\":[" USUAL "],\"inheritable\":[],\"ambient\":[]");
    says((char *[]){"run", NULL}, "\"no_new_privileges\":false,\"mounts\":[]}");
}

static void adds_and_drops_capabilities_as_docker_does(void **state)
{
    (void)state;
    says((char *[]){"run", "--cap-drop", "ALL", NULL}, "\"bounding\":[]");
    says((char *[]){"run", "--cap-drop=all", "--cap-add=net_admin", "--cap-add", "CAP_CHOWN", NULL},
         "\"bounding\":[\"CAP_CHOWN\",\"CAP_NET_ADMIN\"]");
    says((char *[]){"run", "--cap-drop", "ALL", "--cap-drop", "CHOWN", "--cap-add", "CHOWN", NULL},
         "\"bounding\":[\"CAP_CHOWN\"]");
    says((char *[]){"run", "--cap-drop", "chown", "--cap-add", "SYS_PTRACE", NULL},
         "\"bounding\":[\"CAP_DAC_OVERRIDE\"");
    says((char *[]){"run", "--cap-add", "ALL", "--cap-drop", "CHOWN", NULL},
         "\"bounding\":[\"CAP_DAC_OVERRIDE\",\"CAP_DAC_READ_SEARCH\"");
    says((char *[]){"run", "--cap-add", "ALL", NULL}, "\"CAP_CHECKPOINT_RESTORE\"],\"effective\"");
}

static void mounts_folders_in_memory(void **state)
{
    (void)state;
    says((char *[]){"run", "--tmpfs", "/run", NULL},
         "[{\"destination\":\"/"
         "run\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"noexec\",\"nosuid\","
         "\"nodev\"]}]");
    says((char *[]){"run", "--tmpfs", "/run:rw,exec,size=64k,mode=700", NULL},
         "[\"noexec\",\"nosuid\",\"nodev\",\"rw\",\"exec\",\"size=64k\",\"mode=700\"]");
    says((char *[]){"run", "--mount", "type=tmpfs,dst=/a,tmpfs-size=1m,tmpfs-mode=1770,readonly",
                    NULL},
         "\"/"
         "a\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"noexec\",\"nosuid\",\"nodev\","
         "\"rw\",\"ro\",\"mode=1770\",\"size=1048576\"]");
    says((char *[]){"run", "--shm-size", "1g", NULL},
         "[{\"destination\":\"/dev/"
         "shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"noexec\",\"nosuid\",\"nodev\","
         "\"mode=1777\",\"size=1073741824\"]}]");
}

static void passes_limits_and_sysctls_on(void **state)
{
    (void)state;
    says((char *[]){"run", "--ulimit", "nofile=1024:2048", "--ulimit", "core=-1", NULL},
         "\"rlimits\":[\"nofile=1024:2048\",\"core=-1:-1\"]");
    says((char *[]){"run", "--sysctl", "net.core.somaxconn=1024", "--sysctl", "kernel.sem=1 2 3 4",
                    NULL},
         "\"sysctls\":[\"net.core.somaxconn=1024\",\"kernel.sem=1 2 3 4\"]");
}

static void puts_settings_into_policy_and_question_as_they_are_asked_for(void **state)
{
    (void)state;
    struct error err = {0};
    struct confinement confinement;
    struct policy_draft_container draft = {0};
    struct policy_process process = {0};
    const char *names[CONFINEMENT_CAPABILITIES_MAX];
    char *text = ask((char *[]){"run", "--ulimit", "nofile=512", "--ulimit=core=unlimited",
                                "--sysctl", "kernel.sem=1 2", "--read-only", NULL},
                     &confinement, &err);
    assert_non_null(text);
    confinement_describe(&confinement, &draft);
    confinement_ask(&confinement, names, &process);
    assert_int_equal(draft.rlimits.count, 2);
    assert_string_equal(draft.rlimits.items[0], "nofile=512:512");
    assert_string_equal(draft.rlimits.items[1], "core=-1:-1");
    assert_int_equal(draft.sysctls.count, 1);
    assert_string_equal(draft.sysctls.items[0], "kernel.sem=1 2");
    assert_true(draft.read_only_root && process.read_only_root);
    assert_ptr_equal(process.rlimits.items, draft.rlimits.items);
    assert_ptr_equal(process.sysctls.items, draft.sysctls.items);
    free(text);
    confinement_fini(&confinement);
}

static void puts_groups_and_umask_into_request_and_policy(void **state)
{
    (void)state;
    struct error err = {0};
    struct confinement confinement;
    struct policy_draft_container draft = {0};
    char *text = ask(
        (char *[]){"run", "--group-add", "44", "--group-add=audio", "--umask", "7", NULL},
        &confinement, &err);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"groups\":[\"44\",\"audio\"]"));
    assert_int_equal(confinement.umask, 7);
    confinement_describe(&confinement, &draft);
    assert_string_equal(draft.umask, "0007");
    assert_int_equal(draft.group_count, 2);
    assert_string_equal(draft.groups[0].strategy, "id");
    assert_string_equal(draft.groups[1].strategy, "name");
    free(text);
    confinement_fini(&confinement);
}

static void reads_security_options(void **state)
{
    (void)state;
    says((char *[]){"run", "--security-opt", "no-new-privileges", NULL},
         "\"no_new_privileges\":true");
    says((char *[]){"run", "--security-opt", "no-new-privileges:true", NULL},
         "\"no_new_privileges\":true");
    says((char *[]){"run", "--security-opt", "no-new-privileges=false", NULL},
         "\"no_new_privileges\":false");
    says((char *[]){"run", "--security-opt", "seccomp=unconfined", NULL},
         "\"no_new_privileges\":false,\"mounts\":[]}");
}

static void refuses_what_confidentiality_rules_out(void **state)
{
    (void)state;
    refuses((char *[]){"run", "--mount", "type=bind,src=/,dst=/host", NULL}, ERROR_REFUSED,
            "folder of the host");
    refuses((char *[]){"run", "--mount", "type=volume,dst=/data", NULL}, ERROR_REFUSED,
            "folder of the host");
    refuses((char *[]){"run", "--mount", "src=x,dst=/data", NULL}, ERROR_REFUSED,
            "folder of the host");
    refuses((char *[]){"run", "--security-opt", "apparmor=unconfined", NULL}, ERROR_REFUSED,
            "seccomp=FILE");
    refuses((char *[]){"run", "--security-opt", "label=disable", NULL}, ERROR_REFUSED,
            "seccomp=FILE");
    refuses((char *[]){"run", "--security-opt", "seccomp", NULL}, ERROR_REFUSED, "seccomp=FILE");
    refuses((char *[]){"run", "--security-opt", "no-new-privileges:maybe", NULL}, ERROR_REFUSED,
            "seccomp=FILE");
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    static const char *const words[][2] = {
        {"--group-add", ""},
        {"--group-add", "1:2"},
        {"--umask", ""},
        {"--umask", "8"},
        {"--umask", "1000"},
        {"--umask", "00022"},
        {"--umask", "-1"},
        {"--cap-add", "NOSUCH"},
        {"--cap-add", ""},
        {"--cap-drop", "CAP_CAP_CHOWN"},
        {"--tmpfs", "relative"},
        {"--tmpfs", ""},
        {"--tmpfs", "/"},
        {"--tmpfs", "/a/../b"},
        {"--tmpfs", "/a/.."},
        {"--tmpfs", "/a//b"},
        {"--tmpfs", "/a/"},
        {"--tmpfs", "/a:bogus"},
        {"--tmpfs", "/a:size="},
        {"--tmpfs", "/a:size=1,,ro"},
        {"--mount", "type=tmpfs"},
        {"--mount", "type=tmpfs,dst=a"},
        {"--mount", "type=tmpfs,dst=/a,src=/b"},
        {"--mount", "type=tmpfs,dst=/a,tmpfs-size=x"},
        {"--mount", "type=tmpfs,dst=/a:exec"},
        {"--mount", "type=tmpfs,dst=/a,tmpfs-mode="},
        {"--shm-size", "0"},
        {"--shm-size", "many"},
        {"--shm-size", "-1"},
        {"--ulimit", "nofile"},
        {"--ulimit", "nofile="},
        {"--ulimit", "=5"},
        {"--ulimit", "nofile=5:"},
        {"--ulimit", "nofile=-2"},
        {"--ulimit", "nofile=x:5"},
        {"--ulimit", "nofile=9:3"},
        {"--ulimit", "nofile=-1:3"},
        {"--sysctl", "net.core.somaxconn"},
        {"--sysctl", "a="},
        {"--sysctl", "net.core.somaxconn=x"},
        {"--sysctl", "kernel.core_pattern=|/bin/sh"},
        {"--sysctl", "=5"},
        {"--sysctl", "a=\xff"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        refuses(
            (char *[]){"run", (char *)(uintptr_t)words[i][0], (char *)(uintptr_t)words[i][1], NULL},
            ERROR_USAGE, "");
    refuses((char *[]){"run", "--tmpfs", "/a", "--mount", "type=tmpfs,dst=/a", NULL}, ERROR_USAGE,
            "two mounts on /a");
    refuses((char *[]){"run", "--tmpfs", "/dev/shm", "--shm-size", "1m", NULL}, ERROR_USAGE,
            "two mounts on /dev/shm");
    refuses((char *[]){"run", "--security-opt", "seccomp=/nonexistent", NULL}, ERROR_NOT_FOUND,
            "/nonexistent");
}

static void refuses_too_many(void **state)
{
    (void)state;
    char *words[1 + 2 * 17 + 1] = {"run"};
    char folders[17][8];
    for (size_t i = 0; i < 17; i++) {
        (void)snprintf(folders[i], sizeof folders[i], "/m%zu", i);
        words[1 + 2 * i] = "--tmpfs";
        words[2 + 2 * i] = folders[i];
    }
    refuses(words, ERROR_LIMIT, "more than 16 mounts");
    char *groups[1 + 33 + 1] = {"run"};
    for (size_t i = 0; i < 33; i++)
        groups[1 + i] = "--group-add=1";
    refuses(groups, ERROR_LIMIT, "more than 32 times --group-add");
    char *limits[1 + 33 + 1] = {"run"};
    char names[33][24];
    for (size_t i = 0; i < 33; i++) {
        (void)snprintf(names[i], sizeof names[i], "--ulimit=n%zu=1", i);
        limits[1 + i] = names[i];
    }
    refuses(limits, ERROR_LIMIT, "more than 32 times --ulimit");
    refuses((char *[]){"run", "--ulimit=core=0", "--ulimit=core=1", NULL}, ERROR_USAGE, "twice");
    refuses((char *[]){"run", "--sysctl=a=1", "--sysctl=a=1", NULL}, ERROR_USAGE, "twice");
    refuses((char *[]){"run", "--tmpfs", "/a:ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro", NULL},
            ERROR_LIMIT, "options of a mount");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_dockers_capabilities),
        cmocka_unit_test(adds_and_drops_capabilities_as_docker_does),
        cmocka_unit_test(mounts_folders_in_memory),
        cmocka_unit_test(passes_limits_and_sysctls_on),
        cmocka_unit_test(puts_settings_into_policy_and_question_as_they_are_asked_for),
        cmocka_unit_test(puts_groups_and_umask_into_request_and_policy),
        cmocka_unit_test(reads_security_options),
        cmocka_unit_test(refuses_what_confidentiality_rules_out),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(refuses_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
