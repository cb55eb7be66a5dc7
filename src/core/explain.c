#include "rastro/explain.h"

#include <stdlib.h>

#include "decode_private.h"

#define SHOWN_MAX 80

static void put_node(const struct rs_decoder *d, uint32_t node, struct rs_buf *buf)
{
    rs_json_path(&d->json, node, buf);
    rs_buf_putc(buf, ' ');
    rs_buf_puts(buf, rs_str_cut(rs_json_raw(&d->json, node), SHOWN_MAX));
}

void rs_explain_source(const struct rs_decoder *d, struct rs_buf *buf)
{
    if (!d->shape) return;
    rs_buf_printf(buf, "shape %.*s:", RS_FMT(d->shape->name));
    for (uint32_t i = 0; i < d->shape->when_n; i++) {
        const struct rs_condition *c = &d->shape->when[i];
        rs_buf_printf(buf, "%s %s%.*s", i ? " and" : "", c->absent ? "no " : "", RS_FMT(c->path->text));
        if (c->is.p) rs_buf_printf(buf, " is \"%.*s\"", RS_FMT(c->is));
    }
}

void rs_explain_number(const struct rs_decoder *d, const struct rs_report *report, struct rs_buf *buf)
{
    if (report->trace && report->trace->number) rs_json_path(&d->json, report->trace->number, buf);
}

void rs_explain_route(const struct rs_decoder *d, const struct rs_report *report, struct rs_buf *buf)
{
    uint32_t from = report->trace ? report->trace->origin : 0;
    uint32_t to = report->trace ? report->trace->destination : 0;
    if (from) put_node(d, from, buf);
    if (from && to) rs_buf_puts(buf, RS_LIT(", "));
    if (to) put_node(d, to, buf);
}

void rs_explain_time(const struct rs_decoder *d, const struct rs_event *event, struct rs_buf *buf)
{
    const struct rs_event_trace *trace = event->trace;
    if (!trace || !trace->time) {
        rs_buf_puts(buf, RS_LIT("the message's own"));
        return;
    }
    if (rs_str_eq(rs_str_trim(d->json.node[trace->time].s), event->time)) {
        put_node(d, trace->time, buf);
    } else {
        /* Joined from several fields, of which the first is named. */
        rs_json_path(&d->json, trace->time, buf);
        rs_buf_putc(buf, ' ');
        rs_json_quote(buf, rs_str_cut(event->time, SHOWN_MAX));
    }
    if (trace->zone) {
        rs_buf_puts(buf, RS_LIT(" + "));
        put_node(d, trace->zone, buf);
    } else if (event->basis == RS_BASIS_RULE) {
        const struct rs_time_rule *rule = &d->profile->time.rule[trace->time_rule];
        rs_buf_printf(buf, " in %s", rs_zone_name(rule->zone[trace->zone_rule].zone));
    }
    rs_buf_printf(buf, " (%s)", rs_zone_basis_name(event->basis));
}

static void put_difference(int64_t us, struct rs_buf *buf)
{
    const char *sign = us < 0 ? "-" : "+";
    int64_t minutes = (us < 0 ? -us : us) / RS_MINUTE_US;
    if (minutes % 60) {
        rs_buf_printf(buf, "%s%lld min", sign, (long long)minutes);
    } else {
        rs_buf_printf(buf, "%s%lld h", sign, (long long)minutes / 60);
    }
}

void rs_explain_notes(const struct rs_decoder *d, const struct rs_event *event, struct rs_buf *buf)
{
    for (uint32_t i = 0; i < d->profile->distrusted_n; i++) {
        const struct rs_distrusted *rule = &d->profile->distrusted[i];
        uint32_t node;
        struct rs_civil civil;
        if (!rs_path_first(rule->path, &d->json, event->node, &node)) continue;
        if (!rs_time_read(&rule->pattern, d->json.node[node].s, &civil)) continue;
        int64_t us = (rs_civil_seconds(&civil) - civil.offset_s) * RS_SECOND_US + civil.micros;
        if (us == event->instant_us) continue;
        char text[RS_TIME_TEXT_MAX];
        rs_json_path(&d->json, node, buf);
        rs_buf_printf(buf, " says %s, ", rs_time_text(us, text));
        put_difference(us - event->instant_us, buf);
        rs_buf_printf(buf, ": not believed, %.*s\n", RS_FMT(rule->why));
    }
}

