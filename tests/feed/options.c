#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calendar.h"
#include "plan.h"

static const char usage[] =
    "rastro-feed: parcels that never were, and the truth about them.\n"
    "\n"
    "  --seed N             same seed and options, same bytes (default 1)\n"
    "  --parcels N          shipments to tell of (default 200)\n"
    "  --messages N         as many shipments as make about N messages\n"
    "  --kind WORD          mixed (default), one-event, or history\n"
    "  --scans N            a parcel's, of one-event and history, 1 to 20 (default 20)\n"
    "  --sources LIST       of shipments,rastro,17track,aftership,cainiao,correios,linketrack,usps\n"
    "                       (default all; of history 17track,aftership,cainiao)\n"
    "  --days D             shipments start over D days (default 60)\n"
    "  --until INSTANT      nothing is published later (default 2026-11-23T08:00:00Z)\n"
    "  --topics LIST        of NAME:PARTITIONS: orders, aggregators', posts'; one or two share\n"
    "                       (default orders:1,scans:6,posts:6)\n"
    "  --redeliver PERCENT  messages that come once more (default 15; of history 0)\n"
    "  --both PERCENT       numbers that two sources tell of, on two topics (default 40)\n"
    "  --late PERCENT       messages that arrive behind later ones (default 10)\n"
    "  --bad PERMILLE       messages that are no use (default 5)\n"
    "  --truth DIR          write the truth there\n"
    "  --out FILE           write the messages there\n"
    "  --brokers LIST       publish them; -X NAME=VALUE sets a property of librdkafka\n"
    "  --no-create          the topics are there, and fresh\n"
    "  --append             the topics are there, and hold messages: offsets are not compared\n"
    "  --from FILE          publish what --out wrote\n"
    "  --json               the summary as one line of JSON\n"
    "\n"
    "  rastro-feed --seed 7 --parcels 200 --brokers 127.0.0.1:9092 --truth /tmp/truth\n";

static const char *const source_words[SOURCES] = {
    "shipments", "rastro", "17track", "aftership", "cainiao", "correios", "linketrack", "usps",
};

_Noreturn static void fail(const char *option, const char *value)
{
    fprintf(stderr, "rastro-feed: --%s %s: not understood; see --help\n", option, value);
    exit(64);
}

static int64_t number(const char *option, const char *text, int64_t min, int64_t max)
{
    char *end;
    int64_t v = strtoll(text, &end, 10);
    if (end == text || *end || v < min || v > max) fail(option, text);
    return v;
}

static void read_topics(struct options *o, const char *list)
{
    char copy[1024];
    char *rest;
    copy_text(copy, sizeof copy, list);
    o->topics = 0;
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        char *colon = strrchr(word, ':');
        if (!colon || colon == word || o->topics == TOPICS_MAX) fail("topics", list);
        *colon = '\0';
        struct topic *topic = &o->topic[o->topics++];
        copy_text(topic->name, sizeof topic->name, word);
        topic->partitions = (int)number("topics", colon + 1, 1, PARTITIONS_MAX);
    }
    if (!o->topics) fail("topics", list);
}

static void read_sources(struct options *o, const char *list)
{
    char copy[1024];
    char *rest;
    copy_text(copy, sizeof copy, list);
    memset(o->source, 0, sizeof o->source);
    o->sources_given = true;
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        int i = 0;
        while (i < SOURCES && strcmp(source_words[i], word) != 0) i++;
        if (i == SOURCES) fail("sources", list);
        o->source[i] = true;
    }
}

static void read_kind(struct options *o, const char *word)
{
    if (!strcmp(word, "mixed")) o->kind = KIND_MIXED;
    else if (!strcmp(word, "one-event")) o->kind = KIND_ONE_EVENT;
    else if (!strcmp(word, "history")) o->kind = KIND_HISTORY;
    else fail("kind", word);
}

enum {
    SEED = 1,
    PARCELS,
    MESSAGES,
    OPT_KIND,
    OPT_SCANS,
    OPT_SOURCES,
    DAYS,
    UNTIL,
    TOPICS,
    REDELIVER,
    BOTH,
    LATE,
    BAD,
    TRUTH,
    OUT,
    BROKERS,
    NO_CREATE,
    APPEND,
    FROM,
    JSON,
    HELP,
};

