/* The stored keys.  The values here are what databases hold: a change of one of
 * them makes every scan of the world new again.  They were worked out apart from
 * the code, as SHA-256 over the form that keys.c describes. */
#include "keys.h"

#include "support.h"

#define INSTANT_US INT64_C(1748410407000000)

static const struct rs_event scan = {
    .instant_us = INSTANT_US,
    .code = RS_LIT("DEP"),
    .text = RS_LIT("Departed"),
    .time = RS_LIT("2025-05-28 13:33:27"),
    .zone = RS_LIT("+8"),
    .place = {RS_LIT("CN"), RS_LIT("GD"), RS_LIT("Guangzhou"), RS_LIT("Guangzhou centre"), "CN"},
};
static const struct rs_str source = RS_LIT("china-post");

#define assert_key(key, hex) cr_expect_str_eq(rs_test_hex(key), hex)

Test(keys, keep_their_frozen_values)
{
    struct rs_event bare = {0};
    struct rs_event before = {.instant_us = -1, .code = RS_LIT("DEP")};
    struct rs_event worded = scan;
    worded.code = RS_STR_NONE;
    const struct rs_str context[] = {RS_LIT("x"), RS_STR_NONE};
    assert_key(rs_fp_of_scan(source, &scan, RS_IDENTITY_BOTH), "f42ee8b3257af24cabb999cd672532b7");
    assert_key(rs_fp_of_scan(source, &scan, RS_IDENTITY_CODE), "c1f72f8fcf8072c373445a073c007dd2");
    assert_key(rs_fp_of_scan(source, &scan, RS_IDENTITY_TEXT), "803d81e5500e7335828c9ac9e4be2645");
    assert_key(rs_fp_of_scan(RS_STR_NONE, &bare, RS_IDENTITY_BOTH), "b6115b8a52d3447398b5e2a8926a0f3b");
    assert_key(rs_fp_of_scan(source, &before, RS_IDENTITY_BOTH), "e6d6a48ef31863a1fde4d08a950128a9");
    assert_key(rs_fp_of_id(source, RS_LIT("evt-1")), "34017d449769ce2db2277ba1714fced2");
    assert_key(rs_fp_of_reported(source, INSTANT_US, &scan), "195378a675d2c40fd566a00a6a788c90");
    assert_key(rs_fp_of_reported(source, INSTANT_US, &worded), "89f183602f24a86275aaa311d9676751");
    assert_key(rs_said_of(source, &scan, NULL, 0), "dc897fd81af354332bfedbf76d5cd07f");
    assert_key(rs_said_of(source, &scan, context, 2), "922feadf0afadacce721239ced478878");
}

Test(keys, keep_the_frozen_value_of_a_long_text)
{
    char text[3000];
    memset(text, 'x', sizeof text);
    struct rs_event e = scan;
    e.text = (struct rs_str){text, sizeof text};
    assert_key(rs_fp_of_scan(source, &e, RS_IDENTITY_BOTH), "faabf6ba56066c6c81784ac9d858fc74");
    text[2999] = 'y';
    cr_expect(strcmp(rs_test_hex(rs_fp_of_scan(source, &e, RS_IDENTITY_BOTH)), "faabf6ba56066c6c81784ac9d858fc74"),
              "the last byte counts");
}

Test(keys, keep_the_frozen_value_of_facts)
{
    struct rs_facts facts = {
        .origin = {.country = RS_LIT("CN"), .city = RS_LIT("Shenzhen")},
        .destination = {RS_LIT("BR"), RS_LIT("SP"), RS_LIT("Campinas"), RS_LIT("13010"), "BR"},
        .service = RS_LIT("registered"),
        .order = RS_LIT("order-7"),
        .promised = {RS_INSTANT_NONE, INSTANT_US},
        .estimated = {RS_INSTANT_NONE, RS_INSTANT_NONE},
        .signed_by = RS_LIT("A. Silva"),
        .signed_us = RS_INSTANT_NONE,
    };
    assert_key(rs_facts_key(&facts), "171065e38343ab44d4fde65438dd7b7d");
}

/* ---- what tells events apart -------------------------------------------------------- */

