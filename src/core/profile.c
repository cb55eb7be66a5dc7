/* Compiling a profile: its sections.
 *
 * One function for each kind of thing that a profile says; each checks the
 * keys it knows, so that a misspelt one is found where it stands.  The struct
 * that comes out has no JSON left in it.
 */
#include <stdlib.h>

#include "profile_compile.h"

/* ---- shapes --------------------------------------------------------------------------- */

/* "$.mailNo", "!$.data", or {"at": "$.event", "is": "TRACKING_UPDATED"} */
static int compile_condition(struct compile *c, uint32_t at, struct rs_condition *condition)
{
    static const char *const keys[] = {"at", "is", NULL};
    *condition = (struct rs_condition){0};
    if (node_at(c, at)->type == RS_JSON_STRING) {
        struct rs_str text = node_at(c, at)->s;
        if (text.n && text.p[0] == '!') {
            condition->absent = true;
            text = (struct rs_str){text.p + 1, text.n - 1};
        }
        return rs_compile_path_text(c, at, text, &condition->path);
    }
    uint32_t where, is;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "at", &where);
    if (!err) err = rs_reader_need(&c->r, at, "is", &is);
    if (!err) err = rs_reader_string(&c->r, is, &condition->is);
    if (!err && !condition->is.n) err = rs_reader_fail(&c->r, is, "\"is\" is empty: a missing word has no shape");
    return err ? err : rs_compile_path(c, where, &condition->path);
}

static int compile_shape_events(struct compile *c, uint32_t at, struct rs_shape *shape)
{
    if (!at) return RS_OK;
    if (node_at(c, at)->type != RS_JSON_ARRAY) {
        shape->event_n = 1;
        return rs_compile_path(c, at, &shape->event[0]);
    }
    int err = RS_OK;
    RS_EACH_CHILD (&c->r.json, at, a) {
        if (err) break;
        if (shape->event_n == RS_ALTERNATIVES_MAX) return rs_reader_fail(&c->r, a, "too many paths");
        err = rs_compile_path(c, a, &shape->event[shape->event_n++]);
    }
    return err;
}

static int compile_history(struct compile *c, uint32_t at, struct rs_shape *shape)
{
    struct rs_str word;
    uint32_t history;
    int err = rs_reader_need(&c->r, at, "history", &history);
    if (!err) err = rs_reader_string(&c->r, history, &word);
    if (err) return err;
    shape->full = rs_str_is(word, "full");
    if (shape->full || rs_str_is(word, "part")) return RS_OK;
    return rs_reader_fail(&c->r, history, "history is \"full\" (each message carries all of it) or \"part\"");
}

static int compile_shape(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"name", "when", "ignore", "history", "parcel", "event", NULL};
    if (c->p->shape_n == RS_SHAPES_MAX) return rs_reader_fail(&c->r, at, "more than %d shapes", RS_SHAPES_MAX);
    struct rs_shape *shape = &c->p->shape[c->p->shape_n++];
    uint32_t name, when;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "name", &name);
    if (!err) err = rs_reader_need(&c->r, at, "when", &when);
    if (!err) err = rs_reader_string(&c->r, name, &shape->name);
    if (!err) err = rs_reader_array(&c->r, when);
    if (err) return err;
    RS_EACH_CHILD (&c->r.json, when, w) {
        if (shape->when_n == RS_CONDITIONS_MAX) return rs_reader_fail(&c->r, w, "too many conditions");
        err = compile_condition(c, w, &shape->when[shape->when_n++]);
        if (err) return err;
    }
    if (!shape->when_n) return rs_reader_fail(&c->r, when, "a shape needs a condition");
    if (member(c, at, "ignore")) return rs_reader_string(&c->r, member(c, at, "ignore"), &shape->ignore);

    uint32_t parcel;
    err = rs_reader_need(&c->r, at, "parcel", &parcel);
    if (!err) err = rs_compile_path(c, parcel, &shape->parcel);
    if (!err) err = compile_history(c, at, shape);
    return err ? err : compile_shape_events(c, member(c, at, "event"), shape);
}

/* ---- the sections ------------------------------------------------------------------------ */

