/* What the generator writes, against az confcom's published output and against the reader. */
#include "../check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"
#include "policy/describe.h"
#include "policy/generate.h"
#include "sample.h"

static const char *const layers[] = {HASH_A, HASH_B};
static const char *const command[] = {"redis-server", "--port", "6379"};

static struct policy_draft_container redis(void)
{
    return (struct policy_draft_container){
        .id = "redis:7",
        .name = "redis:7",
        .has_command = true,
        .command = {command, 3},
        .layers = {layers, 2},
        .working_dir = "/data",
        .stop_signal = "",
        .seccomp_sha256 = "",
    };
}

static char *generate(struct policy_draft_container *container, enum policy_generation generation)
{
    struct error err = {0};
    struct policy_draft draft = {
        .generation = generation, .containers = container, .container_count = 1};
    struct buf out = BUF_WITH_LIMIT(1 << 20);
    check_ok(policy_generate(&draft, &out, &err), &err);
    return buf_take_text(&out);
}

static bool holds(struct policy_draft_container *container, enum policy_generation generation,
                  const char *words)
{
    char *text = generate(container, generation);
    bool found = strstr(text, words) != NULL;
    free(text);
    return found;
}

static void writes_what_the_reader_reads(void **state)
{
    (void)state;
    for (unsigned int i = POLICY_GENERATION_A; i <= POLICY_GENERATION_C; i++) {
        struct error err = {0};
        struct policy_draft_container container = redis();
        char *text = generate(&container, (enum policy_generation)i);
        BUF_AUTO page = BUF_WITH_LIMIT(1 << 20);
        POLICY_AUTO policy = NULL;
        check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &policy, &err), &err);
        assert_int_equal(policy_container_count(policy), 2);
        assert_string_equal(policy_container_name(policy_container_at(policy, 0)), "redis:7");
        assert_string_equal(policy_container_name(policy_container_at(policy, 1)),
                            "pause-container");
        check_ok(policy_describe(policy, &page, &err), &err);
        assert_non_null(strstr(buf_text(&page), "\"redis-server\" \"--port\" \"6379\""));
        free(text);
    }
}

static void lets_what_it_describes_run(void **state)
{
    struct error err = {0};
    static const char *const env[] = {"PATH=/bin", "TOKEN=x"};
    static const char *const kept[] = {"PATH=/bin", "HOSTNAME=h", "TERM=xterm", "EVIL=1"};
    static const char *const caps[] = {
        "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
        "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
        "CAP_KILL",    "CAP_AUDIT_WRITE"};
    static const char *const targets[] = {"/run/mounts/scsi/m2", "/run/mounts/scsi/m1"};
    struct policy_draft_container container = redis();
    struct policy_decision decision = {0};
    struct policy_state *machine;
    POLICY_AUTO policy = NULL;
    (void)state;
    container.image_env = (struct policy_list){env, 2};
    char *text = generate(&container, POLICY_GENERATION_DEFAULT);
    check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &policy, &err), &err);
    check_ok(policy_state_new(policy, &machine, &err), &err);
    assert_true(policy_mount_device(machine, targets[1], HASH_A, &decision));
    assert_true(policy_mount_device(machine, targets[0], HASH_B, &decision));
    assert_true(
        policy_mount_overlay(machine, "c", (struct policy_list){targets, 2}, "/r", &decision));
    struct policy_process process = {
        .container_id = "c",
        .sandbox_id = "c",
        .args = {command, 3},
        .env = {kept, 4},
        .cwd = "/data",
        .user = {"999", "redis"},
        .umask = "0022",
        .capabilities = {{{caps, 14}, {caps, 14}, {0}, {caps, 14}, {0}}},
        .seccomp_sha256 = "",
    };
    if (!policy_create_container(machine, &process, &decision))
        fail_msg("%s", decision.reason);
    assert_int_equal(decision.env_kept.count, 3);
    assert_true(policy_signal_container_process(machine, "c", 15, true, (struct policy_list){0},
                                                &decision));
    policy_decision_fini(&decision);
    policy_state_free(machine);
    free(text);
}

