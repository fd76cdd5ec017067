/* The probe of KVM, with a program in QEMU's place. */
#include "../check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "os/file.h"
#include "os/output.h"
#include "vm/accel.h"

#define SOON_MS 300

/* Each run of the program leaves a line in the file "runs". */
#define PROGRAM "#!/bin/sh\necho run >> \"${0%/*}/runs\"\n"
/* Finds the channel's descriptor among its arguments. */
#define FIND "for word; do case $word in socket,id=channel,fd=*) fd=${word##*=};; esac; done\n"

struct fixture {
    char folder[64];
    char program[96];
    struct accel_probe probe;
};

static void write_file(const struct fixture *fixture, const char *leaf, const char *text,
                       mode_t mode)
{
    struct error err = {0};
    TEXT_AUTO path = text_format("%s/%s", fixture->folder, leaf);
    check_ok(output_write(path, span_of_text(text), mode, &err), &err);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *folder = getenv("TMPDIR");
    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%.32s/caisson-accel-XXXXXX",
                   folder ? folder : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->program, sizeof fixture->program, "%s/qemu", fixture->folder);
    write_file(fixture, "vmlinux", "kernel", 0600);
    write_file(fixture, "initrd", "initrd", 0600);
    write_file(fixture, "cmdline.simulated", "quiet", 0600);
    fixture->probe = (struct accel_probe){.guest_folder = fixture->folder,
                                          .cache_folder = fixture->folder,
                                          .qemu_program = fixture->program,
                                          .device = "/dev/null",
                                          .same_user = true, /* it writes beside itself */
                                          .timeout_ms = SOON_MS};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    DIR *folder = opendir(fixture->folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    (void)closedir(folder);
    (void)rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static size_t runs(const struct fixture *fixture)
{
    BUF_AUTO text = BUF_WITH_LIMIT(1024);
    TEXT_AUTO path = text_format("%s/runs", fixture->folder);
    (void)file_read(path, &text, NULL);
    return text.size / strlen("run\n");
}

static bool probe(const struct fixture *fixture, struct error *reason)
{
    struct error err = {0};
    bool works = false;
    check_ok(accel_probe(&fixture->probe, &works, reason, &err), &err);
    return works;
}

static void believes_the_guests_first_word_and_remembers_it(void **state)
{
    struct fixture *fixture = *state;
    struct error reason = {0};
    fixture->probe.timeout_ms = 5000;
    write_file(fixture, "qemu", PROGRAM FIND "eval \"echo hello >&$fd\"\nexec sleep 60\n", 0700);
    assert_true(probe(fixture, &reason));
    assert_true(probe(fixture, &reason));
    assert_int_equal(runs(fixture), 1);
}

static void a_guest_that_hangs_counts_as_no_kvm(void **state)
{
    struct fixture *fixture = *state;
    struct error reason = {0};
    write_file(fixture, "qemu", PROGRAM "exec sleep 60\n", 0700);
    assert_false(probe(fixture, &reason));
    assert_non_null(strstr(reason.text, "within 300 ms"));
    assert_false(probe(fixture, &reason));
    assert_non_null(strstr(reason.text, "to try again"));
    assert_int_equal(runs(fixture), 1);
}

static void qemu_that_ends_counts_as_no_kvm(void **state)
{
    struct fixture *fixture = *state;
    struct error reason = {0};
    fixture->probe.timeout_ms = 5000;
    write_file(fixture, "qemu", PROGRAM "exit 1\n", 0700);
    assert_false(probe(fixture, &reason));
    assert_non_null(strstr(reason.text, "ends before the guest"));
}

static void another_kernel_is_tried_anew(void **state)
{
    struct fixture *fixture = *state;
    struct error reason = {0};
    fixture->probe.timeout_ms = 5000;
    write_file(fixture, "qemu", PROGRAM "exit 1\n", 0700);
    assert_false(probe(fixture, &reason));
    write_file(fixture, "vmlinux", "another kernel", 0600);
    assert_false(probe(fixture, &reason));
    assert_int_equal(runs(fixture), 2);
}

static void a_damaged_answer_is_found_out_again(void **state)
{
    struct fixture *fixture = *state;
    struct error reason = {0};
    fixture->probe.timeout_ms = 5000;
    write_file(fixture, "qemu", PROGRAM "exit 1\n", 0700);
    assert_false(probe(fixture, &reason));
    DIR *folder = opendir(fixture->folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (text_starts_with(entry->d_name, "kvm-"))
            write_file(fixture, entry->d_name, "ye", 0600);
    }
    (void)closedir(folder);
    assert_false(probe(fixture, &reason));
    assert_int_equal(runs(fixture), 2);
}

static void no_device_is_no_kvm_and_nothing_is_started(void **state)
{
    struct fixture *fixture = *state;
    struct error reason = {0};
    fixture->probe.device = "/dev/no-such-device";
    assert_false(probe(fixture, &reason));
    assert_non_null(strstr(reason.text, "/dev/no-such-device"));
    assert_int_equal(runs(fixture), 0);
}

static void refuses_where_there_is_no_guest_or_no_qemu(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    bool works;
    check_error(accel_probe(&fixture->probe, &works, NULL, &err), &err, ERROR_UNAVAILABLE);
    fixture->probe.guest_folder = "/no/such/folder";
    check_error(accel_probe(&fixture->probe, &works, NULL, &err), &err, ERROR_NOT_FOUND);
    assert_non_null(strstr(err.text, "make guest"));
}

#define test_with_folder(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_folder(believes_the_guests_first_word_and_remembers_it),
        test_with_folder(a_guest_that_hangs_counts_as_no_kvm),
        test_with_folder(qemu_that_ends_counts_as_no_kvm),
        test_with_folder(another_kernel_is_tried_anew),
        test_with_folder(a_damaged_answer_is_found_out_again),
        test_with_folder(no_device_is_no_kvm_and_nothing_is_started),
        test_with_folder(refuses_where_there_is_no_guest_or_no_qemu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
