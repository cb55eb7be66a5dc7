#include "rastro/rules.h"

#include <limits.h>
#include <stdlib.h>

#include "rastro/duration.h"
#include "reader.h"
#include "rules_private.h"

#define RULES_MAX 512
/* Longer services are none that a rule names. */
#define SERVICE_MAX 64

struct rs_rules {
    struct rs_arena *arena; /* owns the strings */
    const struct rs_catalog *catalog;
    uint32_t version, count;
    struct rs_key key;
    struct rs_rule *rule;
    struct rs_rule_fits *fits;
    struct rs_strmap carrier, service, country; /* words that rules name -> value of a side */
};

struct reading {
    struct rs_reader r;
    struct rs_rules *rules;
    const struct rs_calendars *calendars;
    struct rs_strmap names, kinds, legs, stages;
};

const char *rs_stall_kind_name(enum rs_stall_kind kind)
{
    static const char *const names[] = {
#define X(name, id, text) text,
        RS_STALL_KINDS(X)
#undef X
    };
    return names[kind];
}

uint8_t rs_stall_kind_id(enum rs_stall_kind kind)
{
    static const uint8_t ids[] = {
#define X(name, id, text) id,
        RS_STALL_KINDS(X)
#undef X
    };
    return ids[kind];
}

enum rs_stall_kind rs_stall_kind_numbered(uint8_t id)
{
    for (enum rs_stall_kind kind = 0; kind < RS_STALL__COUNT; kind++) {
        if (rs_stall_kind_id(kind) == id) return kind;
    }
    return RS_STALL__COUNT;
}

const char *rs_leg_name(enum rs_leg leg)
{
    static const char *const names[] = {
#define X(name) #name,
        RS_LEGS(X)
#undef X
    };
    return names[leg];
}

/* ---- the sides of a rule ---------------------------------------------------------- */

typedef int read_value_fn(struct reading *reading, uint32_t at, struct rs_str word, struct rs_rule_fits *fits);

/* The word's number on a side; words get them as they are named. */
static int value_of(struct reading *reading, uint32_t at, struct rs_strmap *map, struct rs_str word, uint32_t *ret)
{
    uint32_t value = rs_strmap_get(map, word);
    if (value == RS_STRMAP_NONE) {
        value = map->count;
        if (value == RS_VALUE_OTHER) return rs_reader_fail(&reading->r, at, "more than %d words", RS_VALUE_OTHER);
        rs_strmap_add(map, rs_arena_str(reading->rules->arena, word), value);
    }
    *ret = value;
    return RS_OK;
}

static int read_carrier(struct reading *reading, uint32_t at, struct rs_str word, struct rs_rule_fits *fits)
{
    uint32_t value = 0;
    if (!rs_carrier_named(reading->rules->catalog, word)) {
        return rs_reader_unknown(&reading->r, at, "carrier", word, &reading->rules->catalog->carrier_by_id);
    }
    int err = value_of(reading, at, &reading->rules->carrier, word, &value);
    if (!err) rs_set_add(&fits->box[0].side[RS_SIDE_CARRIER], value);
    return err;
}

static int read_service(struct reading *reading, uint32_t at, struct rs_str word, struct rs_rule_fits *fits)
{
    char room[SERVICE_MAX];
    uint32_t value = 0;
    if (!word.n || word.n > SERVICE_MAX) return rs_reader_fail(&reading->r, at, "empty, or over %d bytes", SERVICE_MAX);
    int err = value_of(reading, at, &reading->rules->service, rs_str_lower(word, room, SERVICE_MAX), &value);
    if (!err) rs_set_add(&fits->box[0].side[RS_SIDE_SERVICE], value);
    return err;
}

/* A stage, such as customs, or a status of it, such as customs.held. */
static bool add_stage(const struct rs_catalog *catalog, struct rs_str word, struct rs_set *set)
{
    bool found = false;
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        const struct rs_status *s = &catalog->status[i];
        if (!rs_str_eq(s->stage, word) && !rs_str_eq(s->name, word)) continue;
        rs_set_add(set, s->rank);
        found = true;
    }
    return found;
}

