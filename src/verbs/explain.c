/* rastro explain: what one message becomes, and why, without a server. */
#include "rastro/explain.h"

#include <stdlib.h>

#include "print.h"
#include "rastro/clock.h"
#include "rastro/duration.h"
#include "rastro/file.h"
#include "rastro/schema.h"
#include "rastro/stall.h"
#include "verbs.h"

/* With --now: what would count as stalled then. */
struct stalling {
    const struct rs_schema *schema;
    struct rs_rules *rules; /* NULL: not asked for */
    int64_t now_us;
    struct rs_arena *arena;
};

static struct rs_stalls look(const struct stalling *s, const struct rs_message *m, const struct rs_report *r,
                             struct rs_stall_parcel *parcel)
{
    struct rs_stalls stalls;
    rs_stall_parcel_of(r, &s->schema->catalog, m->source, m->published_us, s->arena, parcel);
    rs_stall_look(s->rules, &s->schema->calendars, parcel, s->now_us, s->arena, &stalls);
    return stalls;
}

/* ---- for people ------------------------------------------------------------------ */

/* Calls a writer of explain.h into a fresh buffer and prints it. */
static void print_buf(struct rs_buf *buf)
{
    struct rs_buf clean = {0};
    rs_put_printable(&clean, (struct rs_str){buf->p, (uint32_t)buf->n});
    fputs(rs_buf_cstr(&clean), stdout);
    rs_buf_free(&clean);
    rs_buf_clear(buf);
}

static void print_source(const struct rs_decoder *d, const struct rs_message *m)
{
    struct rs_buf buf = {0};
    rs_buf_printf(&buf, "source   %.*s", RS_FMT(m->source.n ? m->source : RS_LIT("?")));
    if (m->profile) {
        rs_buf_printf(&buf, " v%u.%u   ", rs_profile_identity(m->profile), rs_profile_meaning(m->profile));
        rs_explain_source(d, &buf);
    }
    print_buf(&buf);
    rs_decoder_tried(d, &buf);
    if (buf.n) {
        fputs("\n         (not: ", stdout);
        print_buf(&buf);
        putchar(')');
    }
    putchar('\n');
    rs_buf_free(&buf);
}

static void describe_number(const struct rs_report *r, struct rs_buf *buf)
{
    if (r->s10 == RS_S10_OK) {
        rs_buf_puts(buf, RS_LIT("S10, check digit ok: one parcel, whoever reports it"));
    } else if (r->s10 == RS_S10_BAD) {
        rs_buf_printf(buf, "S10 form, but bad: the check digit would be %c; belongs to %.*s",
                      rs_s10_digit(r->parcel.number), RS_FMT(r->parcel.issuer));
    } else {
        rs_buf_printf(buf, "not S10: belongs to %.*s", RS_FMT(r->parcel.issuer));
    }
    if (r->unknown_carrier) rs_buf_puts(buf, RS_LIT(", which no carrier in carriers.json is called"));
}

static void print_parcel(const struct rs_decoder *d, const struct rs_report *r)
{
    struct rs_buf buf = {0};
    rs_buf_printf(&buf, "parcel   %.*s ", RS_FMT(r->parcel.number));
    rs_explain_number(d, r, &buf);
    rs_buf_puts(&buf, RS_LIT("   "));
    describe_number(r, &buf);
    if (r->parcel.discriminator.n) rs_buf_printf(&buf, ", shipment %.*s", RS_FMT(r->parcel.discriminator));
    print_buf(&buf);
    const struct rs_facts *f = r->facts;
    if (f && (f->origin.country.n || f->destination.country.n)) {
        putchar('\n');
        rs_buf_printf(&buf, "route    %.*s -> %.*s   ", 2, f->origin.iso2[0] ? f->origin.iso2 : "? ", 2,
                      f->destination.iso2[0] ? f->destination.iso2 : "? ");
        rs_explain_route(d, r, &buf);
        print_buf(&buf);
    }
    for (uint32_t i = 0; i < r->link_count; i++) {
        const struct rs_link *link = &r->link[i];
        struct rs_str carrier = link->carrier ? link->carrier->id : link->issuer.n ? link->issuer : RS_LIT("?");
        putchar('\n');
        rs_buf_printf(&buf, "link     %.*s %.*s by %.*s", RS_FMT(link->kind), RS_FMT(link->number), RS_FMT(carrier));
        print_buf(&buf);
    }
    putchar('\n');
    rs_buf_free(&buf);
}

