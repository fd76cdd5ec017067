#include "../check.h"
#include "image.h"

#include "measure/svsm.h"

#define VCPUS 3

static struct error err;

struct world {
    struct image images[2];
    struct ovmf firmware;
    struct ovmf svsm;
    struct svsm_machine machine;
};

static void set_up(struct world *world)
{
    make_good(&world->images[0]);
    make_svsm(&world->images[1]);
    check_ok(ovmf_parse(span_of(world->images[0].bytes, PAGE), &world->firmware, &err), &err);
    check_ok(ovmf_parse(span_of(world->images[1].bytes, PAGE), &world->svsm, &err), &err);
    world->machine = (struct svsm_machine){.firmware = &world->firmware,
                                           .svsm = &world->svsm,
                                           .vars_size = PAGE,
                                           .cpuid_signature = 0xA00F11,
                                           .vcpus = VCPUS};
}

/* The same chain, added up by hand: the images' addresses, the order, the entry. */
static void follows_the_rule(void **state)
{
    (void)state;
    struct world world;
    uint8_t digests[VCPUS][SHA384_SIZE];
    uint8_t vmsa[MEASURE_PAGE_SIZE];
    struct launch launch;
    set_up(&world);
    check_ok(measure_svsm_each(&world.machine, digests, &err), &err);

    launch_init(&launch);
    launch_add_page(&launch, LAUNCH_PAGE_NORMAL, 0xFFFFF000, world.images[0].bytes);
    launch_add_page(&launch, LAUNCH_PAGE_NORMAL, 0xFFFFD000, world.images[1].bytes);
    check_ok(launch_add_blank(&launch, LAUNCH_PAGE_SECRETS, 0x806000, PAGE, &err), &err);
    check_ok(launch_add_blank(&launch, LAUNCH_PAGE_CPUID, 0x807000, PAGE, &err), &err);
    vmsa_write_svsm(0xFFFFD120, 0xA00F11, vmsa);
    for (int i = 0; i < VCPUS; i++) {
        launch_add_page(&launch, LAUNCH_PAGE_VMSA, LAUNCH_VMSA_GPA, vmsa);
        assert_memory_equal(digests[i], launch.digest, SHA384_SIZE);
    }
}

static void the_save_area_starts_in_protected_mode(void **state)
{
    (void)state;
    uint8_t vmsa[MEASURE_PAGE_SIZE];
    vmsa_write_svsm(0x12345678, 0xA00F11, vmsa);
    static const uint8_t cs[16] = {8, 0, 0x9B, 0x0C, 0xFF, 0xFF, 0xFF, 0xFF};
    static const uint8_t rip[8] = {0x78, 0x56, 0x34, 0x12};
    assert_memory_equal(vmsa + 0x10, cs, sizeof cs);
    assert_memory_equal(vmsa + 0x178, rip, sizeof rip);
    assert_int_equal(vmsa[0x158], 0x11);
}

static void refuses_what_is_no_svsm(void **state)
{
    (void)state;
    struct world world;
    uint8_t digests[VCPUS][SHA384_SIZE];
    set_up(&world);
    world.machine.svsm = &world.firmware;
    check_refused(measure_svsm_each(&world.machine, digests, &err), &err, "SVSM entry");
    world.machine.svsm = &world.svsm;
    world.svsm.svsm_entry = PAGE;
    check_refused(measure_svsm_each(&world.machine, digests, &err), &err, "0x1000");
}

static void refuses_odd_sizes_and_numbers(void **state)
{
    (void)state;
    struct world world;
    uint8_t digests[VCPUS][SHA384_SIZE];
    static const uint64_t refused[] = {
        1, 4095, 4097, 16 * 1024 * 1024 + 4096, UINT64_MAX, UINT64_MAX - 4095};
    set_up(&world);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        world.machine.vars_size = refused[i];
        check_refused(measure_svsm_each(&world.machine, digests, &err), &err, "variable store");
    }
    world.machine.vars_size = 0;
    check_ok(measure_svsm_each(&world.machine, digests, &err), &err);
    world.machine.vcpus = 0;
    check_error(measure_svsm_each(&world.machine, digests, &err), &err, ERROR_INVALID);
    world.machine.vcpus = 513;
    check_error(measure_svsm_each(&world.machine, digests, &err), &err, ERROR_INVALID);
}

static void refuses_an_svsm_entry_cut_short(void **state)
{
    (void)state;
    struct image image;
    struct ovmf ovmf;
    make_svsm(&image);
    /* The entry says that it has no data: u16 size 18 before the GUID. */
    start(&image);
    image.at -= 16;
    memcpy(image.bytes + image.at, guid_svsm, 16);
    image.at -= 2;
    put(image.bytes + image.at, 2, 18);
    finish(&image);
    check_refused(ovmf_parse(span_of(image.bytes, PAGE), &ovmf, &err), &err, "SVSM entry");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_rule),
        cmocka_unit_test(the_save_area_starts_in_protected_mode),
        cmocka_unit_test(refuses_what_is_no_svsm),
        cmocka_unit_test(refuses_odd_sizes_and_numbers),
        cmocka_unit_test(refuses_an_svsm_entry_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