static void writes_strings_as_confcom_does(void **state)
{
    static const char *const odd[] = {"A=\"\\/\b\f\n\r\t\x01\x7f<>&'\xc3\xa9\xf0\x9f\x98\x80"};
    struct policy_draft_container container = redis();
    (void)state;
    container.env = (struct policy_list){odd, 1};
    assert_true(holds(&container, POLICY_GENERATION_B,
                      "\"A=\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f<>&'\\u00e9\\ud83d\\ude00\""));
}

static void writes_signals_by_generation(void **state)
{
    struct policy_draft_container container = redis();
    (void)state;
    assert_true(holds(&container, POLICY_GENERATION_A, "\"signals\":[],\"user\""));
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15],\"user\""));
    container.stop_signal = "SIGQUIT";
    assert_true(holds(&container, POLICY_GENERATION_A, "\"signals\":[3],\"user\""));
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15,3],\"user\""));
    container.stop_signal = "sigterm";
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15],\"user\""));
    container.stop_signal = "SIGRTMIN+3";
    assert_true(holds(&container, POLICY_GENERATION_B, "\"signals\":[9,15,\"SIGRTMIN+3\"]"));
}

static void orders_variables_as_confcom_does(void **state)
{
    static const char *const own[] = {"B=own", "TERM=vt100"};
    static const char *const image[] = {"A=image", "B=image"};
    struct policy_draft_container container = redis();
    (void)state;
    container.env = (struct policy_list){own, 2};
    container.image_env = (struct policy_list){image, 2};
    assert_true(holds(&container, POLICY_GENERATION_B,
                      "\"env_rules\":[{\"pattern\":\"B=own\",\"required\":false,\"strategy\":"
                      "\"string\"},{\"pattern\":\"TERM=vt100\",\"required\":false,\"strategy\":"
                      "\"string\"},{\"pattern\":\"A=image\",\"required\":false,\"strategy\":"
                      "\"string\"},{\"pattern\":\"(?i)(FABRIC)_.+=.+\""));
}

static void reads_users_as_confcom_does(void **state)
{
    static const struct {
        const char *text, *user, *user_strategy, *group, *group_strategy;
    } users[] = {
        {"redis", "redis", "name", NULL, NULL},  {"1000", "1000", "id", NULL, NULL},
        {"1000:100", "1000", "id", "100", "id"}, {"u:staff", "u", "name", "staff", "name"},
        {"u:", "u", "name", NULL, NULL},         {"", NULL, NULL, NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        char room[POLICY_USER_MAX];
        struct error err = {0};
        struct policy_draft_container out;
        check_ok(policy_draft_user(users[i].text, room, &out, &err), &err);
        assert_true((users[i].user_strategy == NULL) == (out.user.strategy == NULL));
        if (out.user.strategy) {
            assert_string_equal(out.user.pattern, users[i].user);
            assert_string_equal(out.user.strategy, users[i].user_strategy);
        }
        assert_true((users[i].group_strategy == NULL) == (out.group.strategy == NULL));
        if (out.group.strategy) {
            assert_string_equal(out.group.pattern, users[i].group);
            assert_string_equal(out.group.strategy, users[i].group_strategy);
        }
    }
}

static void refuses_bad_drafts(void **state)
{
    static const char *const bad_layers[] = {"", "xyz", (HASH_A "a"), ("sha256:" HASH_A)};
    static const char *const bad_text[] = {"A=\xff"};
    char room[POLICY_USER_MAX], user[POLICY_USER_MAX + 1];
    struct error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad_layers / sizeof *bad_layers; i++) {
        struct policy_draft_container container = redis();
        struct policy_draft draft = {.containers = &container, .container_count = 1};
        BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
        container.layers = (struct policy_list){&bad_layers[i], 1};
        check_refused(policy_generate(&draft, &out, &err), &err, "root hash");
    }
    struct policy_draft_container container = redis();
    struct policy_draft draft = {.containers = &container, .container_count = 1};
    container.env = (struct policy_list){bad_text, 1};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    check_refused(policy_generate(&draft, &out, &err), &err, "UTF-8");
    BUF_AUTO small = BUF_WITH_LIMIT(100);
    container = redis();
    check_error(policy_generate(&draft, &small, &err), &err, ERROR_LIMIT);
    memset(user, 'a', sizeof user - 1);
    user[sizeof user - 1] = '\0';
    check_error(policy_draft_user(user, room, &container, &err), &err, ERROR_LIMIT);
}

