/* QEMU's command line: whole lines, and the values that are refused. */
#include "../check.h"

#include "base/buf.h"
#include "vm/qemu_args.h"

static const int two_disks[] = {20, 21};

static struct qemu_config simulated_config(void)
{
    return (struct qemu_config){
        .tee = VM_TEE_SIMULATED,
        .memory_mib = 256,
        .vcpus = 1,
        .kvm_fd = -1,
        .sev_fd = -1,
        .kernel_fd = 10,
        .initrd_fd = 11,
        .firmware_fd = -1,
        .cmdline = "quiet caisson.tee=simulated",
        .channel_fd = 12,
        .psp_fd = 13,
        .network_fd = -1,
        .console_fd = 14,
        .disk_fds = two_disks,
        .disk_count = 2,
        .parts_fd = -1,
        .scratch_fd = -1,
    };
}

static struct qemu_config snp_config(void)
{
    struct qemu_config config = simulated_config();
    config.tee = VM_TEE_SEV_SNP;
    config.firmware_fd = 15;
    config.psp_fd = -1;
    config.cbitpos = 51;
    config.reduced_phys_bits = 1;
    memset(config.host_data, 0xab, sizeof config.host_data);
    return config;
}

/* The line as one text, words separated by newlines. */
static void join(const struct qemu_args *args, struct buf *out)
{
    for (size_t i = 0; i < args->count; i++) {
        assert_int_equal(buf_append_text(out, args->argv[i], NULL), 0);
        assert_int_equal(buf_append_byte(out, '\n', NULL), 0);
    }
    assert_null(args->argv[args->count]);
}

static void check_has(const struct qemu_args *args, const char *option, const char *value)
{
    for (size_t i = 0; i + 1 < args->count; i++) {
        if (strcmp(args->argv[i], option) == 0 && strcmp(args->argv[i + 1], value) == 0)
            return;
    }
    fail_msg("no %s %s", option, value);
}

static bool mentions(const struct qemu_args *args, const char *words)
{
    for (size_t i = 0; i < args->count; i++) {
        if (strstr(args->argv[i], words))
            return true;
    }
    return false;
}

#define FRAME                                                                                      \
    "qemu-system-x86_64\n-name\ncaisson\n-nodefaults\n-no-user-config\n-display\nnone\n-monitor\n" \
    "none\n-parallel\nnone\n-no-reboot\n-sandbox\n"                                                \
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\n-smp\n1\n"

#define DISK(lun, slot, fd, set)                                                                   \
    "-add-fd\nfd=" fd ",set=" set "\n-blockdev\ndriver=raw,node-name=disk" lun                     \
    ",read-only=on,file.driver=file,file.locking=off,file.filename=/dev/fdset/" set                \
    "\n-device\nvirtio-blk-pci,disable-legacy=on,drive=disk" lun ",addr=" slot                     \
    ".0,num-queues=1,queue-size=64\n"

static void simulated_machine_is_a_microvm_booted_by_pvh(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = simulated_config();
    QEMU_ARGS_AUTO args = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    check_ok(qemu_args_build(&config, &args, &err), &err);
    join(&args, &text);
    assert_string_equal(
        buf_text(&text), FRAME
        "-machine\nmicrovm,pcie=on,pic=off,pit=off,rtc=on,acpi=on,isa-serial=on,"
        "auto-kernel-cmdline=off\n"
        "-accel\ntcg,thread=multi\n-cpu\nmax,erms=off,fsrm=off,fsrs=off,fzrm=off\n-m\n256m\n"
        "-kernel\n/proc/self/fd/10\n-initrd\n/proc/self/fd/11\n"
        "-append\nquiet caisson.tee=simulated\n"
        "-add-fd\nfd=14,set=217\n"
        "-chardev\nfile,id=console,path=/dev/fdset/217,append=on\n-serial\nchardev:console\n"
        "-device\nvirtio-serial-pci,disable-legacy=on,max_ports=3\n"
        "-chardev\nsocket,id=channel,fd=12\n"
        "-device\nvirtserialport,chardev=channel,name=org.caisson.channel.0\n"
        "-chardev\nsocket,id=psp,fd=13\n"
        "-device\nvirtserialport,chardev=psp,name=org.caisson.psp.0\n" DISK("0", "4", "20", "1")
            DISK("1", "5", "21", "2"));
}

static void snp_machine_binds_the_policy_and_the_kernel(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = snp_config();
    QEMU_ARGS_AUTO args = {0};
    check_ok(qemu_args_build(&config, &args, &err), &err);
    check_has(&args, "-machine",
              "q35,confidential-guest-support=sev0,memory-backend=ram1,smm=off,vmport=off");
    check_has(&args, "-object",
              "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,"
              "kernel-hashes=on,host-data=q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=");
    check_has(&args, "-object", "memory-backend-memfd,id=ram1,size=256M,share=true,prealloc=false");
    check_has(&args, "-bios", "/proc/self/fd/15");
    check_has(&args, "-accel", "kvm");
}

