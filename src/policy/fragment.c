/*
 * Fragments: pieces of policy that somebody else signs and that come at run time (docs/policy.md).
 *
 * The policy says from whom it takes which: issuer, feed, the lowest svn, and what of it counts. A
 * fragment may bring such rules itself. A fragment is of the same shape as a policy, but has no
 * points and no flags: it adds rows, and changes none.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "policy/decide.h"
#include "policy/load.h"

/* A security version: a number, or three of them. Only alike ones can be compared. */
struct svn {
    bool in_parts;
    uint64_t number;
    struct version version;
};

static bool svn_read(const char *text, struct svn *out)
{
    *out = (struct svn){0};
    if (text_to_u64(text, INT64_MAX, &out->number))
        return true;
    out->in_parts = true;
    return version_parse(text, &out->version);
}

static bool svn_at_least(const struct svn *svn, const struct svn *minimum)
{
    return svn->in_parts ? version_compare(svn->version, minimum->version) >= 0
                         : svn->number >= minimum->number;
}

/* One fragment that is to be loaded, and what was found out about it. */
struct loading {
    struct policy_state *state;
    const struct policy_fragment *fragment;
    struct policy_decision *decision;
    struct quotes quotes;
    struct policy *module;
    struct svn svn;
    unsigned int includes;
};

/* The rule number `index` for fragments, over all modules; NULL past the last. */
static const struct fragment_rule *rule_at(const struct policy_state *state, size_t index)
{
    for (size_t i = 0; i <= state->fragment_count; i++) {
        const struct policy *module = state_module(state, i, INCLUDE_FRAGMENTS);
        if (!module)
            continue;
        if (index < module->fragment_count)
            return &module->fragments[index];
        index -= module->fragment_count;
    }
    return NULL;
}

static bool is_about(const struct fragment_rule *rule, const struct policy_fragment *fragment)
{
    return strcmp(rule->issuer, fragment->issuer) == 0 && strcmp(rule->feed, fragment->feed) == 0;
}

/* Before the text is looked at: somebody must have said that it may come. */
static bool check_expected(struct loading *loading)
{
    const struct policy_fragment *fragment = loading->fragment;
    const struct fragment_rule *rule;
    bool issuer = false;
    for (size_t i = 0; (rule = rule_at(loading->state, i)); i++) {
        if (is_about(rule, fragment))
            return true;
        issuer = issuer || strcmp(rule->issuer, fragment->issuer) == 0;
    }
    if (!issuer)
        return deny(loading->decision, "issuer %s is that of no fragment of the policy",
                    quote(&loading->quotes, fragment->issuer));
    return deny(loading->decision, "feed %s is none that the policy takes from this issuer",
                quote(&loading->quotes, fragment->feed));
}

int load_text_of_fragment(struct span text, const struct policy *names, struct policy **out,
                          struct error *err)
{
    static const char start[] = "package ";
    const size_t size = sizeof start - 1;
    *out = NULL;
    if (text.size < size || memcmp(text.data, start, size) != 0)
        return error_set(err, ERROR_INVALID, "the first line is not \"package NAME\"");
    return load_text_of_module(text, names, POLICY_STRICT, out, err);
}

static bool read_module(struct loading *loading)
{
    struct error err = {0};
    if (load_text_of_fragment(loading->fragment->text, loading->state->names, &loading->module,
                              &err) < 0)
        return deny(loading->decision, "fragment: %s", err.text);
    return true;
}

static bool check_framework(struct loading *loading)
{
    const struct policy *module = loading->module;
    if (!module->framework.has)
        return deny(loading->decision, "the fragment has no framework_version");
    if (version_compare(module->framework.number, POLICY_FRAMEWORK) > 0)
        return deny(loading->decision,
                    "the fragment's framework_version %s is newer than this guest's",
                    module->framework.text);
    return true;
}

/* The header's svn and the text's: one must be there, and where both are they must be the same. */
static bool read_svn(struct loading *loading)
{
    const struct policy_fragment *fragment = loading->fragment;
    const char *text = loading->module->svn_text;
    if (!text && !fragment->has_svn)
        return deny(loading->decision,
                    "the fragment has an svn neither in its header nor in its text");
    if (!text) {
        loading->svn = (struct svn){.number = fragment->svn};
        return true;
    }
    if (!svn_read(text, &loading->svn))
        return deny(loading->decision, "the fragment's svn %s is no number and no version",
                    quote(&loading->quotes, text));
    if (fragment->has_svn && (loading->svn.in_parts || loading->svn.number != fragment->svn))
        return deny(loading->decision, "the svn is %" PRIu64 " in the header and %s in the text",
                    fragment->svn, quote(&loading->quotes, text));
    return true;
}