/* clang-format off */
static const struct option table[] = {
    {"seed", required_argument, NULL, SEED},           {"parcels", required_argument, NULL, PARCELS},
    {"messages", required_argument, NULL, MESSAGES},   {"kind", required_argument, NULL, OPT_KIND},
    {"sources", required_argument, NULL, OPT_SOURCES}, {"days", required_argument, NULL, DAYS},
    {"until", required_argument, NULL, UNTIL},         {"topics", required_argument, NULL, TOPICS},
    {"redeliver", required_argument, NULL, REDELIVER}, {"both", required_argument, NULL, BOTH},
    {"late", required_argument, NULL, LATE},           {"bad", required_argument, NULL, BAD},
    {"truth", required_argument, NULL, TRUTH},         {"out", required_argument, NULL, OUT},
    {"brokers", required_argument, NULL, BROKERS},     {"no-create", no_argument, NULL, NO_CREATE}, {"append", no_argument, NULL, APPEND},
    {"from", required_argument, NULL, FROM},           {"json", no_argument, NULL, JSON},
    {"scans", required_argument, NULL, OPT_SCANS},     {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};
/* clang-format on */

static void set(struct options *o, int id, const char *value)
{
    switch (id) {
    case SEED: o->seed = (uint64_t)number("seed", value, 0, INT64_MAX); break;
    case PARCELS: o->parcels = (uint32_t)number("parcels", value, 1, 90000000); break;
    case MESSAGES: o->messages = (uint64_t)number("messages", value, 1, INT64_C(2000000000)); break;
    case OPT_KIND: read_kind(o, value); break;
    case OPT_SCANS: o->scans = (int)number("scans", value, 1, STEPS); break;
    case OPT_SOURCES: read_sources(o, value); break;
    /* A time is refused when it lies more than 400 days behind its message, and
     * some are meant to be. */
    case DAYS: o->days = (int)number("days", value, 1, 330); break;
    case UNTIL:
        if (!read_instant(value, &o->until) || civil_of(o->until).year <= FIRST_YEAR) fail("until", value);
        break;
    case TOPICS: read_topics(o, value); break;
    case REDELIVER: o->redeliver = (int)number("redeliver", value, 0, 100); break;
    case BOTH: o->both = (int)number("both", value, 0, 100); break;
    case LATE: o->late = (int)number("late", value, 0, 100); break;
    case BAD: o->bad = (int)number("bad", value, 0, 1000); break;
    case TRUTH: o->truth = value; break;
    case OUT: o->out = value; break;
    case BROKERS: o->brokers = value; break;
    case NO_CREATE: o->create = false; break;
    case APPEND: o->create = !(o->append = true); break;
    case FROM: o->from = value; break;
    case JSON: o->json = true; break;
    case 'X':
        if (o->properties == PROPERTIES_MAX) fail("X", value);
        o->property[o->properties++] = value;
        break;
    case HELP: fputs(usage, stdout); exit(0);
    default: exit(64);
    }
}

void options_read(struct options *o, int argc, char **argv)
{
    *o = (struct options){.seed = 1, .days = 60, .redeliver = -1, .both = 40, .late = 10, .bad = 5, .create = true};
    o->scans = STEPS;
    memset(o->source, 1, sizeof o->source);
    read_instant("2026-11-23T08:00:00Z", &o->until);
    read_topics(o, "orders:1,scans:6,posts:6");
    int id;
    while ((id = getopt_long(argc, argv, "X:", table, NULL)) != -1) set(o, id, optarg);
    if (optind < argc) fail("", argv[optind]);
    if (o->from && !o->brokers) {
        fprintf(stderr, "rastro-feed: --from needs --brokers\n");
        exit(64);
    }
    if (!o->parcels && !o->messages) o->parcels = 200;
    if (o->redeliver < 0) o->redeliver = o->kind == KIND_HISTORY ? 0 : 15;
    if (o->kind == KIND_HISTORY && !o->sources_given) read_sources(o, "17track,aftership,cainiao");
}

int role_topic(const struct options *o, int role)
{
    if (o->topics == 1) return 0;
    if (o->topics == 2) return role == ROLE_ORDERS ? 0 : 1;
    return role;
}