static void opens_no_device_that_it_is_given(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config simulated = simulated_config();
    struct qemu_config snp = snp_config();
    QEMU_ARGS_AUTO simulated_args = {0};
    QEMU_ARGS_AUTO snp_args = {0};
    simulated.kvm = true;
    simulated.kvm_fd = snp.kvm_fd = 17;
    snp.sev_fd = 18;
    check_ok(qemu_args_build(&simulated, &simulated_args, &err), &err);
    check_has(&simulated_args, "-add-fd", "fd=17,set=218");
    check_has(&simulated_args, "-accel", "kvm,device=/dev/fdset/218");
    check_ok(qemu_args_build(&snp, &snp_args, &err), &err);
    check_has(&snp_args, "-accel", "kvm,device=/dev/fdset/218");
    check_has(&snp_args, "-add-fd", "fd=18,set=219");
    assert_true(mentions(&snp_args, ",sev-device=/dev/fdset/219"));
    assert_false(mentions(&snp_args, "/dev/kvm"));
}

static void every_virtio_device_of_snp_is_modern_and_behind_the_iommu(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = snp_config();
    config.network_fd = 16;
    QEMU_ARGS_AUTO args = {0};
    size_t seen = 0;
    check_ok(qemu_args_build(&config, &args, &err), &err);
    for (size_t i = 0; i < args.count; i++) {
        if (strncmp(args.argv[i], "virtio-", 7) != 0)
            continue;
        seen++;
        assert_non_null(strstr(args.argv[i], "-pci,disable-legacy=on,iommu_platform=on"));
    }
    assert_int_equal(seen, 2 + config.disk_count);
    assert_false(mentions(&args, "org.caisson.psp.0"));
}

static void has_no_network_device_unless_asked(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = simulated_config();
    QEMU_ARGS_AUTO without = {0};
    QEMU_ARGS_AUTO with = {0};
    check_ok(qemu_args_build(&config, &without, &err), &err);
    assert_false(mentions(&without, "net"));
    config.network_fd = 16;
    check_ok(qemu_args_build(&config, &with, &err), &err);
    check_has(&with, "-netdev", "stream,id=net0,server=off,addr.type=fd,addr.str=16");
    check_has(&with, "-device",
              "virtio-net-pci,disable-legacy=on,netdev=net0,romfile=,mac=52:54:00:12:34:56,"
              "ctrl_vq=off,ctrl_rx=off,ctrl_vlan=off,ctrl_rx_extra=off,ctrl_mac_addr=off,"
              "guest_announce=off,ctrl_guest_offloads=off");
}

static void every_disk_is_read_only(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = simulated_config();
    QEMU_ARGS_AUTO args = {0};
    int fds[QEMU_DISKS_MAX];
    size_t seen = 0;
    for (int i = 0; i < QEMU_DISKS_MAX; i++)
        fds[i] = 100 + i;
    config.disk_fds = fds;
    config.disk_count = QEMU_DISKS_MAX;
    check_ok(qemu_args_build(&config, &args, &err), &err);
    for (size_t i = 0; i < args.count; i++) {
        if (strncmp(args.argv[i], "driver=", 7) == 0) {
            assert_non_null(strstr(args.argv[i], ",read-only=on,"));
            seen++;
        }
    }
    assert_int_equal(seen, QEMU_DISKS_MAX);
}

static void a_scratch_disk_comes_last_and_is_written_to(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = simulated_config();
    QEMU_ARGS_AUTO args = {0};
    config.scratch_fd = 22;
    check_ok(qemu_args_build(&config, &args, &err), &err);
    check_has(&args, "-add-fd", "fd=22,set=220");
    check_has(&args, "-blockdev",
              "driver=raw,node-name=scratch,cache.no-flush=on,file.driver=file,file.locking=off,"
              "file.cache.no-flush=on,file.filename=/dev/fdset/220");
    check_has(&args, "-device",
              "virtio-blk-pci,disable-legacy=on,drive=scratch,addr=6.0,num-queues=1,queue-size=64,"
              "werror=report");
}

/* One a slot while there are slots; then the slots' further functions, and no vectors. */
static void each_disk_has_a_place_of_its_own(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        const char *device; /* the last one's */
    } cases[] = {
        {1, "drive=disk0,addr=4.0,num-queues"},
        {27, "drive=disk26,addr=1e.0,num-queues"},
        {28, "drive=disk27,addr=4.1,multifunction=on,num-queues"},
        {32, "drive=disk31,addr=8.1,multifunction=on,num-queues"},
        {33, "drive=disk32,addr=9.1,multifunction=on,vectors=0,num-queues"},
        {QEMU_DISKS_MAX, "drive=disk215,addr=1e.7,multifunction=on,vectors=0,num-queues"},
    };
    static const int fds[QEMU_DISKS_MAX] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct qemu_config config = simulated_config();
        QEMU_ARGS_AUTO args = {0};
        config.disk_fds = fds;
        config.disk_count = cases[i].count;
        check_ok(qemu_args_build(&config, &args, &err), &err);
        assert_true(mentions(&args, cases[i].device));
    }
}

