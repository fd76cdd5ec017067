/* Users, groups and capabilities: who may become whom, by credentials(7) and capabilities(7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>

#include "enclave/libos/processes/identity.h"

#define KEEP        IDENTITY_AS_IT_IS
#define BIT(n)      (UINT64_C(1) << (n))
#define EVERYTHING  (BIT(CAP_LAST_CAP + 1) - 1)
#define SOME_FOR_FS (BIT(CAP_CHOWN) | BIT(CAP_FOWNER))

static struct identity root(void)
{
    return (struct identity){.sets = {EVERYTHING, EVERYTHING, 0}, .bounding = EVERYTHING};
}

static struct identity user(uint32_t real, uint32_t effective, uint32_t saved)
{
    return (struct identity){
        .ids = {{real, effective, saved, effective}, {real, effective, saved, effective}},
        .bounding = EVERYTHING};
}

static void is(const struct identity *identity, enum identity_kind kind, uint32_t real,
               uint32_t effective, uint32_t saved)
{
    const struct identity_ids *ids = &identity->ids[kind];
    assert_int_equal(ids->real, real);
    assert_int_equal(ids->effective, effective);
    assert_int_equal(ids->saved, saved);
    assert_int_equal(ids->files, effective);
}

static void root_becomes_a_user_for_good(void **state)
{
    struct identity one = root();
    (void)state;
    assert_int_equal(identity_set(&one, IDENTITY_GROUP, 8), 0);
    is(&one, IDENTITY_GROUP, 8, 8, 8);
    assert_int_equal(one.sets.effective, EVERYTHING);
    assert_int_equal(identity_set(&one, IDENTITY_USER, 7), 0);
    is(&one, IDENTITY_USER, 7, 7, 7);
    assert_int_equal(one.sets.permitted | one.sets.effective, 0);
    assert_int_equal(identity_set(&one, IDENTITY_USER, 0), -EPERM);
    assert_int_equal(identity_set_three(&one, IDENTITY_USER, 0, KEEP, KEEP), -EPERM);
    assert_int_equal(identity_set_two(&one, IDENTITY_USER, KEEP, 0), -EPERM);
    assert_int_equal(identity_set_files(&one, IDENTITY_USER, 0), 7);
    assert_int_equal(identity_set_groups(&one, NULL, 0), -EPERM);
    is(&one, IDENTITY_USER, 7, 7, 7);
}

static void a_user_keeps_to_what_it_has(void **state)
{
    (void)state;
    for (enum identity_kind kind = IDENTITY_USER; kind < IDENTITY_KINDS; kind++) {
        struct identity one = user(5, 6, 7);
        assert_int_equal(identity_set(&one, kind, 6), -EPERM); /* neither real nor saved */
        assert_int_equal(identity_set(&one, kind, 8), -EPERM);
        assert_int_equal(identity_set(&one, kind, KEEP), -EINVAL);
        assert_int_equal(identity_set(&one, kind, 7), 0);
        is(&one, kind, 5, 7, 7);
        assert_int_equal(identity_set_two(&one, kind, 8, KEEP), -EPERM);
        assert_int_equal(identity_set_two(&one, kind, KEEP, 8), -EPERM);
        assert_int_equal(identity_set_two(&one, kind, 7, 5), 0);
        is(&one, kind, 7, 5, 5);
        assert_int_equal(identity_set_three(&one, kind, 5, 7, 6), -EPERM);
        is(&one, kind, 7, 5, 5); /* all or nothing */
        assert_int_equal(identity_set_three(&one, kind, 5, 7, 7), 0);
        is(&one, kind, 5, 7, 7);
        assert_int_equal(identity_set_files(&one, kind, 8), 7);
        assert_int_equal(one.ids[kind].files, 7);
        assert_int_equal(identity_set_files(&one, kind, 5), 7);
        assert_int_equal(one.ids[kind].files, 5);
    }
}

static void the_saved_one_follows_as_setreuid_says(void **state)
{
    struct identity one = root();
    (void)state;
    assert_int_equal(identity_set_two(&one, IDENTITY_USER, KEEP, 0), 0);
    is(&one, IDENTITY_USER, 0, 0, 0);
    assert_int_equal(identity_set_two(&one, IDENTITY_USER, KEEP, 9), 0);
    is(&one, IDENTITY_USER, 0, 9, 9);
    assert_int_equal(identity_set_two(&one, IDENTITY_USER, KEEP, 0), 0);
    is(&one, IDENTITY_USER, 0, 0, 9); /* back to the real one: the saved one stays */
}