/* Whether the svn suffices for this rule; `why` says what is wrong otherwise. */
static bool meets_rule(const struct loading *loading, const struct fragment_rule *rule,
                       const char **why)
{
    struct svn minimum;
    if (!svn_read(rule->minimum_svn, &minimum))
        *why = "minimum_svn is no number and no version";
    else if (minimum.in_parts != loading->svn.in_parts)
        *why = "its svn and minimum_svn are of different kinds";
    else if (!svn_at_least(&loading->svn, &minimum))
        *why = "its svn is lower";
    else if (rule->needs_receipts)
        *why = "required_receipts are not verified here";
    else if (rule->has_parameters)
        *why = "parameters are not put into fragments here";
    else
        return true;
    return false;
}

/* Finds the rule that lets it in. Several that would include different things decide nothing. */
static bool find_rule(struct loading *loading)
{
    const struct fragment_rule *rule;
    const struct fragment_rule *found = NULL;
    const char *why = "";
    const char *minimum = "";
    for (size_t i = 0; (rule = rule_at(loading->state, i)); i++) {
        if (!is_about(rule, loading->fragment))
            continue;
        if (!meets_rule(loading, rule, &why)) {
            minimum = rule->minimum_svn;
            continue;
        }
        if (found && found->includes != rule->includes)
            return deny(loading->decision, "two rules of the policy include different parts of it");
        found = rule;
    }
    if (!found)
        return deny(loading->decision, "the policy wants svn %s of this fragment: %s",
                    quote(&loading->quotes, minimum), why);
    loading->includes = found->includes;
    return true;
}

static bool is_loaded(const struct loading *loading, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < loading->state->fragment_count; i++) {
        const struct state_fragment *row = &loading->state->fragments[i];
        if (row->includes == loading->includes &&
            strcmp(row->identity.issuer, loading->fragment->issuer) == 0 &&
            strcmp(row->identity.feed, loading->fragment->feed) == 0 &&
            memcmp(row->identity.digest, digest, SHA256_SIZE) == 0)
            return true;
    }
    return false;
}

/* Takes the module over. */
static bool keep(struct loading *loading)
{
    struct policy_state *state = loading->state;
    struct state_fragment row = {.includes = loading->includes};
    sha256_digest(loading->fragment->text, row.identity.digest);
    if (is_loaded(loading, row.identity.digest))
        return true;
    if (state->fragment_count == STATE_FRAGMENTS_MAX ||
        loading->fragment->text.size > POLICY_SIZE_MAX - state->fragment_bytes)
        return deny(loading->decision,
                    "%zu fragments are loaded; at most %d are, of %zu bytes in all",
                    state->fragment_count, STATE_FRAGMENTS_MAX, POLICY_SIZE_MAX);
    row.identity.issuer = strdup(loading->fragment->issuer);
    row.identity.feed = strdup(loading->fragment->feed);
    row.identity.svn = loading->module->svn_text ? strdup(loading->module->svn_text)
                                                 : text_format("%" PRIu64, loading->svn.number);
    if (!row.identity.issuer || !row.identity.feed || !row.identity.svn ||
        !state_reserve(state, loading->module)) {
        state_clear_fragment(&row);
        return deny(loading->decision, "no memory is left");
    }
    row.module = loading->module;
    loading->module = NULL;
    state->names = row.module;
    state->fragment_bytes += loading->fragment->text.size;
    state->fragments[state->fragment_count++] = row;
    return true;
}

static bool check_policy(struct loading *loading)
{
    const struct policy *policy = loading->state->policy;
    if (!policy->framework.has || version_compare(policy->framework.number, POLICY_FRAMEWORK) > 0)
        return deny(loading->decision,
                    "the policy's framework_version is newer than this guest's, or absent");
    return true;
}

bool policy_load_fragment(struct policy_state *state, const struct policy_fragment *fragment,
                          struct policy_decision *decision)
{
    struct loading loading = {.state = state, .fragment = fragment, .decision = decision};
    enum answer answer = decision_start(state, POLICY_LOAD_FRAGMENT, decision);
    if (answer == ANSWER_DENY)
        return false;
    /* {"allowed": true} names no fragment, and nothing that it would include. */
    if (answer == ANSWER_ALLOW)
        return allow(decision);
    bool loaded = check_policy(&loading) && check_expected(&loading) && read_module(&loading) &&
                  check_framework(&loading) && read_svn(&loading) && find_rule(&loading) &&
                  keep(&loading);
    policy_free(loading.module);
    return loaded && allow(decision);
}

size_t policy_fragment_count(const struct policy_state *state)
{
    return state->fragment_count;
}

const struct policy_fragment_identity *policy_fragment_at(const struct policy_state *state,
                                                          size_t index)
{
    return &state->fragments[index].identity;
}
