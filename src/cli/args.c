#include "cli/args.h"

#include <stdlib.h>
#include <string.h>

struct given {
    const struct option_rule *rule;
    const char *value;
};

struct args {
    const struct option_rule *rules;
    bool wants_help;
    size_t given_count;
    struct given *given;
    size_t operand_count;
    char **operands; /* NULL-terminated */
};

static const struct option_rule *find_long(const struct option_rule *rules, const char *name,
                                           size_t len)
{
    for (; rules->name; rules++) {
        if (strlen(rules->name) == len && strncmp(rules->name, name, len) == 0)
            return rules;
    }
    return NULL;
}

static const struct option_rule *find_letter(const struct option_rule *rules, char letter)
{
    for (; rules->name; rules++) {
        if (rules->letter == letter)
            return rules;
    }
    return NULL;
}

static int add(struct args *args, const struct option_rule *rule, const char *value,
               struct error *err)
{
    if (rule->refusal)
        return error_set(err, ERROR_REFUSED, "--%s is refused: %s", rule->name, rule->refusal);
    if (!rule->repeats && rule->operand && args_has(args, rule->name))
        return error_set(err, ERROR_USAGE, "--%s is given twice; give it once", rule->name);
    args->given[args->given_count++] = (struct given){rule, value};
    return 0;
}

/* Takes one `--name`, `--name=value` or `--name value`; *index moves past what was used. */
static int take_long(struct args *args, int argc, char *const argv[], int *index, struct error *err)
{
    const char *word = argv[*index] + 2;
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct option_rule *rule = find_long(args->rules, word, len);
    if (!rule && strcmp(word, "help") == 0) {
        args->wants_help = true;
        return 0;
    }
    if (!rule)
        return error_set(err, ERROR_USAGE, "unknown option --%.*s; see --help", (int)len, word);
    if (rule->refusal)
        return add(args, rule, NULL, err);
    if (!rule->operand && equals)
        return error_set(err, ERROR_USAGE, "--%s takes no value", rule->name);
    const char *value = equals ? equals + 1 : NULL;
    if (rule->operand && !value) {
        if (*index + 1 >= argc)
            return error_set(err, ERROR_USAGE, "--%s needs a value: %s", rule->name, rule->operand);
        value = argv[++*index];
    }
    return add(args, rule, value, err);
}

/* Takes one word of bundled letters: `-it`, `-p80:80`, `-p 80:80`. */
static int take_letters(struct args *args, int argc, char *const argv[], int *index,
                        struct error *err)
{
    for (const char *at = argv[*index] + 1; *at; at++) {
        const struct option_rule *rule = find_letter(args->rules, *at);
        if (!rule)
            return error_set(err, ERROR_USAGE, "unknown option -%c; see --help", *at);
        if (!rule->operand) {
            if (add(args, rule, NULL, err) < 0)
                return -1;
            continue;
        }
        const char *value = at[1] == '=' ? at + 2 : at + 1;
        if (at[1] == '\0') {
            if (*index + 1 >= argc)
                return error_set(err, ERROR_USAGE, "-%c needs a value: %s", *at, rule->operand);
            value = argv[++*index];
        }
        return add(args, rule, value, err);
    }
    return 0;
}

static int parse_all(struct args *args, bool stop_at_operand, int argc, char *const argv[],
                     struct error *err)
{
    bool options_over = false;
    for (int i = 1; i < argc && !args->wants_help; i++) {
        int status = 0;
        if (options_over || argv[i][0] != '-' || argv[i][1] == '\0') {
            args->operands[args->operand_count++] = argv[i];
            options_over = options_over || stop_at_operand;
        } else if (strcmp(argv[i], "--") == 0) {
            options_over = true;
        } else if (argv[i][1] == '-') {
            status = take_long(args, argc, argv, &i, err);
        } else {
            status = take_letters(args, argc, argv, &i, err);
        }
        if (status < 0)
            return -1;
    }
    return 0;
}

/* An upper bound of how many options the words can hold: each letter of a bundle is one. */
static size_t count_possible(int argc, char *const argv[])
{
    size_t count = 1;
    for (int i = 1; i < argc; i++)
        count += argv[i][0] == '-' && argv[i][1] != '-' ? strlen(argv[i]) : 1;
    return count;
}

struct args *args_parse(const struct option_rule *rules, bool stop_at_operand, int argc,
                        char *const argv[], struct error *err)
{
    if (argc > ARGS_MAX) {
        (void)error_set(err, ERROR_USAGE, "more than %d words on the command line", ARGS_MAX);
        return NULL;
    }
    struct args *args = calloc(1, sizeof *args);
    if (!args) {
        (void)error_memory(err);
        return NULL;
    }
    args->rules = rules;
    args->given = calloc(count_possible(argc, argv), sizeof *args->given);
    args->operands = calloc((size_t)argc + 1, sizeof *args->operands);
    if (!args->given || !args->operands)
        (void)error_memory(err);
    else if (parse_all(args, stop_at_operand, argc, argv, err) == 0)
        return args;
    args_free(args);
    return NULL;
}

void args_free(struct args *args)
{
    if (!args)
        return;
    free(args->given);
    free(args->operands);
    free(args);
}

void args_cleanup(struct args **args)
{
    args_free(*args);
    *args = NULL;
}

bool args_wants_help(const struct args *args)
{
    return args->wants_help;
}

/* Asking for what the table does not have is a bug of the command. */
static void require_known(const struct args *args, const char *name)
{
    if (!find_long(args->rules, name, strlen(name)))
        abort();
}

const char *args_get_nth(const struct args *args, const char *name, size_t index)
{
    require_known(args, name);
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].rule->name, name) == 0 && index-- == 0)
            return args->given[i].value;
    }
    return NULL;
}

bool args_has(const struct args *args, const char *name)
{
    require_known(args, name);
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].rule->name, name) == 0)
            return true;
    }
    return false;
}

const char *args_get(const struct args *args, const char *name)
{
    require_known(args, name);
    const char *value = NULL;
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].rule->name, name) == 0)
            value = args->given[i].value;
    }
    return value;
}

size_t args_operand_count(const struct args *args)
{
    return args->operand_count;
}

char *const *args_operands(const struct args *args)
{
    return args->operands;
}