static int read_stage_into(struct reading *reading, uint32_t at, struct rs_str word, struct rs_set *set)
{
    if (add_stage(reading->rules->catalog, word, set)) return RS_OK;
    return rs_reader_unknown(&reading->r, at, "stage", word, &reading->stages);
}

static int read_stage(struct reading *reading, uint32_t at, struct rs_str word, struct rs_rule_fits *fits)
{
    struct rs_set *set = &fits->box[0].side[RS_SIDE_STATUS];
    if (rs_str_is(word, "info")) rs_set_add(set, RS_VALUE_OTHER); /* registered, and no scan yet */
    return read_stage_into(reading, at, word, set);
}

static int read_leg(struct reading *reading, uint32_t at, struct rs_str word, struct rs_rule_fits *fits)
{
    uint32_t leg = rs_strmap_get(&reading->legs, word);
    if (leg == RS_STRMAP_NONE) return rs_reader_unknown(&reading->r, at, "leg", word, &reading->legs);
    rs_set_add(&fits->box[0].side[RS_SIDE_LEG], leg);
    return RS_OK;
}

/* One end of a lane: a country, or * for any. */
static int read_end(struct reading *reading, uint32_t at, struct rs_str word, struct rs_set *set)
{
    uint32_t value;
    if (rs_str_is(word, "*")) {
        *set = rs_set_all();
        return RS_OK;
    }
    const struct rs_country *country = rs_country_of(reading->rules->catalog, word);
    if (word.n != 2 || !country || !rs_str_eq(country->iso2, word)) {
        return rs_reader_fail(&reading->r, at, "\"%.*s\" is no country such as BR", RS_FMT(word));
    }
    int err = value_of(reading, at, &reading->rules->country, word, &value);
    if (!err) rs_set_add(set, value);
    return err;
}

/* CN-BR, *-BR: a box of its own each. */
static int read_lane(struct reading *reading, uint32_t at, struct rs_str word, struct rs_rule_fits *fits)
{
    const char *dash = word.n ? memchr(word.p, '-', word.n) : NULL;
    if (!dash) return rs_reader_fail(&reading->r, at, "\"%.*s\" is no lane such as CN-BR or *-BR", RS_FMT(word));
    if (fits->n == RS_LANES_MAX) return rs_reader_fail(&reading->r, at, "more than %d lanes", RS_LANES_MAX);
    struct rs_str from = {word.p, (uint32_t)(dash - word.p)}, to = {dash + 1, word.n - from.n - 1};
    struct rs_box *box = &fits->box[fits->n++];
    int err = read_end(reading, at, from, &box->side[RS_SIDE_FROM]);
    return err ? err : read_end(reading, at, to, &box->side[RS_SIDE_TO]);
}

/* One word or a list of them. */
static int read_words(struct reading *reading, uint32_t at, struct rs_rule_fits *fits, read_value_fn *take)
{
    const struct rs_json_node *node = reading->r.json.node;
    struct rs_str word;
    if (node[at].type == RS_JSON_STRING) {
        int err = rs_reader_string(&reading->r, at, &word);
        return err ? err : take(reading, at, word, fits);
    }
    int err = rs_reader_array(&reading->r, at);
    if (!err && node[at].next == at + 1) err = rs_reader_fail(&reading->r, at, "an empty list fits nothing");
    for (uint32_t c = at + 1; !err && c < node[at].next; c = node[c].next) {
        err = rs_reader_string(&reading->r, c, &word);
        if (!err) err = take(reading, c, word, fits);
    }
    return err;
}

