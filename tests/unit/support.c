#include "support.h"

#include <sys/random.h>

#include "rastro/file.h"

#define FILE_MAX (16u << 20)

struct rs_arena *rs_test_arena(void)
{
    static struct rs_arena *arena;
    if (!arena) arena = rs_arena_new(64 << 10);
    return arena;
}

struct rs_str rs_test_json(const char *text)
{
    struct rs_str s = rs_str_of(text);
    char *copy = rs_arena_get(rs_test_arena(), s.n + 1);
    for (uint32_t i = 0; i <= s.n; i++) copy[i] = text[i] == '\'' ? '"' : text[i];
    return (struct rs_str){copy, s.n};
}

struct rs_str rs_test_say(const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cr_assert(n >= 0 && (size_t)n < sizeof text);
    char *copy = rs_arena_get(rs_test_arena(), (size_t)n + 1);
    memcpy(copy, text, (size_t)n + 1);
    return (struct rs_str){copy, (uint32_t)n};
}

/* ---- chance ---------------------------------------------------------------------- */

uint64_t rs_test_seed(void)
{
    uint64_t seed;
    const char *given = getenv("RASTRO_SEED");
    if (given) {
        seed = strtoull(given, NULL, 0);
    } else {
        cr_assert(getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed);
    }
    fprintf(stderr, "RASTRO_SEED=%#llx\n", (unsigned long long)seed);
    return seed;
}

/* splitmix64: any state is a good one. */
uint64_t rs_test_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t rs_test_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(rs_test_next(state) % n);
}

/* ---- the source tree --------------------------------------------------------------- */

struct rs_str rs_test_file(const char *path)
{
    struct rs_buf buf = {0};
    struct rs_diag diag;
    cr_assert(rs_file_read(path, FILE_MAX, &buf, &diag) == RS_OK, "%s", diag.text);
    char *copy = rs_arena_get(rs_test_arena(), buf.n + 1);
    if (buf.n) memcpy(copy, buf.p, buf.n);
    copy[buf.n] = '\0';
    struct rs_str text = {copy, (uint32_t)buf.n};
    rs_buf_free(&buf);
    return text;
}

const struct rs_catalog *rs_test_catalog(void)
{
    static struct rs_catalog catalog;
    struct rs_diag diag;
    if (catalog.arena) return &catalog;
    rs_catalog_init(&catalog);
    int err = rs_catalog_read_statuses(&catalog, "status.json", rs_test_file(RASTRO_SCHEMA "/status.json"), &diag);
    if (!err) {
        struct rs_str text = rs_test_file(RASTRO_SCHEMA "/carriers.json");
        err = rs_catalog_read_carriers(&catalog, "carriers.json", text, &diag);
    }
    if (!err) {
        struct rs_str text = rs_test_file(RASTRO_SCHEMA "/countries.json");
        err = rs_catalog_read_countries(&catalog, "countries.json", text, &diag);
    }
    cr_assert(err == RS_OK, "%s", diag.text);
    return &catalog;
}

struct rs_zones *rs_test_zones(void)
{
    static struct rs_zones *zones;
    struct rs_diag diag;
    if (!zones) cr_assert(rs_zones_open(&zones, &diag) == RS_OK, "%s", diag.text);
    return zones;
}

static void add_profile(struct rs_profiles *profiles, const char *file, struct rs_str text)
{
    struct rs_diag diag;
    struct rs_profile *profile;
    int err = rs_profile_compile(rs_test_catalog(), rs_test_zones(), file, text, &profile, &diag);
    if (!err) err = rs_profiles_add(profiles, profile, &diag);
    cr_assert(err == RS_OK, "%s", diag.text);
}

const struct rs_profiles *rs_test_profiles(void)
{
    static struct rs_profiles profiles;
    if (profiles.count) return &profiles;
    struct rs_diag diag;
    char **names;
    size_t n;
    cr_assert(rs_dir_list(RASTRO_SCHEMA "/sources", ".json", &names, &n, &diag) == RS_OK, "%s", diag.text);
    for (size_t i = 0; i < n; i++) {
        struct rs_str path = rs_test_say(RASTRO_SCHEMA "/sources/%s", names[i]);
        add_profile(&profiles, path.p, rs_test_file(path.p));
        free(names[i]);
    }
    free(names);
    return &profiles;
}

const struct rs_status *rs_test_status(const char *name)
{
    const struct rs_status *status = rs_status_named(rs_test_catalog(), rs_str_of(name));
    cr_assert(status, "no status %s", name);
    return status;
}

