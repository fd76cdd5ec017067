#include "cli/verdict_page.h"

#include "os/output.h"

/* Text goes between tags or into quoted attributes; these five characters could end either. What no
 * page may hold, or a terminal's reader would stumble over, becomes '?'. */
static int append_text(struct buf *out, const char *text, struct error *err)
{
    static const char *const escapes[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        bool plain = (byte >= ' ' && byte <= '~') || byte == '\n';
        const char *escape = plain ? escapes[byte] : "?";
        int status = escape ? buf_append_text(out, escape, err) : buf_append_byte(out, byte, err);
        if (status < 0)
            return -1;
    }
    return 0;
}

static int append_element(struct buf *out, const char *open, const char *text, const char *close,
                          struct error *err)
{
    if (buf_append_text(out, open, err) < 0 || append_text(out, text, err) < 0)
        return -1;
    return buf_append_text(out, close, err);
}

static const char style[] =
    ":root{color-scheme:light dark;--good:#1a7f37;--bad:#c62828;--none:#6b7280;--line:#8884}"
    "@media(prefers-color-scheme:dark){:root{--good:#4ac26b;--bad:#ff7b72;--none:#9ca3af}}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}"
    "h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}"
    ".verdict{border-left:.5rem solid;padding:.5rem 1rem;font-size:1.1rem}"
    ".simulated{background:repeating-linear-gradient(45deg,#f4d03f,#f4d03f 1rem,#222 1rem,#222 "
    "2rem);"
    "padding:.5rem}.simulated p{background:#222;color:#fff;margin:0;padding:.4rem 1rem}"
    "ol.chain{list-style:none;display:flex;flex-wrap:wrap;gap:.75rem 2rem;padding:0}"
    "ol.chain li{border:2px solid;border-radius:.5rem;padding:.5rem .75rem;flex:1 1 9rem;"
    "max-width:15rem;position:relative}"
    "ol.chain li+li::before{content:'\\2192';position:absolute;left:-1.65rem;top:.5rem;"
    "color:var(--none);font-size:1.3rem}"
    "ol.chain b{display:block}code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}"
    "ol.chain code{display:block;color:CanvasText}"
    "table{border-collapse:collapse;width:100%}th,td{border-top:1px solid var(--line);"
    "padding:.35rem .6rem;text-align:left;vertical-align:top}caption{text-align:left}"
    ".passed{color:var(--good);border-color:var(--good)}.failed{color:var(--bad);"
    "border-color:var(--bad)}.skipped,.absent{color:var(--none);border-color:var(--none)}"
    "td{color:CanvasText}td.passed,td.failed,td.skipped{border-color:var(--line)}"
    "td.passed{color:var(--good)}td.failed{color:var(--bad)}";

static const char *const result_names[] = {
    [CHECK_FAILED] = "failed", [CHECK_PASSED] = "passed", [CHECK_SKIPPED] = "skipped"};

/* The worst result of the checks that a box names: failed, passed, skipped; "absent" for none. */
static const char *box_state(const struct verdict_box *box, const struct checks *checks)
{
    bool passed = false, skipped = false;
    for (const char *at = box->checks; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        for (size_t i = 0; i < checks->count; i++) {
            const struct check *check = &checks->items[i];
            if (strlen(check->rule->name) != len || strncmp(check->rule->name, at, len) != 0)
                continue;
            if (check->result == CHECK_FAILED)
                return "failed";
            passed = passed || check->result == CHECK_PASSED;
            skipped = skipped || check->result == CHECK_SKIPPED;
        }
        at += len;
    }
    return passed ? "passed" : skipped ? "skipped" : "absent";
}

static int append_boxes(const struct verdict_view *view, struct buf *out, struct error *err)
{
    if (buf_append_text(
            out, "<h2>From the root of trust to what was asked</h2>\n<ol class=chain>\n", err) < 0)
        return -1;
    for (size_t i = 0; i < view->box_count; i++) {
        const struct verdict_box *box = &view->boxes[i];
        const char *state = box_state(box, view->checks);
        if (buf_printf(out, err, "<li class=%s>", state) < 0 ||
            append_element(out, "<b>", box->title, "</b>", err) < 0 ||
            append_element(out, "<span>", state, "</span>", err) < 0 ||
            append_element(out, "<code>", box->detail, "</code></li>\n", err) < 0)
            return -1;
    }
    return buf_append_text(out, "</ol>\n", err);
}