/* ", leg customs last_mile" */
static void say_words(const struct reading *reading, uint32_t at, const char *key, struct rs_buf *buf)
{
    const struct rs_json_node *node = reading->r.json.node;
    rs_buf_printf(buf, "%s%s", buf->n ? ", " : "", key);
    for (uint32_t c = node[at].type == RS_JSON_STRING ? at : at + 1; c < node[at].next; c = node[c].next) {
        rs_buf_printf(buf, " %.*s", RS_FMT(node[c].s));
    }
}

/* What a rule fits.  A side that it does not name is open. */
static int read_fits(struct reading *reading, uint32_t at, struct rs_rule_fits *fits, struct rs_str *ret_said)
{
    static const struct {
        const char *key;
        enum rs_side side;
        read_value_fn *take;
    } sides[] = {{"carrier", RS_SIDE_CARRIER, read_carrier},
                 {"service", RS_SIDE_SERVICE, read_service},
                 {"stage", RS_SIDE_STATUS, read_stage},
                 {"leg", RS_SIDE_LEG, read_leg},
                 {"lane", RS_SIDE_FROM, read_lane}};
    struct rs_buf said = {0};
    int err = RS_OK;
    *fits = (struct rs_rule_fits){.n = 0};
    for (size_t i = 0; !err && i < sizeof sides / sizeof *sides; i++) {
        uint32_t words = rs_json_member(&reading->r.json, at, sides[i].key);
        if (words) err = read_words(reading, words, fits, sides[i].take);
        else fits->box[0].side[sides[i].side] = rs_set_all();
        if (words) say_words(reading, words, sides[i].key, &said);
    }
    *ret_said = rs_arena_str(reading->rules->arena, (struct rs_str){said.p, (uint32_t)said.n});
    rs_buf_free(&said);
    if (!fits->n) {
        fits->box[0].side[RS_SIDE_TO] = rs_set_all();
        fits->n = 1;
    }
    for (uint32_t b = 1; b < fits->n; b++) {
        memcpy(fits->box[b].side, fits->box[0].side, RS_SIDE_FROM * sizeof(struct rs_set));
    }
    return err;
}

/* ---- the clock of a rule ------------------------------------------------------------- */

static bool may_be_at_once(enum rs_stall_kind kind)
{
    return kind == RS_STALL_overdue || kind >= RS_STALL_source_stopped;
}

/* "P7D", or "never". */
static int read_after(struct reading *reading, uint32_t at, struct rs_rule *rule)
{
    uint32_t after = rs_json_member(&reading->r.json, at, "after");
    if (!after && may_be_at_once(rule->kind)) return RS_OK;
    struct rs_str text;
    const char *why;
    int err = rs_reader_need(&reading->r, at, "after", &after);
    if (!err) err = rs_reader_string(&reading->r, after, &text);
    if (err) return err;
    rule->never = rs_str_is(text, "never");
    if (rule->never) return RS_OK;
    if (!rs_duration_read(text, &rule->after_us, &why)) {
        return rs_reader_fail(&reading->r, after, "\"%.*s\": %s", RS_FMT(text), why);
    }
    if (!rule->after_us && !may_be_at_once(rule->kind)) {
        return rs_reader_fail(&reading->r, after, "%s after no time at all would flag every parcel",
                              rs_stall_kind_name(rule->kind));
    }
    return RS_OK;
}

static int read_working(struct reading *reading, uint32_t at, struct rs_rule *rule)
{
    uint32_t working = rs_json_member(&reading->r.json, at, "working_days");
    if (!working) return RS_OK;
    struct rs_str word;
    int err = rs_reader_string(&reading->r, working, &word);
    if (err) return err;
    if (rs_str_is(word, "origin")) rule->working = RS_WORKING_ORIGIN;
    else if (rs_str_is(word, "destination")) rule->working = RS_WORKING_DESTINATION;
    else rule->working = RS_WORKING_NAMED;
    if (rule->working != RS_WORKING_NAMED) return RS_OK;
    rule->calendar = rs_calendar_of(reading->calendars, word);
    if (rule->calendar) return RS_OK;
    return rs_reader_fail(&reading->r, working,
                          "no calendar of \"%.*s\"; say origin, destination or a country that has "
                          "one in calendars.json",
                          RS_FMT(word));
}

