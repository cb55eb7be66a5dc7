/* Whose message is this?
 *
 * Named by a header or by the topic's option: that source, and one of its
 * shapes must fit.  Else the profiles that claim the topic, else all of them,
 * by shape: the shape with most conditions wins; two with equally many are a
 * guess, and no guess is made.  Shapes are tried in the profile's order, so a
 * profile puts its special cases first.
 */
#include "decode_private.h"

static bool condition_holds(const struct rs_condition *condition, const struct rs_json *json)
{
    uint32_t at;
    bool there = rs_path_first(condition->path, json, 0, &at);
    if (condition->is.p) return there && rs_str_eq(json->node[at].s, condition->is);
    return there != condition->absent;
}

/* The first condition that does not hold, or NULL. */
static const struct rs_condition *misfit(const struct rs_shape *shape, const struct rs_json *json)
{
    for (uint32_t i = 0; i < shape->when_n; i++) {
        if (!condition_holds(&shape->when[i], json)) return &shape->when[i];
    }
    return NULL;
}

static const struct rs_shape *fitting_shape(const struct rs_profile *profile, const struct rs_json *json)
{
    for (uint32_t i = 0; i < profile->shape_n; i++) {
        if (!misfit(&profile->shape[i], json)) return &profile->shape[i];
    }
    return NULL;
}

static bool topic_matches(const struct rs_profile *profile, struct rs_str topic)
{
    for (uint32_t i = 0; i < profile->topic_n; i++) {
        struct rs_str t = profile->topic[i];
        if (t.n && t.p[t.n - 1] == '*') {
            if (topic.n >= t.n - 1 && memcmp(topic.p, t.p, t.n - 1) == 0) return true;
        } else if (rs_str_eq(t, topic)) {
            return true;
        }
    }
    return false;
}

static bool use(struct rs_decoder *d, const struct rs_profile *profile, struct rs_str *ret_reason)
{
    d->profile = profile;
    d->shape = fitting_shape(profile, &d->json);
    if (d->shape) return true;
    const struct rs_shape *first = &profile->shape[0];
    *ret_reason = rs_say(d, "%.*s: no shape fits (%.*s: %.*s)", RS_FMT(profile->source), RS_FMT(first->name),
                         RS_FMT(misfit(first, &d->json)->path->text));
    return false;
}

static bool by_shape(struct rs_decoder *d, bool claimed_only, struct rs_str *ret_reason)
{
    uint32_t best = 0;
    const struct rs_profile *rival = NULL;
    for (uint32_t i = 0; i < d->profiles->count; i++) {
        const struct rs_profile *profile = d->profiles->profile[i];
        if (claimed_only && !topic_matches(profile, d->record->topic)) continue;
        const struct rs_shape *shape = fitting_shape(profile, &d->json);
        if (!shape || shape->when_n < best) continue;
        rival = shape->when_n == best ? d->profile : NULL;
        d->profile = profile;
        d->shape = shape;
        best = shape->when_n;
    }
    if (!best) {
        *ret_reason = RS_LIT("unknown shape: no profile knows this message");
        return false;
    }
    if (rival) {
        *ret_reason = rs_say(d, "ambiguous: fits %.*s and %.*s; name the source by header or topic",
                             RS_FMT(rival->source), RS_FMT(d->profile->source));
        d->profile = NULL;
        return false;
    }
    return true;
}

bool rs_recognise(struct rs_decoder *d, struct rs_str *ret_reason)
{
    struct rs_str named = d->record->source;
    if (named.n) {
        const struct rs_profile *profile = rs_profiles_find(d->profiles, named);
        if (profile) return use(d, profile, ret_reason);
        *ret_reason = rs_say(d, "unknown source \"%.*s\"", RS_FMT(named));
        return false;
    }
    for (uint32_t i = 0; i < d->profiles->count; i++) {
        if (topic_matches(d->profiles->profile[i], d->record->topic)) return by_shape(d, true, ret_reason);
    }
    return by_shape(d, false, ret_reason);
}

void rs_decoder_tried(const struct rs_decoder *d, struct rs_buf *buf)
{
    for (uint32_t i = 0; i < d->profiles->count; i++) {
        const struct rs_profile *profile = d->profiles->profile[i];
        if (profile == d->profile || !d->json.count) continue;
        for (uint32_t k = 0; k < profile->shape_n; k++) {
            const struct rs_condition *c = misfit(&profile->shape[k], &d->json);
            if (!c) continue;
            rs_buf_printf(buf, "%s%.*s, %s %.*s", buf->n ? "; " : "", RS_FMT(profile->source),
                          c->absent ? "has"
                          : c->is.p ? "another"
                                    : "no",
                          RS_FMT(c->path->text));
            break;
        }
    }
}
