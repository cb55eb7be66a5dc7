/* The shipment contract, schema/shipment.schema.json: the order's side. */
#include <stdlib.h>

#include "decode_private.h"

#define CONTRACT "shipment/1"

/* What is read, in one place; a member of the wrong type is named. */
struct shipment_reader {
    struct rs_decoder *d;
    struct rs_str wrong; /* the first complaint */
};

static void complain(struct shipment_reader *r, const char *key, const char *what)
{
    if (!r->wrong.n) r->wrong = rs_say(r->d, "%s: %s", key, what);
}

/* The member, or 0 when it is not there or null; one that is there twice is
 * refused, since nobody can say which of them was meant. */
static uint32_t member(struct shipment_reader *r, uint32_t object, const char *key)
{
    const struct rs_json_node *node = r->d->json.node;
    if (node[object].type != RS_JSON_OBJECT) return 0;
    uint32_t found = 0;
    for (uint32_t c = object + 1; c < node[object].next; c = node[c].next) {
        if (!rs_str_is(node[c].key, key)) continue;
        if (found) complain(r, key, "is there twice");
        found = c;
    }
    return found && node[found].type != RS_JSON_NULL ? found : 0;
}

/* The same, of one type only. */
static uint32_t typed(struct shipment_reader *r, uint32_t object, const char *key, enum rs_json_type type)
{
    uint32_t at = member(r, object, key);
    if (!at || r->d->json.node[at].type == type) return at;
    complain(r, key, type == RS_JSON_OBJECT ? "expected an object" : "expected a list");
    return 0;
}

static struct rs_str text(struct shipment_reader *r, uint32_t object, const char *key)
{
    uint32_t at = member(r, object, key);
    const struct rs_json_node *node = &r->d->json.node[at];
    if (!at) return RS_STR_NONE;
    struct rs_str s = rs_str_trim(node->s);
    if (node->type != RS_JSON_STRING) {
        complain(r, key, "expected a string");
    } else if (s.n > RS_WORD_MAX || memchr(s.p ? s.p : "", '\0', s.n)) {
        complain(r, key, "too long, or a NUL in it");
    }
    return s;
}

static struct rs_str needed(struct shipment_reader *r, uint32_t object, const char *key)
{
    struct rs_str s = text(r, object, key);
    if (!s.n) complain(r, key, "missing");
    return s;
}

/* Part of the order's key. */
static struct rs_str id(struct shipment_reader *r, const char *key)
{
    struct rs_str s = needed(r, 0, key);
    if (s.n > RS_ID_MAX) complain(r, key, "too long");
    return s;
}

static bool truth(struct shipment_reader *r, uint32_t object, const char *key)
{
    uint32_t at = member(r, object, key);
    if (!at) return false;
    enum rs_json_type type = r->d->json.node[at].type;
    if (type != RS_JSON_TRUE && type != RS_JSON_FALSE) complain(r, key, "expected true or false");
    return type == RS_JSON_TRUE;
}

static int64_t instant(struct shipment_reader *r, uint32_t object, const char *key)
{
    struct rs_str s = text(r, object, key);
    int64_t us = RS_INSTANT_NONE;
    bool end = strcmp(key, "to") == 0;
    if (s.n && !(end ? rs_time_parse_end(s, &us) : rs_time_parse(s, &us))) complain(r, key, "no ISO 8601 date");
    return us;
}

static struct rs_period period(struct shipment_reader *r, uint32_t object, const char *key)
{
    uint32_t at = typed(r, object, key, RS_JSON_OBJECT);
    if (!at) return (struct rs_period){RS_INSTANT_NONE, RS_INSTANT_NONE};
    return (struct rs_period){instant(r, at, "from"), instant(r, at, "to")};
}