static void capabilities_follow_the_user(void **state)
{
    struct identity one = root();
    (void)state;
    one.sets.inheritable = one.ambient = BIT(CAP_KILL);
    assert_int_equal(identity_set_three(&one, IDENTITY_USER, KEEP, 9, KEEP), 0);
    assert_int_equal(one.sets.effective, 0);
    assert_int_equal(one.sets.permitted, EVERYTHING);
    assert_int_equal(one.ambient, BIT(CAP_KILL));
    assert_int_equal(identity_set_three(&one, IDENTITY_USER, KEEP, 0, KEEP), 0);
    assert_int_equal(one.sets.effective, EVERYTHING);
    one.keeps_sets = true;
    assert_int_equal(identity_set_three(&one, IDENTITY_USER, 9, 9, 9), 0);
    assert_int_equal(one.sets.effective, 0);
    assert_int_equal(one.sets.permitted, EVERYTHING);
    assert_int_equal(one.ambient, 0);
}

static void files_capabilities_follow_the_files_user(void **state)
{
    struct identity one = root();
    (void)state;
    assert_int_equal(identity_set_files(&one, IDENTITY_USER, 9), 0);
    assert_int_equal(one.sets.effective & SOME_FOR_FS, 0);
    assert_true(identity_has(&one, CAP_KILL));
    assert_int_equal(identity_creds(&one).uid, 9);
    one.sets.permitted &= ~BIT(CAP_CHOWN);
    assert_int_equal(identity_set_files(&one, IDENTITY_USER, 0), 9);
    assert_int_equal(one.sets.effective & SOME_FOR_FS, BIT(CAP_FOWNER));
}

static void groups_are_bounded(void **state)
{
    struct identity one = root();
    uint32_t many[IDENTITY_GROUPS_MAX + 1] = {0};
    const uint32_t two[2] = {7, 8}, wrong[1] = {KEEP};
    (void)state;
    assert_int_equal(identity_set_groups(&one, two, 2), 0);
    assert_true(creds_in_group(&(struct creds){0}, 0));
    struct creds creds = identity_creds(&one);
    assert_true(creds_in_group(&creds, 8));
    assert_false(creds_in_group(&creds, 9));
    assert_int_equal(identity_set_groups(&one, many, IDENTITY_GROUPS_MAX + 1), -EINVAL);
    assert_int_equal(identity_set_groups(&one, wrong, 1), -EINVAL);
    assert_int_equal(one.group_count, 2);
    assert_int_equal(identity_set_groups(&one, many, IDENTITY_GROUPS_MAX), 0);
    assert_int_equal(identity_set_groups(&one, NULL, 0), 0);
    assert_int_equal(identity_creds(&one).group_count, 0);
}

static void no_set_grows(void **state)
{
    struct identity one = user(5, 5, 5);
    const uint64_t kill = BIT(CAP_KILL), chown = BIT(CAP_CHOWN);
    (void)state;
    one.sets = (struct identity_sets){kill, kill, 0};
    assert_int_equal(identity_set_sets(&one, &(struct identity_sets){kill | chown, 0, 0}), -EPERM);
    assert_int_equal(identity_set_sets(&one, &(struct identity_sets){0, kill, 0}), -EPERM);
    assert_int_equal(identity_set_sets(&one, &(struct identity_sets){kill, kill, chown}), -EPERM);
    assert_int_equal(identity_set_ambient(&one, CAP_KILL, true), -EPERM);
    assert_int_equal(identity_set_sets(&one, &(struct identity_sets){kill, 0, kill}), 0);
    assert_false(identity_has(&one, CAP_KILL));
    assert_int_equal(identity_set_ambient(&one, CAP_CHOWN, true), -EPERM);
    assert_int_equal(identity_set_ambient(&one, CAP_LAST_CAP + 1, true), -EINVAL);
    assert_int_equal(identity_set_ambient(&one, CAP_KILL, true), 0);
    assert_int_equal(one.ambient, kill);
    assert_int_equal(identity_set_sets(&one, &(struct identity_sets){kill, 0, 0}), 0);
    assert_int_equal(one.ambient, 0); /* what is not inheritable is not ambient */
    assert_int_equal(identity_drop_bounding(&one, CAP_KILL), -EPERM);
    assert_int_equal(one.bounding, EVERYTHING);
    one = root();
    assert_int_equal(identity_drop_bounding(&one, CAP_LAST_CAP + 1), -EINVAL);
    assert_int_equal(identity_drop_bounding(&one, CAP_KILL), 0);
    assert_int_equal(one.bounding, EVERYTHING & ~kill);
    assert_int_equal(identity_set_sets(&one, &(struct identity_sets){0, 0, kill}), -EPERM);
}