/* --- the published samples --- */

#define CONTAINERS_MAX 8
#define LIST_MAX       64

/* A template of Azure Resource Manager, as far as these samples use it. */
struct sample {
    json_t *template;
    json_t *lock;
    const char *lists[CONTAINERS_MAX * 8][LIST_MAX];
    size_t list_count;
    struct policy_list execs[CONTAINERS_MAX][4];
    char env[CONTAINERS_MAX][LIST_MAX][512];
    char users[CONTAINERS_MAX][32];
    struct policy_draft_container containers[CONTAINERS_MAX];
    struct policy_draft draft;
};

static struct policy_list take_list(struct sample *sample, const json_t *array)
{
    const char **items = sample->lists[sample->list_count++];
    size_t count = json_array_size(array);
    assert_true(count <= LIST_MAX);
    for (size_t i = 0; i < count; i++)
        items[i] = json_string_value(json_array_get(array, i));
    return (struct policy_list){items, count};
}

static struct policy_list take_env(struct sample *sample, size_t index, const json_t *array)
{
    const char **items = sample->lists[sample->list_count++];
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(array, i);
        const json_t *value = json_object_get(row, "value");
        if (!value)
            value = json_object_get(row, "secureValue");
        (void)snprintf(sample->env[index][i], sizeof sample->env[index][i], "%s=%s",
                       json_string_value(json_object_get(row, "name")), json_string_value(value));
        items[i] = sample->env[index][i];
    }
    return (struct policy_list){items, count};
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

static void take_command(struct sample *sample, const json_t *properties, const json_t *config,
                         struct policy_draft_container *out)
{
    const json_t *own = json_object_get(properties, "command");
    if (json_array_size(own) > 0) {
        out->command = take_list(sample, own);
    } else {
        json_t *both = json_array();
        (void)json_array_extend(both, json_object_get(config, "Entrypoint"));
        (void)json_array_extend(both, json_object_get(config, "Cmd"));
        out->command = take_list(sample, both);
        json_decref(both); /* its texts belong to the lock file */
    }
    out->has_command = out->command.count > 0;
}

static void take_probes(struct sample *sample, size_t index, const json_t *properties,
                        struct policy_draft_container *out)
{
    static const char *const probes[] = {"readinessProbe", "livenessProbe"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *exec = json_object_get(json_object_get(properties, probes[i]), "exec");
        if (exec)
            sample->execs[index][out->exec_count++] = take_list(sample,
                                                                json_object_get(exec, "command"));
    }
    out->exec_processes = sample->execs[index];
}

static void take_security(struct sample *sample, size_t index, const json_t *context,
                          struct policy_draft_container *out)
{
    const json_t *capabilities = json_object_get(context, "capabilities");
    const json_t *user = json_object_get(context, "runAsUser");
    out->capabilities_add = take_list(sample, json_object_get(capabilities, "add"));
    out->capabilities_drop = take_list(sample, json_object_get(capabilities, "drop"));
    if (!user)
        return;
    (void)snprintf(sample->users[index], sizeof sample->users[index], "%d",
                   (int)json_integer_value(user));
    out->user = (struct policy_draft_identity){sample->users[index], "id"};
}

static void take_container(struct sample *sample, size_t index, const json_t *container)
{
    struct policy_draft_container *out = &sample->containers[index];
    const json_t *properties = json_object_get(container, "properties");
    const char *image = json_string_value(json_object_get(properties, "image"));
    const json_t *locked = json_object_get(sample->lock, image);
    const json_t *config = json_object_get(locked, "config");
    assert_non_null(locked);
    *out = (struct policy_draft_container){
        .id = image,
        .name = json_string_value(json_object_get(container, "name")),
        .env = take_env(sample, index, json_object_get(properties, "environmentVariables")),
        .image_env = take_list(sample, json_object_get(config, "Env")),
        .layers = take_list(sample, json_object_get(locked, "layers")),
        .working_dir = text_or(config, "WorkingDir", ""),
        .stop_signal = text_or(config, "StopSignal", ""),
        .seccomp_sha256 = "",
    };
    take_command(sample, properties, config, out);
    take_probes(sample, index, properties, out);
    take_security(sample, index, json_object_get(properties, "securityContext"), out);
}