static int read_pause(struct reading *reading, uint32_t at, struct rs_rule *rule)
{
    const struct rs_json_node *node = reading->r.json.node;
    uint32_t pause = rs_json_member(&reading->r.json, at, "pause");
    if (!pause) return RS_OK;
    struct rs_set set = {{0}};
    int err = rs_reader_array(&reading->r, pause);
    for (uint32_t c = pause + 1; !err && c < node[pause].next; c = node[c].next) {
        struct rs_str word;
        err = rs_reader_string(&reading->r, c, &word);
        if (!err) err = read_stage_into(reading, c, word, &set);
    }
    memcpy(rule->pause, set.w, sizeof rule->pause);
    return err;
}

/* ---- a rule, and the list --------------------------------------------------------------- */

static int read_name(struct reading *reading, uint32_t at, struct rs_rule *rule)
{
    uint32_t name, kind;
    struct rs_str word;
    int err = rs_reader_need(&reading->r, at, "name", &name);
    if (!err) err = rs_reader_string(&reading->r, name, &rule->name);
    if (!err) err = rs_reader_need(&reading->r, at, "kind", &kind);
    if (!err) err = rs_reader_string(&reading->r, kind, &word);
    if (err) return err;
    if (!rule->name.n) return rs_reader_fail(&reading->r, name, "empty");
    if (!rs_strmap_add(&reading->names, rule->name, 0)) {
        return rs_reader_fail(&reading->r, name, "rule \"%.*s\" is here twice", RS_FMT(rule->name));
    }
    uint32_t i = rs_strmap_get(&reading->kinds, word);
    if (i == RS_STRMAP_NONE) return rs_reader_unknown(&reading->r, kind, "kind", word, &reading->kinds);
    rule->kind = (enum rs_stall_kind)i;
    return RS_OK;
}

static int check_reach(struct reading *reading, uint32_t at)
{
    struct rs_rules *rules = reading->rules;
    uint32_t i = rules->count - 1, ahead;
    if (rs_rules_reach(rules->catalog, rules->rule, rules->fits, i, &ahead)) return RS_OK;
    struct rs_str name = rules->rule[i].name;
    if (ahead == UINT32_MAX) {
        return rs_reader_fail(&reading->r, at, "rule \"%.*s\" fits no parcel: none is on such a leg in such a stage",
                              RS_FMT(name));
    }
    int err = rs_reader_fail(&reading->r, at,
                             "no parcel comes to rule \"%.*s\": \"%.*s\" of line %u takes all that it fits",
                             RS_FMT(name), RS_FMT(rules->rule[ahead].name), rules->rule[ahead].line);
    rs_fail_next(reading->r.diag, "put it ahead of that rule, or take it out");
    return err;
}

static int read_rule(struct reading *reading, uint32_t at)
{
    static const char *const keys[] = {"name", "about", "kind",  "carrier",      "service", "stage",
                                       "leg",  "lane",  "after", "working_days", "pause",   NULL};
    struct rs_rules *rules = reading->rules;
    struct rs_rule *rule = &rules->rule[rules->count];
    unsigned column;
    if (rules->count == RULES_MAX) return rs_reader_fail(&reading->r, at, "more than %d rules", RULES_MAX);
    rs_json_place(reading->r.json.text, reading->r.json.node[at].at, &rule->line, &column);
    int err = rs_reader_object(&reading->r, at, keys);
    if (!err) err = read_name(reading, at, rule);
    if (!err) err = read_fits(reading, at, &rules->fits[rules->count], &rule->fits);
    if (!err) err = read_after(reading, at, rule);
    if (!err) err = read_working(reading, at, rule);
    if (!err) err = read_pause(reading, at, rule);
    if (err) return err;
    rules->count++;
    return check_reach(reading, at);
}