static void print_details(const struct rs_decoder *d, const struct rs_event *e)
{
    struct rs_buf buf = {0};
    rs_explain_time(d, e, &buf);
    fputs("        time   ", stdout);
    print_buf(&buf);
    rs_explain_notes(d, e, &buf);
    for (char *line = buf.n ? buf.p : NULL, *end; line && (end = memchr(line, '\n', (size_t)(buf.p + buf.n - line)));
         line = end + 1) {
        printf("\n        note   %.*s", (int)(end - line), line);
    }
    rs_buf_clear(&buf);
    fputs("\n        stage  ", stdout);
    rs_explain_status(d, e, &buf);
    print_buf(&buf);
    if (e->marks) {
        fputs("\n        marks ", stdout);
#define X(name, bit) \
    if (e->marks & RS_MARK_##name) fputs(" " #name, stdout);
        RS_MARKS(X)
#undef X
    }
    putchar('\n');
    rs_buf_free(&buf);
}

static int by_order(const void *a, const void *b)
{
    const struct rs_event *const *ea = a, *const *eb = b;
    return rs_event_cmp(*ea, RS_STR_NONE, *eb, RS_STR_NONE);
}

static void print_event(const struct rs_event *e)
{
    char when[RS_TIME_TEXT_MAX];
    struct rs_buf line = {0};
    rs_time_text(e->instant_us, when);
    when[10] = ' ';
    rs_buf_printf(&line, "  [%u] %s  %-18.*s %-20.*s \"%.*s\"", e->line, when, RS_FMT(e->status->name), RS_FMT(e->code),
                  RS_FMT(e->text));
    if (e->kind != RS_EVENT_SCAN) rs_buf_printf(&line, "  %s", rs_event_kind_name(e->kind));
    print_buf(&line);
    putchar('\n');
    rs_buf_free(&line);
}

static void print_events(const struct rs_decoder *d, const struct rs_report *r)
{
    printf("events   %u read, %u valid%s%s", r->event_count + r->reject_count + r->repeated, r->event_count,
           r->event_count > 1 ? ", " : "", r->event_count > 1 ? rs_explain_list_order(r) : "");
    if (r->event_count > 1) fputs(" in the payload", stdout);
    if (r->repeated) printf(", %u there twice", r->repeated);
    putchar('\n');
    const struct rs_event **sorted = rs_malloc((r->event_count + 1) * sizeof *sorted);
    for (uint32_t i = 0; i < r->event_count; i++) sorted[i] = &r->event[i];
    qsort(sorted, r->event_count, sizeof *sorted, by_order);
    for (uint32_t i = 0; i < r->event_count; i++) {
        print_event(sorted[i]);
        /* One in full, and every one that has something to say. */
        if (sorted[i]->marks || i + 1 == r->event_count) print_details(d, sorted[i]);
    }
    free(sorted);
    for (uint32_t i = 0; i < r->reject_count; i++) {
        struct rs_buf line = {0};
        rs_buf_printf(&line, "  quarantined %.*s: %.*s", RS_FMT(r->reject[i].path), RS_FMT(r->reject[i].reason));
        print_buf(&line);
        putchar('\n');
        rs_buf_free(&line);
    }
}

static void print_rest(const struct rs_decoder *d, const struct rs_message *m)
{
    struct rs_buf buf = {0};
    rs_explain_ignored(d, &buf);
    if (buf.n) fputs("ignored  ", stdout), print_buf(&buf), fputs(" (declared)\n", stdout);
    rs_explain_unread(d, m, &buf);
    if (buf.n) fputs("unread   ", stdout), print_buf(&buf), putchar('\n');
    rs_buf_free(&buf);
}

static void print_stalls(const struct stalling *s, const struct rs_message *m, const struct rs_report *r)
{
    struct rs_stall_parcel parcel;
    struct rs_stalls stalls = look(s, m, r, &parcel);
    char since[RS_TIME_TEXT_MAX], until[RS_TIME_TEXT_MAX], start[RS_TIME_TEXT_MAX], after[RS_DURATION_TEXT_MAX];
    printf("stalls   leg %s", rs_leg_name(stalls.situation.leg));
    if (stalls.untracked) fputs("; its carrier gives no tracking", stdout);
    for (uint32_t i = 0; i < stalls.n; i++) {
        const struct rs_episode *e = &stalls.episode[i];
        bool open = e->closed_us == INT64_MAX;
        printf("\n  %s since %s%s%s: %s after %s", rs_stall_kind_name(e->kind), rs_time_text(e->since_us, since),
               open ? "" : " until ", open ? "" : rs_time_text(e->closed_us, until),
               rs_duration_text(e->rule->after_us, after), rs_time_text(e->start_us, start));
        if (e->last != RS_STALL_NONE) printf(" %.*s", RS_FMT(parcel.event[e->last].status->name));
        printf(" (%.*s)", RS_FMT(e->rule->name));
    }
    putchar('\n');
}

static void print_shipment(const struct rs_shipment *s)
{
    char when[RS_TIME_TEXT_MAX];
    printf("order    %.*s %.*s, updated %s%s\n", RS_FMT(s->marketplace), RS_FMT(s->order),
           rs_time_text(s->updated_us, when), s->cancelled ? ", cancelled" : "");
    for (uint32_t i = 0; i < s->parcel_count; i++) {
        struct rs_str issuer = s->parcel[i].issuer;
        printf("parcel   %.*s %s%.*s\n", RS_FMT(s->parcel[i].number), issuer.n ? "of " : "S10", RS_FMT(issuer));
    }
}

static void print_message(const struct rs_decoder *d, const struct rs_message *m, const struct stalling *s)
{
    uint32_t events = 0, rejects = 0, unmapped = 0;
    print_source(d, m);
    if (m->shipment) print_shipment(m->shipment);
    for (uint32_t i = 0; i < m->report_count; i++) {
        const struct rs_report *r = &m->report[i];
        if (r->parcel.number.n) print_parcel(d, r);
        print_events(d, r);
        if (s->rules && r->parcel.number.n) print_stalls(s, m, r);
        events += r->event_count;
        rejects += r->reject_count;
        for (uint32_t k = 0; k < r->event_count; k++) unmapped += (r->event[k].marks & RS_MARK_unmapped_code) != 0;
    }
    if (m->outcome == RS_OUTCOME_TRACKING) print_rest(d, m);
    if (m->outcome == RS_OUTCOME_QUARANTINED) {
        printf("result   quarantined: %.*s\n", RS_FMT(m->reason));
    } else if (m->outcome == RS_OUTCOME_IGNORED) {
        printf("result   ignored: %.*s\n", RS_FMT(m->reason));
    } else if (m->shipment) {
        printf("result   1 order, %u parcels registered\n", m->shipment->parcel_count);
    } else {
        printf("result   %u events, %u quarantined, %u unmapped codes\n", events, rejects, unmapped);
    }
}

/* ---- for machines, schema/explain.schema.json -------------------------------------- */

static json_t *json_place(const struct rs_place *place, const char *last)
{
    json_t *object = json_object();
    struct rs_str iso2 = {place->iso2, 2};
    json_object_set_new(object, "country", rs_json_of(place->iso2[0] ? iso2 : place->country));
    json_object_set_new(object, "region", rs_json_of(place->region));
    json_object_set_new(object, "city", rs_json_of(place->city));
    json_object_set_new(object, last, rs_json_of(place->name));
    return object;
}

static json_t *json_period(struct rs_period period)
{
    if (period.from_us == RS_INSTANT_NONE && period.to_us == RS_INSTANT_NONE) return json_null();
    return json_pack("{s:o, s:o}", "from", rs_json_of_time(period.from_us), "to", rs_json_of_time(period.to_us));
}

static json_t *json_event(const struct rs_event *e)
{
    json_t *marks = json_array();
#define X(name, bit) \
    if (e->marks & RS_MARK_##name) json_array_append_new(marks, json_string(#name));
    RS_MARKS(X)
#undef X
    json_t *object = json_object();
    json_object_set_new(object, "instant", rs_json_of_time(e->instant_us));
    json_object_set_new(object, "precision", json_string(rs_precision_name(e->precision)));
    json_object_set_new(object, "zone_basis", json_string(rs_zone_basis_name(e->basis)));
    json_object_set_new(object, "offset_minutes", json_integer(e->offset_min));
    json_object_set_new(object, "stage", rs_json_of(e->status->stage));
    json_object_set_new(object, "detail", rs_json_of(e->status->detail));
    json_object_set_new(object, "kind", json_string(rs_event_kind_name(e->kind)));
    json_object_set_new(object, "code", rs_json_of(e->code));
    json_object_set_new(object, "text", rs_json_of(e->text));
    json_object_set_new(object, "place", json_place(&e->place, "name"));
    json_object_set_new(object, "words",
                        json_pack("{s:o, s:o}", "time", rs_json_of(e->time), "zone", rs_json_of(e->zone)));
    json_object_set_new(object, "fp", rs_json_of_key(e->fp.b));
    json_object_set_new(object, "marks", marks);
    return object;
}

static json_t *json_parcel(const struct rs_parcel_key *key, enum rs_s10 s10)
{
    static const char *const s10_names[] = {NULL, "ok", "bad_check_digit"};
    json_t *object = json_object();
    json_object_set_new(object, "issuer", rs_json_of(key->issuer));
    json_object_set_new(object, "number", rs_json_of(key->number));
    json_object_set_new(object, "shipment_id", rs_json_of(key->discriminator));
    json_object_set_new(object, "s10", s10_names[s10] ? json_string(s10_names[s10]) : json_null());
    return object;
}

static json_t *json_report(const struct rs_report *r)
{
    static const struct rs_facts none = {.promised = {RS_INSTANT_NONE, RS_INSTANT_NONE},
                                         .estimated = {RS_INSTANT_NONE, RS_INSTANT_NONE}};
    json_t *object = json_parcel(&r->parcel, r->s10), *links = json_array(), *events = json_array();
    for (uint32_t i = 0; i < r->link_count; i++) {
        const struct rs_link *link = &r->link[i];
        struct rs_str carrier = link->carrier ? link->carrier->id : link->issuer;
        json_array_append_new(links, json_pack("{s:o, s:o, s:o}", "kind", rs_json_of(link->kind), "carrier",
                                               rs_json_of(carrier), "number", rs_json_of(link->number)));
    }
    for (uint32_t i = 0; i < r->event_count; i++) json_array_append_new(events, json_event(&r->event[i]));
    json_object_set_new(object, "links", links);
    const struct rs_facts *facts = r->facts ? r->facts : &none;
    json_object_set_new(object, "origin", json_place(&facts->origin, "postcode"));
    json_object_set_new(object, "destination", json_place(&facts->destination, "postcode"));
    json_object_set_new(object, "promised", json_period(facts->promised));
    json_object_set_new(object, "estimated", json_period(facts->estimated));
    json_object_set_new(object, "events", events);
    return object;
}

static const char *result_word(const struct rs_message *m, bool rejects)
{
    if (m->outcome == RS_OUTCOME_QUARANTINED) return "quarantined";
    if (m->outcome == RS_OUTCOME_IGNORED) return "ignored";
    return rejects ? "partial" : "ok";
}

static json_t *json_stalls(const struct stalling *s, const struct rs_message *m, const struct rs_report *r)
{
    struct rs_stall_parcel parcel;
    struct rs_stalls stalls = look(s, m, r, &parcel);
    json_t *list = json_array();
    for (uint32_t i = 0; i < stalls.n; i++) {
        const struct rs_episode *e = &stalls.episode[i];
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", rs_stall_kind_name(e->kind), "rule",
                            rs_json_of(e->rule->name), "since", rs_json_of_time(e->since_us), "until",
                            e->closed_us == INT64_MAX ? json_null() : rs_json_of_time(e->closed_us), "last",
                            e->last == RS_STALL_NONE ? json_null() : rs_json_of_key(parcel.event[e->last].fp.b)));
    }
    return list;
}

