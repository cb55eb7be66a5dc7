#include "rastro/options.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "rastro/clock.h"
#include "rastro/strmap.h"
#include "rastro/time.h"

#define SYSTEM_FILE "/etc/rastro/rastro.conf"
#define LIST_MAX 64
#define LINE_ROOM 4096

enum type {
    TEXT,
    FLAG,     /* no argument */
    NUMBER,   /* whole, between min and max */
    BYTES,    /* the same, with an optional k, m or g */
    DURATION, /* 250ms, 10s, 5m, 12h, 2d; kept in microseconds, bounds too */
    INSTANT,  /* ISO 8601, UTC unless it says otherwise; kept in microseconds */
    CHOICE,   /* one of the words in `choices` */
    LIST,     /* text, may be given several times */
};

static const struct option {
    const char *name;
    enum type type;
    unsigned groups;
    const char *fallback;
    const char *argument;
    const char *help;
    const char *choices; /* separated by spaces */
    int64_t min, max;
    bool secret; /* may hold a password: masked in output, refused in argv with one */
} table[RS_OPT__COUNT] = {
    [RS_OPT_CONFIG] = {"config", TEXT, RS_GROUP_ALL, "", "FILE", "read options from FILE, one `key = value` a line"},
    [RS_OPT_LOG_LEVEL] = {"log-level", CHOICE, RS_GROUP_ALL, "info", "WORD", "how much to say on standard error",
                          "error warn info debug"},
    [RS_OPT_FORMAT] = {"format", CHOICE, RS_GROUP_FORMAT, "table", "WORD", "how to print on standard output",
                       "table json csv ndjson"},
    [RS_OPT_SCHEMA] =
        {"schema", TEXT, RS_GROUP_SCHEMA, "", "DIR",
         "folder of status.json, carriers.json, countries.json, calendars.json, stalls.json and sources/"},
    [RS_OPT_RULES] = {"rules", TEXT, RS_GROUP_RULES, "", "FILE", "stall rules (default: stalls.json of --schema)"},
    [RS_OPT_POSTGRES] = {"postgres", TEXT, RS_GROUP_PG, "", "CONNINFO",
                         "libpq connection string or URI; PG* variables and service files count too", .secret = true},
    [RS_OPT_ALLOW_PLAINTEXT] = {"allow-plaintext", FLAG, RS_GROUP_PG | RS_GROUP_KAFKA, "", NULL,
                                "talk to far hosts without TLS"},
    [RS_OPT_BROKERS] = {"brokers", TEXT, RS_GROUP_KAFKA, "localhost:9092", "HOST:PORT,...",
                        "Kafka's bootstrap servers"},
    [RS_OPT_TOPIC] = {"topic", LIST, RS_GROUP_KAFKA, "", "NAME[=SOURCE]",
                      "topic to read; with =SOURCE its messages are that source's (repeatable)"},
    [RS_OPT_KAFKA] = {"kafka", LIST, RS_GROUP_KAFKA, "", "NAME=VALUE",
                      "librdkafka property (repeatable; short form -X)", .secret = true},
    [RS_OPT_GROUP] = {"group", TEXT, RS_GROUP_INGEST, "rastro", "NAME", "consumer group"},
    [RS_OPT_INSTANCE] = {"instance", TEXT, RS_GROUP_INGEST, "", "NAME",
                         "static membership: this member's fixed name in the group"},
    [RS_OPT_START] = {"start", TEXT, RS_GROUP_INGEST, "beginning", "WHERE",
                      "where a partition never read before starts: beginning, end, or an instant"},
    [RS_OPT_WORKERS] = {"workers", NUMBER, RS_GROUP_INGEST, "2", "N", "workers, each with two PostgreSQL sessions",
                        NULL, 1, 64},
    [RS_OPT_BATCH_ROWS] = {"batch-rows", NUMBER, RS_GROUP_INGEST, "10000", "N",
                           "rows that a batch is likely to write: one a message, one for eight more events in it", NULL,
                           1, 200000},
    [RS_OPT_BATCH_BYTES] = {"batch-bytes", BYTES, RS_GROUP_INGEST, "32m", "N", "memory of a batch", NULL, 1 << 20,
                            INT64_C(1) << 30},
    [RS_OPT_BATCH_AGE] = {"batch-age", DURATION, RS_GROUP_INGEST, "1s", "TIME",
                          "a batch is written at the latest this long after its first message", NULL, 1000,
                          60 * RS_SECOND_US},
    [RS_OPT_QUEUE_BYTES] = {"queue-bytes", BYTES, RS_GROUP_INGEST, "128m", "N",
                            "memory for fetched messages of a worker", NULL, 1 << 20, INT64_C(2) << 30},
    [RS_OPT_TABLE_BYTES] = {"table-bytes", BYTES, RS_GROUP_INGEST, "1g", "N",
                            "memory for what is known of parcels, about 220 bytes each; 0: nothing is known, and "
                            "every batch takes the safe path",
                            NULL, 0, INT64_C(1) << 40},
    [RS_OPT_MEMO_BYTES] = {"memo-bytes", BYTES, RS_GROUP_INGEST, "64m", "N",
                           "memory of a worker for checkpoints that messages repeat; 0: each is read anew", NULL, 0,
                           INT64_C(64) << 30},
    [RS_OPT_RAW] = {"raw", CHOICE, RS_GROUP_INGEST, "new", "WORD",
                    "which raw bytes to keep: of no event, of new events, of every wording", "none new all"},
    [RS_OPT_FUTURE] = {"future-tolerance", DURATION, RS_GROUP_INGEST | RS_GROUP_EXPLAIN, "15m", "TIME",
                       "how far behind its publication a scan may lie and still move the status", NULL, 0,
                       30 * RS_DAY_US},
    [RS_OPT_UNTIL_END] = {"until-end", FLAG, RS_GROUP_INGEST, "", NULL,
                          "stop when everything that is there now is in PostgreSQL"},
    [RS_OPT_DETECTOR] = {"detector", CHOICE, RS_GROUP_INGEST, "on", "WORD",
                         "whether this member takes part in looking for stalls", "on off"},
    [RS_OPT_ALERTS] = {"alerts", TEXT, RS_GROUP_INGEST, "", "TOPIC",
                       "publish alerts to TOPIC, by one member at a time; none when empty"},
    [RS_OPT_ALERT_STAGES] = {"alert-stages", FLAG, RS_GROUP_INGEST, "", NULL,
                             "with --alerts: tell each change of a parcel's stage too"},
    [RS_OPT_METRICS] = {"metrics", TEXT, RS_GROUP_INGEST, "", "HOST:PORT",
                        "serve counters at /metrics; off when empty"},
    [RS_OPT_SOURCE] = {"source", TEXT, RS_GROUP_EXPLAIN, "", "NAME", "read the message as this source's"},
    [RS_OPT_READER] = {"reader", CHOICE, RS_GROUP_EXPLAIN, "fast", "WORD",
                       "JSON reader: the one in use, or the reference", "fast reference"},
    [RS_OPT_RECEIVED] = {"received", INSTANT, RS_GROUP_EXPLAIN, "", "INSTANT",
                         "when the message was published (default: now)"},
    [RS_OPT_NOW] = {"now", INSTANT, RS_GROUP_EXPLAIN, "", "INSTANT",
                    "say too what counts as stalled then, by this message alone"},
    [RS_OPT_WATCH] = {"watch", FLAG, RS_GROUP_TIMELINE, "", NULL,
                      "show it again whenever something has changed, until ended"},
    [RS_OPT_ALL] = {"all", FLAG, RS_GROUP_TIMELINE, "", NULL, "show superseded and no longer reported events too"},
    [RS_OPT_AS_OF] = {"as-of", INSTANT, RS_GROUP_PARCEL | RS_GROUP_STALLED, "", "INSTANT",
                      "as it was known at that instant"},
    [RS_OPT_CARRIER] = {"carrier", TEXT, RS_GROUP_PARCEL | RS_GROUP_STALLED, "", "ID",
                        "only the carrier's parcels, such as where several have a number"},
    [RS_OPT_KIND] = {"kind", LIST, RS_GROUP_STALLED, "", "KIND,...",
                     "of these kinds; contradicted is all that begin so (repeatable)"},
    [RS_OPT_SELLER] = {"seller", TEXT, RS_GROUP_STALLED, "", "ID", "the seller's parcels"},
    [RS_OPT_STAGE] = {"stage", TEXT, RS_GROUP_STALLED, "", "STAGE", "parcels in the stage"},
    [RS_OPT_ORIGIN] = {"origin", TEXT, RS_GROUP_STALLED, "", "COUNTRY", "parcels from the country"},
    [RS_OPT_DESTINATION] = {"destination", TEXT, RS_GROUP_STALLED, "", "COUNTRY", "parcels to the country"},
    [RS_OPT_SILENT] = {"silent", DURATION, RS_GROUP_STALLED, "0s", "TIME", "without a scan for as long at least", NULL,
                       0, 36500 * RS_DAY_US},
    [RS_OPT_OPENED_SINCE] = {"opened-since", INSTANT, RS_GROUP_STALLED, "", "INSTANT",
                             "recorded as stalled at or after it"},
    [RS_OPT_OPENED_BEFORE] = {"opened-before", INSTANT, RS_GROUP_STALLED, "", "INSTANT",
                              "recorded as stalled before it"},
    [RS_OPT_PROMISED_BEFORE] = {"promised-before", INSTANT, RS_GROUP_STALLED, "", "INSTANT", "promised by before it"},
    [RS_OPT_SORT] = {"sort", CHOICE, RS_GROUP_STALLED, "silent", "WORD",
                     "the longest silent first, the longest stalled, the last recorded, the earliest promised",
                     "silent since opened promised"},
    [RS_OPT_CURSOR] = {"cursor", TEXT, RS_GROUP_STALLED, "", "TEXT", "go on behind a page, with the text at its end"},
    [RS_OPT_COUNT] = {"count", FLAG, RS_GROUP_STALLED, "", NULL, "count them instead"},
    [RS_OPT_BY] = {"by", TEXT, RS_GROUP_STALLED, "", "COLUMN,...",
                   "with --count, for each kind, carrier, seller, stage, origin or destination"},
    [RS_OPT_LIMIT] = {"limit", NUMBER, RS_GROUP_LIST | RS_GROUP_STALLED, "50", "N", "rows to print", NULL, 1, 1000000},
    [RS_OPT_SINCE] = {"since", INSTANT, RS_GROUP_QUARANTINE, "", "INSTANT", "recorded at or after it"},
    [RS_OPT_MATCH] = {"match", TEXT, RS_GROUP_QUARANTINE, "", "TEXT", "with TEXT in the reason"},
    [RS_OPT_REASON] = {"reason", TEXT, RS_GROUP_REASON, "", "TEXT", "why; it is recorded"},
    [RS_OPT_DRY_RUN] = {"dry-run", FLAG, RS_GROUP_MIGRATE, "", NULL, "say what would be done"},
    [RS_OPT_REFERENCE] = {"reference", FLAG, RS_GROUP_CONFIG, "", NULL, "print the reference page of all options"},
};

