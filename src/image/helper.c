#include "image/helper.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "format/json.h"
#include "os/process.h"

#define ANSWER_MAX     (2 * CREDENTIALS_SIZE_MAX + 4096) /* bytes */
#define COMPLAINT_MAX  200                               /* bytes of it that are shown */
#define NOT_FOUND_TEXT "credentials not found in native keychain"

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool helper_name_is_sound(const char *name)
{
    size_t len = strlen(name);
    return len < CREDENTIALS_HELPER_SIZE && strspn(name, ALPHANUMERIC) > 0 &&
           strspn(name, ALPHANUMERIC "._-") == len;
}

int helper_parse(struct span text, struct credentials *out, struct error *err)
{
    static const struct json_limits limits = {.size = ANSWER_MAX, .depth = 4};
    const char *user;
    const char *secret;
    json_auto_t *answer = json_parse_object(text, &limits, err);
    if (!answer || json_get_text(answer, "Username", &user, err) < 0 ||
        json_get_text(answer, "Secret", &secret, err) < 0)
        return -1;
    if (strcmp(user, "<token>") == 0)
        return credentials_set_token(out, secret, err);
    if (strchr(user, ':')) /* RFC 7617 section 2 */
        return error_set(err, ERROR_INVALID, "a user name with a colon");
    return credentials_set(out, span_of_text(user), span_of_text(secret), err);
}

/* An exit status that is not 0 comes with a sentence on standard output. */
static int complain(struct span said, struct error *err)
{
    while (said.size > 0 && said.data[said.size - 1] <= ' ')
        said.size--;
    if (span_equal_text(said, NOT_FOUND_TEXT))
        return 0;
    if (said.size == 0)
        return error_set(err, ERROR_UNAVAILABLE, "it failed without a word");
    int shown = said.size < COMPLAINT_MAX ? (int)said.size : COMPLAINT_MAX;
    return error_set(err, ERROR_UNAVAILABLE, "it says \"%.*s\"", shown, (const char *)said.data);
}

int helper_get(const char *name, const char *host, int timeout_ms, struct credentials *out,
               struct error *err)
{
    TEXT_AUTO program = text_format("docker-credential-%s", name);
    if (!program)
        return error_memory(err);
    const char *const argv[] = {program, "get", NULL};
    const struct process_exchange exchange = {.argv = argv,
                                              .env = (const char *const *)environ,
                                              .input = span_of_text(host),
                                              .timeout_ms = timeout_ms};
    struct buf answer = BUF_WITH_LIMIT(ANSWER_MAX);
    struct error problem = {0};
    int ended;
    int found = process_exchange(&exchange, &answer, &ended, &problem);
    if (found == 0 && WIFEXITED(ended) && WEXITSTATUS(ended) == 0)
        found = helper_parse(buf_span(&answer), out, &problem) < 0 ? -1 : out->found;
    else if (found == 0)
        found = complain(buf_span(&answer), &problem);
    buf_fini_secret(&answer);
    if (found >= 0)
        return found;
    return error_set(err, problem.code, "the credential helper %s gave none: %s", program,
                     problem.text);
}