static json_t *json_message(const struct rs_message *m, const struct stalling *s)
{
    json_t *parcels = json_array(), *quarantined = json_array();
    for (uint32_t i = 0; i < m->report_count; i++) {
        const struct rs_report *r = &m->report[i];
        json_t *parcel = r->parcel.number.n ? json_report(r) : NULL;
        if (parcel && s->rules) json_object_set_new(parcel, "stalls", json_stalls(s, m, r));
        if (parcel) json_array_append_new(parcels, parcel);
        for (uint32_t k = 0; k < r->reject_count; k++) {
            json_array_append_new(quarantined, json_pack("{s:o, s:o}", "path", rs_json_of(r->reject[k].path), "reason",
                                                         rs_json_of(r->reject[k].reason)));
        }
    }
    for (uint32_t i = 0; m->shipment && i < m->shipment->parcel_count; i++) {
        json_array_append_new(parcels, json_parcel(&m->shipment->parcel[i], m->shipment->s10[i]));
    }
    json_t *object = json_object();
    json_object_set_new(object, "source", rs_json_of(m->source));
    json_object_set_new(object, "source_version",
                        m->profile ? json_integer(rs_profile_identity(m->profile)) : json_null());
    json_object_set_new(object, "meaning_version",
                        m->profile ? json_integer(rs_profile_meaning(m->profile)) : json_null());
    json_object_set_new(object, "result", json_string(result_word(m, json_array_size(quarantined) > 0)));
    json_object_set_new(object, "reason", rs_json_of(m->reason));
    json_object_set_new(object, "parcels", parcels);
    json_object_set_new(object, "quarantined", quarantined);
    return object;
}