typedef struct rs_key key_fn(const struct rs_event *event);

static struct rs_key fp_both(const struct rs_event *e)
{
    return rs_fp_of_scan(source, e, RS_IDENTITY_BOTH);
}
static struct rs_key fp_code(const struct rs_event *e)
{
    return rs_fp_of_scan(source, e, RS_IDENTITY_CODE);
}
static struct rs_key fp_text(const struct rs_event *e)
{
    return rs_fp_of_scan(source, e, RS_IDENTITY_TEXT);
}
static struct rs_key said(const struct rs_event *e)
{
    return rs_said_of(source, e, NULL, 0);
}

Test(keys, change_with_what_the_identity_names)
{
    /* For each field: does another word make another key? */
    static const struct {
        const char *field;
        bool both, code, text, said;
    } table[] = {
        {"code", true, true, false, true},    {"text", true, false, true, true},
        {"time", false, false, false, true},  {"zone", false, false, false, true},
        {"country", true, true, true, true},  {"region", true, true, true, true},
        {"city", true, true, true, true},     {"name", true, true, true, true},
        {"instant", true, true, true, false}, {"stage", false, false, false, false},
    };
    static key_fn *const keys[] = {fp_both, fp_code, fp_text, said};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct rs_event e = scan;
        struct rs_str *fields[] = {&e.code,          &e.text,         &e.time,       &e.zone,
                                   &e.place.country, &e.place.region, &e.place.city, &e.place.name};
        if (i < COUNT(fields)) *fields[i] = RS_LIT("other");
        else if (!strcmp(table[i].field, "instant")) e.instant_us++;
        else e.status = rs_test_status("delivered.other");
        bool want[] = {table[i].both, table[i].code, table[i].text, table[i].said};
        for (size_t k = 0; k < COUNT(keys); k++) {
            bool differs = !rs_key_eq(keys[k](&scan), keys[k](&e));
            cr_expect(differs == want[k], "%s, key %zu", table[i].field, k);
        }
    }
    cr_expect(!rs_key_eq(fp_both(&scan), rs_fp_of_scan(RS_LIT("other"), &scan, RS_IDENTITY_BOTH)), "the source");
}

Test(keys, put_the_other_word_in_place_of_a_missing_one)
{
    struct rs_event e = scan;
    e.code = RS_STR_NONE;
    struct rs_event other = e;
    other.text = RS_LIT("Arrived");
    cr_expect(!rs_key_eq(fp_code(&e), fp_code(&other)), "without a code, the text counts");
    e = other = scan;
    e.text = other.text = RS_STR_NONE;
    other.code = RS_LIT("ARR");
    cr_expect(!rs_key_eq(fp_text(&e), fp_text(&other)), "without a text, the code counts");
    cr_expect(rs_key_eq(fp_text(&e), fp_code(&e)), "and then both rules agree");
}

Test(keys, fold_white_space_in_fp_but_not_in_said)
{
    static const char *const spellings[] = {"Guangzhou centre",  " Guangzhou centre", "Guangzhou centre ",
                                            "Guangzhou  centre", "Guangzhou\tcentre", "\n Guangzhou \r\n centre  "};
    for (size_t i = 0; i < COUNT(spellings); i++) {
        struct rs_event e = scan;
        e.place.name = rs_str_of(spellings[i]);
        cr_expect(rs_key_eq(fp_both(&e), fp_both(&scan)), "'%s'", spellings[i]);
        cr_expect(rs_key_eq(said(&e), said(&scan)) == (i == 0), "'%s'", spellings[i]);
    }
    struct rs_event e = scan;
    e.place.name = RS_LIT("Guangzhoucentre");
    cr_expect(!rs_key_eq(fp_both(&e), fp_both(&scan)), "a space is not nothing");
    e.place.name = RS_LIT("guangzhou centre");
    cr_expect(!rs_key_eq(fp_both(&e), fp_both(&scan)), "letters are as they are");
}