struct value {
    char *text;
    char *item[LIST_MAX];
    int count;
    int64_t number;
    enum rs_option_origin origin;
    char where[96];
};

struct rs_options {
    struct value value[RS_OPT__COUNT];
    char **arg;
    int argc;
    bool help;
    struct rs_strmap by_name;
};

/* ---- values ------------------------------------------------------------------- */

static bool choice_ok(const char *choices, const char *word)
{
    size_t n = strchr(word, ' ') ? 0 : strlen(word);
    for (const char *p = choices; n && (p = strstr(p, word)); p += n) {
        if ((p == choices || p[-1] == ' ') && (p[n] == ' ' || !p[n])) return true;
    }
    return false;
}

static bool read_scaled(const char *text, const char *const units[], const int64_t factors[], int64_t *ret)
{
    char *end;
    long long v = strtoll(text, &end, 10);
    if (end == text) return false;
    for (int i = 0; units[i]; i++) {
        if (strcasecmp(end, units[i])) continue;
        return !__builtin_mul_overflow(v, factors[i], ret);
    }
    return false;
}

static bool read_duration(const char *text, int64_t *ret)
{
    static const char *const units[] = {"us", "ms", "s", "m", "h", "d", NULL};
    static const int64_t factors[] = {1, 1000, RS_SECOND_US, RS_MINUTE_US, RS_HOUR_US, RS_DAY_US};
    return read_scaled(text, units, factors, ret);
}

