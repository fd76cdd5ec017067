#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/file_map.h"
#include "os/output.h"

static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-file-XXXXXX", base ? base : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void replaces_a_file_whole(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/a", folder);
    check_ok(output_write(path, span_of_text("old"), 0600, &err), &err);
    check_ok(output_write(path, span_of_text("new!"), 0640, &err), &err);
    BUF_AUTO bytes = BUF_WITH_LIMIT(16);
    check_ok(file_read(path, &bytes, &err), &err);
    assert_string_equal(buf_text(&bytes), "new!");
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    assert_int_equal(unlink(path), 0);
}

static void refuses_files_over_the_limit_and_missing_ones(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/b", folder);
    BUF_AUTO bytes = BUF_WITH_LIMIT(3);
    check_error(file_read(path, &bytes, &err), &err, ERROR_NOT_FOUND);
    check_ok(output_write(path, span_of_text("1234"), 0600, &err), &err);
    check_error(file_read(path, &bytes, &err), &err, ERROR_LIMIT);
    assert_int_equal(unlink(path), 0);
}

static void maps_a_file_whole(void **state)
{
    (void)state;
    struct error err = {0};
    struct span bytes;
    TEXT_AUTO path = text_format("%s/c", folder);
    check_ok(output_write(path, span_of_text("1234"), 0600, &err), &err);
    FD_AUTO fd = file_open_read(path, &err);
    check_ok(file_map(fd, &bytes, &err), &err);
    assert_int_equal(bytes.size, 4);
    assert_memory_equal(bytes.data, "1234", 4);
    assert_int_equal(munmap((void *)(uintptr_t)bytes.data, bytes.size), 0);
    assert_int_equal(truncate(path, 0), 0);
    check_ok(file_map(fd, &bytes, &err), &err);
    assert_int_equal(bytes.size, 0);
    FD_AUTO directory = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    check_error(file_map(directory, &bytes, &err), &err, ERROR_SYSTEM);
    check_error(file_map(-1, &bytes, &err), &err, ERROR_SYSTEM);
    assert_int_equal(unlink(path), 0);
}

static void leaves_nothing_where_it_cannot_write(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/missing/c", folder);
    check_error(output_write(path, span_of_text("x"), 0600, &err), &err, ERROR_SYSTEM);
    TEXT_AUTO taken = text_format("%s/taken", folder);
    assert_int_equal(mkdir(taken, 0700), 0);
    check_error(output_write(taken, span_of_text("x"), 0600, &err), &err, ERROR_REFUSED);
    assert_int_equal(rmdir(taken), 0);
}

static void makes_folders_and_refuses_files_in_the_way(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO deep = text_format("%s/x/y", folder);
    check_ok(dir_make_all(deep, 0700, &err), &err);
    check_ok(dir_make_all(deep, 0700, &err), &err);
    TEXT_AUTO file = text_format("%s/x/y/f", folder);
    check_ok(output_write(file, span_of_text(""), 0600, &err), &err);
    check_error(dir_make_all(file, 0700, &err), &err, ERROR_SYSTEM);
    TEXT_AUTO top = text_format("%s/x", folder);
    assert_int_equal(unlink(file) | rmdir(deep) | rmdir(top), 0);
}

static void locks_once(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/lock", folder);
    FD_AUTO held = file_lock(path, true, &err);
    assert_true(held >= 0);
    check_error(file_lock(path, false, &err), &err, ERROR_REFUSED);
    fd_close(&held);
    FD_AUTO again = file_lock(path, false, &err);
    assert_true(again >= 0);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_a_file_whole),
        cmocka_unit_test(refuses_files_over_the_limit_and_missing_ones),
        cmocka_unit_test(maps_a_file_whole),
        cmocka_unit_test(leaves_nothing_where_it_cannot_write),
        cmocka_unit_test(makes_folders_and_refuses_files_in_the_way),
        cmocka_unit_test(locks_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