Test(keys, fold_long_texts_as_short_ones)
{
    char plain[4096], spaced[4096];
    memset(plain, 'x', sizeof plain);
    memset(spaced, 'x', sizeof spaced);
    plain[2000] = spaced[2000] = spaced[2001] = ' ';
    struct rs_event a = scan, b = scan;
    a.text = (struct rs_str){plain, 4095};
    b.text = (struct rs_str){spaced, 4096};
    cr_expect(rs_key_eq(fp_both(&a), fp_both(&b)));
    spaced[4095] = 'y';
    cr_expect(!rs_key_eq(fp_both(&a), fp_both(&b)), "the last byte counts");
}

/* Every field at lengths around those at which the material is full, with and
 * without what is to be folded, under each identity and with and without an id. */
Test(keys, are_the_same_both_at_once_as_one_by_one)
{
    enum { SHORT = 40, LONG = 760, LENGTHS = SHORT + 300 };
    char plain[1100], odd[1100];
    memset(plain, 'x', sizeof plain);
    memset(odd, 'x', sizeof odd);
    for (size_t i = 0; i < sizeof odd; i += 3) odd[i] = ' ';
    for (uint32_t i = 0; i < 11 * LENGTHS * 2 * 3 * 2; i++) {
        uint32_t field = i % 11, length = i / 11 % LENGTHS, way = i / 11 / LENGTHS;
        if (length >= SHORT) length += LONG - SHORT;
        enum rs_identity identity = (enum rs_identity)(way / 2 % 3);
        struct rs_event event = scan;
        struct rs_str name = source, id = way / 6 ? RS_LIT("id") : RS_STR_NONE;
        struct rs_str context[] = {RS_LIT("one"), RS_LIT("two")};
        struct rs_str *fields[] = {&name,       &event.code,          &event.text,         &event.time,
                                   &event.zone, &event.place.country, &event.place.region, &event.place.city,
                                   &context[0], &context[1],          &event.place.name};
        *fields[field] = (struct rs_str){way % 2 ? odd : plain, length};
        rs_event_keys(name, id, identity, context, 2, &event);
        struct rs_key fp = id.n ? rs_fp_of_id(name, id) : rs_fp_of_scan(name, &event, identity);
        cr_assert(rs_key_eq(event.fp, fp), "fp, field %u of %u bytes", field, length);
        cr_assert(rs_key_eq(event.said, rs_said_of(name, &event, context, 2)), "said, field %u, %u", field, length);
    }
}

/* ---- no two lists of fields share bytes ------------------------------------------------ */

static struct rs_key key_of_fields(char tag, const struct rs_str *field, uint32_t n)
{
    struct rs_material m;
    rs_material_open(&m, tag);
    for (uint32_t i = 0; i < n; i++) rs_material_str(&m, field[i]);
    return rs_material_key(&m);
}

Test(keys, know_where_a_field_ends)
{
    static const struct {
        struct rs_str field[3];
        uint32_t n;
    } lists[] = {
        {{RS_LIT("ab"), RS_LIT("c")}, 2},
        {{RS_LIT("a"), RS_LIT("bc")}, 2},
        {{RS_LIT("abc")}, 1},
        {{RS_LIT("abc"), RS_LIT("")}, 2},
        {{RS_LIT(""), RS_LIT("abc")}, 2},
        {{RS_LIT(""), RS_LIT(""), RS_LIT("abc")}, 3},
        {{RS_LIT("")}, 1},
        {{RS_LIT(""), RS_LIT("")}, 2},
        {{RS_LIT("\0\0\0\1x")}, 1},
        {{RS_LIT(""), RS_LIT("x")}, 2},
        {{RS_LIT("a\0\0\0\1b")}, 1},
        {{RS_LIT("a"), RS_LIT("b")}, 2},
    };
    for (size_t a = 0; a < COUNT(lists); a++) {
        for (size_t b = a + 1; b < COUNT(lists); b++) {
            struct rs_key x = key_of_fields('T', lists[a].field, lists[a].n);
            struct rs_key y = key_of_fields('T', lists[b].field, lists[b].n);
            cr_expect(!rs_key_eq(x, y), "lists %zu and %zu", a, b);
        }
        cr_expect(
            !rs_key_eq(key_of_fields('T', lists[a].field, lists[a].n), key_of_fields('U', lists[a].field, lists[a].n)),
            "the tag counts");
    }
}

