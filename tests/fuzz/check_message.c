#include "check_message.h"

#include <string.h>

#include "compare_json.h"
#include "fuzz.h"
#include "rastro/explain.h"
#include "rastro/raw.h"

#define INSTANT_MIN_US (INT64_C(631152000) * RS_SECOND_US) /* 1990-01-01 */
#define FUTURE_MAX_US (400 * RS_DAY_US)
#define REASON_MAX 511
#define ISSUER_MAX 128

/* Fit for PostgreSQL. */
static void check_text(struct rs_str s, uint32_t max, const char *what)
{
    NEED(s.n <= max, "%s: %u bytes", what, s.n);
    NEED(!s.n || !memchr(s.p, '\0', s.n), "%s: a NUL", what);
    NEED(rs_is_utf8(s), "%s: no UTF-8", what);
}

static void check_instant(int64_t us, int64_t published, const char *what)
{
    NEED(us == RS_INSTANT_NONE || (us >= INSTANT_MIN_US && us <= published + FUTURE_MAX_US), "%s: %lld", what,
         (long long)us);
}

static void check_place(const struct rs_place *place)
{
    check_text(place->country, RS_WORD_MAX, "country");
    check_text(place->region, RS_WORD_MAX, "region");
    check_text(place->city, RS_WORD_MAX, "city");
    check_text(place->name, RS_WORD_MAX, "place");
    bool none = !place->iso2[0] && !place->iso2[1];
    for (int i = 0; i < 2 && !none; i++) NEED(place->iso2[i] >= 'A' && place->iso2[i] <= 'Z');
}

static void check_parcel(const struct rs_parcel_key *key, enum rs_s10 s10)
{
    NEED(key->number.n >= 1 && key->number.n <= RS_NUMBER_MAX);
    check_text(key->number, RS_NUMBER_MAX, "number");
    check_text(key->issuer, ISSUER_MAX, "issuer");
    check_text(key->discriminator, RS_ID_MAX, "discriminator");
    NEED((s10 == RS_S10_OK) == (key->issuer.n == 0), "a valid S10 number, and no other, has no issuer");
}

/* Its shape and its row give back its bytes. */
static void check_shape(const struct rs_event *e, bool spellings)
{
    char shape[RS_RAW_SHAPE_MAX];
    struct rs_raw_row row;
    struct rs_buf stored = {0}, back = {0};
    struct rs_diag diag;
    uint32_t n = rs_raw_shape(e, spellings, shape);
    if (!n) return;
    rs_raw_row_of(e, &row);
    rs_raw_put_shape(1, &stored);
    NEED(!rs_raw_unpack((struct rs_str){stored.p, (uint32_t)stored.n}, (struct rs_str){shape, n}, &row, e->raw.n, &back,
                        &diag),
         "%s", diag.text);
    NEED(back.n == e->raw.n && !memcmp(back.p, e->raw.p, back.n), "a shape loses bytes");
    rs_buf_free(&stored);
    rs_buf_free(&back);
}

static void check_event(const struct rs_record *record, const struct rs_event *e)
{
    check_text(e->code, RS_WORD_MAX, "code");
    check_text(e->text, RS_WORD_MAX, "text");
    check_text(e->time, RS_WORD_MAX, "time");
    check_text(e->zone, RS_WORD_MAX, "zone");
    check_place(&e->place);
    NEED(e->code.n || e->text.n);
    NEED(e->status != NULL);
    NEED(e->kind <= RS_EVENT_REPORTED && e->precision <= RS_PRECISION_FRACTION && e->basis <= RS_BASIS_ASSUMED);
    NEED(e->instant_us != RS_INSTANT_NONE);
    check_instant(e->instant_us, record->time_us, "event");
    NEED(e->offset_min > -16 * 60 && e->offset_min < 16 * 60, "%d minutes", e->offset_min);
    if (e->raw.n) {
        NEED(e->raw.p >= record->value.p && e->raw.p + e->raw.n <= record->value.p + record->value.n);
        NEED(e->raw.p[0] == '{' && e->raw.p[e->raw.n - 1] == '}');
    }
    NEED(e->raw.n || e->kind == RS_EVENT_REPORTED);
    check_shape(e, false);
    check_shape(e, true);
    bool ahead = e->instant_us > record->time_us && e->kind == RS_EVENT_SCAN;
    NEED(!(e->marks & RS_MARK_future) || ahead);
}

static void check_facts(const struct rs_record *record, const struct rs_facts *f)
{
    check_place(&f->origin);
    check_place(&f->destination);
    check_text(f->service, RS_WORD_MAX, "service");
    check_text(f->order, RS_WORD_MAX, "order");
    check_text(f->signed_by, RS_WORD_MAX, "signed_by");
    check_instant(f->signed_us, record->time_us, "signed_at");
    check_instant(f->promised.from_us, record->time_us, "promised");
    check_instant(f->estimated.from_us, record->time_us, "estimated");
    /* The end of a day that is a date alone. */
    check_instant(f->promised.to_us, record->time_us + RS_DAY_US, "promised");
    check_instant(f->estimated.to_us, record->time_us + RS_DAY_US, "estimated");
}