static int read_list(struct reading *reading)
{
    static const char *const keys[] = {"$schema", "about", "version", "rules", NULL};
    struct rs_rules *rules = reading->rules;
    uint32_t version, list;
    int64_t number;
    int err = rs_reader_object(&reading->r, 0, keys);
    if (!err) err = rs_reader_need(&reading->r, 0, "version", &version);
    if (!err) err = rs_reader_integer(&reading->r, version, 1, 999999, &number);
    if (!err) err = rs_reader_need(&reading->r, 0, "rules", &list);
    if (!err) err = rs_reader_array(&reading->r, list);
    if (err) return err;
    rules->version = (uint32_t)number;
    const struct rs_json_node *node = reading->r.json.node;
    for (uint32_t c = list + 1; !err && c < node[list].next; c = node[c].next) err = read_rule(reading, c);
    return err;
}

static void know_words(struct reading *reading)
{
    const struct rs_catalog *catalog = reading->rules->catalog;
    for (uint32_t i = 0; i < RS_STALL__COUNT; i++) {
        rs_strmap_add(&reading->kinds, rs_str_of(rs_stall_kind_name((enum rs_stall_kind)i)), i);
    }
    for (uint32_t i = 0; i < RS_LEG__COUNT; i++) {
        rs_strmap_add(&reading->legs, rs_str_of(rs_leg_name((enum rs_leg)i)), i);
    }
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        rs_strmap_add(&reading->stages, catalog->status[i].stage, i);
        rs_strmap_add(&reading->stages, catalog->status[i].name, i);
    }
}

int rs_rules_read(const struct rs_catalog *catalog, const struct rs_calendars *calendars, const char *file,
                  struct rs_str text, struct rs_rules **ret, struct rs_diag *diag)
{
    if (catalog->status_count > RS_VALUE_OTHER) {
        return rs_fail(diag, RS_E_CONFIG, "%s: rules know at most %d statuses", file, RS_VALUE_OTHER);
    }
    struct rs_rules *rules = rs_calloc(1, sizeof *rules);
    *rules = (struct rs_rules){.arena = rs_arena_new(64 << 10), .catalog = catalog, .key = rs_key_of(text.p, text.n)};
    rules->rule = rs_calloc(RULES_MAX, sizeof *rules->rule);
    rules->fits = rs_calloc(RULES_MAX, sizeof *rules->fits);
    struct reading reading = {.rules = rules, .calendars = calendars};
    int err = rs_reader_open(&reading.r, file, text, rules->arena, diag);
    if (!err) {
        know_words(&reading);
        err = read_list(&reading);
        rs_reader_close(&reading.r);
    }
    rs_strmap_free(&reading.names);
    rs_strmap_free(&reading.kinds);
    rs_strmap_free(&reading.legs);
    rs_strmap_free(&reading.stages);
    if (err) rs_rules_free(rules);
    else *ret = rules;
    return err;
}

void rs_rules_free(struct rs_rules *rules)
{
    if (!rules) return;
    rs_strmap_free(&rules->carrier);
    rs_strmap_free(&rules->service);
    rs_strmap_free(&rules->country);
    rs_arena_free(rules->arena);
    free(rules->rule);
    free(rules->fits);
    free(rules);
}

uint32_t rs_rules_version(const struct rs_rules *rules)
{
    return rules->version;
}

struct rs_key rs_rules_key(const struct rs_rules *rules)
{
    return rules->key;
}

uint32_t rs_rules_count(const struct rs_rules *rules)
{
    return rules->count;
}

const struct rs_rule *rs_rules_at(const struct rs_rules *rules, uint32_t i)
{
    return &rules->rule[i];
}