/* ---- the verb -------------------------------------------------------------------------- */

static int explain_file(struct rs_decoder *d, const struct stalling *stalling, const char *path,
                        const struct rs_options *options, bool *quarantined, struct rs_diag *diag)
{
    struct rs_buf buf = {0};
    int err = rs_file_read(path, 2 * RS_MESSAGE_BYTES_MAX, &buf, diag);
    if (err) {
        rs_buf_free(&buf);
        return err;
    }
    struct rs_record record = {
        .topic = RS_LIT("-"),
        .time_us = rs_opt_given(options, RS_OPT_RECEIVED) ? rs_opt_number(options, RS_OPT_RECEIVED)
                                                          : rs_wall_us(&rs_clock_system),
        .value = {buf.p, (uint32_t)buf.n},
        .source = rs_str_of(rs_opt_text(options, RS_OPT_SOURCE)),
    };
    struct rs_message message;
    rs_decode(d, &record, stalling->arena, &message);
    if (message.outcome == RS_OUTCOME_QUARANTINED) *quarantined = true;
    if (rs_opt_is(options, RS_OPT_FORMAT, "table")) {
        print_message(d, &message, stalling);
    } else {
        rs_print_json(json_message(&message, stalling), options, stdout);
    }
    rs_arena_reset(stalling->arena);
    rs_buf_free(&buf);
    return RS_OK;
}