void rs_explain_status(const struct rs_decoder *d, const struct rs_event *event, struct rs_buf *buf)
{
    if (event->marks & RS_MARK_unmapped_code) {
        rs_buf_puts(buf, RS_LIT("no rule for it: it moves nothing"));
        return;
    }
    if (!event->trace || !event->trace->stage_line) {
        rs_buf_puts(buf, RS_LIT("the source's own canonical status"));
        return;
    }
    const struct rs_profile *p = d->profile;
    bool reported = event->kind == RS_EVENT_REPORTED;
    struct rs_str word = reported && !event->code.n ? event->text : event->code;
    const char *rules = "codes";
    if (reported && rs_strmap_get(&p->statuses, word) != RS_STRMAP_NONE) {
        rules = "statuses";
    } else if (!word.n || rs_strmap_get(&p->codes, word) == RS_STRMAP_NONE) {
        rules = "texts";
        word = event->text;
    }
    rs_buf_printf(buf, "%s.%.*s, %s:%u", rules, RS_FMT(word), p->file, event->trace->stage_line);
}

/* ---- what is passed over, and what nobody reads ------------------------------------- */

/* An ignored path counts from the message, or with @ from each parcel. */
struct each_parcel {
    const struct rs_decoder *d;
    const struct rs_path *path;
    rs_path_cb *cb;
    void *self;
};

static bool in_parcel(void *self, uint32_t parcel)
{
    struct each_parcel *each = self;
    rs_path_each(each->path, &each->d->json, parcel, each->cb, each->self);
    return true;
}

static void each_ignored(const struct rs_decoder *d, const struct rs_path *path, rs_path_cb *cb, void *self)
{
    struct each_parcel each = {d, path, cb, self};
    if (path->from_root || !d->shape->parcel) {
        in_parcel(&each, 0);
    } else {
        rs_path_each(d->shape->parcel, &d->json, 0, in_parcel, &each);
    }
}

/* Which nodes the profile has something to say about. */
struct reading {
    const struct rs_decoder *d;
    const struct rs_trie *trie; /* of the blocks that are being marked */
    bool *read;                 /* of each node */
};

static bool mark_block(void *self, uint32_t base)
{
    struct reading *r = self;
    struct rs_match match;
    rs_trie_match(r->trie, &r->d->json, base, &match);
    for (uint32_t i = 0; i < r->trie->slots; i++) r->read[match.slot[i]] = true;
    for (uint32_t i = 0; i < match.more_n; i++) r->read[match.more[i].node] = true;
    return true;
}

static bool mark_node(void *self, uint32_t node)
{
    ((struct reading *)self)->read[node] = true;
    return true;
}

static bool mark_below(void *self, uint32_t node)
{
    struct reading *r = self;
    for (uint32_t i = node; i < r->d->json.node[node].next; i++) r->read[i] = true;
    return true;
}

/* An event's fields are known even when the event itself was a repeat or could
 * not be used. */
static bool mark_event(void *self, uint32_t node)
{
    struct reading *r = self;
    const struct rs_profile *p = r->d->profile;
    mark_block(r, node);
    for (uint32_t i = 0; i < p->distrusted_n; i++) {
        rs_path_each(p->distrusted[i].path, &r->d->json, node, mark_node, r);
    }
    return true;
}

static bool mark_parcel(void *self, uint32_t parcel)
{
    struct reading *r = self;
    const struct rs_profile *p = r->d->profile;
    const struct rs_json *json = &r->d->json;
    r->trie = &p->parcel;
    mark_block(r, parcel);
    for (uint32_t i = 0; i < p->link_n; i++) {
        r->trie = &p->link[i].trie;
        if (p->link[i].each) {
            rs_path_each(p->link[i].each, json, parcel, mark_block, r);
        } else {
            mark_block(r, parcel);
        }
    }
    r->trie = &p->event;
    for (uint32_t i = 0; i < r->d->shape->event_n; i++) {
        rs_path_each(r->d->shape->event[i], json, parcel, mark_event, r);
    }
    return true;
}

