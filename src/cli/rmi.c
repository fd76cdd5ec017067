#include "cli/command.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "format/json.h"
#include "image/reference.h"
#include "image/store.h"

#define OUTPUT_MAX (1 << 20) /* bytes of JSON */

static const struct option_rule options[] = {{.name = "json", .help = "Print JSON"}, {0}};

static int remove_one(struct store *store, const char *text, struct store_freed *total,
                      struct buf *names, struct error *err)
{
    struct reference reference;
    struct store_freed freed;
    char name[REFERENCE_TEXT_MAX];
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    reference_format(&reference, name);
    if (store_remove(store, name, &freed, err) < 0)
        return -1;
    total->bytes += freed.bytes;
    total->blobs += freed.blobs;
    total->disks += freed.disks;
    if (names->size > 0 && buf_append_byte(names, ',', err) < 0)
        return -1;
    return json_append_string(names, span_of_text(name), err);
}

static void print_freed(const struct store_freed *freed, const struct buf *names, bool json)
{
    char size[16];
    progress_bytes(freed->bytes, size);
    if (json)
        (void)printf("{\"removed\":[%s],\"freed\":%llu,\"blobs\":%zu,\"disks\":%zu}\n",
                     buf_text(names), (unsigned long long)freed->bytes, freed->blobs, freed->disks);
    else
        (void)printf("freed %s: %zu blobs, %zu disks\n", size, freed->blobs, freed->disks);
}

static int run(const struct args *args, struct error *err)
{
    struct store_freed freed = {0};
    BUF_AUTO names = BUF_WITH_LIMIT(OUTPUT_MAX);
    size_t count = args_operand_count(args);
    if (count == 0)
        return error_set(err, ERROR_USAGE, "name the images to remove");
    STORE_AUTO store = store_open(NULL, err);
    if (!store)
        return -1;
    int status = 0;
    for (size_t i = 0; i < count; i++) {
        struct error problem = {0};
        if (remove_one(store, args_operands(args)[i], &freed, &names, &problem) == 0)
            continue;
        if (status == 0) /* one that fails keeps no other; the first is told of */
            (void)error_set(err, problem.code, "%s", problem.text);
        status = -1;
    }
    if (names.size > 0)
        print_freed(&freed, &names, args_has(args, "json"));
    return status < 0 ? -1 : EXIT_OK;
}

const struct command command_rmi = {
    .name = "rmi",
    .operands = "IMAGE…",
    .summary = "Remove images from the store",
    .description = "Removes the names, and every layer and disk that no other name needs. Disks "
                   "of local images (oci:DIR and the like) go too: they are made anew when they "
                   "are wanted. Waits until no other process uses the store.",
    .options = options,
    .run = run,
};