const struct rs_calendars *rs_test_calendars(void)
{
    static struct rs_calendars calendars;
    struct rs_diag diag;
    if (calendars.count) return &calendars;
    struct rs_str text = rs_test_file(RASTRO_SCHEMA "/calendars.json");
    int err = rs_calendars_read(&calendars, rs_test_zones(), "calendars.json", text, &diag);
    cr_assert(err == RS_OK, "%s", diag.text);
    return &calendars;
}

const struct rs_rules *rs_test_rules(void)
{
    static struct rs_rules *rules;
    struct rs_diag diag;
    if (rules) return rules;
    struct rs_str text = rs_test_file(RASTRO_SCHEMA "/stalls.json");
    int err = rs_rules_read(rs_test_catalog(), rs_test_calendars(), "stalls.json", text, &rules, &diag);
    cr_assert(err == RS_OK, "%s", diag.text);
    return rules;
}

/* ---- decoding ------------------------------------------------------------------------ */

const struct rs_profile *rs_test_profile(const char *text)
{
    struct rs_profiles *profiles = rs_arena_zero(rs_test_arena(), sizeof *profiles);
    add_profile(profiles, "p.json", rs_test_json(text));
    return profiles->profile[0];
}

const char *rs_test_profile_error(const char *text)
{
    struct rs_profile *profile = NULL;
    struct rs_diag *diag = rs_arena_zero(rs_test_arena(), sizeof *diag);
    struct rs_str json = rs_test_json(text);
    int err = rs_profile_compile(rs_test_catalog(), rs_test_zones(), "p.json", json, &profile, diag);
    cr_assert(err == RS_E_CONFIG && diag->err == RS_E_CONFIG, "compiled, or another error: %s", text);
    cr_assert(profile == NULL, "an output was touched by a failure");
    return diag->text;
}

const char rs_test_plain_profile[] =
    "{'source': 'plain',\n"
    " 'identity': {\n"
    "  'version': 1,\n"
    "  'shapes': [{'name': 'a', 'when': ['$.number'], 'history': 'full', 'parcel': '$', 'event': '@.events[*]'}],\n"
    "  'parcel': {'number': '@.number', 'carrier': {'at': '@.carrier'}, 'updated': {'at': '@.updated', 'as': 'iso'}},\n"
    "  'event': {'code': '@.code', 'text': '@.text', 'identity': 'both', 'time': {'at': '@.time', 'as': 'iso'},\n"
    "            'place': {'country': '@.country', 'region': '@.region', 'city': '@.city', 'name': '@.name'}}\n"
    " },\n"
    " 'meaning': {'version': 1, 'codes': {'ACC': 'accepted.scan', 'MOV': 'transit.moving', 'DEL': 'delivered.other'}}\n"
    "}";

static struct rs_message decode(const struct rs_profiles *profiles, const char *source, struct rs_str value)
{
    struct rs_decoder_options options = {.future_us = 15 * RS_MINUTE_US};
    struct rs_decoder *decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), profiles, &options);
    struct rs_record record = {
        .topic = RS_LIT("test"),
        .offset = 7,
        .time_us = RS_TEST_PUBLISHED,
        .value = value,
        .source = rs_str_of(source),
    };
    struct rs_message message;
    rs_decode(decoder, &record, rs_test_arena(), &message);
    rs_decoder_free(decoder);
    return message;
}

struct rs_message rs_test_decode(const char *source, struct rs_str value)
{
    return decode(rs_test_profiles(), source, value);
}

struct rs_message rs_test_decode_with(const struct rs_profile *profile, struct rs_str value)
{
    struct rs_profile *only = (struct rs_profile *)(uintptr_t)profile;
    struct rs_profiles profiles = {&only, 1};
    return decode(&profiles, NULL, value);
}

int64_t rs_test_instant(const char *text)
{
    int64_t us;
    cr_assert(rs_time_parse(rs_str_of(text), &us), "%s is no instant", text);
    return us;
}

const char *rs_test_time(int64_t instant_us)
{
    if (instant_us == RS_INSTANT_NONE) return "none";
    return rs_time_text(instant_us, rs_arena_get(rs_test_arena(), RS_TIME_TEXT_MAX));
}

const char *rs_test_hex(struct rs_key key)
{
    char *text = rs_arena_get(rs_test_arena(), 33);
    rs_hex(key.b, sizeof key.b, text);
    return text;
}
