#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/sealed.h"

#define PROGRAM "/bin/true"

static void copies_every_byte(void **state)
{
    static uint8_t file[1 << 20], memory[1 << 20];
    size_t file_size, memory_size;
    (void)state;
    FD_AUTO from = open(PROGRAM, O_RDONLY | O_CLOEXEC);
    FD_AUTO sealed = sealed_copy(PROGRAM, NULL);
    assert_true(from >= 0 && sealed >= 0);
    assert_int_equal(fd_pread_full(from, file, sizeof file, 0, &file_size, NULL), 0);
    assert_int_equal(fd_pread_full(sealed, memory, sizeof memory, 0, &memory_size, NULL), 0);
    assert_true(file_size > 0 && file_size < sizeof file);
    assert_int_equal(memory_size, file_size);
    assert_memory_equal(memory, file, file_size);
    assert_int_equal(fcntl(sealed, F_GETFD), FD_CLOEXEC);
}

static void refuses_every_change(void **state)
{
    struct stat status;
    (void)state;
    FD_AUTO sealed = sealed_copy(PROGRAM, NULL);
    assert_true(sealed >= 0);
    assert_int_equal(fstat(sealed, &status), 0);
    assert_int_equal(pwrite(sealed, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(sealed, 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(sealed, status.st_size + 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
    assert_ptr_equal(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0), MAP_FAILED);
}

static void runs_as_a_program(void **state)
{
    int status;
    (void)state;
    FD_AUTO sealed = sealed_copy(PROGRAM, NULL);
    assert_true(sealed >= 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char *const argv[] = {(char[]){"true"}, NULL};
        char *const none[] = {NULL};
        (void)fexecve(sealed, argv, none);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void says_which_file_is_missing(void **state)
{
    struct error err;
    (void)state;
    assert_int_equal(sealed_copy("/nowhere/program", &err), -1);
    assert_int_equal(err.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nowhere/program"));
}

static void refuses_a_folder(void **state)
{
    struct error err;
    (void)state;
    assert_int_equal(sealed_copy("/usr", &err), -1);
    assert_non_null(strstr(err.text, "/usr"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_every_byte),          cmocka_unit_test(refuses_every_change),
        cmocka_unit_test(runs_as_a_program),          cmocka_unit_test(refuses_a_folder),
        cmocka_unit_test(says_which_file_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
