#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "rastro/httpd.h"
#include "rastro/log.h"
#include "rastro/time.h"

/* ---- options ---------------------------------------------------------------------- */

static int read_start(const struct rs_options *options, struct rs_pipeline_options *ret, struct rs_diag *diag)
{
    const char *text = rs_opt_text(options, RS_OPT_START);
    if (!strcmp(text, "beginning")) {
        ret->start = RS_START_BEGINNING;
    } else if (!strcmp(text, "end")) {
        ret->start = RS_START_END;
    } else if (rs_time_parse(rs_str_of(text), &ret->start_us)) {
        ret->start = RS_START_AT;
    } else {
        return rs_fail(diag, RS_E_USAGE, "%s: \"%s\" is neither beginning nor end nor an instant",
                       rs_opt_where(options, RS_OPT_START), text);
    }
    return RS_OK;
}

static enum rs_raw_mode raw_mode(const struct rs_options *options)
{
    if (rs_opt_is(options, RS_OPT_RAW, "none")) return RS_RAW_NONE;
    return rs_opt_is(options, RS_OPT_RAW, "all") ? RS_RAW_ALL : RS_RAW_NEW;
}

static const char *member_name(const struct rs_options *options, char name[160])
{
    const char *instance = rs_opt_text(options, RS_OPT_INSTANCE);
    char host[100] = "?";
    gethostname(host, sizeof host - 1);
    snprintf(name, 160, "%s%s%s:%ld", *instance ? instance : "", *instance ? "@" : "", host, (long)getpid());
    return name;
}

/* ---- running ------------------------------------------------------------------------ */

static struct rs_pipeline *volatile running;
static volatile sig_atomic_t asked;  /* to end */
static volatile sig_atomic_t reload; /* asked to read the stall rules again */

static void on_signal(int number)
{
    (void)number;
    asked = 1;
    if (running) rs_pipeline_stop(running);
}

static void on_reload(int number)
{
    (void)number;
    reload = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = on_reload;
    sigaction(SIGHUP, &action, NULL);
}

/* Rules in use, and all before them: a transaction may still go by those. */
struct ruling {
    const struct rs_schema *schema;
    const char *file;
    struct rs_rules_now now;
    struct rs_rules **all;
    size_t count;
};

static int add_rules(struct ruling *ruling, struct rs_diag *diag)
{
    const struct rs_rules *old = rs_rules_of(&ruling->now);
    struct rs_rules *rules;
    int err = rs_schema_read_rules(ruling->schema, ruling->file, &rules, diag);
    if (err) return err;
    if (old && rs_rules_version(rules) <= rs_rules_version(old)) {
        bool same = rs_key_eq(rs_rules_key(rules), rs_rules_key(old));
        if (!same) {
            err = rs_fail(diag, RS_E_CONFIG, "version %u is in use: raise the version", rs_rules_version(old));
        }
        rs_rules_free(rules);
        return err;
    }
    ruling->all = rs_realloc(ruling->all, (ruling->count + 1) * sizeof *ruling->all);
    ruling->all[ruling->count++] = rules;
    rs_store_release_ptr(&ruling->now.rules, rules);
    return RS_OK;
}

static void free_rules(struct ruling *ruling)
{
    for (size_t i = 0; i < ruling->count; i++) rs_rules_free(ruling->all[i]);
    free(ruling->all);
}

/* What is wrong with new rules changes nothing. */
static void reload_rules(void *self)
{
    struct ruling *ruling = self;
    struct rs_diag diag = {0};
    if (!reload) return;
    reload = 0;
    if (add_rules(ruling, &diag)) rs_error("stall rules: %s; those in use stay", diag.text);
    else rs_info("stall rules: version %u", rs_rules_version(rs_rules_of(&ruling->now)));
}

static void print_metrics(void *self, struct rs_buf *out)
{
    rs_pipeline_print(self, out);
}

