#include "keys.h"

#include "rastro/unaligned.h"

enum { big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };

void rs_material_open(struct rs_material *m, char tag)
{
    m->bytes[0] = tag;
    m->bytes[1] = 1; /* version of the form */
    m->n = 2;
}

/* Room for n more bytes; when there is none, what is there becomes its digest. */
static inline void make_room(struct rs_material *m, uint32_t n)
{
    if (m->n + n <= sizeof m->bytes) return;
    struct rs_key key = rs_key_of(m->bytes, m->n);
    memcpy(m->bytes, key.b, sizeof key.b);
    m->n = sizeof key.b;
}

void rs_material_int(struct rs_material *m, int64_t v)
{
    make_room(m, 8);
    rs_put_64(m->bytes + m->n, big_endian ? (uint64_t)v : __builtin_bswap64((uint64_t)v));
    m->n += 8;
}

static inline void put_length(struct rs_material *m, uint32_t n)
{
    make_room(m, 4);
    rs_put_32(m->bytes + m->n, big_endian ? n : __builtin_bswap32(n));
    m->n += 4;
}

/* A text that does not fit at once. */
static void put_pieces(struct rs_material *m, struct rs_str s)
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

static inline void put_str(struct rs_material *m, struct rs_str s)
{
    if (s.n > sizeof m->bytes - 4 - m->n) {
        put_pieces(m, s);
        return;
    }
    put_length(m, s.n);
    rs_copy_word(m->bytes + m->n, s.p, s.n);
    m->n += s.n;
}

void rs_material_str(struct rs_material *m, struct rs_str s)
{
    put_str(m, s);
}

/* All of a list, as put_str one by one: nearly always there is room for them
 * together, and nothing is asked again. */
