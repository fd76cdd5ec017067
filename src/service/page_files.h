/* The files of the page, within the program: scripts/build-page writes them at build time. */
#ifndef CAISSON_SERVICE_PAGE_FILES_H
#define CAISSON_SERVICE_PAGE_FILES_H

#include <stddef.h>

struct page_file {
    const unsigned char *bytes;
    size_t size;
    const char *tag; /* an entity tag (RFC 9110, section 8.8.3), which changes with the bytes */
};

extern const struct page_file page_html, page_css, page_js;

#endif