static struct rs_place place(struct shipment_reader *r, uint32_t object, const char *key)
{
    uint32_t at = typed(r, object, key, RS_JSON_OBJECT);
    if (!at) return (struct rs_place){0};
    struct rs_place place = {
        .country = text(r, at, "country"),
        .region = text(r, at, "region"),
        .city = text(r, at, "city"),
        .name = text(r, at, "postcode"),
    };
    const struct rs_country *country = rs_country_of(r->d->catalog, place.country);
    if (country) memcpy(place.iso2, country->iso2.p, 2);
    if (place.country.n && !country) complain(r, "country", "not ISO 3166");
    return place;
}

static void read_parcels(struct shipment_reader *r, struct rs_shipment *s)
{
    struct rs_decoder *d = r->d;
    uint32_t list = typed(r, 0, "parcels", RS_JSON_ARRAY), n = 0;
    const struct rs_json_node *node = d->json.node;
    if (!list || node[list].next == list + 1) {
        complain(r, "parcels", "missing");
        return;
    }
    for (uint32_t c = list + 1; c < node[list].next; c = node[c].next) n++;
    if (n > RS_REPORTS_MAX) {
        complain(r, "parcels", "too many");
        return;
    }
    s->parcel = rs_arena_zero(d->arena, n * sizeof *s->parcel);
    s->s10 = rs_arena_zero(d->arena, n * sizeof *s->s10);
    for (uint32_t c = list + 1; c < node[list].next; c = node[c].next) {
        struct rs_parcel_key *key = &s->parcel[s->parcel_count];
        key->number = rs_clean_number(d, needed(r, c, "number"));
        if (!key->number.n) {
            complain(r, "number", "no tracking number");
            return;
        }
        enum rs_s10 s10 = s->s10[s->parcel_count++] = rs_s10_check(d->catalog, key->number);
        if (s10 == RS_S10_OK) continue;
        struct rs_str alias = text(r, c, "carrier");
        const struct rs_carrier *carrier = rs_carrier_of(d->catalog, RS_LIT("rastro"), alias);
        key->issuer = carrier ? carrier->id : rs_foreign_issuer(d, RS_LIT("rastro"), alias);
    }
}

static struct rs_key content_key(const struct rs_shipment *s, struct rs_str bytes)
{
    struct rs_material m;
    rs_material_open(&m, 'O');
    rs_material_str(&m, s->marketplace);
    rs_material_str(&m, s->order);
    rs_material_str(&m, bytes);
    return rs_material_key(&m);
}

static bool is_shipment(const struct rs_json *json)
{
    uint32_t at = rs_json_member(json, 0, "rastro");
    return at && rs_str_is(json->node[at].s, CONTRACT);
}

bool rs_read_shipment(struct rs_decoder *d, struct rs_message *ret)
{
    if (!is_shipment(&d->json)) return false;
    struct shipment_reader r = {.d = d};
    struct rs_shipment *s = rs_arena_zero(d->arena, sizeof *s);
    s->marketplace = id(&r, "marketplace");
    s->order = id(&r, "order");
    s->updated_us = instant(&r, 0, "updated");
    if (s->updated_us == RS_INSTANT_NONE) complain(&r, "updated", "missing");
    s->cancelled = truth(&r, 0, "cancelled");
    s->seller = text(&r, 0, "seller");
    s->service = text(&r, 0, "service");
    s->dispatched_us = instant(&r, 0, "dispatched");
    s->promised = period(&r, 0, "promised");
    s->claim = period(&r, 0, "claim");
    s->origin = place(&r, 0, "origin");
    s->destination = place(&r, 0, "destination");
    read_parcels(&r, s);
    ret->source = RS_LIT("shipments");
    ret->shape = RS_LIT(CONTRACT);
    if (r.wrong.n) {
        ret->outcome = RS_OUTCOME_QUARANTINED;
        ret->reason = r.wrong;
        return true;
    }
    s->key = content_key(s, d->record->value);
    ret->outcome = RS_OUTCOME_SHIPMENT;
    ret->shipment = s;
    return true;
}