static inline void put_fields(struct rs_material *m, const struct rs_str *const *field, uint32_t n)
{
    uint64_t total = m->n + (uint64_t)n * 4;
    for (uint32_t i = 0; i < n; i++) total += field[i]->n;
    if (total > sizeof m->bytes) {
        for (uint32_t i = 0; i < n; i++) put_str(m, *field[i]);
        return;
    }
    char *out = m->bytes + m->n;
    for (uint32_t i = 0; i < n; i++) {
        rs_put_32(out, big_endian ? field[i]->n : __builtin_bswap32(field[i]->n));
        rs_copy_word(out + 4, field[i]->p, field[i]->n);
        out += 4 + field[i]->n;
    }
    m->n = (uint32_t)total;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The upper bit of each byte that is below `limit`, repeated in all eight; where
 * one is, the byte above it may be marked, too. */
static uint64_t below(uint64_t eight, uint64_t limit)
{
    return (eight - limit) & ~eight & UINT64_C(0x8080808080808080);
}

#define CONTROL UINT64_C(0x2020202020202020) /* what is below */
#define BLANK UINT64_C(0x2121212121212121)   /* and blanks */

static bool is_folded_slowly(struct rs_str s)
{
    for (uint32_t i = 0; i < s.n; i++) {
        if (!is_space(s.p[i])) continue;
        if (s.p[i] != ' ' || i == 0 || i + 1 == s.n || s.p[i - 1] == ' ') return false;
    }
    return true;
}

/* Nothing to fold: no control characters, no two blanks beside each other, none
 * at an end.  Eight bytes at a time, the last of them overlapping.  What looks odd
 * gets the slow look: short words with a blank, and words from elsewhere than a
 * trimmed text. */
static bool is_folded(struct rs_str s)
{
    if (s.n < 4) return is_folded_slowly(s);
    if (s.n < 8) return !below(rs_head_of(s.p, s.n), BLANK) || is_folded_slowly(s);
    uint64_t before = 0x80; /* a blank behind what was looked at; the start counts as one */
    for (uint32_t i = 0;;) {
        uint64_t eight = rs_get_64(s.p + i), blanks = below(eight, BLANK);
        if (blanks) {
            if (blanks & (blanks << 8 | before) || below(eight, CONTROL)) return is_folded_slowly(s);
        }
        if (i + 8 == s.n) return !(blanks >> 56) || is_folded_slowly(s);
        before = blanks >> 56;
        if (i + 16 > s.n) before = 0; /* an overlap: its first byte was looked at with the one before it */
        i = i + 16 <= s.n ? i + 8 : s.n - 8;
    }
}

void rs_material_folded(struct rs_material *m, struct rs_str s)
{
    if (is_folded(s)) {
        put_str(m, s);
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

static inline void put_folded_fields(struct rs_material *m, const struct rs_str *const *field, uint32_t n)
{
    bool folded = true;
    for (uint32_t i = 0; i < n; i++) folded = folded && is_folded(*field[i]);
    if (folded) {
        put_fields(m, field, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) rs_material_folded(m, *field[i]);
}

static void put_place(struct rs_material *m, const struct rs_place *place)
{
    const struct rs_str *const fields[] = {&place->country, &place->region, &place->city, &place->name};
    put_folded_fields(m, fields, 4);
}

static void put_scan(struct rs_material *m, struct rs_str source, const struct rs_event *event,
                     enum rs_identity identity)
{
    bool code = event->code.n && (identity != RS_IDENTITY_TEXT || !event->text.n);
    bool text = event->text.n && (identity != RS_IDENTITY_CODE || !event->code.n);
    static const struct rs_str none;
    const struct rs_place *place = &event->place;
    const struct rs_str *const fields[] = {
        code ? &event->code : &none,
        text ? &event->text : &none,
        &place->country,
        &place->region,
        &place->city,
        &place->name,
    };
    rs_material_open(m, 'F');
    put_str(m, source);
    rs_material_int(m, event->instant_us);
    put_folded_fields(m, fields, sizeof fields / sizeof *fields);
}

static void put_id(struct rs_material *m, struct rs_str source, struct rs_str id)
{
    rs_material_open(m, 'I');
    put_str(m, source);
    put_str(m, id);
}

struct rs_key rs_fp_of_reported(struct rs_str source, int64_t anchor_us, const struct rs_event *event)
{
    struct rs_material m;
    rs_material_open(&m, 'R');
    put_str(&m, source);
    rs_material_int(&m, anchor_us);
    rs_material_folded(&m, event->code.n ? event->code : event->text);
    return rs_material_key(&m);
}

static void put_said(struct rs_material *m, struct rs_str source, const struct rs_event *event,
                     const struct rs_str *context, uint32_t context_n)
{
    const struct rs_place *place = &event->place;
    const struct rs_str *const fields[] = {
        &source,         &event->code,   &event->text, &event->time, &event->zone,
        &place->country, &place->region, &place->city, &place->name,
    };
    rs_material_open(m, 'S');
    put_fields(m, fields, sizeof fields / sizeof *fields);
    for (uint32_t i = 0; i < context_n; i++) put_str(m, context[i]);
}

struct rs_key rs_fp_of_scan(struct rs_str source, const struct rs_event *event, enum rs_identity identity)
{
    struct rs_material m;
    put_scan(&m, source, event, identity);
    return rs_material_key(&m);
}

struct rs_key rs_fp_of_id(struct rs_str source, struct rs_str id)
{
    struct rs_material m;
    put_id(&m, source, id);
    return rs_material_key(&m);
}

struct rs_key rs_said_of(struct rs_str source, const struct rs_event *event, const struct rs_str *context,
                         uint32_t context_n)
{
    struct rs_material m;
    put_said(&m, source, event, context, context_n);
    return rs_material_key(&m);
}

/* ---- both at once ---------------------------------------------------------------- */

static inline char *spell(char *out, struct rs_str s)
{
    rs_put_32(out, big_endian ? s.n : __builtin_bswap32(s.n));
    rs_copy_word(out + 4, s.p, s.n);
    return out + 4 + s.n;
}

/* Room for all of an event's words, its source's name, the context, a tag and
 * an instant, as nearly every event has. */
static bool fits_at_once(struct rs_str source, const struct rs_str *context, uint32_t context_n,
                         const struct rs_event *event)
{
    const struct rs_place *place = &event->place;
    uint64_t total = 2 + 8 + (UINT64_C(9) + context_n) * 4;
    total += (uint64_t)source.n + event->code.n + event->text.n + event->time.n + event->zone.n;
    total += (uint64_t)place->country.n + place->region.n + place->city.n + place->name.n;
    for (uint32_t i = 0; i < context_n; i++) total += context[i].n;
    return total <= sizeof((struct rs_material *)0)->bytes;
}

/* put_scan and put_said where all fits and nothing is to be folded: the place,
 * which ends the one and stands in the other, is spelled once. */
static bool keys_at_once(struct rs_str source, enum rs_identity identity, const struct rs_str *context,
                         uint32_t context_n, struct rs_event *event)
{
    const struct rs_place *place = &event->place;
    struct rs_str code = event->code, text = event->text;
    if (!fits_at_once(source, context, context_n, event)) return false;
    if (identity == RS_IDENTITY_TEXT && text.n) code = RS_STR_NONE;
    if (identity == RS_IDENTITY_CODE && event->code.n) text = RS_STR_NONE;
    if (!is_folded(code) || !is_folded(text) || !is_folded(place->country) || !is_folded(place->region) ||
        !is_folded(place->city) || !is_folded(place->name)) {
        return false;
    }
    struct rs_material fp, said;
    rs_material_open(&fp, 'F');
    char *out = spell(fp.bytes + fp.n, source), *at;
    rs_put_64(out, big_endian ? (uint64_t)event->instant_us : __builtin_bswap64((uint64_t)event->instant_us));
    at = spell(spell(out + 8, code), text);
    out = spell(spell(spell(spell(at, place->country), place->region), place->city), place->name);
    size_t place_n = (size_t)(out - at);
    event->fp = rs_key_of(fp.bytes, (size_t)(out - fp.bytes));

    rs_material_open(&said, 'S');
    out = spell(spell(said.bytes + said.n, source), event->code);
    out = spell(spell(spell(out, event->text), event->time), event->zone);
    out = (char *)memcpy(out, at, place_n) + place_n;
    for (uint32_t i = 0; i < context_n; i++) out = spell(out, context[i]);
    event->said = rs_key_of(said.bytes, (size_t)(out - said.bytes));
    return true;
}

void rs_event_keys(struct rs_str source, struct rs_str id, enum rs_identity identity, const struct rs_str *context,
                   uint32_t context_n, struct rs_event *event)
{
    struct rs_material m;
    if (!id.n && keys_at_once(source, identity, context, context_n, event)) return;
    if (id.n) put_id(&m, source, id);
    else put_scan(&m, source, event, identity);
    event->fp = rs_material_key(&m);
    put_said(&m, source, event, context, context_n);
    event->said = rs_material_key(&m);
}

struct rs_key rs_facts_key(const struct rs_facts *facts)
{
    struct rs_material m;
    rs_material_open(&m, 'P');
    put_place(&m, &facts->origin);
    put_place(&m, &facts->destination);
    put_str(&m, facts->service);
    put_str(&m, facts->order);
    rs_material_int(&m, facts->promised.from_us);
    rs_material_int(&m, facts->promised.to_us);
    rs_material_int(&m, facts->estimated.from_us);
    rs_material_int(&m, facts->estimated.to_us);
    put_str(&m, facts->signed_by);
    rs_material_int(&m, facts->signed_us);
    return rs_material_key(&m);
}