static int append_check(const struct check *check, struct buf *out, struct error *err)
{
    const char *result = result_names[check->result];
    if (append_element(out, "<tr><th scope=row>", check->rule->name, "</th>", err) < 0 ||
        buf_printf(out, err, "<td class=%s>%s</td>", result, result) < 0 ||
        append_element(out, "<td><code>", check->found, "</code></td>", err) < 0 ||
        append_element(out, "<td><code>", check->expected, "</code></td>", err) < 0)
        return -1;
    return append_element(out, "<td>", check->rule->section, "</td></tr>\n", err);
}

/* The failures first, since they decide; then in the order in which they were made. */
static int append_checks(const struct checks *checks, struct buf *out, struct error *err)
{
    if (buf_append_text(out,
                        "<h2>Every check</h2>\n<table>\n<thead><tr><th scope=col>check</th>"
                        "<th scope=col>result</th><th scope=col>found</th><th scope=col>expected"
                        "</th><th scope=col>source</th></tr></thead>\n<tbody>\n",
                        err) < 0)
        return -1;
    for (int failures = 1; failures >= 0; failures--) {
        for (size_t i = 0; i < checks->count; i++) {
            const struct check *check = &checks->items[i];
            if ((check->result == CHECK_FAILED) == failures && append_check(check, out, err) < 0)
                return -1;
        }
    }
    return buf_append_text(out, "</tbody>\n</table>\n", err);
}

static int append_refusal(const struct check *check, struct buf *out, struct error *err)
{
    if (!check)
        return buf_append_text(
            out, "<p class=\"verdict failed\">Refused: the evidence is incomplete</p>\n", err);
    if (append_element(out, "<div class=\"verdict failed\">Refused by <b>", check->rule->name,
                       "</b>", err) < 0)
        return -1;
    return append_element(out, "<br>", check->rule->remedy, "</div>\n", err);
}

static int append_head(const struct verdict_view *view, struct buf *out, struct error *err)
{
    bool accepted = view->verdict == VERDICT_ACCEPTED;
    if (buf_printf(out, err,
                   "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
                   "<meta name=viewport content=\"width=device-width\">\n"
                   "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
                   "style-src 'unsafe-inline'\">\n<title>%s%s</title>\n<style>%s</style>\n</head>\n"
                   "<body>\n<main>\n",
                   view->simulated ? "SIMULATED: " : "", accepted ? "accepted" : "refused",
                   style) < 0)
        return -1;
    if (view->simulated &&
        buf_append_text(out,
                        "<div class=simulated><p>SIMULATED: a program signed this evidence, not a "
                        "processor. It proves nothing about the machine.</p></div>\n",
                        err) < 0)
        return -1;
    if (append_element(out, "<h1>Verdict on this ", view->kind, "</h1>\n", err) < 0)
        return -1;
    return accepted ? buf_printf(out, err, "<p class=\"verdict passed\">Accepted%s</p>\n",
                                 view->simulated ? " (SIMULATED)" : "")
                    : append_refusal(checks_first_failure(view->checks), out, err);
}

int verdict_append_page(const struct verdict_view *view, struct buf *out, struct error *err)
{
    if (append_head(view, out, err) < 0 ||
        (view->box_count > 0 && append_boxes(view, out, err) < 0) ||
        append_checks(view->checks, out, err) < 0 ||
        (view->note && append_element(out, "<pre>", view->note, "</pre>\n", err) < 0))
        return -1;
    return buf_append_text(out, "</main>\n</body>\n</html>\n", err);
}

int verdict_write_page(const struct verdict_view *view, const char *path, struct error *err)
{
    BUF_AUTO page = BUF_WITH_LIMIT(VERDICT_PAGE_MAX);
    if (verdict_append_page(view, &page, err) < 0)
        return error_context(err, "--html");
    return output_write(path, buf_span(&page), 0644, err);
}