static bool read_bytes(const char *text, int64_t *ret)
{
    static const char *const units[] = {"", "k", "m", "g", NULL};
    static const int64_t factors[] = {1, 1 << 10, 1 << 20, 1 << 30};
    return read_scaled(text, units, factors, ret);
}

static bool read_number(const struct option *o, const char *text, int64_t *ret)
{
    char *end;
    switch (o->type) {
    case DURATION: return read_duration(text, ret) && *ret >= o->min && *ret <= o->max;
    case BYTES: return read_bytes(text, ret) && *ret >= o->min && *ret <= o->max;
    case INSTANT: return rs_time_parse(rs_str_of(text), ret);
    default: *ret = strtoll(text, &end, 10); return end != text && !*end && *ret >= o->min && *ret <= o->max;
    }
}

static int refuse(const struct option *o, const char *text, const char *where, struct rs_diag *diag)
{
    switch (o->type) {
    case DURATION:
        return rs_fail(diag, RS_E_USAGE, "%s: \"%s\" is no time from %lldms to %llds, such as 250ms or 10s", where,
                       text, (long long)(o->min / 1000), (long long)(o->max / RS_SECOND_US));
    case INSTANT:
        return rs_fail(diag, RS_E_USAGE, "%s: \"%s\" is no ISO 8601 instant, such as 2026-11-23T08:00Z", where, text);
    case CHOICE: return rs_fail(diag, RS_E_USAGE, "%s: \"%s\" is none of: %s", where, text, o->choices);
    default:
        return rs_fail(diag, RS_E_USAGE, "%s: \"%s\" is no number from %lld to %lld", where, text, (long long)o->min,
                       (long long)o->max);
    }
}

