#include <time.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "format/json.h"
#include "image/store.h"

#define OUTPUT_MAX (64 << 20) /* bytes of JSON */

static const struct option_rule options[] = {{.name = "json", .help = "Print JSON"}, {0}};

static void format_time(int64_t seconds, char out[32])
{
    struct tm parts;
    time_t moment = (time_t)seconds;
    out[0] = '\0';
    if (gmtime_r(&moment, &parts))
        (void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static int append_entry(const struct store_entry *entry, struct buf *out, struct error *err)
{
    char digest[OCI_DIGEST_TEXT_SIZE];
    char pulled[32];
    oci_digest_text(&entry->manifest, digest);
    format_time(entry->pulled, pulled);
    if (buf_append_text(out, "{\"name\":", err) < 0 ||
        json_append_string(out, span_of_text(entry->name), err) < 0)
        return -1;
    return buf_printf(out, err, ",\"digest\":\"%s\",\"size\":%llu,\"pulled\":\"%s\"}", digest,
                      (unsigned long long)entry->size, pulled);
}

static int print_json(const struct store_entry *entries, size_t count, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(OUTPUT_MAX);
    if (buf_append_byte(&out, '[', err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && buf_append_byte(&out, ',', err) < 0) ||
            append_entry(&entries[i], &out, err) < 0)
            return -1;
    }
    if (buf_append_text(&out, "]\n", err) < 0)
        return -1;
    (void)fputs(buf_text(&out), stdout);
    return EXIT_OK;
}

static int print_table(const struct store_entry *entries, size_t count)
{
    size_t width = strlen("NAME");
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(entries[i].name);
        width = len > width ? len : width;
    }
    (void)printf("%-*s  %-19s  %9s  %s\n", (int)width, "NAME", "DIGEST", "SIZE", "PULLED");
    for (size_t i = 0; i < count; i++) {
        char digest[OCI_DIGEST_TEXT_SIZE];
        char size[16];
        char pulled[32];
        oci_digest_text(&entries[i].manifest, digest);
        progress_bytes(entries[i].size, size);
        format_time(entries[i].pulled, pulled);
        (void)printf("%-*s  %.19s  %9s  %s\n", (int)width, entries[i].name, digest, size, pulled);
    }
    return EXIT_OK;
}

static int run(const struct args *args, struct error *err)
{
    struct store_entry *entries;
    size_t count;
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "images takes no operand");
    STORE_AUTO store = store_open(NULL, err);
    if (!store || store_list(store, &entries, &count, err) < 0)
        return -1;
    int status = args_has(args, "json") ? print_json(entries, count, err)
                                        : print_table(entries, count);
    store_entries_free(entries, count);
    return status;
}

const struct command command_images = {
    .name = "images",
    .operands = "",
    .summary = "List the images in the store",
    .description = "SIZE is that of the layers as stored, compressed; layers that images share "
                   "are stored once.",
    .options = options,
    .run = run,
};
