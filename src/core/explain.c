#include "rastro/explain.h"

#include <stdlib.h>

#include "decode_private.h"

static void put_node(const struct rs_decoder *d, uint32_t node, struct rs_buf *buf)
{
    rs_json_path(&d->json, node, buf);
    rs_buf_putc(buf, ' ');
    struct rs_str raw = rs_json_raw(&d->json, node);
    if (raw.n > 80) raw.n = 80;
    rs_buf_puts(buf, raw);
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
    put_node(d, trace->time, buf);
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
    bool by_code = event->code.n && rs_strmap_get(&d->profile->codes, event->code) != RS_STRMAP_NONE;
    rs_buf_printf(buf, "%s.%.*s, %s:%u", by_code ? "codes" : "texts", RS_FMT(by_code ? event->code : event->text),
                  d->profile->file, event->trace->stage_line);
}

void rs_explain_ignored(const struct rs_decoder *d, struct rs_buf *buf)
{
    if (!d->profile) return;
    for (uint32_t i = 0; i < d->profile->ignored_n; i++) {
        uint32_t node;
        if (!rs_path_first(d->profile->ignored[i], &d->json, 0, &node)) continue;
        rs_buf_printf(buf, "%s%.*s", buf->n ? " " : "", RS_FMT(d->profile->ignored[i]->text));
    }
}

/* ---- what nobody reads -------------------------------------------------------------- */

static void touch(bool *read, const struct rs_trie *trie, const struct rs_json *json, uint32_t base)
{
    struct rs_match match;
    rs_trie_match(trie, json, base, &match);
    for (uint32_t i = 0; i < trie->slots; i++) read[match.slot[i]] = true;
    for (uint32_t i = 0; i < match.more_n; i++) read[match.more[i].node] = true;
}

static bool touch_below(void *self, uint32_t node)
{
    struct {
        bool *read;
        const struct rs_json *json;
    } *all = self;
    for (uint32_t i = node; i < all->json->node[node].next; i++) all->read[i] = true;
    return true;
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
        if (starts && ends && memcmp(buf->p + i, word.p, word.n) == 0) return true;
    }
    return false;
}

void rs_explain_unread(const struct rs_decoder *d, const struct rs_message *message, struct rs_buf *buf)
{
    const struct rs_profile *p = d->profile;
    if (!p || !d->json.count) return;
    bool *read = rs_calloc(d->json.count, sizeof *read);
    touch(read, &p->root, &d->json, 0);
    for (uint32_t r = 0; r < message->report_count; r++) {
        const struct rs_report *report = &message->report[r];
        touch(read, &p->parcel, &d->json, report->node);
        for (uint32_t i = 0; i < p->link_n; i++) touch(read, &p->link[i].trie, &d->json, report->node);
        for (uint32_t i = 0; i < report->event_count; i++) {
            if (report->event[i].kind != RS_EVENT_REPORTED) touch(read, &p->event, &d->json, report->event[i].node);
        }
    }
    struct {
        bool *read;
        const struct rs_json *json;
    } all = {read, &d->json};
    for (uint32_t i = 0; i < p->ignored_n; i++) rs_path_each(p->ignored[i], &d->json, 0, touch_below, &all);
    for (uint32_t i = 0; d->shape && i < d->shape->when_n; i++) {
        uint32_t node;
        if (rs_path_first(d->shape->when[i].path, &d->json, 0, &node)) read[node] = true;
    }
    size_t from = buf->n;
    for (uint32_t i = 1; i < d->json.count; i++) {
        const struct rs_json_node *node = &d->json.node[i];
        if (read[i] || node->type >= RS_JSON_ARRAY || node->type == RS_JSON_NULL) continue;
        struct rs_buf path = {0};
        general_path(&d->json, i, &path);
        struct rs_str word = {path.p, (uint32_t)path.n};
        if (!has_word(buf, from, word)) {
            if (buf->n > from) rs_buf_putc(buf, ' ');
            rs_buf_puts(buf, word);
        }
        rs_buf_free(&path);
    }
    free(read);
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
