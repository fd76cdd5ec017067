#include "../check.h"
#include "image.h"

#include "measure/sev.h"
#include "measure/snp.h"

#define VCPUS 3

static struct error err;

struct world {
    struct image image;
    struct ovmf ovmf;
    struct measure_kernel kernel;
    struct sev_machine machine;
};

static void set_up(struct world *world)
{
    make_good(&world->image);
    memset(&world->kernel, 7, sizeof world->kernel);
    check_ok(ovmf_parse(span_of(world->image.bytes, PAGE), &world->ovmf, &err), &err);
    world->machine = (struct sev_machine){.ovmf = &world->ovmf,
                                          .kernel = &world->kernel,
                                          .cpuid_signature = 0xA00F11,
                                          .vcpus = VCPUS};
}

/* One buffer of all that is encrypted, hashed in one go. */
static void hashes_firmware_table_and_save_areas(void **state)
{
    (void)state;
    struct world world;
    static uint8_t all[PAGE + MEASURE_KERNEL_TABLE_SIZE + VCPUS * PAGE];
    uint8_t *at = all;
    uint8_t expected[SHA256_SIZE];
    uint8_t found[VCPUS][SHA256_SIZE];
    set_up(&world);
    memcpy(at, world.image.bytes, PAGE);
    at += PAGE;
    measure_kernel_table(&world.kernel, at);
    at += MEASURE_KERNEL_TABLE_SIZE;
    sha256_digest(span_of(all, (size_t)(at - all)), expected);
    check_ok(measure_sev(&world.machine, found[0], &err), &err);
    assert_memory_equal(found[0], expected, SHA256_SIZE);

    const struct vmsa vmsa = {.ap_eip = world.ovmf.reset_eip, .cpuid_signature = 0xA00F11};
    check_ok(measure_sev_es_each(&world.machine, found, &err), &err);
    for (int i = 0; i < VCPUS; i++, at += PAGE) {
        vmsa_write(&vmsa, i == 0, at);
        sha256_digest(span_of(all, (size_t)(at + PAGE - all)), expected);
        assert_memory_equal(found[i], expected, SHA256_SIZE);
    }
}

static void a_kernel_is_measured_or_refused(void **state)
{
    (void)state;
    struct world world;
    uint8_t with[SHA256_SIZE];
    uint8_t without[SHA256_SIZE];
    set_up(&world);
    check_ok(measure_sev(&world.machine, with, &err), &err);
    world.machine.kernel = NULL;
    check_ok(measure_sev(&world.machine, without, &err), &err);
    assert_memory_not_equal(with, without, SHA256_SIZE);
    world.machine.kernel = &world.kernel;
    world.ovmf.hash_table_gpa = 0;
    check_refused(measure_sev(&world.machine, with, &err), &err, "hash table");
    world.ovmf.hash_table_gpa = 0x80C400;
    world.ovmf.has_hash_table = false;
    check_refused(measure_sev(&world.machine, with, &err), &err, "hash table");
}

static void refuses_impossible_numbers_of_cpus(void **state)
{
    (void)state;
    struct world world;
    uint8_t found[VCPUS][SHA256_SIZE];
    set_up(&world);
    world.machine.vcpus = 0;
    check_error(measure_sev_es_each(&world.machine, found, &err), &err, ERROR_INVALID);
    world.machine.vcpus = 513;
    check_error(measure_sev_es_each(&world.machine, found, &err), &err, ERROR_INVALID);
    world.machine.vcpus = 1;
    world.ovmf.has_reset_eip = false;
    check_refused(measure_sev_es_each(&world.machine, found, &err), &err, "reset block");
}

static void each_number_of_cpus_has_the_digest_that_it_has_alone(void **state)
{
    (void)state;
    struct world world;
    static const uint8_t firmware[SHA384_SIZE];
    uint8_t each[VCPUS][SHA384_SIZE];
    uint8_t alone[SHA384_SIZE];
    set_up(&world);
    struct snp_machine machine = {
        .ovmf = &world.ovmf, .kernel = &world.kernel, .vcpus = VCPUS, .guest_features = 1};
    check_ok(measure_snp_each(&machine, firmware, each, &err), &err);
    for (machine.vcpus = 1; machine.vcpus <= VCPUS; machine.vcpus++) {
        check_ok(measure_snp(&machine, firmware, alone, &err), &err);
        assert_memory_equal(each[machine.vcpus - 1], alone, SHA384_SIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_firmware_table_and_save_areas),
        cmocka_unit_test(a_kernel_is_measured_or_refused),
        cmocka_unit_test(refuses_impossible_numbers_of_cpus),
        cmocka_unit_test(each_number_of_cpus_has_the_digest_that_it_has_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