static void check_report(const struct rs_record *record, const struct rs_report *r)
{
    for (uint32_t i = 0; i < r->reject_count; i++) {
        NEED(r->reject[i].reason.n && r->reject[i].path.n && r->reject[i].path.p[0] == '$');
        check_text(r->reject[i].reason, REASON_MAX, "reason");
        check_text(r->reject[i].path, RS_WORD_MAX, "path");
    }
    if (!r->parcel.number.n) {
        NEED(r->reject_count && !r->event_count, "without a number it says why, and nothing else");
        return;
    }
    check_parcel(&r->parcel, r->s10);
    NEED(r->event_count <= RS_EVENTS_MAX && r->link_count <= RS_LINKS_MAX);
    check_instant(r->order_us, record->time_us, "order");
    for (uint32_t i = 0; i < r->event_count; i++) {
        check_event(record, &r->event[i]);
        for (uint32_t k = 0; k < i && i < 100; k++) NEED(!rs_key_eq(r->event[i].fp, r->event[k].fp), "an event twice");
    }
    if (r->facts) check_facts(record, r->facts);
    for (uint32_t i = 0; i < r->link_count; i++) {
        NEED(r->link[i].number.n && r->link[i].kind.n);
        check_text(r->link[i].number, RS_NUMBER_MAX, "link");
        check_text(r->link[i].issuer, ISSUER_MAX, "link's issuer");
    }
}

static void check_shipment(const struct rs_shipment *s)
{
    NEED(s->marketplace.n && s->order.n && s->parcel_count && s->parcel_count <= RS_REPORTS_MAX);
    NEED(s->updated_us != RS_INSTANT_NONE);
    check_text(s->marketplace, RS_ID_MAX, "marketplace");
    check_text(s->order, RS_ID_MAX, "order");
    check_text(s->seller, RS_WORD_MAX, "seller");
    check_text(s->service, RS_WORD_MAX, "service");
    check_place(&s->origin);
    check_place(&s->destination);
    for (uint32_t i = 0; i < s->parcel_count; i++) check_parcel(&s->parcel[i], s->s10[i]);
}

void rs_check_message(const struct rs_record *record, const struct rs_message *m)
{
    NEED(m->published_us == record->time_us);
    NEED((m->outcome == RS_OUTCOME_SHIPMENT) == (m->shipment != NULL));
    check_text(m->source, 128, "source");
    switch (m->outcome) {
    case RS_OUTCOME_TRACKING:
        NEED(m->profile && m->source.n && m->shape.n);
        NEED(m->report_count >= 1 && m->report_count <= RS_REPORTS_MAX);
        for (uint32_t i = 0; i < m->report_count; i++) check_report(record, &m->report[i]);
        break;
    case RS_OUTCOME_SHIPMENT: check_shipment(m->shipment); break;
    case RS_OUTCOME_QUARANTINED:
    case RS_OUTCOME_IGNORED:
        NEED(m->reason.n && !m->report_count && !m->report);
        check_text(m->reason, REASON_MAX, "reason");
        break;
    }
}

void rs_check_same(const struct rs_message *a, const struct rs_message *b)
{
    NEED(a->outcome == b->outcome && a->profile == b->profile && a->report_count == b->report_count);
    NEED(rs_str_eq(a->reason, b->reason) && rs_str_eq(a->source, b->source) && rs_str_eq(a->shape, b->shape));
    for (uint32_t i = 0; i < a->report_count; i++) {
        const struct rs_report *x = &a->report[i], *y = &b->report[i];
        NEED(rs_str_eq(x->parcel.number, y->parcel.number) && rs_str_eq(x->parcel.issuer, y->parcel.issuer));
        NEED(x->event_count == y->event_count && x->reject_count == y->reject_count && x->order_us == y->order_us);
        NEED(!x->facts == !y->facts && (!x->facts || rs_key_eq(x->facts->key, y->facts->key)));
        for (uint32_t k = 0; k < x->event_count; k++) {
            NEED(rs_key_eq(x->event[k].fp, y->event[k].fp) && rs_key_eq(x->event[k].said, y->event[k].said));
            NEED(x->event[k].status == y->event[k].status && x->event[k].marks == y->event[k].marks);
        }
    }
    if (a->shipment) NEED(rs_key_eq(a->shipment->key, b->shipment->key));
}

static void spoken(struct rs_buf *buf, const char *what)
{
    NEED(rs_is_utf8((struct rs_str){buf->p, (uint32_t)buf->n}), "%s: no UTF-8", what);
    rs_buf_clear(buf);
}

void rs_check_explain(const struct rs_decoder *decoder, const struct rs_message *m)
{
    struct rs_buf buf = {0};
    rs_decoder_tried(decoder, &buf);
    spoken(&buf, "tried");
    if (m->outcome != RS_OUTCOME_TRACKING) {
        rs_buf_free(&buf);
        return;
    }
    rs_explain_source(decoder, &buf);
    spoken(&buf, "source");
    rs_explain_ignored(decoder, &buf);
    spoken(&buf, "ignored");
    rs_explain_unread(decoder, m, &buf);
    spoken(&buf, "unread");
    for (uint32_t i = 0; i < m->report_count; i++) {
        const struct rs_report *r = &m->report[i];
        rs_explain_number(decoder, r, &buf);
        rs_explain_route(decoder, r, &buf);
        NEED(rs_explain_list_order(r) != NULL);
        for (uint32_t k = 0; k < r->event_count; k++) {
            rs_explain_time(decoder, &r->event[k], &buf);
            rs_explain_notes(decoder, &r->event[k], &buf);
            rs_explain_status(decoder, &r->event[k], &buf);
        }
        spoken(&buf, "report");
    }
    rs_buf_free(&buf);
}