static void the_disk_of_parts_has_a_place_before_the_others(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = simulated_config();
    QEMU_ARGS_AUTO args = {0};
    config.parts_fd = 23;
    check_ok(qemu_args_build(&config, &args, &err), &err);
    check_has(&args, "-add-fd", "fd=23,set=221");
    check_has(&args, "-blockdev",
              "driver=raw,node-name=parts,read-only=on,file.driver=file,file.locking=off,"
              "file.filename=/dev/fdset/221");
    check_has(&args, "-device",
              "virtio-blk-pci,disable-legacy=on,drive=parts,addr=3.0,num-queues=1,queue-size=64");
    check_has(&args, "-device",
              "virtio-blk-pci,disable-legacy=on,drive=disk0,addr=4.0,num-queues=1,queue-size=64");
}

static void refuses_a_scratch_disk_for_which_no_lun_is_left(void **state)
{
    (void)state;
    static const int fds[QEMU_DISKS_MAX] = {0};
    struct error err = {0};
    struct qemu_config config = simulated_config();
    QEMU_ARGS_AUTO args = {0};
    config.disk_fds = fds;
    config.disk_count = QEMU_DISKS_MAX;
    config.scratch_fd = 22;
    check_refused(qemu_args_build(&config, &args, &err), &err, "217 disks");
}

static void a_command_line_stays_one_word_whatever_it_holds(void **state)
{
    (void)state;
    struct error err = {0};
    struct qemu_config config = simulated_config();
    config.cmdline = "a,b=c -device evil \"quoted\" $(id)";
    QEMU_ARGS_AUTO args = {0};
    check_ok(qemu_args_build(&config, &args, &err), &err);
    check_has(&args, "-append", config.cmdline);
}

static void refuses_values_out_of_range(void **state)
{
    (void)state;
    static const struct {
        uint32_t memory_mib;
        uint32_t vcpus;
        size_t disks;
        const char *words;
    } cases[] = {
        {0, 1, 0, "0 MiB"},
        {QEMU_MEMORY_MIN - 1, 1, 0, "71 MiB"},
        {QEMU_MEMORY_MAX + 1, 1, 0, "MiB of memory"},
        {UINT32_MAX, 1, 0, "MiB of memory"},
        {256, 0, 0, "0 CPUs"},
        {256, QEMU_VCPUS_MAX + 1, 0, "65 CPUs"},
        {256, 1, QEMU_DISKS_MAX + 1, "217 disks"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct qemu_config config = simulated_config();
        QEMU_ARGS_AUTO args = {0};
        config.memory_mib = cases[i].memory_mib;
        config.vcpus = cases[i].vcpus;
        config.disk_count = cases[i].disks;
        check_refused(qemu_args_build(&config, &args, &err), &err, cases[i].words);
    }
}

static void knows_each_tee_by_its_name_and_no_other(void **state)
{
    (void)state;
    enum vm_tee tee;
    for (size_t i = 0; i < VM_TEE_COUNT; i++) {
        assert_true(vm_tee_by_name(vm_tee_name((enum vm_tee)i), &tee));
        assert_int_equal(tee, i);
    }
    assert_false(vm_tee_by_name("", &tee));
    assert_false(vm_tee_by_name("Simulated", &tee));
    assert_false(vm_tee_by_name("sgx2", &tee));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_machine_is_a_microvm_booted_by_pvh),
        cmocka_unit_test(snp_machine_binds_the_policy_and_the_kernel),
        cmocka_unit_test(opens_no_device_that_it_is_given),
        cmocka_unit_test(every_virtio_device_of_snp_is_modern_and_behind_the_iommu),
        cmocka_unit_test(has_no_network_device_unless_asked),
        cmocka_unit_test(every_disk_is_read_only),
        cmocka_unit_test(a_scratch_disk_comes_last_and_is_written_to),
        cmocka_unit_test(each_disk_has_a_place_of_its_own),
        cmocka_unit_test(the_disk_of_parts_has_a_place_before_the_others),
        cmocka_unit_test(refuses_a_scratch_disk_for_which_no_lun_is_left),
        cmocka_unit_test(a_command_line_stays_one_word_whatever_it_holds),
        cmocka_unit_test(refuses_values_out_of_range),
        cmocka_unit_test(knows_each_tee_by_its_name_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