static int compile_carrier(struct compile *c, uint32_t at, struct rs_carrier_rule *rule)
{
    *rule = (struct rs_carrier_rule){0};
    if (!at) return RS_OK;
    if (node_at(c, at)->type != RS_JSON_STRING) {
        static const char *const keys[] = {"at", NULL};
        int err = rs_reader_object(&c->r, at, keys);
        return err ? err : rs_compile_member(c, at, "at", &rule->at);
    }
    int err = rs_reader_string(&c->r, at, &rule->is);
    if (err || rs_carrier_named(c->catalog, rule->is)) return err;
    return rs_reader_unknown(&c->r, at, "carrier", rule->is, &c->catalog->carrier_by_id);
}

/* A contract that many feeders use names the feeder in the message. */
static int compile_feed(struct compile *c, uint32_t at)
{
    int err = rs_compile_word(c, at, &c->p->feed);
    for (uint32_t i = 0; !err && i < c->p->feed.n; i++) {
        if (c->p->feed.alt[i].slot[0] & RS_SLOT_ROOT) continue;
        err = rs_reader_fail(&c->r, at, "the feed is one for a message: its path starts with $");
    }
    return err;
}

static int compile_parcel(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"number", "carrier", "discriminator", "updated", "feed", NULL};
    uint32_t number, carrier;
    c->trie = &c->p->parcel;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "number", &number);
    if (!err) err = rs_reader_need(&c->r, at, "carrier", &carrier);
    if (!err) err = rs_compile_word(c, number, &c->p->number);
    if (!err) err = compile_carrier(c, carrier, &c->p->carrier);
    if (!err) err = rs_compile_member(c, at, "discriminator", &c->p->discriminator);
    if (!err) err = compile_feed(c, member(c, at, "feed"));
    if (!err) err = rs_compile_times(c, member(c, at, "updated"), &c->p->updated);
    return err;
}

static int compile_identity_words(struct compile *c, uint32_t at)
{
    static const char *const names[] = {"code", "text", "both"};
    struct rs_str word;
    int err = rs_reader_string(&c->r, at, &word);
    if (err || !word.n) return err;
    for (int i = 0; i < 3; i++) {
        if (!rs_str_is(word, names[i])) continue;
        c->p->identity_words = (enum rs_identity)i;
        return RS_OK;
    }
    return rs_reader_fail(&c->r, at, "identity is \"code\", \"text\" or \"both\"");
}

static int compile_context(struct compile *c, uint32_t at)
{
    if (!at) return RS_OK;
    int err = rs_reader_array(&c->r, at);
    RS_EACH_CHILD (&c->r.json, at, x) {
        if (err) break;
        if (c->p->context_n == RS_CONTEXT_MAX) return rs_reader_fail(&c->r, x, "too many");
        err = rs_compile_word(c, x, &c->p->context[c->p->context_n++]);
    }
    return err;
}

static int compile_event(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"code", "text", "identity", "time", "place", "id", "sequence", "context", NULL};
    uint32_t time;
    c->trie = &c->p->event;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "time", &time);
    if (!err) err = rs_compile_times(c, time, &c->p->time);
    if (!err) err = rs_compile_member(c, at, "code", &c->p->code);
    if (!err) err = rs_compile_member(c, at, "text", &c->p->text_rule);
    if (!err) err = rs_compile_place(c, member(c, at, "place"), &c->p->place);
    if (!err) err = rs_compile_member(c, at, "sequence", &c->p->sequence);
    if (!err) err = rs_compile_member(c, at, "id", &c->p->id);
    if (!err) err = compile_identity_words(c, member(c, at, "identity"));
    if (err) return err;
    if (!c->p->code.n && !c->p->text_rule.n) return rs_reader_fail(&c->r, at, "an event needs \"code\" or \"text\"");

    err = compile_context(c, member(c, at, "context"));
    if (!err) rs_profile_set_told(c->p);
    return err;
}

static int compile_missing(struct compile *c, uint32_t at)
{
    if (!at) return RS_OK;
    int err = rs_reader_array(&c->r, at);
    RS_EACH_CHILD (&c->r.json, at, m) {
        if (err) break;
        if (node_at(c, m)->type == RS_JSON_FALSE) {
            c->p->missing_false = true;
            continue;
        }
        if (c->p->missing_n == RS_MISSING_MAX) return rs_reader_fail(&c->r, m, "too many");
        struct rs_str *word = &c->p->missing[c->p->missing_n++];
        err = rs_reader_string(&c->r, m, word);
        c->p->missing_lengths |= rs_length_bit(word->n);
    }
    return err;
}