/* What this test's reader of templates does not do; the generator has nothing to do with it. */
static bool is_beyond(const char *template, const char *options)
{
    return strstr(template, "[parameters(") || strstr(template, "[variables(") ||
           strstr(template, "\"volumes\"") || strstr(options, "--include-fragments") ||
           strstr(options, "--parameters");
}

static void take_options(struct sample *sample, const char *name, const char *options)
{
    static char svn[16];
    const char *at = strstr(options, "--infrastructure-svn ");
    sample->draft.debug = strstr(options, "--debug-mode");
    sample->draft.disable_stdio = strstr(options, "--disable-stdio");
    sample->draft.exclude_default_fragments = strstr(options, "--exclude-default-fragments");
    if (at && sscanf(at, "--infrastructure-svn %15s", svn) == 1)
        sample->draft.infrastructure_svn = svn;
    sample->draft.generation = strncmp(name, "aci13-", 6) == 0 ? POLICY_GENERATION_A
                                                               : POLICY_GENERATION_B;
}

static char *read_part(const char *folder, const char *name, const char *part)
{
    char path[1024];
    size_t size;
    (void)snprintf(path, sizeof path, "%s/%s/%s", folder, name, part);
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    (void)fclose(file);
    return read_whole(path, &size);
}

static void compare(const struct sample *sample, const char *name, const char *expected)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    check_ok(policy_generate(&sample->draft, &out, &err), &err);
    /* The printed form has three line ends that the measured one has not. */
    check_ok(buf_append_text(&out, "\n\n\n", &err), &err);
    size_t at = 0;
    while (expected[at] && expected[at] == buf_text(&out)[at])
        at++;
    if (expected[at] || buf_text(&out)[at])
        fail_msg("%s differs at byte %zu: \"%.80s\" for \"%.80s\"", name, at, buf_text(&out) + at,
                 expected + at);
}

static bool try_sample(const char *folder, const char *name)
{
    static struct sample sample;
    char *template = read_part(folder, name, "arm_template.json");
    char *lock = read_part(folder, name, "images.lock.json");
    char *options = read_part(folder, name, "options.txt");
    char *expected = read_part(folder, name, "expected.rego");
    bool tried = template && lock && options && expected && !is_beyond(template, options);
    if (tried) {
        sample = (struct sample){.template = json_loads(template, 0, NULL),
                                 .lock = json_loads(lock, 0, NULL)};
        const json_t *group = json_array_get(json_object_get(sample.template, "resources"), 0);
        const json_t *rows = json_object_get(json_object_get(group, "properties"), "containers");
        for (size_t i = 0; i < json_array_size(rows); i++)
            take_container(&sample, i, json_array_get(rows, i));
        take_options(&sample, name, options);
        sample.draft.containers = sample.containers;
        sample.draft.container_count = json_array_size(rows);
        compare(&sample, name, expected);
        json_decref(sample.template);
        json_decref(sample.lock);
    }
    free(template);
    free(lock);
    free(options);
    free(expected);
    return tried;
}

static void agrees_with_published_samples(void **state)
{
    char folder[640];
    size_t count = 0;
    const char *root = getenv("CAISSON_VECTORS");
    (void)state;
    if (root)
        (void)snprintf(folder, sizeof folder, "%s/confcom", root);
    else
        (void)snprintf(folder, sizeof folder, "%s/../shared/vectors/confcom", CAISSON_SOURCE_ROOT);
    DIR *dir = opendir(folder);
    if (!dir)
        check_skip("no vectors at $CAISSON_VECTORS or ../shared/vectors");
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "aci", 3) == 0)
            count += try_sample(folder, entry->d_name);
    }
    (void)closedir(dir);
    print_message("%zu samples agree byte for byte\n", count);
    assert_true(count >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_the_reader_reads),
        cmocka_unit_test(lets_what_it_describes_run),
        cmocka_unit_test(writes_strings_as_confcom_does),
        cmocka_unit_test(writes_signals_by_generation),
        cmocka_unit_test(orders_variables_as_confcom_does),
        cmocka_unit_test(reads_users_as_confcom_does),
        cmocka_unit_test(refuses_bad_drafts),
        cmocka_unit_test(agrees_with_published_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
