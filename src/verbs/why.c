/* rastro why: whether a parcel counts as stalled, by which rule, and what would
 * change it. */
#include <stdlib.h>

#include "common.h"
#include "find.h"
#include "print.h"
#include "rastro/duration.h"
#include "rastro/stall_case.h"
#include "rastro/time.h"

struct why {
    const struct rs_options *options;
    const struct rs_rules *rules;
    const struct rs_calendars *calendars;
    struct rs_stall_case c;
    struct rs_stalls stalls;
    int64_t feed_us; /* that of the case, or an earlier --as-of */
};

/* ---- for people ------------------------------------------------------------------- */

static void put(const char *title, struct rs_buf *line)
{
    struct rs_buf clean = {0};
    rs_put_printable(&clean, (struct rs_str){line->p, (uint32_t)line->n});
    printf("%-8s %s\n", title, rs_buf_cstr(&clean));
    rs_buf_free(&clean);
    rs_buf_clear(line);
}

static void put_time(struct rs_buf *line, int64_t us)
{
    char text[24];
    rs_buf_puts(line, rs_str_of(rs_minute_text(us, text)));
}

/* The event that a clock started with, in the source's words. */
static void put_event(const struct why *w, uint32_t i, struct rs_buf *line)
{
    if (i == RS_STALL_NONE) {
        rs_buf_puts(line, RS_LIT("no scan"));
        return;
    }
    const struct rs_stall_event *event = &w->c.parcel.event[i];
    const struct rs_stall_words *words = &w->c.words[i];
    put_time(line, event->instant_us);
    rs_buf_printf(line, " %.*s", RS_FMT(event->status->name));
    if (words->place.n) rs_buf_printf(line, ", %.*s", RS_FMT(words->place));
    if (event->country.n) rs_buf_printf(line, " %.*s", RS_FMT(event->country));
    if (words->text.n) rs_buf_printf(line, ", \"%.*s\"", RS_FMT(words->text));
    rs_buf_printf(line, " (%.*s)", RS_FMT(words->source));
}

static void put_days(const struct why *w, const struct rs_rule *rule, struct rs_buf *line)
{
    const struct rs_calendar *calendar = rs_rule_calendar(rule, w->calendars, &w->stalls.situation);
    if (calendar) rs_buf_printf(line, " of working days of %.*s", RS_FMT(calendar->country));
}

/* The other side of what was told. */
static void put_registered(const struct why *w, const struct rs_episode *e, struct rs_buf *line)
{
    const struct rs_stall_parcel *parcel = &w->c.parcel;
    const struct rs_stall_order *order = parcel->order_n ? &parcel->order[parcel->order_n - 1] : NULL;
    if (e->kind == RS_STALL_overdue) {
        rs_buf_puts(line, RS_LIT("; promised by "));
        put_time(line, e->start_us);
    }
    if (!order) return;
    switch (e->kind) {
    case RS_STALL_scan_before_dispatch:
        rs_buf_puts(line, RS_LIT("; dispatched "));
        put_time(line, order->dispatched_us);
        break;
    case RS_STALL_delivered_elsewhere:
    case RS_STALL_wrong_country:
        rs_buf_printf(line, "; ordered to %.*s %.*s %.*s", RS_FMT(order->city), RS_FMT(order->region),
                      RS_FMT(order->country));
        break;
    default: break;
    }
}

static void print_episode(const struct why *w, const struct rs_episode *e, struct rs_buf *line)
{
    char after[RS_DURATION_TEXT_MAX];
    bool open = e->closed_us == INT64_MAX;
    rs_buf_printf(line, "%s since ", rs_stall_kind_name(e->kind));
    put_time(line, e->since_us);
    if (!open) {
        rs_buf_puts(line, RS_LIT(" until "));
        put_time(line, e->closed_us);
    }
    rs_buf_printf(line, ", rule %.*s v%u", RS_FMT(e->rule->name), rs_rules_version(w->rules));
    put(open ? "STALLED" : "WAS", line);
    put_event(w, e->last, line);
    put_registered(w, e, line);
    put("  last", line);
    if (e->since_us != e->start_us) {
        put_time(line, e->start_us);
        rs_buf_printf(line, " + %s", rs_duration_text(e->rule->after_us, after));
        put_days(w, e->rule, line);
        rs_buf_puts(line, RS_LIT(" = "));
        put_time(line, e->since_us);
        put("  due", line);
    }
    if (e->closed_by != RS_STALL_NONE) {
        put_event(w, e->closed_by, line);
        put("  ended", line);
    }
}

