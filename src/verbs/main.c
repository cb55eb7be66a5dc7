#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "rastro/log.h"
#include "rastro/strmap.h"
#include "verbs.h"

#define F RS_GROUP_FORMAT
#define S RS_GROUP_SCHEMA
#define P RS_GROUP_PG
#define K RS_GROUP_KAFKA

const struct rs_verb rs_verbs[] = {
    {"ingest", "", "read topics and write timelines, exactly once", S | P | K | RS_GROUP_INGEST | RS_GROUP_RULES,
     rs_verb_ingest, "rastro ingest --brokers kafka1:9093 --topic scans --topic orders -X security.protocol=ssl"},
    {"timeline", "NUMBER", "show one parcel, by tracking number or order",
     F | S | P | RS_GROUP_TIMELINE | RS_GROUP_PARCEL, rs_verb_timeline, "rastro timeline RB123456785CN"},
    {"why", "NUMBER", "say whether a parcel counts as stalled, by which rule, and what would change it",
     F | S | P | RS_GROUP_PARCEL | RS_GROUP_RULES, rs_verb_why, "rastro why RB123456785CN"},
    {"stalled", "", "list the parcels that stand still, and since when", F | P | RS_GROUP_STALLED, rs_verb_stalled,
     "rastro stalled --kind no_update,overdue --carrier correios --silent 7d"},
    {"explain", "FILE...", "show what a message is read as, without a server",
     F | S | RS_GROUP_EXPLAIN | RS_GROUP_RULES, rs_verb_explain, "rastro explain payload.json"},
    {"status", "", "show how far ingestion is and what is stored", F | P, rs_verb_status, "rastro status"},
    {"quarantine", "list|show ID|export", "look at messages and events that could not be used",
     F | P | RS_GROUP_LIST | RS_GROUP_QUARANTINE, rs_verb_quarantine, "rastro quarantine list --match time:"},
    {"offsets", "show|accept-gap|resume TOPIC/PARTITION", "show positions; go on behind messages that Kafka lost",
     F | P | K | RS_GROUP_REASON, rs_verb_offsets,
     "rastro offsets accept-gap scans/4 --reason \"retention was too short, ticket 4711\""},
    {"rules", "check|test", "check the stall rules and show them in order; say what others would do",
     F | S | P | RS_GROUP_RULES, rs_verb_rules, "rastro rules check --rules my-stalls.json"},
    {"check", "", "test options, profiles, rules, schema, Kafka and PostgreSQL, touching nothing",
     S | P | K | RS_GROUP_INGEST | RS_GROUP_RULES, rs_verb_check, "rastro check"},
    {"config", "", "show each option's effective value and where it came from",
     F | S | P | K | RS_GROUP_INGEST | RS_GROUP_RULES | RS_GROUP_CONFIG, rs_verb_config,
     "rastro config --config rastro.conf"},
    {"migrate", "", "bring the database's schema up to this release", P | S | RS_GROUP_MIGRATE, rs_verb_migrate,
     "rastro migrate --dry-run"},
    {NULL, NULL, NULL, 0, NULL, NULL},
};

static void print_usage(FILE *out)
{
    fputs("usage: rastro VERB [options]\n\nCarrier scan events from Kafka to parcel timelines in PostgreSQL.\n\n", out);
    for (const struct rs_verb *verb = rs_verbs; verb->name; verb++) {
        fprintf(out, "  %-11s %s\n", verb->name, verb->summary);
    }
    fputs("\nrastro VERB --help shows a verb's options.\n", out);
}

static void print_verb_help(const struct rs_verb *verb)
{
    printf("usage: rastro %s%s%s [options]\n\n%s.\n\n", verb->name, *verb->arguments ? " " : "", verb->arguments,
           verb->summary);
    rs_options_print_help(stdout, verb->groups);
    printf("\nexample: %s\n", verb->example);
}

static const struct rs_verb *find_verb(const char *name, struct rs_diag *diag)
{
    struct rs_strmap names = {0};
    for (uint32_t i = 0; rs_verbs[i].name; i++) rs_strmap_add(&names, rs_str_of(rs_verbs[i].name), i);
    uint32_t i = rs_strmap_get(&names, rs_str_of(name));
    if (i == RS_STRMAP_NONE) {
        struct rs_str near = rs_strmap_nearest(&names, rs_str_of(name));
        rs_fail(diag, RS_E_USAGE, "unknown verb \"%s\"", name);
        if (near.n) rs_fail_next(diag, "did you mean %.*s? rastro --help lists them", RS_FMT(near));
    }
    rs_strmap_free(&names);
    return i == RS_STRMAP_NONE ? NULL : &rs_verbs[i];
}

static int complain(const char *program, int err, const struct rs_diag *diag)
{
    if (diag->text[0]) fprintf(stderr, "%s: %s\n", program, diag->text);
    if (diag->next[0]) fprintf(stderr, "%*s Next: %s\n", (int)strlen(program), "", diag->next);
    return rs_err_exit(err);
}

static enum rs_log_level level_of(const struct rs_options *options)
{
    const char *names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        if (rs_opt_is(options, RS_OPT_LOG_LEVEL, names[i])) return (enum rs_log_level)i;
    }
    return RS_LOG_INFO;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    struct rs_diag diag = {0};
    if (argc < 2) {
        print_usage(stderr);
        return rs_err_exit(RS_E_USAGE);
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_usage(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("rastro " RASTRO_VERSION);
        return 0;
    }
    const struct rs_verb *verb = find_verb(argv[1], &diag);
    if (!verb) return complain("rastro", RS_E_USAGE, &diag);

    char program[32];
    snprintf(program, sizeof program, "rastro %s", verb->name);
    struct rs_options *options = rs_options_new();
    int err = rs_options_read(options, verb->groups, argc - 2, argv + 2, &diag);
    if (!err && rs_options_help(options)) {
        print_verb_help(verb);
    } else if (!err) {
        rs_log_open(verb->name, level_of(options));
        err = verb->run(options, &diag);
    }
    if (fflush(stdout) && !err) err = rs_fail(&diag, RS_E_IO, "standard output cannot be written");
    int status = err ? complain(program, err, &diag) : 0;
    rs_options_free(options);
    return status;
}