/* A lower origin never overrides a higher one; a list collects within one. */
static int set(struct rs_options *options, int id, const char *text, enum rs_option_origin origin, const char *where,
               struct rs_diag *diag)
{
    const struct option *o = &table[id];
    struct value *v = &options->value[id];
    int64_t number = 0;
    if (o->type == FLAG) {
        bool on = !*text || !strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "1");
        bool off = !strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "0");
        if (!on && !off) return rs_fail(diag, RS_E_USAGE, "%s: \"%s\" is neither true nor false", where, text);
        number = on;
    } else if (o->type == CHOICE) {
        if (!choice_ok(o->choices, text)) return refuse(o, text, where, diag);
    } else if (o->type != TEXT && o->type != LIST && (*text || *o->fallback) && !read_number(o, text, &number)) {
        return refuse(o, text, where, diag);
    }
    if (origin < v->origin) return RS_OK;
    if (o->type == LIST) {
        if (origin > v->origin) {
            while (v->count) free(v->item[--v->count]);
        }
        if (v->count == LIST_MAX) return rs_fail(diag, RS_E_USAGE, "%s: more than %d", where, LIST_MAX);
        if (*text) v->item[v->count++] = rs_strdup(text);
    }
    free(v->text);
    v->text = rs_strdup(text);
    v->number = number;
    v->origin = origin;
    snprintf(v->where, sizeof v->where, "%s", where);
    return RS_OK;
}

/* ---- where values come from ------------------------------------------------------ */

static int unknown(const struct rs_options *options, struct rs_str name, const char *where, enum rs_err err,
                   struct rs_diag *diag)
{
    struct rs_str near = rs_strmap_nearest(&options->by_name, name);
    if (!near.n) return rs_fail(diag, err, "%s: unknown option \"%.*s\"", where, RS_FMT(name));
    return rs_fail(diag, err, "%s: unknown option \"%.*s\"; did you mean \"%.*s\"?", where, RS_FMT(name), RS_FMT(near));
}

static int read_line(struct rs_options *options, const char *file, int number, char *line, struct rs_diag *diag)
{
    char where[300];
    snprintf(where, sizeof where, "%s:%d", file, number);
    struct rs_str text = rs_str_trim(rs_str_of(line));
    if (!text.n || text.p[0] == '#') return RS_OK;
    const char *equals = memchr(text.p, '=', text.n);
    if (!equals) return rs_fail(diag, RS_E_CONFIG, "%s: expected key = value", where);
    struct rs_str key = rs_str_trim((struct rs_str){text.p, (uint32_t)(equals - text.p)});
    struct rs_str value = rs_str_trim((struct rs_str){equals + 1, (uint32_t)(text.p + text.n - equals - 1)});
    uint32_t id = rs_strmap_get(&options->by_name, key);
    if (id == RS_STRMAP_NONE) return unknown(options, key, where, RS_E_CONFIG, diag);
    char copy[LINE_ROOM];
    snprintf(copy, sizeof copy, "%.*s", RS_FMT(value));
    int err = set(options, (int)id, copy, RS_FROM_FILE, where, diag);
    if (err && diag) diag->err = RS_E_CONFIG;
    return err ? RS_E_CONFIG : RS_OK;
}