static void print_clock(const struct why *w, enum rs_stall_kind kind, struct rs_buf *line)
{
    const struct rs_stall_clock *clock = &w->stalls.clock[kind];
    char after[RS_DURATION_TEXT_MAX];
    if (!clock->rule) return;
    rs_buf_printf(line, "%s ", rs_stall_kind_name(kind));
    if (clock->due_us == RS_INSTANT_NONE) {
        rs_buf_puts(line, RS_LIT("never while it is as it is"));
    } else {
        rs_buf_puts(line, RS_LIT("from "));
        put_time(line, clock->due_us);
        rs_buf_puts(line, RS_LIT(" on"));
    }
    rs_buf_printf(line, ": %s", rs_duration_text(clock->rule->after_us, after));
    put_days(w, clock->rule, line);
    rs_buf_puts(line, RS_LIT(" after "));
    put_time(line, clock->start_us);
    rs_buf_printf(line, ", unless something comes, rule %.*s v%u", RS_FMT(clock->rule->name),
                  rs_rules_version(w->rules));
    put("WOULD BE", line);
}

static void print_feed(const struct why *w, struct rs_buf *line)
{
    const struct rs_stall_case *c = &w->c;
    if (c->feed_us == RS_INSTANT_NONE) {
        rs_buf_puts(line, RS_LIT("not known: no member told yet how far it is, so nothing counts as stalled"));
    } else {
        rs_buf_puts(line, RS_LIT("complete to "));
        put_time(line, c->feed_us);
        rs_buf_printf(line, " (%.*s, by %.*s/%d)",
                      RS_FMT(c->feed_source.n ? c->feed_source : RS_LIT("all that is read")), RS_FMT(c->feed_topic),
                      c->feed_partition);
    }
    put("FEED", line);
    if (c->looked_us == RS_INSTANT_NONE) return;
    rs_buf_printf(line, "%.*s ", RS_FMT(c->looked_by));
    put_time(line, c->looked_us);
    put("LOOKED", line);
}

static void print_why(const struct why *w)
{
    struct rs_buf line = {0};
    const struct rs_situation *s = &w->stalls.situation;
    bool open = false;
    rs_buf_printf(&line, "%.*s", RS_FMT(w->c.number));
    if (s->carrier.n) rs_buf_printf(&line, ", %.*s", RS_FMT(s->carrier));
    rs_buf_printf(&line, "; %.*s -> %.*s, leg %s; ", RS_FMT(s->origin.n ? s->origin : RS_LIT("?")),
                  RS_FMT(s->destination.n ? s->destination : RS_LIT("?")), rs_leg_name(s->leg));
    rs_buf_puts(&line, s->status ? s->status->name : RS_LIT("no scan yet"));
    put("PARCEL", &line);
    print_feed(w, &line);
    for (uint32_t i = 0; i < w->stalls.n; i++) {
        print_episode(w, &w->stalls.episode[i], &line);
        open |= w->stalls.episode[i].closed_us == INT64_MAX;
    }
    if (!open && w->stalls.untracked) {
        rs_buf_printf(&line, "its carrier, %.*s, gives no tracking: silence is never flagged", RS_FMT(s->carrier));
        put("NOT", &line);
    } else if (!open) {
        rs_buf_puts(&line, RS_LIT("stalled"));
        put("NOT", &line);
    }
    for (enum rs_stall_kind kind = 0; kind < RS_STALL__COUNT; kind++) print_clock(w, kind, &line);
    rs_buf_free(&line);
}

/* ---- for machines, schema/why.schema.json ---------------------------------------------- */

static json_t *json_event(const struct why *w, uint32_t i)
{
    if (i == RS_STALL_NONE) return json_null();
    const struct rs_stall_event *event = &w->c.parcel.event[i];
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "instant", rs_json_of_time(event->instant_us), "status",
                     rs_json_of(event->status->name), "source", rs_json_of(w->c.words[i].source), "number",
                     rs_json_of(w->c.words[i].number), "text", rs_json_of(w->c.words[i].text), "fp",
                     rs_json_of_key(event->fp.b));
}

static json_t *json_rule(const struct why *w, const struct rs_rule *rule)
{
    char after[RS_DURATION_TEXT_MAX];
    return json_pack("{s:o, s:i, s:s}", "name", rs_json_of(rule->name), "version", (int)rs_rules_version(w->rules),
                     "after", rs_duration_text(rule->after_us, after));
}