/* {"CST": "Asia/Shanghai"} */
static int compile_zone_words(struct compile *c, uint32_t at)
{
    if (!at) return RS_OK;
    int err = rs_reader_map(&c->r, at);
    if (err) return err;
    uint32_t n = 0;
    RS_EACH_CHILD (&c->r.json, at, z) n++;
    c->p->zones = rs_arena_get(c->p->arena, (n + 1) * sizeof *c->p->zones);
    RS_EACH_CHILD (&c->r.json, at, z) {
        struct rs_zone_rule rule;
        /* A zone by path belongs to a time; here is no block that it could count from. */
        if (node_at(c, z)->type != RS_JSON_STRING) return rs_reader_fail(&c->r, z, "expected an IANA zone");
        err = rs_compile_zone_rule(c, z, &rule);
        if (err) return err;
        c->p->zones[c->p->zones_n] = rule.zone;
        rs_strmap_add(&c->p->zone_words, rs_arena_str(c->p->arena, node_at(c, z)->key), c->p->zones_n++);
    }
    return RS_OK;
}

/* {"Mainland China": "CN"} */
static int compile_country_words(struct compile *c, uint32_t at)
{
    if (!at) return RS_OK;
    int err = rs_reader_map(&c->r, at);
    RS_EACH_CHILD (&c->r.json, at, w) {
        struct rs_str word;
        if (!err) err = rs_reader_string(&c->r, w, &word);
        if (err) return err;
        const struct rs_country *country = rs_country_of(c->catalog, word);
        if (!country) return rs_reader_unknown(&c->r, w, "country", word, &c->catalog->country_by_word);
        rs_strmap_add(&c->p->country_words, rs_arena_str(c->p->arena, node_at(c, w)->key),
                      (uint32_t)(country - c->catalog->country));
    }
    return err;
}

/* The section's text without the white space between its tokens, so that
 * laying the file out anew changes nothing. */
static struct rs_key digest(const struct compile *c, uint32_t at)
{
    struct rs_str raw = rs_json_raw(&c->r.json, at);
    struct rs_buf buf = {0};
    bool in_string = false;
    for (uint32_t i = 0; i < raw.n; i++) {
        char ch = raw.p[i];
        if (ch == '"') in_string = !in_string;
        if (in_string || (ch != ' ' && ch != '\n' && ch != '\r' && ch != '\t')) rs_buf_putc(&buf, ch);
        if (in_string && ch == '\\' && i + 1 < raw.n) rs_buf_putc(&buf, raw.p[++i]);
    }
    struct rs_key key = rs_key_of(buf.p, buf.n);
    rs_buf_free(&buf);
    return key;
}

static int compile_version(struct compile *c, uint32_t at, uint32_t *ret)
{
    uint32_t version;
    int64_t number;
    int err = rs_reader_need(&c->r, at, "version", &version);
    if (!err) err = rs_reader_integer(&c->r, version, 1, 32767, &number);
    if (!err) *ret = (uint32_t)number;
    return err;
}

static int compile_identity(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"version", "missing", "zones",  "countries", "shapes",
                                       "parcel",  "event",   "status", NULL};
    uint32_t shapes, parcel, event = 0;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = compile_version(c, at, &c->p->identity);
    if (!err) err = compile_missing(c, member(c, at, "missing"));
    if (!err) err = compile_zone_words(c, member(c, at, "zones"));
    if (!err) err = compile_country_words(c, member(c, at, "countries"));
    if (!err) err = rs_reader_need(&c->r, at, "shapes", &shapes);
    if (!err) err = rs_reader_array(&c->r, shapes);
    if (err) return err;
    RS_EACH_CHILD (&c->r.json, shapes, s) {
        if ((err = compile_shape(c, s))) return err;
    }
    err = rs_reader_need(&c->r, at, "parcel", &parcel);
    if (!err) err = compile_parcel(c, parcel);
    if (!err) err = rs_reader_need(&c->r, at, "event", &event);
    if (!err) err = compile_event(c, event);

    if (!err) c->p->identity_digest = digest(c, at);

    uint32_t status = member(c, at, "status");
    if (err || !status) return err;
    static const char *const status_keys[] = {"code", "text", NULL};
    c->trie = &c->p->parcel;
    err = rs_reader_object(&c->r, status, status_keys);
    if (!err) err = rs_compile_member(c, status, "code", &c->p->status_code);
    return err ? err : rs_compile_member(c, status, "text", &c->p->status_text);
}