/* Every way to cut one text into fields gives a key of its own, also where the
 * material is longer than its room. */
Test(keys, tell_every_cut_of_a_text_apart)
{
    enum { LENGTH = 1500, CUTS = 60 };
    char text[LENGTH];
    memset(text, 'x', sizeof text);
    struct rs_key key[CUTS];
    for (uint32_t i = 0; i < CUTS; i++) {
        uint32_t at = i * (LENGTH / CUTS);
        const struct rs_str field[] = {{text, at}, {text + at, LENGTH - at}};
        key[i] = key_of_fields('T', field, 2);
        for (uint32_t k = 0; k < i; k++) cr_assert(!rs_key_eq(key[i], key[k]), "cuts %u and %u", i, k);
    }
}

Test(keys, take_integers_in_full)
{
    static const int64_t values[] = {0, 1, -1, 256, INT64_MAX, INT64_MIN, INT64_C(1) << 32, INT64_C(1) << 56};
    for (size_t a = 0; a < COUNT(values); a++) {
        for (size_t b = 0; b < a; b++) {
            struct rs_material x, y;
            rs_material_open(&x, 'T');
            rs_material_open(&y, 'T');
            rs_material_int(&x, values[a]);
            rs_material_int(&y, values[b]);
            cr_expect(!rs_key_eq(rs_material_key(&x), rs_material_key(&y)), "%zu and %zu", a, b);
        }
    }
}

/* ---- the same through decoding --------------------------------------------------------------- */

static struct rs_event decoded(const char *event)
{
    const struct rs_profile *profile = rs_test_profile(rs_test_plain_profile);
    struct rs_str json = rs_test_say("{'number': 'RB123456785CN', 'events': [%s]}", event);
    struct rs_message m = rs_test_decode_with(profile, rs_test_json(json.p));
    cr_assert(m.report_count == 1 && m.report[0].event_count == 1, "%s: %.*s", event, RS_FMT(m.reason));
    return m.report[0].event[0];
}

Test(keys, take_null_and_empty_and_absent_for_the_same)
{
    static const char *const spellings[] = {
        "{'code': 'ACC', 'time': '2025-05-28T05:33:27Z', 'country': 'CN'}",
        "{'code': 'ACC', 'time': '2025-05-28T05:33:27Z', 'country': 'CN', 'city': null, 'text': null}",
        "{'code': 'ACC', 'time': '2025-05-28T05:33:27Z', 'country': 'CN', 'city': '', 'text': ''}",
        "{'text': '  ', 'city': ' \\t', 'code': 'ACC', 'time': '2025-05-28T05:33:27Z', 'country': 'CN'}",
    };
    struct rs_event first = decoded(spellings[0]);
    for (size_t i = 1; i < COUNT(spellings); i++) {
        struct rs_event e = decoded(spellings[i]);
        cr_expect(rs_key_eq(e.fp, first.fp) && rs_key_eq(e.said, first.said), "%s", spellings[i]);
    }
}

Test(keys, take_one_instant_in_any_spelling_for_one_event)
{
    static const char *const spellings[] = {
        "2025-05-28T05:33:00Z",      "2025-05-28T05:33Z",   "2025-05-28T05:33:00.000Z", "2025-05-28T13:33:00+08:00",
        "2025-05-28 02:33:00 -0300", "2025-05-28T05:33:00", "2025-05-27T24:00:00-05:33"};
    struct rs_event first = decoded("{'code': 'ACC', 'time': '2025-05-28T05:33:00Z'}");
    for (size_t i = 1; i < COUNT(spellings); i++) {
        struct rs_event e = decoded(rs_test_say("{'code': 'ACC', 'time': '%s'}", spellings[i]).p);
        cr_expect(rs_key_eq(e.fp, first.fp), "%s: another event", spellings[i]);
        cr_expect(!rs_key_eq(e.said, first.said), "%s: the same words", spellings[i]);
    }
    struct rs_event later = decoded("{'code': 'ACC', 'time': '2025-05-28T05:33:00.000001Z'}");
    cr_expect(!rs_key_eq(later.fp, first.fp), "a microsecond counts");
}
