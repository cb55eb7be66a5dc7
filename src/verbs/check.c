/* rastro check: everything that ingest would need, touching nothing.  Goes on
 * behind a failure, so that one run names them all. */
#include <stdlib.h>

#include "common.h"
#include "rastro/decode.h"
#include "rastro/migrate.h"

#define ASK_MS 5000

struct check {
    const struct rs_options *options;
    int first_err; /* gives the exit status */
};

static void say(struct check *c, const char *what, int err, const struct rs_diag *diag, const char *fine)
{
    if (!err) {
        printf("ok      %-12s %s\n", what, fine);
        return;
    }
    printf("FAILED  %-12s %s\n", what, diag->text);
    if (diag->next[0]) printf("        %-12s Next: %s\n", "", diag->next);
    if (!c->first_err) c->first_err = err;
}

/* A profile's example must be readable by it, without anything left over. */
static int try_example(struct rs_decoder *decoder, const struct rs_profile *profile, struct rs_diag *diag)
{
    struct rs_str example = rs_profile_example(profile);
    if (!example.n) return RS_OK;
    struct rs_arena *arena = rs_arena_new(64 << 10);
    struct rs_record record = {.topic = RS_LIT("-"),
                               .value = example,
                               .time_us = rs_wall_us(&rs_clock_system),
                               .source = rs_profile_source(profile)};
    struct rs_message m;
    rs_decode(decoder, &record, arena, &m);
    int err = RS_OK;
    if (m.outcome == RS_OUTCOME_QUARANTINED) {
        err = rs_fail(diag, RS_E_CONFIG, "%s: its example cannot be read: %.*s", rs_profile_file(profile),
                      RS_FMT(m.reason));
    }
    for (uint32_t i = 0; !err && i < m.report_count; i++) {
        if (m.report[i].reject_count) {
            err = rs_fail(diag, RS_E_CONFIG, "%s: its example has an unusable event: %.*s", rs_profile_file(profile),
                          RS_FMT(m.report[i].reject[0].reason));
        }
    }
    rs_arena_free(arena);
    return err;
}

static void check_profiles(struct check *c, const struct rs_schema *schema)
{
    struct rs_decoder_options how = {.future_us = rs_opt_number(c->options, RS_OPT_FUTURE)};
    struct rs_decoder *decoder = rs_decoder_new(&schema->catalog, schema->zones, &schema->profiles, &how);
    struct rs_diag diag;
    int err = RS_OK;
    for (uint32_t i = 0; !err && i < schema->profiles.count; i++) {
        err = try_example(decoder, schema->profiles.profile[i], &diag);
    }
    char fine[120];
    snprintf(fine, sizeof fine, "%u sources, %u statuses, %u carriers; zone data %s", schema->profiles.count,
             schema->catalog.status_count, schema->catalog.carrier_count, rs_zones_release_text(schema->zones));
    say(c, "profiles", err, &diag, fine);
    rs_decoder_free(decoder);
}

static void check_rules(struct check *c, const struct rs_schema *schema)
{
    struct rs_rules *rules = NULL;
    struct rs_diag diag = {0};
    char fine[80] = "";
    int err = rs_schema_read_rules(schema, rs_opt_text(c->options, RS_OPT_RULES), &rules, &diag);
    if (!err) snprintf(fine, sizeof fine, "%u, version %u", rs_rules_count(rules), rs_rules_version(rules));
    say(c, "stall rules", err, &diag, fine);
    rs_rules_free(rules);
}

static void check_database(struct check *c, const struct rs_schema *schema)
{
    struct rs_pg_options options = rs_pg_options_of(c->options, "rastro check");
    struct rs_pg *pg = NULL;
    struct rs_diag diag;
    char fine[200];
    int version = 0;
    int err = rs_pg_open(&options, &pg, &diag);
    if (!err) err = rs_schema_version_check(pg, &diag);
    if (!err) err = rs_schema_version(pg, &version, &diag);
    if (!err) err = rs_schema_writer_check(pg, &diag);
    snprintf(fine, sizeof fine, "%s, schema %d (this release: %d to %d)", pg ? rs_pg_where(pg) : "", version,
             RS_SCHEMA_VERSION_MIN, rs_schema_version_max());
    say(c, "postgresql", err, &diag, fine);
    if (!err && schema) {
        err = rs_profiles_check(pg, &schema->profiles, false, &diag);
        say(c, "identity", err, &diag, "no profile changed its identity without a new version");
    }
    rs_pg_close(pg);
}

static void check_kafka(struct check *c, const struct rs_schema *schema)
{
    struct rs_topic *topics = NULL;
    int count = 0, err = RS_OK;
    struct rs_diag diag;
    char cluster[128] = "", fine[300];
    const char *alerts = rs_opt_text(c->options, RS_OPT_ALERTS);
    struct rs_kafka *kafka = NULL;
    if (rs_opt_count(c->options, RS_OPT_TOPIC))
        err = rs_topics_of(c->options, &schema->profiles, &topics, &count, &diag);
    struct rs_kafka_options options = rs_kafka_options_of(c->options, topics, count);
    options.group = NULL;
    if (!err) err = rs_kafka_open(&options, &kafka, &diag);
    if (!err) err = rs_kafka_cluster_id(kafka, ASK_MS, cluster, sizeof cluster, &diag);
    int n = snprintf(fine, sizeof fine, "%s, cluster %s", options.brokers, cluster);
    for (int i = 0; !err && i < count; i++) {
        int partitions = 0;
        err = rs_kafka_partitions(kafka, topics[i].name, ASK_MS, &partitions, &diag);
        if (n < (int)sizeof fine)
            n += snprintf(fine + n, sizeof fine - (size_t)n, ", %s:%d", topics[i].name, partitions);
    }
    say(c, "kafka", err, &diag, fine);
    if (!err && *alerts) {
        int partitions = 0;
        err = rs_kafka_partitions(kafka, alerts, ASK_MS, &partitions, &diag);
        snprintf(fine, sizeof fine, "%s:%d", alerts, partitions);
        say(c, "alerts", err, &diag, fine);
    }
    rs_kafka_close(kafka);
    rs_kafka_options_free(&options);
    rs_topics_free(topics, count);
}

int rs_verb_check(const struct rs_options *options, struct rs_diag *diag)
{
    struct check c = {.options = options};
    struct rs_schema schema;
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    say(&c, "schema files", err, diag, "status.json, carriers.json, countries.json, calendars.json, sources/");
    if (!err) check_profiles(&c, &schema);
    if (!err) check_rules(&c, &schema);
    check_database(&c, err ? NULL : &schema);
    if (!err) {
        check_kafka(&c, &schema);
        rs_schema_close(&schema);
    }
    diag->text[0] = diag->next[0] = '\0';
    return c.first_err;
}
