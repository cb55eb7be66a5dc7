/* pipeline.h - a member of the fleet: Kafka to PostgreSQL, for as long as it is
 * wanted.  See src/app/pipeline.c for the threads and their protocol. */
#ifndef RASTRO_PIPELINE_H
#define RASTRO_PIPELINE_H

#include "rastro/clock.h"
#include "rastro/counters.h"
#include "rastro/kafka.h"
#include "rastro/schema.h"
#include "rastro/sink.h"

enum rs_start { RS_START_BEGINNING, RS_START_END, RS_START_AT };

/* A topic to read; `source` is named for all of it, or empty. */
struct rs_topic {
    const char *name;
    struct rs_str source;
};

struct rs_pipeline_options {
    struct rs_kafka_options kafka;
    const struct rs_topic *topic;
    int topic_count;
    struct rs_pg_options pg;
    const struct rs_schema *schema;
    const struct rs_rules_now *rules;
    const struct rs_clock *clock;
    const char *member_name;
    int workers;
    uint32_t batch_rows;
    int64_t batch_bytes, batch_age_us, future_us, table_bytes, memo_bytes;
    enum rs_raw_mode raw;
    enum rs_start start;
    int64_t start_us; /* RS_START_AT */
    bool until_end;
    bool detect;              /* look for parcels that stand still */
    void (*idle)(void *self); /* the owner thread calls it some times a second */
    void *idle_self;
    bool stages;        /* changes of stage are told too */
    const char *alerts; /* the topic to which they are published, or "": then none are written */
};

struct rs_pipeline;

/* Connects to both servers; nothing is read yet. */
int rs_pipeline_open(const struct rs_pipeline_options *options, struct rs_pipeline **ret, struct rs_diag *diag);

/* Runs until stopped or, with until_end, until everything that was there is
 * durable.  RS_E_HALT when it ends with a partition standing still. */
int rs_pipeline_run(struct rs_pipeline *pipeline, struct rs_diag *diag);

/* Ends rs_pipeline_run within 10 s; from a signal handler or any thread. */
void rs_pipeline_stop(struct rs_pipeline *pipeline);

const struct rs_counters *rs_pipeline_counters(const struct rs_pipeline *pipeline);

/* Counters and the parcel table, in Prometheus' text form. */
void rs_pipeline_print(const struct rs_pipeline *pipeline, struct rs_buf *out);

/* From the first poll to the last commit, once it has run; 0 when nothing was
 * committed. */
int64_t rs_pipeline_took_us(const struct rs_pipeline *pipeline);

void rs_pipeline_close(struct rs_pipeline *pipeline); /* NULL is fine */

#endif