static json_t *json_episodes(const struct why *w)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < w->stalls.n; i++) {
        const struct rs_episode *e = &w->stalls.episode[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", rs_stall_kind_name(e->kind),
                                        "rule", json_rule(w, e->rule), "started", rs_json_of_time(e->start_us), "since",
                                        rs_json_of_time(e->since_us), "until",
                                        e->closed_us == INT64_MAX ? json_null() : rs_json_of_time(e->closed_us), "last",
                                        json_event(w, e->last), "ended_by", json_event(w, e->closed_by)));
    }
    return list;
}

static json_t *json_clocks(const struct why *w)
{
    json_t *list = json_array();
    for (enum rs_stall_kind kind = 0; kind < RS_STALL__COUNT; kind++) {
        const struct rs_stall_clock *clock = &w->stalls.clock[kind];
        if (!clock->rule) continue;
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", rs_stall_kind_name(kind), "rule",
                                        json_rule(w, clock->rule), "started", rs_json_of_time(clock->start_us), "due",
                                        rs_json_of_time(clock->due_us), "last", json_event(w, clock->last)));
    }
    return list;
}

static json_t *json_why(const struct why *w)
{
    const struct rs_situation *s = &w->stalls.situation;
    const struct rs_stall_case *c = &w->c;
    bool open = false;
    for (uint32_t i = 0; i < w->stalls.n; i++) open |= w->stalls.episode[i].closed_us == INT64_MAX;
    return json_pack("{s:o, s:o, s:b, s:b, s:o, s:o, s:s, s:o, s:{s:o, s:o}, s:{s:o, s:o}, s:o, s:o}", "number",
                     rs_json_of(c->number), "carrier", rs_json_of(s->carrier), "stalled", (int)open, "untracked",
                     (int)w->stalls.untracked, "origin", rs_json_of(s->origin), "destination",
                     rs_json_of(s->destination), "leg", rs_leg_name(s->leg), "status",
                     s->status ? rs_json_of(s->status->name) : json_null(), "feed", "complete_to",
                     rs_json_of_time(c->feed_us), "source", rs_json_of(c->feed_source), "looked", "at",
                     rs_json_of_time(c->looked_us), "by", rs_json_of(c->looked_by), "episodes", json_episodes(w),
                     "clocks", json_clocks(w));
}

/* ---- the verb ------------------------------------------------------------------------------ */

static int look(struct why *w, struct rs_pg *pg, const struct rs_catalog *catalog, int64_t parcel_id,
                struct rs_arena *arena, struct rs_diag *diag)
{
    bool past = rs_opt_given(w->options, RS_OPT_AS_OF);
    int64_t as_of = past ? rs_opt_number(w->options, RS_OPT_AS_OF) : RS_INSTANT_NONE;
    int err = rs_stall_cases_load(pg, catalog, &parcel_id, 1, as_of, arena, &w->c, diag);
    if (!err && !w->c.parcel_id) err = rs_fail(diag, RS_E_ANSWER_NO, "parcel %lld is gone", (long long)parcel_id);
    if (err) return err;
    w->feed_us = w->c.feed_us;
    if (past && w->feed_us > as_of) w->feed_us = as_of;
    rs_stall_look(w->rules, w->calendars, &w->c.parcel, w->feed_us, arena, &w->stalls);
    return RS_OK;
}

int rs_verb_why(const struct rs_options *options, struct rs_diag *diag)
{
    if (rs_options_argc(options) != 1) return rs_fail(diag, RS_E_USAGE, "name one tracking number or order");
    if (rs_opt_is(options, RS_OPT_FORMAT, "csv")) {
        return rs_fail(diag, RS_E_USAGE, "--format csv: reasons are no table; use json");
    }
    struct rs_schema schema;
    struct rs_rules *rules = NULL;
    struct rs_pg *pg = NULL;
    int64_t parcel_id = 0;
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    if (err) return err;
    err = rs_schema_read_rules(&schema, rs_opt_text(options, RS_OPT_RULES), &rules, diag);
    if (!err) err = rs_open_database(options, &pg, diag);
    if (!err) err = rs_find_parcel(options, pg, &schema.catalog, rs_options_arg(options, 0), &parcel_id, diag);
    struct rs_arena *arena = rs_arena_new(64 << 10);
    struct why w = {.options = options, .rules = rules, .calendars = &schema.calendars};
    if (!err) err = look(&w, pg, &schema.catalog, parcel_id, arena, diag);
    if (!err && rs_opt_is(options, RS_OPT_FORMAT, "table")) print_why(&w);
    else if (!err) rs_print_json(json_why(&w), options, stdout);
    rs_arena_free(arena);
    rs_pg_close(pg);
    rs_rules_free(rules);
    rs_schema_close(&schema);
    return err;
}