int rs_verb_explain(const struct rs_options *options, struct rs_diag *diag)
{
    if (rs_options_argc(options) == 0) return rs_fail(diag, RS_E_USAGE, "name a file, or - for standard input");
    if (rs_opt_is(options, RS_OPT_FORMAT, "csv"))
        return rs_fail(diag, RS_E_USAGE, "--format csv: a message is no table");
    struct rs_schema schema;
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    if (err) return err;
    struct rs_decoder_options how = {
        .backend = rs_opt_is(options, RS_OPT_READER, "reference") ? RS_JSON_REFERENCE : RS_JSON_FAST,
        .trace = true,
        .future_us = rs_opt_number(options, RS_OPT_FUTURE),
    };
    struct rs_decoder *d = rs_decoder_new(&schema.catalog, schema.zones, &schema.profiles, &how);
    struct stalling stalling = {
        .schema = &schema, .now_us = rs_opt_number(options, RS_OPT_NOW), .arena = rs_arena_new(1 << 20)};
    bool quarantined = false;
    if (rs_opt_given(options, RS_OPT_NOW)) {
        err = rs_schema_read_rules(&schema, rs_opt_text(options, RS_OPT_RULES), &stalling.rules, diag);
    }
    for (int i = 0; !err && i < rs_options_argc(options); i++) {
        err = explain_file(d, &stalling, rs_options_arg(options, i), options, &quarantined, diag);
    }
    rs_rules_free(stalling.rules);
    rs_arena_free(stalling.arena);
    rs_decoder_free(d);
    rs_schema_close(&schema);
    if (!err && quarantined) {
        diag->text[0] = '\0';
        return RS_E_ANSWER_NO;
    }
    return err;
}
