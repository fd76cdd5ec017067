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
#include "format/json_string.h"
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
    struct policy *head; /* what it is, without its rows */
    struct svn svn;
    unsigned int includes;
    bool parameters; /* some row gives some: rows that give none do not count */
    uint8_t digest[SHA256_SIZE];
    size_t added;      /* modules behind those of the state, which are not in force yet */
    size_t names_size; /* of the state's identities before */
};

/* The rule number `index` for fragments, over all modules; NULL past the last. */
static const struct fragment_rule *rule_at(const struct policy_state *state, size_t index)
{
    for (size_t i = 0; i <= state->fragment_count; i++) {
        const struct policy *module = state_module(state, i, INCLUDE_FRAGMENTS);
        if (module && index < module->fragment_count)
            return &module->fragments[index];
        index -= module ? module->fragment_count : 0;
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
    bool feed = false;
    for (size_t i = 0; (rule = rule_at(loading->state, i)); i++) {
        issuer = issuer || strcmp(rule->issuer, fragment->issuer) == 0;
        if (!is_about(rule, fragment))
            continue;
        feed = true;
        loading->parameters = loading->parameters || rule->parameters;
    }
    return feed || deny(loading->decision, "%s %s is none that the policy takes fragments from%s",
                        issuer ? "feed" : "issuer",
                        quote(&loading->quotes, issuer ? fragment->feed : fragment->issuer),
                        issuer ? ", of this issuer" : "");
}

int load_text_of_fragment(struct span text, const struct load_fragment *fragment,
                          struct policy **out, struct error *err)
{
    static const char start[] = "package ";
    const size_t size = sizeof start - 1;
    *out = NULL;
    if (text.size < size || memcmp(text.data, start, size) != 0)
        return error_set(err, ERROR_INVALID, "the first line is not \"package NAME\"");
    return load_text_of_module(text, fragment, POLICY_STRICT, out, err);
}

static bool read_text(struct loading *loading, const char *parameters, struct policy **out)
{
    struct error err = {0};
    const struct load_fragment how = {loading->state->names, parameters};
    if (load_text_of_fragment(loading->fragment->text, &how, out, &err) < 0)
        return deny(loading->decision, "fragment: %s", err.text);
    return true;
}

static bool check_framework(const struct loading *loading, const struct policy *module,
                            const char *name)
{
    return state_knows_framework(module) ||
           deny(loading->decision,
                "the %s has no framework_version, or a newer one than this guest's", name);
}

/* The header's svn and the text's: one must be there, and where both are they must be the same. */
static bool read_svn(struct loading *loading)
{
    const struct policy_fragment *fragment = loading->fragment;
    const char *text = loading->head->svn_text;
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

/* Whether it may come by this rule; `why` says what is wrong otherwise. */
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
    else if (loading->parameters && !rule->parameters)
        *why = "another row gives parameters, so that one without them does not count";
    else
        return true;
    return false;
}

/* Finds whether a rule lets it in. Several that would include different things decide nothing. */
static bool find_rules(struct loading *loading)
{
    const struct fragment_rule *rule;
    const struct fragment_rule *found = NULL;
    const char *why = "";
    const char *minimum = "";
    size_t count = 0;
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
        count++;
    }
    if (!found)
        return deny(loading->decision, "the policy wants svn %s of this fragment: %s",
                    quote(&loading->quotes, minimum), why);
    if (count > 1 && loading->parameters && found->includes & INCLUDE_NAMESPACE)
        return deny(loading->decision,
                    "a namespace cannot be included where several rows give parameters");
    loading->includes = found->includes;
    return true;
}

static bool is_same_text(const struct loading *loading, const struct state_fragment *row)
{
    return strcmp(row->identity.issuer, loading->fragment->issuer) == 0 &&
           strcmp(row->identity.feed, loading->fragment->feed) == 0 &&
           memcmp(row->identity.digest, loading->digest, SHA256_SIZE) == 0;
}

/* Whether it has been loaded before with these parameters; `again`: with any. */
static bool is_loaded(const struct loading *loading, const char *parameters, bool *again)
{
    const struct policy_state *state = loading->state;
    *again = false;
    for (size_t i = 0; i < state->fragment_count + loading->added; i++) {
        const struct state_fragment *row = &state->fragments[i];
        if (!is_same_text(loading, row))
            continue;
        *again = true;
        if (row->includes == loading->includes && strcmp(row->parameters, parameters) == 0)
            return true;
    }
    return false;
}

