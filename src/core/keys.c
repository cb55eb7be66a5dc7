#include "keys.h"

void rs_material_open(struct rs_material *m, char tag)
{
    m->bytes[0] = tag;
    m->bytes[1] = 1; /* version of the form */
    m->n = 2;
}

/* Room for n more bytes; when there is none, what is there becomes its digest. */
static void make_room(struct rs_material *m, uint32_t n)
{
    if (m->n + n <= sizeof m->bytes) return;
    struct rs_key key = rs_key_of(m->bytes, m->n);
    memcpy(m->bytes, key.b, sizeof key.b);
    m->n = sizeof key.b;
}

void rs_material_int(struct rs_material *m, int64_t v)
{
    make_room(m, 8);
    for (int i = 0; i < 8; i++) m->bytes[m->n++] = (char)((uint64_t)v >> (56 - 8 * i));
}

static void put_length(struct rs_material *m, uint32_t n)
{
    make_room(m, 4);
    for (int i = 0; i < 4; i++) m->bytes[m->n++] = (char)(n >> (24 - 8 * i));
}

void rs_material_str(struct rs_material *m, struct rs_str s)
{
    put_length(m, s.n);
    while (s.n) {
        uint32_t piece = s.n < 512 ? s.n : 512;
        make_room(m, piece);
        memcpy(m->bytes + m->n, s.p, piece);
        m->n += piece;
        s.p += piece;
        s.n -= piece;
    }
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_folded(struct rs_str s)
{
    for (uint32_t i = 0; i < s.n; i++) {
        if (is_space(s.p[i]) && (s.p[i] != ' ' || i == 0 || i + 1 == s.n || s.p[i - 1] == ' ')) return false;
    }
    return true;
}

void rs_material_folded(struct rs_material *m, struct rs_str s)
{
    if (is_folded(s)) {
        rs_material_str(m, s);
        return;
    }
    char folded[4096];
    uint32_t n = 0;
    s = rs_str_trim(s);
    for (uint32_t i = 0; i < s.n && n < sizeof folded; i++) {
        bool space = is_space(s.p[i]);
        if (space && n && folded[n - 1] == ' ') continue;
        folded[n++] = space ? ' ' : s.p[i];
    }
    rs_material_str(m, (struct rs_str){folded, n});
}

struct rs_key rs_material_key(const struct rs_material *m)
{
    return rs_key_of(m->bytes, m->n);
}

static void put_place(struct rs_material *m, const struct rs_place *place)
{
    rs_material_folded(m, place->country);
    rs_material_folded(m, place->region);
    rs_material_folded(m, place->city);
    rs_material_folded(m, place->name);
}

struct rs_key rs_fp_of_scan(struct rs_str source, const struct rs_event *event, enum rs_identity identity)
{
    bool code = event->code.n && (identity != RS_IDENTITY_TEXT || !event->text.n);
    bool text = event->text.n && (identity != RS_IDENTITY_CODE || !event->code.n);
    struct rs_material m;
    rs_material_open(&m, 'F');
    rs_material_str(&m, source);
    rs_material_int(&m, event->instant_us);
    rs_material_folded(&m, code ? event->code : RS_STR_NONE);
    rs_material_folded(&m, text ? event->text : RS_STR_NONE);
    put_place(&m, &event->place);
    return rs_material_key(&m);
}

struct rs_key rs_fp_of_id(struct rs_str source, struct rs_str id)
{
    struct rs_material m;
    rs_material_open(&m, 'I');
    rs_material_str(&m, source);
    rs_material_str(&m, id);
    return rs_material_key(&m);
}

struct rs_key rs_fp_of_reported(struct rs_str source, int64_t anchor_us, const struct rs_event *event)
{
    struct rs_material m;
    rs_material_open(&m, 'R');
    rs_material_str(&m, source);
    rs_material_int(&m, anchor_us);
    rs_material_folded(&m, event->code.n ? event->code : event->text);
    return rs_material_key(&m);
}

struct rs_key rs_said_of(struct rs_str source, const struct rs_event *event, const struct rs_str *context,
                         uint32_t context_n)
{
    struct rs_material m;
    rs_material_open(&m, 'S');
    rs_material_str(&m, source);
    rs_material_str(&m, event->code);
    rs_material_str(&m, event->text);
    rs_material_str(&m, event->time);
    rs_material_str(&m, event->zone);
    rs_material_str(&m, event->place.country);
    rs_material_str(&m, event->place.region);
    rs_material_str(&m, event->place.city);
    rs_material_str(&m, event->place.name);
    for (uint32_t i = 0; i < context_n; i++) rs_material_str(&m, context[i]);
    return rs_material_key(&m);
}

struct rs_key rs_facts_key(const struct rs_facts *facts)
{
    struct rs_material m;
    rs_material_open(&m, 'P');
    put_place(&m, &facts->origin);
    put_place(&m, &facts->destination);
    rs_material_str(&m, facts->service);
    rs_material_str(&m, facts->order);
    rs_material_int(&m, facts->promised.from_us);
    rs_material_int(&m, facts->promised.to_us);
    rs_material_int(&m, facts->estimated.from_us);
    rs_material_int(&m, facts->estimated.to_us);
    rs_material_str(&m, facts->signed_by);
    rs_material_int(&m, facts->signed_us);
    return rs_material_key(&m);
}
