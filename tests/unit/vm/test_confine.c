/* Whom QEMU and passt turn into, and what they can still read as that. */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fd.h"
#include "vm/confine.h"

#define CONTENT "what the kernel's file holds"

/* An open file of this mode, already without a name. */
static int file_with_mode(mode_t mode)
{
    char path[64];
    const char *folder = getenv("TMPDIR");
    (void)snprintf(path, sizeof path, "%.32s/caisson-confine-XXXXXX", folder ? folder : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fd_write_all(fd, span_of_text(CONTENT), NULL), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    return fd;
}

/* Whether the user can open the descriptor's file anew, with these flags. */
static bool user_can_open(const struct process_user *user, int fd, int flags)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        char path[32];
        (void)snprintf(path, sizeof path, "/dev/fd/%d", fd);
        /* Dumpable again, as after exec: else /proc/self is root's. */
        if (setresgid(user->gid, user->gid, user->gid) < 0 ||
            setresuid(user->uid, user->uid, user->uid) < 0 ||
            prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
            _exit(2);
        _exit(open(path, flags | O_CLOEXEC) >= 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static void gives_each_part_of_each_machine_a_user_of_its_own(void **state)
{
    (void)state;
    struct process_user users[4];
    if (geteuid() != 0)
        check_skip("only root becomes another user");
    for (size_t i = 0; i < 4; i++)
        if (!confine_user(i < 2 ? 1 : 4194303, (enum confine_part)(i % 2), &users[i]))
            check_skip("this root may not become another user");
    if (users[0].uid == 65534)
        check_skip("this user namespace knows few users");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(users[i].uid, users[i].gid);
        assert_in_range(users[i].uid, 0x70000000, 0x7ffdffff);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(users[i].uid, users[j].uid);
    }
}

static void leaves_an_ordinary_user_as_it_is(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct process_user user;
        if (geteuid() == 0 && setresuid(1000, 1000, 1000) < 0)
            _exit(2);
        _exit(confine_user(getpid(), CONFINE_QEMU, &user) ? 1 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void opens_up_what_only_its_owner_may_read(void **state)
{
    (void)state;
    static const struct process_user stranger = {1879048191, 1879048191};
    struct error err = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(4096);
    if (geteuid() != 0 || !process_can_become(&stranger))
        check_skip("only root becomes another user");
    int fd = file_with_mode(0600);
    assert_false(user_can_open(&stranger, fd, O_RDONLY));
    check_ok(confine_open_up(&fd, &err), &err);
    assert_true(user_can_open(&stranger, fd, O_RDONLY));
    assert_false(user_can_open(&stranger, fd, O_RDWR));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    check_ok(fd_read_to_end(fd, &text, &err), &err);
    assert_string_equal(buf_text(&text), CONTENT);
    (void)close(fd);
}

static void nobody_changes_the_copy(void **state)
{
    (void)state;
    struct error err = {0};
    int fd = file_with_mode(0600);
    check_ok(confine_open_up(&fd, &err), &err);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    (void)close(fd);
}

static void copies_nothing_that_all_may_read(void **state)
{
    (void)state;
    struct error err = {0};
    struct stat before;
    struct stat after;
    int fd = file_with_mode(0644);
    int same = fd;
    assert_int_equal(fstat(fd, &before), 0);
    check_ok(confine_open_up(&fd, &err), &err);
    assert_int_equal(fd, same);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    (void)close(fd);
}

static void refuses_what_is_not_open(void **state)
{
    (void)state;
    struct error err = {0};
    int closed = -1;
    check_error(confine_open_up(&closed, &err), &err, ERROR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_each_part_of_each_machine_a_user_of_its_own),
        cmocka_unit_test(leaves_an_ordinary_user_as_it_is),
        cmocka_unit_test(opens_up_what_only_its_owner_may_read),
        cmocka_unit_test(nobody_changes_the_copy),
        cmocka_unit_test(copies_nothing_that_all_may_read),
        cmocka_unit_test(refuses_what_is_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