int64_t rs_rules_least_wait(const struct rs_rules *rules)
{
    int64_t least = RS_INSTANT_NONE;
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct rs_rule *rule = &rules->rule[i];
        bool waits = rule->kind == RS_STALL_never_scanned || rule->kind == RS_STALL_no_update ||
                     rule->kind == RS_STALL_stuck || rule->kind == RS_STALL_uncollected;
        if (!waits || rule->never) continue;
        if (least == RS_INSTANT_NONE || rule->after_us < least) least = rule->after_us;
    }
    return least;
}

int64_t rs_rules_grace(const struct rs_rules *rules)
{
    int64_t wait = rs_rules_least_wait(rules);
    return wait != RS_INSTANT_NONE && wait / 2 < RS_DAY_US ? wait / 2 : RS_DAY_US;
}

/* ---- matching ---------------------------------------------------------------------------- */

static uint32_t known_value(const struct rs_strmap *map, struct rs_str word)
{
    uint32_t value = word.n ? rs_strmap_get(map, word) : RS_STRMAP_NONE;
    return value == RS_STRMAP_NONE ? RS_VALUE_OTHER : value;
}

/* A situation as a value of each side. */
struct situated {
    uint32_t at[RS_SIDE__COUNT];
};

static struct situated situate(const struct rs_rules *rules, const struct rs_situation *situation)
{
    char room[SERVICE_MAX];
    return (struct situated){{
        [RS_SIDE_CARRIER] = known_value(&rules->carrier, situation->carrier),
        [RS_SIDE_SERVICE] = known_value(&rules->service, rs_str_lower(situation->service, room, SERVICE_MAX)),
        [RS_SIDE_STATUS] = situation->status ? situation->status->rank : RS_VALUE_OTHER,
        [RS_SIDE_LEG] = situation->leg,
        [RS_SIDE_FROM] = known_value(&rules->country, situation->origin),
        [RS_SIDE_TO] = known_value(&rules->country, situation->destination),
    }};
}

/* By the sides that have their bit in `asked`. */
static bool fits(const struct rs_rule_fits *fits, const struct situated *situated, unsigned asked)
{
    for (uint32_t b = 0; b < fits->n; b++) {
        int side = 0;
        while (side < RS_SIDE__COUNT &&
               (!(asked >> side & 1) || rs_set_has(&fits->box[b].side[side], situated->at[side]))) {
            side++;
        }
        if (side == RS_SIDE__COUNT) return true;
    }
    return false;
}

const struct rs_rule *rs_rules_match(const struct rs_rules *rules, enum rs_stall_kind kind,
                                     const struct rs_situation *situation)
{
    struct situated situated = situate(rules, situation);
    for (uint32_t i = 0; i < rules->count; i++) {
        if (rules->rule[i].kind == kind && fits(&rules->fits[i], &situated, UINT_MAX)) return &rules->rule[i];
    }
    return NULL;
}

bool rs_rules_may_match(const struct rs_rules *rules, uint32_t i, const struct rs_situation *situation,
                        bool issuer_known)
{
    struct situated situated = situate(rules, situation);
    /* Those two are of lanes, which no scan changes. */
    bool leg_stays = situation->leg == RS_LEG_unknown || situation->leg == RS_LEG_domestic;
    unsigned asked = UINT_MAX & ~(1U << RS_SIDE_STATUS);
    if (!leg_stays) asked &= ~(1U << RS_SIDE_LEG);
    if (!issuer_known) asked &= ~(1U << RS_SIDE_CARRIER);
    return fits(&rules->fits[i], &situated, asked);
}

const struct rs_calendar *rs_rule_calendar(const struct rs_rule *rule, const struct rs_calendars *calendars,
                                           const struct rs_situation *situation)
{
    switch (rule->working) {
    case RS_WORKING_NAMED: return rule->calendar;
    case RS_WORKING_ORIGIN: return rs_calendar_of(calendars, situation->origin);
    case RS_WORKING_DESTINATION: return rs_calendar_of(calendars, situation->destination);
    default: return NULL;
    }
}
