#include "evidence/fragment_demand.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/text.h"
#include "crypto/digest.h"

#define SVN_PARTS 3

static const struct check_rule rule_fragments = {
    "fragments", "docs/evidence.md",
    "the host has loaded other fragments of the policy than you demand: caisson policy fragment "
    "show FILE tells a fragment's feed, issuer, svn and sha256"};

/* Its numbers; returns how many there are, 0 for a text that is no svn. */
static size_t read_svn(const char *svn, uint64_t parts[SVN_PARTS])
{
    char copy[64];
    char *rest = copy;
    size_t count = 0;
    if (!text_copy(copy, sizeof copy, svn))
        return 0;
    for (char *part; (part = strsep(&rest, ".")); count++) {
        if (count == SVN_PARTS || !text_to_u64(part, INT64_MAX, &parts[count]))
            return 0;
    }
    return count == 1 || count == SVN_PARTS ? count : 0;
}

bool fragment_svn_is_good(const char *svn)
{
    uint64_t parts[SVN_PARTS];
    return read_svn(svn, parts) > 0;
}

static bool svn_at_least(const char *svn, const char *minimum)
{
    uint64_t found[SVN_PARTS] = {0};
    uint64_t wanted[SVN_PARTS] = {0};
    size_t count = read_svn(svn, found);
    if (count == 0 || read_svn(minimum, wanted) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (found[i] != wanted[i])
            return found[i] > wanted[i];
    }
    return true;
}

static bool meets(const struct runtime_fragment *fragment, const struct fragment_demand *demand)
{
    return (!demand->feed || strcmp(demand->feed, fragment->feed) == 0) &&
           (!demand->issuer || strcmp(demand->issuer, fragment->issuer) == 0) &&
           (!demand->minimum_svn || svn_at_least(fragment->svn, demand->minimum_svn)) &&
           (!demand->digest || memcmp(demand->digest, fragment->digest, SHA256_SIZE) == 0);
}

static bool is_loaded(const struct fragment_demand *demand, const struct runtime_data *data)
{
    for (size_t i = 0; i < data->fragment_count; i++) {
        if (meets(&data->fragments[i], demand))
            return true;
    }
    return false;
}

static bool is_demanded(const struct runtime_fragment *fragment,
                        const struct fragment_demands *demands)
{
    for (size_t i = 0; i < demands->count; i++) {
        if (meets(fragment, &demands->items[i]))
            return true;
    }
    return false;
}

/* What the evidence should hold, in the words of the option that demands it. */
static void say_demand(const struct fragment_demand *demand, char out[CHECK_TEXT_SIZE])
{
    char digest[2 * SHA256_SIZE + 1] = "";
    if (demand->digest)
        hex_encode(span_of(demand->digest, SHA256_SIZE), digest);
    (void)snprintf(out, CHECK_TEXT_SIZE, "a fragment%s%.60s%s%.16s%s%.16s%s%.120s",
                   demand->feed ? " of feed " : "", demand->feed ? demand->feed : "",
                   demand->minimum_svn ? ", svn at least " : "",
                   demand->minimum_svn ? demand->minimum_svn : "",
                   demand->digest ? ", sha256 " : "", digest, demand->issuer ? ", of " : "",
                   demand->issuer ? demand->issuer : "");
}

/* The first demand that is not met fails the check. */
static bool check_present(const struct fragment_demands *demands, const struct runtime_data *data,
                          struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    for (size_t i = 0; i < demands->count; i++) {
        if (is_loaded(&demands->items[i], data))
            continue;
        say_demand(&demands->items[i], expected);
        (void)snprintf(found, sizeof found, "%zu loaded, this one not", data->fragment_count);
        return checks_add(checks, &rule_fragments, CHECK_FAILED, expected, found);
    }
    return true;
}

static bool check_others(const struct fragment_demands *demands, const struct runtime_data *data,
                         struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    for (size_t i = 0; demands->no_others && i < data->fragment_count; i++) {
        const struct runtime_fragment *fragment = &data->fragments[i];
        if (is_demanded(fragment, demands))
            continue;
        (void)snprintf(found, sizeof found, "feed %.60s, svn %.40s, of %.120s", fragment->feed,
                       fragment->svn, fragment->issuer);
        return checks_add(checks, &rule_fragments, CHECK_FAILED,
                          "no fragment but those that you name", found);
    }
    return true;
}

void fragment_demands_check(const struct fragment_demands *demands, const struct runtime_data *data,
                            struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    bool demanding = demands->count > 0 || demands->no_others;
    if (data->nonce_size == 0) {
        (void)checks_add(checks, &rule_fragments, CHECK_FAILED, "the guest's runtime data",
                         "it can't be read");
        return;
    }
    if (!check_present(demands, data, checks) || !check_others(demands, data, checks))
        return;
    (void)snprintf(found, sizeof found, data->fragment_count > 0 ? "%zu loaded" : "none loaded",
                   data->fragment_count);
    (void)checks_add(checks, &rule_fragments,
                     demanding || data->fragment_count == 0 ? CHECK_PASSED : CHECK_SKIPPED,
                     demanding ? "what you demand" : "any that the policy takes", found);
}