/* {"PU_PICKUP_SUCCESS": "accepted.scan"} into a map and a map of lines. */
static int compile_codes(struct compile *c, uint32_t at, struct rs_strmap *map, struct rs_strmap *lines)
{
    if (!at) return RS_OK;
    int err = rs_reader_map(&c->r, at);
    RS_EACH_CHILD (&c->r.json, at, m) {
        struct rs_str name;
        if (!err) err = rs_reader_string(&c->r, m, &name);
        if (err) return err;
        const struct rs_status *status = rs_status_named(c->catalog, name);
        if (!status) return rs_reader_unknown(&c->r, m, "stage", name, &c->catalog->status_by_name);
        unsigned line, column;
        rs_json_place(c->r.json.text, node_at(c, m)->at, &line, &column);
        struct rs_str key = rs_arena_str(c->p->arena, node_at(c, m)->key);
        rs_strmap_add(map, key, status->rank);
        rs_strmap_add(lines, key, line);
    }
    return err;
}

static int compile_words(struct compile *c, uint32_t at, struct rs_strmap *map)
{
    if (!at) return RS_OK;
    int err = rs_reader_array(&c->r, at);
    RS_EACH_CHILD (&c->r.json, at, w) {
        struct rs_str word;
        if (!err) err = rs_reader_string(&c->r, w, &word);
        if (err) return err;
        if (!rs_strmap_add(map, word, 1)) return rs_reader_fail(&c->r, w, "\"%.*s\" is here twice", RS_FMT(word));
    }
    return err;
}

/* {"codes": ["PRE_ADVICE"], "at": "@.planned", "is": "true"} */
static int compile_planned(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"codes", "at", "is", NULL};
    if (!at) return RS_OK;
    c->trie = &c->p->event;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = compile_words(c, member(c, at, "codes"), &c->p->planned_codes);
    if (!err) err = rs_compile_member(c, at, "at", &c->p->planned);
    if (!err) err = rs_reader_string(&c->r, member(c, at, "is"), &c->p->planned_is);
    if (!err && c->p->planned.n && !c->p->planned_is.n) err = rs_reader_fail(&c->r, at, "\"is\" is missing");
    return err;
}

static int compile_link(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"kind", "each", "number", "carrier", NULL};
    if (c->p->link_n == RS_LINK_RULES_MAX) return rs_reader_fail(&c->r, at, "too many links");
    struct rs_link_rule *link = &c->p->link[c->p->link_n++];
    uint32_t kind, number;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "kind", &kind);
    if (!err) err = rs_reader_need(&c->r, at, "number", &number);
    if (!err) err = rs_reader_string(&c->r, kind, &link->kind);
    if (!err && member(c, at, "each")) err = rs_compile_path(c, member(c, at, "each"), &link->each);
    c->trie = &link->trie;
    if (!err) err = rs_compile_word(c, number, &link->number);
    if (!err) err = compile_carrier(c, member(c, at, "carrier"), &link->carrier);
    return err;
}

static int compile_facts(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"origin",    "destination", "service",   "order", "promised",
                                       "estimated", "signed_by",   "signed_at", NULL};
    if (!at) return RS_OK;
    struct rs_facts_rule *facts = &c->p->facts;
    c->trie = &c->p->parcel;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_compile_place(c, member(c, at, "origin"), &facts->origin);
    if (!err) err = rs_compile_place(c, member(c, at, "destination"), &facts->destination);
    if (!err) err = rs_compile_member(c, at, "service", &facts->service);
    if (!err) err = rs_compile_member(c, at, "order", &facts->order);
    if (!err) err = rs_compile_period(c, member(c, at, "promised"), &facts->promised);
    if (!err) err = rs_compile_period(c, member(c, at, "estimated"), &facts->estimated);
    if (!err) err = rs_compile_member(c, at, "signed_by", &facts->signed_by);
    if (!err) err = rs_compile_times(c, member(c, at, "signed_at"), &facts->signed_at);
    return err;
}

static int compile_meaning(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"version",   "canonical", "codes", "texts", "statuses",
                                       "synthetic", "planned",   "links", "facts", NULL};
    struct rs_profile *p = c->p;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = compile_version(c, at, &p->meaning);
    c->trie = &p->event;
    if (!err) err = rs_compile_member(c, at, "canonical", &p->canonical);
    if (!err) err = compile_codes(c, member(c, at, "codes"), &p->codes, &p->code_line);
    if (!err) err = compile_codes(c, member(c, at, "texts"), &p->texts, &p->text_line);
    if (!err) err = compile_codes(c, member(c, at, "statuses"), &p->statuses, &p->status_line);
    if (!err) err = compile_words(c, member(c, at, "synthetic"), &p->synthetic);
    if (!err) err = compile_planned(c, member(c, at, "planned"));
    if (!err) err = compile_facts(c, member(c, at, "facts"));
    uint32_t links = member(c, at, "links");
    if (err || !links) return err;
    err = rs_reader_array(&c->r, links);
    RS_EACH_CHILD (&c->r.json, links, l) {
        if (!err) err = compile_link(c, l);
    }
    return err;
}