static void programs_get_what_execve_leaves(void **state)
{
    struct identity one = root();
    const uint64_t kill = BIT(CAP_KILL);
    (void)state;
    one.bounding = kill;
    one.sets = (struct identity_sets){0, 0, BIT(CAP_CHOWN)};
    one.keeps_sets = true;
    identity_exec(&one);
    assert_int_equal(one.sets.permitted, kill | BIT(CAP_CHOWN));
    assert_int_equal(one.sets.effective, kill | BIT(CAP_CHOWN));
    assert_false(one.keeps_sets);
    one = user(5, 6, 7);
    one.sets = (struct identity_sets){EVERYTHING, EVERYTHING, kill};
    one.ambient = kill;
    identity_exec(&one);
    assert_int_equal(one.sets.permitted, kill);
    assert_int_equal(one.sets.effective, kill);
    is(&one, IDENTITY_USER, 5, 6, 6);
    one = user(0, 6, 6); /* root by the real user alone: permitted, not effective */
    identity_exec(&one);
    assert_int_equal(one.sets.permitted, EVERYTHING);
    assert_int_equal(one.sets.effective, 0);
}

static void signals_go_from_user_to_user(void **state)
{
    const struct identity boss = root(), one = user(5, 5, 5), changed = user(6, 5, 6),
                          saved = user(6, 6, 5), other = user(9, 9, 9);
    (void)state;
    assert_true(identity_may_signal(&boss, &one));
    assert_true(identity_may_signal(&one, &one));
    assert_true(identity_may_signal(&changed, &one));
    assert_false(identity_may_signal(&one, &changed)); /* neither its real nor its saved one */
    assert_true(identity_may_signal(&one, &saved));
    assert_false(identity_may_signal(&one, &other));
    assert_false(identity_may_signal(&one, &boss));
}

static void each_part_makes_another_one(void **state)
{
    const struct identity one = root();
    (void)state;
    assert_true(identity_is_same(&one, &one));
#define DIFFERS(change)                                                                            \
    do {                                                                                           \
        struct identity other = one;                                                               \
        change;                                                                                    \
        assert_false(identity_is_same(&one, &other));                                              \
        assert_false(identity_is_same(&other, &one));                                              \
    } while (0)
    for (size_t i = 0; i < IDENTITY_KINDS; i++) {
        DIFFERS(other.ids[i].real = 1);
        DIFFERS(other.ids[i].effective = 1);
        DIFFERS(other.ids[i].saved = 1);
        DIFFERS(other.ids[i].files = 1);
    }
    DIFFERS(other.groups[other.group_count++] = 3);
    DIFFERS(other.sets.permitted ^= 1);
    DIFFERS(other.sets.effective ^= 1);
    DIFFERS(other.sets.inheritable ^= 1);
    DIFFERS(other.bounding ^= 1);
    DIFFERS(other.ambient ^= 1);
    DIFFERS(other.keeps_sets = !other.keeps_sets);
    struct identity two = one, three = one;
    two.group_count = three.group_count = 1;
    two.groups[0] = 4;
    three.groups[0] = 5;
    assert_false(identity_is_same(&two, &three));
    three.groups[0] = 4;
    three.groups[1] = 9; /* none of its groups */
    assert_true(identity_is_same(&two, &three));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_becomes_a_user_for_good),
        cmocka_unit_test(a_user_keeps_to_what_it_has),
        cmocka_unit_test(the_saved_one_follows_as_setreuid_says),
        cmocka_unit_test(capabilities_follow_the_user),
        cmocka_unit_test(files_capabilities_follow_the_files_user),
        cmocka_unit_test(groups_are_bounded),
        cmocka_unit_test(no_set_grows),
        cmocka_unit_test(programs_get_what_execve_leaves),
        cmocka_unit_test(signals_go_from_user_to_user),
        cmocka_unit_test(each_part_makes_another_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
