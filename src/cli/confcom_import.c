#include "cli/confcom_import.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "evidence/signed_fragment.h"
#include "format/json.h"
#include "os/file.h"
#include "os/output.h"
#include "policy/policy.h"

#define FILE_MAX ((size_t)4 << 20)

static const struct json_limits limits = {.size = FILE_MAX, .depth = 16};

static int check_usage(const struct args *args, struct error *err)
{
    static const char *const others[] = {"input", "tar", "images", "namespace",
                                         "svn",   "key", "chain",  "output-filename"};
    uint64_t svn;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (args_has(args, others[i]))
            return error_set(err, ERROR_USAGE, "--%s does not go with --generate-import",
                             others[i]);
    }
    if (args_has(args, "image"))
        return error_set(err, ERROR_REFUSED,
                         "no fragment is looked for in a registry: name a signed one by "
                         "--fragment-path");
    if (!args_has(args, "fragment-path") || !args_has(args, "minimum-svn"))
        return error_set(err, ERROR_USAGE,
                         "--generate-import wants --fragment-path FILE and --minimum-svn NUMBER");
    if (!text_to_u64(args_get(args, "minimum-svn"), INT64_MAX, &svn))
        return error_set(err, ERROR_USAGE, "--minimum-svn is \"%.64s\", not a number",
                         args_get(args, "minimum-svn"));
    return 0;
}

/* confcom takes the fragment's word; here its signature must hold, too. Keys in the order in which
 * confcom sorts them. What it includes is what its text defines. */
static json_t *make_row(const struct args *args, struct error *err)
{
    struct signed_fragment fragment;
    POLICY_AUTO parsed = NULL;
    const char *path = args_get(args, "fragment-path");
    BUF_AUTO bytes = BUF_WITH_LIMIT(COSE_SIZE_MAX);
    json_t *row = NULL;
    if (file_read(path, &bytes, err) < 0)
        return NULL;
    if (signed_fragment_verify(buf_span(&bytes), &fragment, err) < 0 ||
        policy_parse_fragment(fragment.text, NULL, &parsed, err) < 0) {
        (void)error_context(err, "%s", path);
        return NULL;
    }
    TEXT_AUTO text = text_dup_span(fragment.text);
    json_t *includes = json_array();
    if (text && includes && strstr(text, "containers := "))
        (void)json_array_append_new(includes, json_string("containers"));
    if (text && includes && strstr(text, "fragments := "))
        (void)json_array_append_new(includes, json_string("fragments"));
    if (text && includes)
        row = json_pack("{s:s%, s:O, s:s%, s:s}", "feed", fragment.feed.data, fragment.feed.size,
                        "includes", includes, "issuer", fragment.issuer.data, fragment.issuer.size,
                        "minimum_svn", args_get(args, "minimum-svn"));
    json_decref(includes);
    if (!row)
        (void)error_memory(err);
    return row;
}

/* The file's object, or an empty one where there is no file. */
static json_t *read_rows(const char *path, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(FILE_MAX);
    if (!path || (access(path, F_OK) < 0 && errno == ENOENT))
        return json_pack("{s:[]}", "fragments");
    if (file_read(path, &text, err) < 0)
        return NULL;
    json_t *rows = json_parse_object(buf_span(&text), &limits, err);
    json_t *list = json_object_get(rows, "fragments");
    if (rows && !list)
        (void)json_object_set_new(rows, "fragments", json_array());
    else if (rows && json_is_object(list)) /* confcom takes one row without a list, too */
        (void)json_object_set_new(rows, "fragments", json_pack("[O]", list));
    if (rows && !json_is_array(json_object_get(rows, "fragments"))) {
        (void)error_set(err, ERROR_INVALID, "key \"fragments\": expected an array");
        json_decref(rows);
        rows = NULL;
    }
    if (!rows)
        (void)error_context(err, "%s", path);
    return rows;
}

int confcom_import(const struct args *args, struct error *err)
{
    const char *path = args_get(args, "fragments-json");
    BUF_AUTO out = BUF_WITH_LIMIT(2 * FILE_MAX);
    if (check_usage(args, err) < 0)
        return -1;
    json_t *row = make_row(args, err);
    json_auto_t *rows = row ? read_rows(path, err) : NULL;
    if (!rows) {
        json_decref(row);
        return -1;
    }
    if (json_array_append_new(json_object_get(rows, "fragments"), row) < 0)
        return error_memory(err);
    if (json_append_pretty(rows, &out, err) < 0)
        return -1;
    if (!path)
        return printf("%s", buf_text(&out)) < 0 ? error_system(err, errno, "cannot print")
                                                : EXIT_OK;
    /* As confcom writes it, without an end of the last line. */
    return output_write(path, span_of(out.data, out.size - 1), 0644, err);
}