/* What only explain shows: fields passed over on purpose, and times beside the
 * one that is read, with why they are not believed. */
static int compile_distrusted(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"at", "as", "why", NULL};
    struct rs_profile *p = c->p;
    if (p->distrusted_n == RS_DISTRUSTED_MAX) return rs_reader_fail(&c->r, at, "too many");
    struct rs_distrusted *d = &p->distrusted[p->distrusted_n++];
    uint32_t where, as, why;
    struct rs_str pattern;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "at", &where);
    if (!err) err = rs_reader_need(&c->r, at, "as", &as);
    if (!err) err = rs_reader_need(&c->r, at, "why", &why);
    if (!err) err = rs_compile_path(c, where, &d->path);
    if (!err) err = rs_reader_string(&c->r, as, &pattern);
    if (!err) err = rs_reader_string(&c->r, why, &d->why);
    if (err) return err;
    struct rs_diag wrong;
    if (!rs_time_pattern_compile(pattern, &d->pattern, &wrong)) return RS_OK;
    return rs_reader_fail(&c->r, as, "%s", wrong.text);
}

static int compile_explain(struct compile *c, uint32_t at)
{
    static const char *const keys[] = {"ignored", "distrusted", NULL};
    if (!at) return RS_OK;
    int err = rs_reader_object(&c->r, at, keys);
    uint32_t ignored = member(c, at, "ignored"), distrusted = member(c, at, "distrusted");
    if (!err && ignored) err = rs_reader_array(&c->r, ignored);
    if (!err && distrusted) err = rs_reader_array(&c->r, distrusted);
    if (err) return err;
    if (ignored) {
        RS_EACH_CHILD (&c->r.json, ignored, i) {
            if (c->p->ignored_n == RS_IGNORED_MAX) return rs_reader_fail(&c->r, i, "too many");
            if ((err = rs_compile_path(c, i, &c->p->ignored[c->p->ignored_n++]))) return err;
        }
    }
    if (distrusted) {
        RS_EACH_CHILD (&c->r.json, distrusted, d) {
            if ((err = compile_distrusted(c, d))) return err;
        }
    }
    return RS_OK;
}

static int compile_topics(struct compile *c, uint32_t at)
{
    if (!at) return RS_OK;
    int err = rs_reader_array(&c->r, at);
    RS_EACH_CHILD (&c->r.json, at, t) {
        if (err) break;
        if (c->p->topic_n == RS_TOPICS_MAX) return rs_reader_fail(&c->r, t, "too many topics");
        err = rs_reader_string(&c->r, t, &c->p->topic[c->p->topic_n++]);
    }
    return err;
}

bool rs_source_name_ok(struct rs_str name)
{
    if (!name.n || name.n > RS_SOURCE_NAME_MAX) return false;
    for (uint32_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool fine = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || (i && ch == '-');
        if (!fine) return false;
    }
    return true;
}

static int compile_all(struct compile *c)
{
    static const char *const keys[] = {"$schema",  "source",  "title",   "about",   "topics",
                                       "identity", "meaning", "explain", "example", NULL};
    uint32_t source, identity, meaning;
    struct rs_profile *p = c->p;
    int err = rs_reader_object(&c->r, 0, keys);
    if (!err) err = rs_reader_need(&c->r, 0, "source", &source);
    if (!err) err = rs_reader_string(&c->r, source, &p->source);
    if (!err && !rs_source_name_ok(p->source)) {
        err = rs_reader_fail(&c->r, source, "a source's name is of a-z, 0-9 and -, at most %d", RS_SOURCE_NAME_MAX);
    }
    if (!err) err = rs_reader_string(&c->r, member(c, 0, "title"), &p->title);
    if (!err) err = compile_topics(c, member(c, 0, "topics"));
    if (!err) err = rs_reader_need(&c->r, 0, "identity", &identity);
    if (!err) err = compile_identity(c, identity);
    if (!err) err = rs_reader_need(&c->r, 0, "meaning", &meaning);
    if (!err) err = compile_meaning(c, meaning);
    if (!err) rs_profile_set_slots(p);
    if (!err) err = compile_explain(c, member(c, 0, "explain"));
    if (!err && member(c, 0, "example")) {
        p->example = rs_arena_str(p->arena, rs_json_raw(&c->r.json, member(c, 0, "example")));
    }
    return err;
}

