/* common.h - what several verbs do the same way. */
#ifndef RASTRO_VERBS_COMMON_H
#define RASTRO_VERBS_COMMON_H

#include "rastro/kafka.h"
#include "rastro/pg.h"
#include "rastro/pipeline.h"
#include "rastro/schema.h"
#include "verbs.h"

struct rs_pg_options rs_pg_options_of(const struct rs_options *options, const char *application);

/* Connects, and checks that the schema is one that this release reads. */
int rs_open_database(const struct rs_options *options, struct rs_pg **ret, struct rs_diag *diag);

/* The topics of --topic; `ret` is malloc'ed.  RS_E_USAGE when there are none or
 * a source is unknown. */
int rs_topics_of(const struct rs_options *options, const struct rs_profiles *profiles, struct rs_topic **ret,
                 int *ret_count, struct rs_diag *diag);
void rs_topics_free(struct rs_topic *topics, int count);

/* Kafka's options from the command line.  The pointers are the options'; free
 * `topic` and `property` with rs_kafka_options_free. */
struct rs_kafka_options rs_kafka_options_of(const struct rs_options *options, const struct rs_topic *topics, int count);
void rs_kafka_options_free(struct rs_kafka_options *kafka);

/* "scans/4" into its parts. */
int rs_parse_partition(const char *text, char *topic, size_t room, int32_t *ret_number, struct rs_diag *diag);

/* An instant for people: "2026-11-23 08:00Z". */
const char *rs_minute_text(int64_t us, char ret[24]);

#endif
