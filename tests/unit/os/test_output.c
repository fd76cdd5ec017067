#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "base/text.h"
#include "os/output.h"

static char *folder;

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    folder = text_format("%s/caisson-output-XXXXXX", tmp ? tmp : "/tmp");
    return folder && mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    TEXT_AUTO path = text_format("%s/disk", folder);
    (void)unlink(path);
    int status = rmdir(folder); /* fails when anything else was left behind */
    text_free(&folder);
    return status;
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

static void writes_all_with_exactly_that_mode(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/disk", folder);
    int (*const functions[])(const char *, struct span, mode_t, struct error *) = {
        output_write, output_write_passing};
    mode_t before = umask(0777);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        struct stat status;
        char seen[8] = {0};
        check_ok(functions[i](path, span_of_text(i ? "second" : "first"), 0640, &err), &err);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(read(fd, seen, sizeof seen - 1), i ? 6 : 5);
        assert_int_equal(fstat(fd, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        (void)close(fd);
    }
    (void)umask(before);
    assert_int_equal(count_files(), 1);
}

static void names_a_file_only_when_published(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/disk", folder);
    for (int i = 0; i < 2; i++) { /* the second time in the place of the first */
        OUTPUT_AUTO output;
        char seen[3] = {0};
        check_ok(output_init(&output, path, 0640, &err), &err);
        assert_int_equal(write(output.fd, i == 0 ? "1" : "2", 1), 1);
        assert_int_equal(count_files(), i);
        check_ok(output_publish(&output, i == 1, &err), &err);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(read(fd, seen, 2), 1);
        assert_int_equal(seen[0], '1' + i);
        (void)close(fd);
    }
    assert_int_equal(count_files(), 1);
}

static void leaves_nothing_when_given_up(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/disk", folder);
    {
        OUTPUT_AUTO output;
        check_ok(output_init(&output, path, 0644, &err), &err);
        assert_int_equal(write(output.fd, "x", 1), 1);
    }
    assert_int_equal(count_files(), 0);
}

static void leaves_nothing_when_killed(void **state)
{
    (void)state;
    TEXT_AUTO path = text_format("%s/disk", folder);
    pid_t child = fork();
    if (child == 0) {
        struct output output;
        if (output_init(&output, path, 0644, NULL) == 0 && write(output.fd, "x", 1) == 1)
            (void)raise(SIGKILL);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(count_files(), 0);
}

static void refuses_a_folder_that_is_not_there(void **state)
{
    (void)state;
    struct error err;
    OUTPUT_AUTO output;
    TEXT_AUTO path = text_format("%s/none/disk", folder);
    check_error(output_init(&output, path, 0644, &err), &err, ERROR_SYSTEM);
}

/* Whatever it is that has the name, it is still there afterwards. */
static void refuses_to_replace_what_is_no_file(void **state)
{
    (void)state;
    struct error err;
    struct stat status;
    TEXT_AUTO link = text_format("%s/link", folder);
    TEXT_AUTO pipe = text_format("%s/pipe", folder);
    TEXT_AUTO slash = text_format("%s/disk/", folder);
    assert_int_equal(symlink("/dev/stdout", link) | mkfifo(pipe, 0600), 0);
    const char *const names[] = {link, pipe, folder, slash, "", "/dev/null"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        OUTPUT_AUTO output;
        assert_int_equal(output_init(&output, names[i], 0644, &err), -1);
        assert_int_equal(output.fd, -1);
    }
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(lstat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    assert_int_equal(unlink(link) | unlink(pipe), 0);
    assert_int_equal(count_files(), 0);
}

static void names_a_file_that_had_another_name(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO from = text_format("%s/partial", folder);
    TEXT_AUTO to = text_format("%s/disk", folder);
    int fd = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    check_ok(output_rename(fd, from, to, &err), &err);
    assert_int_equal(access(to, F_OK), 0);
    assert_int_equal(access(from, F_OK), -1);
    check_error(output_rename(fd, from, to, &err), &err, ERROR_SYSTEM);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_all_with_exactly_that_mode, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(names_a_file_only_when_published, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(leaves_nothing_when_given_up, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(leaves_nothing_when_killed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(refuses_to_replace_what_is_no_file, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(names_a_file_that_had_another_name, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(refuses_a_folder_that_is_not_there, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