int rs_profile_compile(const struct rs_catalog *catalog, struct rs_zones *zones, const char *file, struct rs_str text,
                       struct rs_profile **ret, struct rs_diag *diag)
{
    struct rs_profile *p = rs_calloc(1, sizeof *p);
    p->arena = rs_arena_new(16 << 10);
    p->file = rs_strdup(file);
    p->text = rs_arena_str(p->arena, text);
    struct compile c = {.catalog = catalog, .zones = zones, .p = p};
    int err = rs_reader_open(&c.r, p->file, p->text, p->arena, diag);
    if (!err) {
        err = compile_all(&c);
        rs_reader_close(&c.r);
    }
    if (err) {
        rs_profile_free(p);
        return err;
    }
    *ret = p;
    return RS_OK;
}

void rs_profile_free(struct rs_profile *p)
{
    if (!p) return;
    rs_trie_free(&p->root);
    rs_trie_free(&p->parcel);
    rs_trie_free(&p->event);
    for (uint32_t i = 0; i < p->link_n; i++) rs_trie_free(&p->link[i].trie);
    struct rs_strmap *maps[] = {&p->zone_words, &p->country_words, &p->codes,       &p->texts,     &p->statuses,
                                &p->code_line,  &p->text_line,     &p->status_line, &p->synthetic, &p->planned_codes};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) rs_strmap_free(maps[i]);
    rs_arena_free(p->arena);
    free(p->file);
    free(p);
}

struct rs_str rs_profile_source(const struct rs_profile *p)
{
    return p->source;
}
struct rs_str rs_profile_title(const struct rs_profile *p)
{
    return p->title;
}
const char *rs_profile_file(const struct rs_profile *p)
{
    return p->file;
}
uint32_t rs_profile_identity(const struct rs_profile *p)
{
    return p->identity;
}
uint32_t rs_profile_meaning(const struct rs_profile *p)
{
    return p->meaning;
}
struct rs_key rs_profile_identity_digest(const struct rs_profile *p)
{
    return p->identity_digest;
}
struct rs_str rs_profile_example(const struct rs_profile *p)
{
    return p->example;
}

int rs_profiles_add(struct rs_profiles *profiles, struct rs_profile *profile, struct rs_diag *diag)
{
    uint32_t at = 0;
    for (; at < profiles->count; at++) {
        int order = rs_str_cmp(profile->source, profiles->profile[at]->source);
        if (order == 0) {
            rs_fail(diag, RS_E_CONFIG, "%s and %s: both are source \"%.*s\"", profiles->profile[at]->file,
                    profile->file, RS_FMT(profile->source));
            rs_profile_free(profile);
            return RS_E_CONFIG;
        }
        if (order < 0) break;
    }
    profiles->profile = rs_realloc(profiles->profile, (profiles->count + 1) * sizeof *profiles->profile);
    memmove(profiles->profile + at + 1, profiles->profile + at, (profiles->count - at) * sizeof *profiles->profile);
    profiles->profile[at] = profile;
    profiles->count++;
    return RS_OK;
}

void rs_profiles_free(struct rs_profiles *profiles)
{
    for (uint32_t i = 0; i < profiles->count; i++) rs_profile_free(profiles->profile[i]);
    free(profiles->profile);
    *profiles = (struct rs_profiles){0};
}

const struct rs_profile *rs_profiles_find(const struct rs_profiles *profiles, struct rs_str source)
{
    for (uint32_t i = 0; i < profiles->count; i++) {
        if (rs_str_eq(profiles->profile[i]->source, source)) return profiles->profile[i];
    }
    return NULL;
}

bool rs_profile_tells_histories(const struct rs_profile *profile)
{
    for (uint32_t i = 0; i < profile->shape_n; i++) {
        if (profile->shape[i].full) return true;
    }
    return false;
}

bool rs_profile_may_set_apart(const struct rs_profile *profile)
{
    const unsigned always = RS_TOLD_WITH_OFFSET | RS_TOLD_WITH_ZONE | RS_TOLD_ALONE;
    for (uint32_t i = 0; i < profile->time.n; i++) {
        if (profile->time.rule[i].told != always) return true;
    }
    return profile->id.n > 0;
}