/* What the message's shape reads; free `read`. */
static struct reading read_nodes(const struct rs_decoder *d)
{
    struct reading r = {d, &d->profile->root, rs_calloc(d->json.count, sizeof(bool))};
    mark_block(&r, 0);
    if (d->shape->parcel) rs_path_each(d->shape->parcel, &d->json, 0, mark_parcel, &r);
    for (uint32_t i = 0; i < d->shape->when_n; i++) {
        uint32_t node;
        if (rs_path_first(d->shape->when[i].path, &d->json, 0, &node)) r.read[node] = true;
    }
    return r;
}

/* Does the value say anything, and is it read by nobody? */
static bool is_unread(const struct reading *r, uint32_t node)
{
    enum rs_json_type type = r->d->json.node[node].type;
    return !r->read[node] && type < RS_JSON_ARRAY && type != RS_JSON_NULL;
}

struct unread_scan {
    const struct reading *r;
    bool found;
};

static bool find_unread(void *self, uint32_t node)
{
    struct unread_scan *scan = self;
    uint32_t end = scan->r->d->json.node[node].next;
    while (node < end && !is_unread(scan->r, node)) node++;
    scan->found = node < end;
    return !scan->found;
}

void rs_explain_ignored(const struct rs_decoder *d, struct rs_buf *buf)
{
    if (!d->profile || !d->shape || !d->json.count) return;
    struct reading r = read_nodes(d);
    for (uint32_t i = 0; i < d->profile->ignored_n; i++) {
        const struct rs_path *path = d->profile->ignored[i];
        struct unread_scan scan = {&r, false};
        each_ignored(d, path, find_unread, &scan);
        if (scan.found) rs_buf_printf(buf, "%s%.*s", buf->n ? " " : "", RS_FMT(path->text));
    }
    free(r.read);
}

/* The path with every index as [*], so that a list's elements share it. */
static void general_path(const struct rs_json *json, uint32_t node, struct rs_buf *buf)
{
    struct rs_buf path = {0};
    rs_json_path(json, node, &path);
    for (size_t i = 0; i < path.n; i++) {
        rs_buf_putc(buf, path.p[i]);
        if (path.p[i] != '[' || path.p[i + 1] < '0' || path.p[i + 1] > '9') continue;
        rs_buf_putc(buf, '*');
        while (path.p[i + 1] != ']') i++;
    }
    rs_buf_free(&path);
}

static bool has_word(const struct rs_buf *buf, size_t from, struct rs_str word)
{
    for (size_t i = from; i + word.n <= buf->n; i++) {
        bool starts = i == from || buf->p[i - 1] == ' ';
        bool ends = i + word.n == buf->n || buf->p[i + word.n] == ' ';
        if (starts && ends && rs_str_eq((struct rs_str){buf->p + i, word.n}, word)) return true;
    }
    return false;
}

void rs_explain_unread(const struct rs_decoder *d, const struct rs_message *message, struct rs_buf *buf)
{
    const struct rs_profile *p = d->profile;
    if (!p || !d->shape || !message->report_count) return;
    struct reading r = read_nodes(d);
    for (uint32_t i = 0; i < p->ignored_n; i++) each_ignored(d, p->ignored[i], mark_below, &r);
    size_t from = buf->n;
    for (uint32_t i = 1; i < d->json.count; i++) {
        if (!is_unread(&r, i)) continue;
        struct rs_buf path = {0};
        general_path(&d->json, i, &path);
        struct rs_str word = {path.p, (uint32_t)path.n};
        if (!has_word(buf, from, word)) {
            if (buf->n > from) rs_buf_putc(buf, ' ');
            rs_buf_puts(buf, word);
        }
        rs_buf_free(&path);
    }
    free(r.read);
}

const char *rs_explain_list_order(const struct rs_report *report)
{
    bool rises = true, falls = true;
    for (uint32_t i = 1; i < report->event_count; i++) {
        if (report->event[i].kind == RS_EVENT_REPORTED) continue;
        int64_t a = report->event[i - 1].instant_us, b = report->event[i].instant_us;
        if (a > b) rises = false;
        if (a < b) falls = false;
    }
    return rises ? "oldest first" : falls ? "newest first" : "in no order";
}