static int read_file(struct rs_options *options, const char *file, bool must_exist, struct rs_diag *diag)
{
    FILE *in = fopen(file, "re");
    if (!in) {
        if (!must_exist) return RS_OK;
        return rs_fail(diag, RS_E_CONFIG, "%s: cannot be read", file);
    }
    char line[LINE_ROOM];
    int err = RS_OK;
    for (int number = 1; !err && fgets(line, sizeof line, in); number++) {
        if (!strchr(line, '\n') && !feof(in)) {
            err = rs_fail(diag, RS_E_CONFIG, "%s:%d: the line is too long", file, number);
        } else {
            err = read_line(options, file, number, line, diag);
        }
    }
    if (!err && ferror(in)) err = rs_fail(diag, RS_E_CONFIG, "%s: cannot be read", file);
    fclose(in);
    return err;
}

/* --batch-rows is RASTRO_BATCH_ROWS; a list there is separated by white space. */
static int read_environment(struct rs_options *options, struct rs_diag *diag)
{
    for (int id = 0; id < RS_OPT__COUNT; id++) {
        char name[64] = "RASTRO_";
        size_t n = strlen(name);
        for (const char *p = table[id].name; *p; p++) name[n++] = (char)(*p == '-' ? '_' : *p - 32);
        name[n] = '\0';
        const char *text = getenv(name);
        if (!text) continue;
        if (table[id].type != LIST) {
            int err = set(options, id, text, RS_FROM_ENVIRONMENT, name, diag);
            if (err) return err;
            continue;
        }
        char copy[LINE_ROOM];
        size_t length = strlen(text);
        if (length >= sizeof copy) return rs_fail(diag, RS_E_USAGE, "%s: too long", name);
        memcpy(copy, text, length + 1);
        char *rest;
        for (char *word = strtok_r(copy, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
            int err = set(options, id, word, RS_FROM_ENVIRONMENT, name, diag);
            if (err) return err;
        }
    }
    return RS_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether the word before `equals`, with blanks between, names a secret. */
static bool names_secret(const char *text, const char *equals)
{
    static const char *const words[] = {"password", "secret", "passphrase", "key.pem"};
    const char *end = equals;
    while (end > text && is_blank(end[-1])) end--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(end - text) >= n && !strncasecmp(end - n, words[i], n)) return true;
    }
    return false;
}

/* librdkafka's names have dots, and its values take the rest of the text. */
static bool has_dotted_name(const char *text, const char *equals)
{
    const char *p = equals;
    while (p > text && !is_blank(p[-1]) && p[-1] != '&' && p[-1] != '?') {
        if (*--p == '.') return true;
    }
    return false;
}

/* Behind the value at p, which libpq ends at a blank, or in a URI at &, unless
 * it is quoted or escaped. */
static const char *behind_value(const char *text, const char *equals, const char *p)
{
    if (has_dotted_name(text, equals)) return p + strlen(p);
    bool quoted = *p == '\'';
    if (quoted) p++;
    while (*p && (quoted ? *p != '\'' : !is_blank(*p) && *p != '&')) p += *p == '\\' && p[1] ? 2 : 1;
    return quoted && *p ? p + 1 : p;
}

/* The password of a URI lies between the colon and the @; false if it has none. */
static bool find_uri_password(const char *text, const char **ret_from, const char **ret_to)
{
    const char *scheme = strstr(text, "://");
    const char *at = scheme ? strchr(scheme, '@') : NULL;
    const char *colon = scheme ? strchr(scheme + 3, ':') : NULL;
    if (!at || !colon || colon > at) return false;
    *ret_from = colon + 1;
    *ret_to = at;
    return true;
}

