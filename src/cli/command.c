#include "cli/command.h"

#include <string.h>

#include "base/log.h"
#include "cli/commands.h"

const struct command *const commands[] = {
    &command_run,
    &command_exec,
    &command_ps,
    &command_logs,
    &command_stats,
    &command_top,
    &command_kill,
    &command_stop,
    &command_wait,
    &command_pause,
    &command_unpause,
    &command_cp,
    &command_rm,
    &command_inspect,
    &command_attest,
    &command_pull,
    &command_images,
    &command_rmi,
    &command_policy_generate,
    &command_policy_lock,
    &command_policy_show,
    &command_policy_hash,
    &command_policy_check,
    &command_policy_diff,
    &command_policy_eval,
    &command_policy_fragment_sign,
    &command_policy_fragment_show,
    &command_policy_fragment_verify,
    &command_confcom_acipolicygen,
    &command_confcom_acifragmentgen,
    &command_verify_snp, /* all before `verify`, whose operand would else be "snp" */
    &command_verify_sgx,
    &command_verify_tdx,
    &command_verify_hcl,
    &command_verify_uvm,
    &command_verify_aci,
    &command_verify,
    &command_fetch_certs,
    &command_serve,
    &command_page,
    &command_audit_verify,
    &command_keys_create,
    &command_keys_import,
    &command_keys_list,
    &command_keys_show,
    &command_keys_enable,
    &command_keys_disable,
    &command_keys_rule,
    &command_keys_delete,
    &command_keys_recover,
    &command_keys_purge,
    &command_keys_release_check,
    &command_secret_create,
    &command_secret_list,
    &command_secret_show,
    &command_secret_rm,
    &command_secret_rule,
    &command_layer_hash,
    &command_layer_build,
    &command_enclave_info,
    &command_enclave_sign,
    &command_enclave_target,
    &command_enclave_quote,
    &command_measure_guest,
    &command_measure_snp,
    &command_measure_igvm,
    &command_measure_id_block,
    &command_measure_sgxs,
    &command_measure_sigstruct,
    &command_doctor,
    &command_version,
    &command_manual,
    NULL,
};

enum exit_status command_status(const struct error *err)
{
    switch (err->code) {
    case ERROR_INVALID:
    case ERROR_LIMIT:
    case ERROR_REFUSED:
        return EXIT_REFUSED;
    case ERROR_USAGE:
        return EXIT_USAGE;
    case ERROR_NONE: /* a failure that did not say why must not look like success */
    case ERROR_NOT_FOUND:
    case ERROR_SYSTEM:
    case ERROR_MEMORY:
    case ERROR_PROTOCOL:
    case ERROR_UNAVAILABLE:
        return EXIT_ENVIRONMENT;
    }
    return EXIT_ENVIRONMENT;
}

static void help_option(const struct option_rule *rule, FILE *out)
{
    char left[64];
    char letter[8] = "    ";
    if (rule->letter)
        (void)snprintf(letter, sizeof letter, "-%c, ", rule->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, rule->name, rule->operand ? " " : "",
                   rule->operand ? rule->operand : "");
    (void)fprintf(out, "  %-30s %s%s\n", left, rule->help, rule->repeats ? " (may repeat)" : "");
}

