#include "image/http_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define LINE_MAX_SIZE   (HTTP_HEADER_MAX + 32)
#define STATUS_MAX      999
#define RETRY_AFTER_MAX 300 /* seconds */

/* Copies a header's value without blanks around it. NULL when the line is another header's. */
static char *header_value(struct span line, const char *name)
{
    size_t len = strlen(name);
    if (line.size <= len || line.data[len] != ':' ||
        strncasecmp((const char *)line.data, name, len) != 0)
        return NULL;
    struct span value = span_of(line.data + len + 1, line.size - len - 1);
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value.data++;
        value.size--;
    }
    while (value.size > 0 && value.data[value.size - 1] <= ' ')
        value.size--;
    return text_dup_span(value);
}

static void take_media_type(struct http_response *response, char *value)
{
    value[strcspn(value, "; \t")] = '\0';
    (void)text_copy(response->media_type, sizeof response->media_type, value);
}

static void take_authenticate(struct http_response *response, char *value)
{
    size_t len = strlen(response->authenticate);
    if (len + strlen(value) + 3 > sizeof response->authenticate)
        return;
    (void)snprintf(response->authenticate + len, sizeof response->authenticate - len, "%s%s",
                   len ? ", " : "", value);
}

static void take_location(struct http_response *response, char *value)
{
    (void)text_copy(response->location, sizeof response->location, value);
}

static void take_retry_after(struct http_response *response, char *value)
{
    uint64_t seconds;
    if (text_to_u64(value, UINT64_MAX, &seconds))
        response->retry_after = seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (unsigned)seconds;
}

/* RFC 9110 section 14.4: "bytes 5-9/10". */
static void take_range(struct http_response *response, char *value)
{
    static const char unit[] = "bytes ";
    char *dash = strchr(value, '-');
    if (!text_starts_with(value, unit) || !dash)
        return;
    *dash = '\0';
    response->has_range = text_to_u64(value + strlen(unit), INT64_MAX, &response->range_start);
}

/* RFC 9112 section 4: "HTTP/1.1 200 OK"; libcurl shows it as a header before all others. */
static bool take_status(struct http_response *response, struct span line)
{
    uint64_t status;
    TEXT_AUTO text = line.size > 12 && memcmp(line.data, "HTTP/", 5) == 0 ? text_dup_span(line)
                                                                          : NULL;
    if (!text)
        return false;
    *response = (struct http_response){0};
    char *number = strchr(text, ' ');
    if (number) {
        number++;
        number[strcspn(number, " \r\n")] = '\0';
        if (text_to_u64(number, STATUS_MAX, &status))
            response->status = (long)status;
    }
    return true;
}

void http_take_header(struct http_response *response, struct span line)
{
    static const struct {
        const char *name;
        void (*take)(struct http_response *response, char *value);
    } headers[] = {
        {"Content-Type", take_media_type}, {"WWW-Authenticate", take_authenticate},
        {"Location", take_location},       {"Retry-After", take_retry_after},
        {"Content-Range", take_range},
    };
    if (line.size > LINE_MAX_SIZE || take_status(response, line))
        return;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        TEXT_AUTO value = header_value(line, headers[i].name);
        if (value)
            headers[i].take(response, value);
    }
}