static void print_summary(const struct rs_counters *c)
{
#define N(name) (unsigned long long)rs_load_relaxed_u64(&c->name)
    printf(
        "messages %llu  events %llu = %llu new + %llu repeats + %llu refused  quarantined %llu messages, %llu events\n",
        N(messages), N(events), N(events_new), N(events_duplicate), N(events_refused), N(messages_quarantined),
        N(events_quarantined));
#undef N
}

static void print_took(const struct rs_pipeline *pipeline)
{
    int64_t took_us = rs_pipeline_took_us(pipeline);
    if (!took_us) return;
    double seconds = (double)took_us / RS_SECOND_US;
    double fresh = (double)rs_load_relaxed_u64(&rs_pipeline_counters(pipeline)->events_new);
    printf("took %.3f s from first poll to last commit, %.0f new events a second\n", seconds, fresh / seconds);
}

static int run(const struct rs_pipeline_options *options, const char *metrics, struct rs_diag *diag)
{
    struct rs_pipeline *pipeline;
    struct rs_httpd *httpd = NULL;
    catch_signals();
    rs_keep_pages();
    int err = rs_pipeline_open(options, &pipeline, diag);
    if (err) return err;
    if (*metrics) err = rs_httpd_open(metrics, print_metrics, pipeline, &httpd, diag);
    if (!err) {
        running = pipeline;
        if (asked) rs_pipeline_stop(pipeline); /* while it was opened */
        err = rs_pipeline_run(pipeline, diag);
        running = NULL;
        print_summary(rs_pipeline_counters(pipeline));
        print_took(pipeline);
    }
    rs_httpd_close(httpd);
    rs_pipeline_close(pipeline);
    return err;
}

int rs_verb_ingest(const struct rs_options *options, struct rs_diag *diag)
{
    struct rs_schema schema;
    struct rs_topic *topics = NULL;
    int count = 0;
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    if (err) return err;
    char name[160];
    struct rs_pipeline_options pipeline = {
        .pg = rs_pg_options_of(options, "rastro ingest"),
        .schema = &schema,
        .clock = &rs_clock_system,
        .member_name = member_name(options, name),
        .workers = (int)rs_opt_number(options, RS_OPT_WORKERS),
        .batch_rows = (uint32_t)rs_opt_number(options, RS_OPT_BATCH_ROWS),
        .batch_bytes = rs_opt_number(options, RS_OPT_BATCH_BYTES),
        .batch_age_us = rs_opt_number(options, RS_OPT_BATCH_AGE),
        .table_bytes = rs_opt_number(options, RS_OPT_TABLE_BYTES),
        .memo_bytes = rs_opt_number(options, RS_OPT_MEMO_BYTES),
        .future_us = rs_opt_number(options, RS_OPT_FUTURE),
        .raw = raw_mode(options),
        .until_end = rs_opt_flag(options, RS_OPT_UNTIL_END),
        .detect = rs_opt_is(options, RS_OPT_DETECTOR, "on"),
        .alerts = rs_opt_text(options, RS_OPT_ALERTS),
        .stages = rs_opt_flag(options, RS_OPT_ALERT_STAGES),
    };
    const char *metrics = rs_opt_text(options, RS_OPT_METRICS);
    err = read_start(options, &pipeline, diag);
    struct ruling ruling = {.schema = &schema, .file = rs_opt_text(options, RS_OPT_RULES)};
    if (!err) err = add_rules(&ruling, diag);
    pipeline.rules = &ruling.now;
    pipeline.idle = reload_rules;
    pipeline.idle_self = &ruling;
    if (!err && *metrics) err = rs_httpd_check(metrics, diag);
    if (!err) err = rs_topics_of(options, &schema.profiles, &topics, &count, diag);
    if (!err) {
        pipeline.topic = topics;
        pipeline.topic_count = count;
        pipeline.kafka = rs_kafka_options_of(options, topics, count);
        err = run(&pipeline, metrics, diag);
        rs_kafka_options_free(&pipeline.kafka);
    }
    rs_topics_free(topics, count);
    free_rules(&ruling);
    rs_schema_close(&schema);
    return err;
}