void command_help(const struct command *command, FILE *out)
{
    if (!command) {
        (void)fputs("caisson: run containers in memory that their host can't read, and prove it\n\n"
                    "usage: caisson COMMAND [OPTION…] [OPERAND…]\n\n",
                    out);
        for (size_t i = 0; commands[i]; i++) {
            if (!commands[i]->hidden)
                (void)fprintf(out, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
        }
        (void)fputs("\n`caisson COMMAND --help` tells more of each.\n", out);
        return;
    }
    (void)fprintf(out, "usage: caisson %s [OPTION…]%s%s\n\n%s.\n\n", command->name,
                  *command->operands ? " " : "", command->operands, command->summary);
    for (const struct option_rule *rule = command->options; rule->name; rule++) {
        if (rule->help && !rule->refusal)
            help_option(rule, out);
    }
    (void)fprintf(out, "  %-30s %s\n", "    --help", "Print this help");
}

/* How many words of argv[1..] the command's name takes; 0 when they do not name it. */
static int match_name(const struct command *command, int argc, char *argv[])
{
    const char *name = command->name;
    int words = 0;
    while (*name) {
        size_t len = strcspn(name, " ");
        if (1 + words >= argc || strlen(argv[1 + words]) != len ||
            strncmp(argv[1 + words], name, len) != 0)
            return 0;
        words++;
        name += len + (name[len] == ' ');
    }
    return words;
}

static const struct command *find(int argc, char *argv[], int *words)
{
    for (size_t i = 0; commands[i]; i++) {
        *words = match_name(commands[i], argc, argv);
        if (*words > 0)
            return commands[i];
    }
    return NULL;
}

static int report(const struct command *command, const struct error *err)
{
    log_error("%s", err->text);
    if (err->code == ERROR_USAGE)
        log_error("see: caisson %s --help", command->name);
    return (int)command_status(err);
}

int command_each(const struct args *args,
                 int (*one)(const struct args *args, const char *name, struct error *err),
                 struct error *err)
{
    int status = EXIT_OK;
    if (args_operand_count(args) == 0)
        return error_set(err, ERROR_USAGE, "name a machine");
    for (char *const *name = args_operands(args); *name; name++) {
        struct error failure = {0};
        if (one(args, *name, &failure) == 0)
            continue;
        (void)fflush(stdout); /* what was done before stands before */
        log_error("%s", failure.text);
        if (status == EXIT_OK)
            status = (int)command_status(&failure);
    }
    return status;
}

/* Lists the commands whose names begin with `word` and a blank; false when there are none. */
static bool list_group(const char *word, FILE *out)
{
    size_t len = strlen(word);
    bool found = false;
    for (size_t i = 0; commands[i]; i++) {
        if (strncmp(commands[i]->name, word, len) != 0 || commands[i]->name[len] != ' ')
            continue;
        (void)fprintf(out, "  caisson %-18s %s\n", commands[i]->name, commands[i]->summary);
        found = true;
    }
    return found;
}

/* What is no command: a call for help, the first word of some commands, or a mistake. */
static int without_command(int argc, char *argv[])
{
    if (argc < 2) {
        command_help(NULL, stderr);
        return EXIT_USAGE;
    }
    bool asks = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0;
    if (asks && argc > 2) {
        int words = 0;
        const struct command *command = find(argc - 1, argv + 1, &words);
        if (command) {
            command_help(command, stdout);
            return EXIT_OK;
        }
        if (list_group(argv[2], stdout))
            return EXIT_OK;
        log_error("unknown command \"%s\"; see: caisson --help", argv[2]);
        return EXIT_USAGE;
    }
    if (asks) {
        command_help(NULL, stdout);
        return EXIT_OK;
    }
    if (argc > 2 && strcmp(argv[2], "--help") == 0 && list_group(argv[1], stdout))
        return EXIT_OK;
    if (argc == 2 && list_group(argv[1], stderr))
        return EXIT_USAGE;
    log_error("unknown command \"%s\"; see: caisson --help", argv[1]);
    return EXIT_USAGE;
}

int command_main(int argc, char *argv[])
{
    int words = 0;
    const struct command *command = find(argc, argv, &words);
    if (!command && argc == 2 && strcmp(argv[1], "--version") == 0) {
        command = &command_version;
        words = 1;
    }
    if (!command)
        return without_command(argc, argv);
    struct error err = {0};
    ARGS_AUTO args = args_parse(command->options, command->stop_at_operand, argc - words,
                                argv + words, &err);
    if (!args)
        return report(command, &err);
    int status = EXIT_OK;
    if (args_wants_help(args))
        command_help(command, stdout);
    else
        status = command->run(args, &err);
    if (status < 0)
        return report(command, &err);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        log_error("cannot write standard output");
        return EXIT_ENVIRONMENT;
    }
    return status;
}
