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
        check_ok(output_publish(&output, &err), &err);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_a_file_only_when_published, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(leaves_nothing_when_given_up, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(leaves_nothing_when_killed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(refuses_a_folder_that_is_not_there, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
