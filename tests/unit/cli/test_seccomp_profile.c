/* Profiles' files, in the specification's form and in Docker's. */
#include "../check.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/seccomp_profile.h"
#include "format/json.h"

#define SYS_ADMIN (1ULL << CAP_SYS_ADMIN)
#define DEBIANS   "/usr/share/containers/seccomp.json"

static int read_text(const char *text, uint64_t capabilities, json_t **out, struct error *err)
{
    char path[] = "/tmp/seccomp-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    int result = seccomp_profile_read(path, capabilities, out, err);
    (void)unlink(path);
    return result;
}

static void gives(const char *text, uint64_t capabilities, const char *expected)
{
    struct error err = {0};
    json_t *profile;
    BUF_AUTO written = BUF_WITH_LIMIT(1 << 16);
    check_ok(read_text(text, capabilities, &profile, &err), &err);
    check_ok(json_append(profile, &written, &err), &err);
    json_decref(profile);
    assert_string_equal(buf_text(&written), expected);
}

static void refuses(const char *text, const char *because)
{
    struct error err = {0};
    json_t *profile;
    check_refused(read_text(text, 0, &profile, &err), &err, because);
}

#define PROFILE(rules) "{\"defaultAction\":\"X\",\"syscalls\":[" rules "]}"
#define RULE(more)     "{\"names\":[\"a\"],\"action\":\"Y\"" more "}"

static void leaves_the_specifications_form_alone(void **state)
{
    (void)state;
    static const char text[] = "{\"defaultAction\":\"X\",\"defaultErrnoRet\":1,\"architectures\":["
                               "\"A\"],\"flags\":[],\"syscalls\":["
                               "{\"names\":[\"a\"],\"action\":\"Y\",\"errnoRet\":2,\"args\":[{"
                               "\"index\":0,\"value\":1,\"valueTwo\":0,\"op\":\"Z\"}]}]}";
    gives(text, 0, text);
    gives("{\"defaultAction\":\"X\"}", 0, "{\"defaultAction\":\"X\"}");
}

static void takes_this_processors_architectures(void **state)
{
    (void)state;
    gives("{\"defaultAction\":\"X\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_AARCH64\","
          "\"subArchitectures\":[\"SCMP_ARCH_ARM\"]},"
          "{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\",\"SCMP_"
          "ARCH_X32\"]}]}",
          0,
          "{\"defaultAction\":\"X\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\","
          "\"SCMP_ARCH_X32\"]}");
}

static void takes_rules_that_hold(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        uint64_t capabilities;
        bool holds;
    } cases[] = {
        {",\"includes\":{},\"excludes\":{},\"comment\":\"c\"", 0, true},
        {",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}", 0, false},
        {",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}", SYS_ADMIN, true},
        {",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_BPF\"]}", SYS_ADMIN, false},
        {",\"includes\":{\"caps\":[\"CAP_OF_THE_FUTURE\"]}", ~0ULL, false},
        {",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\",\"CAP_BPF\"]}", SYS_ADMIN, false},
        {",\"excludes\":{\"caps\":[\"CAP_BPF\"]}", SYS_ADMIN, true},
        {",\"includes\":{\"arches\":[\"amd64\",\"x32\"]}", 0, true},
        {",\"includes\":{\"arches\":[\"s390x\"]}", 0, false},
        {",\"excludes\":{\"arches\":[\"amd64\"]}", 0, false},
        {",\"excludes\":{\"arches\":[\"s390\"]}", 0, true},
        {",\"includes\":{\"minKernel\":\"4.8\"}", 0, true},
        {",\"includes\":{\"minKernel\":\"6.12\"}", 0, true},
        {",\"includes\":{\"minKernel\":\"6.13\"}", 0, false},
        {",\"includes\":{\"minKernel\":\"7.0\"}", 0, false},
        {",\"excludes\":{\"minKernel\":\"5.0\"}", 0, false},
        {",\"excludes\":{\"minKernel\":\"7.0\"}", 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       PROFILE(RULE("%s") ",{\"name\":\"b\",\"action\":\"Z\",\"args\":null}"),
                       cases[i].condition);
        gives(text, cases[i].capabilities,
              cases[i].holds ? PROFILE(RULE("") ",{\"action\":\"Z\",\"names\":[\"b\"]}")
                             : PROFILE("{\"action\":\"Z\",\"names\":[\"b\"]}"));
    }
}

static void refuses_what_is_neither_form(void **state)
{
    (void)state;
    refuses("", "");
    refuses("[]", "object");
    refuses("{}", "not a profile");
    refuses("{\"defaultAction\":\"X\",\"bogus\":1}", "not a profile");
    refuses("{\"defaultAction\":\"X\",\"defaultErrno\":\"EPERM\"}", "defaultErrnoRet");
    refuses("{\"defaultAction\":\"X\",\"archMap\":{}}", "archMap");
    refuses("{\"defaultAction\":\"X\",\"archMap\":[],\"architectures\":[]}", "both");
    refuses(PROFILE("7"), "not a profile");
    refuses(PROFILE("{\"names\":[\"a\"]}"), "not a profile");
    refuses(PROFILE(RULE(",\"name\":\"b\"")), "syscalls[0]: both");
    refuses(PROFILE(RULE("") "," RULE(",\"errno\":\"EPERM\"")), "syscalls[1]: ");
    refuses(PROFILE(RULE(",\"includes\":[]")), "includes");
    refuses(PROFILE(RULE(",\"includes\":{\"arch\":[]}")), "\"arch\" is unknown");
    refuses(PROFILE(RULE(",\"excludes\":{\"caps\":\"CAP_BPF\"}")), "caps");
    refuses(PROFILE(RULE(",\"includes\":{\"minKernel\":\"new\"}")), "minKernel");
    refuses(PROFILE(RULE(",\"includes\":{\"minKernel\":\"4.x\"}")), "minKernel");
    refuses(PROFILE(RULE(",\"bogus\":1")), "not a profile");
    refuses(PROFILE(RULE(",\"args\":[{\"index\":0,\"value\":1}]")), "not a profile");
}

/* Podman's default, which Debian's package of common files for containers has. */
static void reads_a_default_profile(void **state)
{
    (void)state;
    struct error err = {0};
    json_t *plain;
    json_t *more;
    if (access(DEBIANS, R_OK) != 0)
        check_skip("no " DEBIANS);
    check_ok(seccomp_profile_read(DEBIANS, 0, &plain, &err), &err);
    check_ok(seccomp_profile_read(DEBIANS, SYS_ADMIN, &more, &err), &err);
    assert_true(json_array_size(json_object_get(plain, "syscalls")) > 10);
    assert_false(json_equal(plain, more));
    json_decref(plain);
    json_decref(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_the_specifications_form_alone),
        cmocka_unit_test(takes_this_processors_architectures),
        cmocka_unit_test(takes_rules_that_hold),
        cmocka_unit_test(refuses_what_is_neither_form),
        cmocka_unit_test(reads_a_default_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