/* A password in argv is there for every user of the machine to read. */
static bool holds_password(const char *text)
{
    const char *from, *to;
    for (const char *equals = text; (equals = strchr(equals, '=')); equals++) {
        if (names_secret(text, equals)) return true;
    }
    return find_uri_password(text, &from, &to);
}

static int set_flag(struct rs_options *options, unsigned groups, int id, const char *text, struct rs_diag *diag)
{
    char where[80];
    snprintf(where, sizeof where, "--%s", table[id].name);
    if (!(table[id].groups & (groups | RS_GROUP_ALL))) {
        return rs_fail(diag, RS_E_USAGE, "%s is not for this verb", where);
    }
    if (table[id].secret && holds_password(text)) {
        rs_fail(diag, RS_E_USAGE, "%s: a password on the command line can be read by every user", where);
        return rs_fail_next(
            diag, "put it into a file of mode 0600 (PGPASSFILE, a service file, --config) or the environment");
    }
    return set(options, id, text, RS_FROM_FLAG, where, diag);
}

static int read_flags(struct rs_options *options, unsigned groups, int argc, char **argv, struct rs_diag *diag)
{
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        if (only_arguments || word[0] != '-' || !word[1]) {
            options->arg[options->argc++] = word;
            continue;
        }
        if (!strcmp(word, "--")) {
            only_arguments = true;
            continue;
        }
        if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
            options->help = true;
            continue;
        }
        struct rs_str name;
        const char *text = NULL;
        if (word[1] == 'X') {
            name = RS_LIT("kafka");
            text = word[2] ? word + 2 : NULL;
        } else if (word[1] == '-') {
            const char *equals = strchr(word, '=');
            name = (struct rs_str){word + 2, (uint32_t)(equals ? equals - word - 2 : (long)strlen(word + 2))};
            text = equals ? equals + 1 : NULL;
        } else {
            return rs_fail(diag, RS_E_USAGE, "unknown option \"%s\"", word);
        }
        uint32_t id = rs_strmap_get(&options->by_name, name);
        if (id == RS_STRMAP_NONE) return unknown(options, name, "command line", RS_E_USAGE, diag);
        if (!text && table[id].type != FLAG) {
            if (i + 1 == argc) return rs_fail(diag, RS_E_USAGE, "--%s needs %s", table[id].name, table[id].argument);
            text = argv[++i];
        }
        int err = set_flag(options, groups, (int)id, text ? text : "", diag);
        if (err) return err;
    }
    return RS_OK;
}

struct rs_options *rs_options_new(void)
{
    struct rs_options *options = rs_calloc(1, sizeof *options);
    for (int id = 0; id < RS_OPT__COUNT; id++) {
        rs_strmap_add(&options->by_name, rs_str_of(table[id].name), (uint32_t)id);
        set(options, id, table[id].type == FLAG ? "false" : table[id].fallback, RS_FROM_DEFAULT, "default", NULL);
    }
    return options;
}

void rs_options_free(struct rs_options *options)
{
    if (!options) return;
    for (int id = 0; id < RS_OPT__COUNT; id++) {
        struct value *v = &options->value[id];
        free(v->text);
        while (v->count) free(v->item[--v->count]);
    }
    rs_strmap_free(&options->by_name);
    free(options->arg);
    free(options);
}

int rs_options_read(struct rs_options *options, unsigned groups, int argc, char **argv, struct rs_diag *diag)
{
    options->arg = rs_calloc((size_t)argc + 1, sizeof *options->arg);
    int err = read_flags(options, groups, argc, argv, diag);
    if (!err) err = read_environment(options, diag);
    if (!err) err = read_file(options, SYSTEM_FILE, false, diag);
    const char *file = rs_opt_text(options, RS_OPT_CONFIG);
    if (!err && *file) err = read_file(options, file, true, diag);
    return err;
}

/* ---- reading ---------------------------------------------------------------------- */

bool rs_options_help(const struct rs_options *options)
{
    return options->help;
}
int rs_options_argc(const struct rs_options *options)
{
    return options->argc;
}

const char *rs_options_arg(const struct rs_options *options, int i)
{
    return i < options->argc ? options->arg[i] : NULL;
}

const char *rs_opt_text(const struct rs_options *options, enum rs_option_id id)
{
    return options->value[id].text;
}

int64_t rs_opt_number(const struct rs_options *options, enum rs_option_id id)
{
    return options->value[id].number;
}