/* Evidence names each fragment, and has a limit. */
static bool fits_evidence(struct buf *names, const struct policy_fragment_identity *identity)
{
    struct error err;
    return json_append_string(names, span_of_text(identity->issuer), &err) == 0 &&
           json_append_string(names, span_of_text(identity->feed), &err) == 0 &&
           json_append_string(names, span_of_text(identity->svn), &err) == 0 &&
           buf_append_zero(names, POLICY_IDENTITY_SIZE, &err) == 0;
}

static bool name_it(const struct loading *loading, struct state_fragment *row)
{
    const char *svn = loading->head->svn_text;
    memcpy(row->identity.digest, loading->digest, SHA256_SIZE);
    row->identity.issuer = strdup(loading->fragment->issuer);
    row->identity.feed = strdup(loading->fragment->feed);
    row->identity.svn = svn ? strdup(svn) : text_format("%" PRIu64, loading->svn.number);
    if (!row->identity.issuer || !row->identity.feed || !row->identity.svn)
        return deny(loading->decision, "no memory is left");
    return row->again || fits_evidence(&loading->state->identities, &row->identity) ||
           deny(loading->decision,
                "the names of all fragments would not fit into evidence (%d bytes)",
                POLICY_IDENTITIES_MAX);
}

/* Its text once more, with these parameters. */
static bool add(struct loading *loading, const char *parameters)
{
    struct policy_state *state = loading->state;
    struct state_fragment row = {.includes = loading->includes, .parameters = parameters};
    size_t count = state->fragment_count + loading->added;
    if (is_loaded(loading, parameters, &row.again))
        return true;
    if (count == STATE_FRAGMENTS_MAX ||
        loading->fragment->text.size > POLICY_SIZE_MAX - state->fragment_bytes)
        return deny(loading->decision,
                    "%zu fragments are loaded; at most %d are, of %zu bytes in all", count,
                    STATE_FRAGMENTS_MAX, POLICY_SIZE_MAX);
    if (!read_text(loading, parameters, &row.module))
        return false;
    state->fragments[count] = row;
    loading->added++;
    state->names = row.module;
    state->fragment_bytes += loading->fragment->text.size;
    return name_it(loading, &state->fragments[count]);
}

static bool add_all(struct loading *loading)
{
    const struct fragment_rule *rule;
    const char *why;
    sha256_digest(loading->fragment->text, loading->digest);
    for (size_t i = 0; (rule = rule_at(loading->state, i)); i++) {
        if (is_about(rule, loading->fragment) && meets_rule(loading, rule, &why) &&
            !add(loading, rule->parameters ? rule->parameters : "{}"))
            return false;
    }
    return true;
}

/* All that was added is in force, or nothing of it is left. */
static bool keep(struct loading *loading, bool added)
{
    struct policy_state *state = loading->state;
    size_t count = state->fragment_count;
    state->fragment_count += loading->added;
    if (added && !state_reserve(state))
        added = deny(loading->decision, "no memory is left");
    if (added)
        return true;
    while (state->fragment_count > count) {
        state_clear_fragment(&state->fragments[--state->fragment_count]);
        state->fragment_bytes -= loading->fragment->text.size;
    }
    state->identities.size = loading->names_size;
    state->names = count > 0 ? state->fragments[count - 1].module : state->policy;
    return false;
}

bool policy_load_fragment(struct policy_state *state, const struct policy_fragment *fragment,
                          struct policy_decision *decision)
{
    struct loading loading = {.state = state,
                              .fragment = fragment,
                              .decision = decision,
                              .names_size = state->identities.size};
    enum answer answer = decision_start(state, POLICY_LOAD_FRAGMENT, decision);
    if (answer == ANSWER_DENY)
        return false;
    /* {"allowed": true} names no fragment, and nothing that it would include. */
    if (answer == ANSWER_ALLOW)
        return allow(decision);
    bool added = check_framework(&loading, state->policy, "policy") && check_expected(&loading) &&
                 read_text(&loading, NULL, &loading.head) &&
                 check_framework(&loading, loading.head, "fragment") && read_svn(&loading) &&
                 find_rules(&loading) && add_all(&loading);
    added = keep(&loading, added);
    policy_free(loading.head);
    return added && allow(decision);
}

/* One text may be loaded with several parameters: it is one fragment. */
size_t policy_fragment_count(const struct policy_state *state)
{
    size_t count = 0;
    for (size_t i = 0; i < state->fragment_count; i++)
        count += !state->fragments[i].again;
    return count;
}

const struct policy_fragment_identity *policy_fragment_at(const struct policy_state *state,
                                                          size_t index)
{
    const struct state_fragment *row = state->fragments;
    for (; row->again || index-- > 0; row++) {
    }
    return &row->identity;
}
