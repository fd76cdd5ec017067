/* The files of the page at /. They are the same for everybody, and hold nothing of a tenant's. */
#include "service/page_files.h"
#include "service/service_parts.h"

/* Nothing from elsewhere, nothing inline, no frame around it, and no text that becomes markup
 * (Content Security Policy level 3; Trusted Types). */
static const char page_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

static void answer_file(const struct call *call, const struct page_file *file, const char *type,
                        struct server_answer *answer)
{
    const struct span *known = http_header_find(call->request->http, "If-None-Match");
    struct error err = {0};
    bool same = known && span_equal_text(*known, file->tag);
    answer->status = same ? HTTP_NOT_MODIFIED : HTTP_OK;
    answer->type = type;
    answer->cache = "no-cache"; /* kept, and asked about each time */
    if (buf_printf(&answer->headers, &err, "ETag: %s\r\n%s", file->tag, page_headers) < 0 ||
        (!same && buf_append(&answer->body, span_of(file->bytes, file->size), &err) < 0))
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.text);
}

void page_get_html(const struct call *call, struct server_answer *answer)
{
    answer_file(call, &page_html, "text/html; charset=utf-8", answer);
}

void page_get_style(const struct call *call, struct server_answer *answer)
{
    answer_file(call, &page_css, "text/css; charset=utf-8", answer);
}

void page_get_script(const struct call *call, struct server_answer *answer)
{
    answer_file(call, &page_js, "text/javascript; charset=utf-8", answer);
}