bool rs_opt_flag(const struct rs_options *options, enum rs_option_id id)
{
    return options->value[id].number != 0;
}

bool rs_opt_is(const struct rs_options *options, enum rs_option_id id, const char *choice)
{
    return strcmp(options->value[id].text, choice) == 0;
}

bool rs_opt_given(const struct rs_options *options, enum rs_option_id id)
{
    return options->value[id].origin != RS_FROM_DEFAULT;
}

int rs_opt_count(const struct rs_options *options, enum rs_option_id id)
{
    return options->value[id].count;
}

const char *rs_opt_item(const struct rs_options *options, enum rs_option_id id, int i)
{
    return options->value[id].item[i];
}

const char *rs_opt_where(const struct rs_options *options, enum rs_option_id id)
{
    return options->value[id].where;
}

/* ---- printing ----------------------------------------------------------------------- */

void rs_options_print_help(FILE *out, unsigned groups)
{
    for (int id = 0; id < RS_OPT__COUNT; id++) {
        const struct option *o = &table[id];
        if (!(o->groups & (groups | RS_GROUP_ALL))) continue;
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        fprintf(out, "  %-28s %s", left, o->help);
        if (o->choices) fprintf(out, ": %s", o->choices);
        if (*o->fallback) fprintf(out, " (default %s)", o->fallback);
        fputc('\n', out);
    }
}

static const char *type_name(enum type type)
{
    static const char *const names[] = {"text", "flag", "number", "bytes", "time", "instant", "choice", "list"};
    return names[type];
}

void rs_options_print_reference(FILE *out)
{
    fputs("# Options\n\n"
          "Made by `rastro config --reference`. Flag > `RASTRO_*` > `--config FILE` > `" SYSTEM_FILE "` > default.\n"
          "In the environment `--batch-rows` is `RASTRO_BATCH_ROWS`; in a file it is `batch-rows = 10000`.\n\n"
          "| option | type | default | bounds | what it does |\n|---|---|---|---|---|\n",
          out);
    for (int id = 0; id < RS_OPT__COUNT; id++) {
        const struct option *o = &table[id];
        fprintf(out, "| `--%s%s%s` | %s | %s%s%s | ", o->name, o->argument ? " " : "", o->argument ? o->argument : "",
                type_name(o->type), *o->fallback ? "`" : "", o->fallback, *o->fallback ? "`" : "");
        if (o->choices) {
            fputs(o->choices, out);
        } else if (o->type == DURATION) {
            fprintf(out, "%lld ms to %lld s", (long long)(o->min / 1000), (long long)(o->max / RS_SECOND_US));
        } else if (o->max) {
            fprintf(out, "%lld to %lld", (long long)o->min, (long long)o->max);
        }
        fprintf(out, " | %s |\n", o->help);
    }
}

void rs_options_print_effective(const struct rs_options *options, FILE *out, unsigned groups)
{
    for (int id = 0; id < RS_OPT__COUNT; id++) {
        const struct option *o = &table[id];
        const struct value *v = &options->value[id];
        if (!(o->groups & groups)) continue;
        struct rs_buf shown = {0};
        if (o->type == LIST) {
            for (int i = 0; i < v->count; i++) {
                if (i) rs_buf_putc(&shown, ' ');
                rs_mask_secrets(v->item[i], &shown);
            }
        } else if (o->secret) {
            rs_mask_secrets(v->text, &shown);
        } else {
            rs_buf_puts(&shown, rs_str_of(v->text));
        }
        fprintf(out, "%-18s = %-30s # %s\n", o->name, rs_buf_cstr(&shown), v->where);
        rs_buf_free(&shown);
    }
}

void rs_mask_secrets(const char *text, struct rs_buf *out)
{
    const char *start = text, *from = NULL, *to = NULL;
    find_uri_password(text, &from, &to);
    while (*text) {
        if (text == from) {
            rs_buf_puts(out, RS_LIT("***"));
            text = to;
            continue;
        }
        const char *equals = *text == '=' && names_secret(start, text) ? text : NULL;
        rs_buf_putc(out, *text++);
        if (!equals) continue;
        while (is_blank(*text)) rs_buf_putc(out, *text++);
        rs_buf_puts(out, RS_LIT("***"));
        text = behind_value(start, equals, text);
    }
}
