/* options.h - every option, in one table.
 *
 * The table in options.c gives parsing, --help, the environment's names, the
 * configuration file's keys and the reference page.  To add an option: add its
 * id here and its line there, with the groups of the verbs that take it.
 *
 * Precedence: flag > RASTRO_* > --config FILE > /etc/rastro/rastro.conf >
 * default.  Secrets are refused on the command line, where every user of the
 * machine can read them.
 */
#ifndef RASTRO_OPTIONS_H
#define RASTRO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rastro/error.h"
#include "rastro/str.h"

/* Which verbs take an option: a verb names the groups that it understands. */
enum rs_option_group {
    RS_GROUP_ALL = 1 << 0,
    RS_GROUP_FORMAT = 1 << 1,
    RS_GROUP_SCHEMA = 1 << 2, /* reads schema/ files */
    RS_GROUP_PG = 1 << 3,
    RS_GROUP_KAFKA = 1 << 4,
    RS_GROUP_INGEST = 1 << 5,
    RS_GROUP_TIMELINE = 1 << 6,
    RS_GROUP_EXPLAIN = 1 << 7,
    RS_GROUP_LIST = 1 << 8, /* prints rows: limits and filters */
    RS_GROUP_REASON = 1 << 9,
    RS_GROUP_MIGRATE = 1 << 10,
    RS_GROUP_CONFIG = 1 << 11,
    RS_GROUP_QUARANTINE = 1 << 12,
    RS_GROUP_RULES = 1 << 13,  /* reads stall rules */
    RS_GROUP_PARCEL = 1 << 14, /* finds one parcel */
    RS_GROUP_STALLED = 1 << 15,
};

enum rs_option_id {
    RS_OPT_CONFIG,
    RS_OPT_LOG_LEVEL,
    RS_OPT_FORMAT,
    RS_OPT_SCHEMA,
    RS_OPT_RULES,
    RS_OPT_POSTGRES,
    RS_OPT_ALLOW_PLAINTEXT,
    RS_OPT_BROKERS,
    RS_OPT_TOPIC,
    RS_OPT_KAFKA,
    RS_OPT_GROUP,
    RS_OPT_INSTANCE,
    RS_OPT_START,
    RS_OPT_WORKERS,
    RS_OPT_BATCH_ROWS,
    RS_OPT_BATCH_BYTES,
    RS_OPT_BATCH_AGE,
    RS_OPT_QUEUE_BYTES,
    RS_OPT_TABLE_BYTES,
    RS_OPT_MEMO_BYTES,
    RS_OPT_RAW,
    RS_OPT_FUTURE,
    RS_OPT_UNTIL_END,
    RS_OPT_DETECTOR,
    RS_OPT_ALERTS,
    RS_OPT_ALERT_STAGES,
    RS_OPT_METRICS,
    RS_OPT_SOURCE,
    RS_OPT_READER,
    RS_OPT_RECEIVED,
    RS_OPT_NOW,
    RS_OPT_WATCH,
    RS_OPT_ALL,
    RS_OPT_AS_OF,
    RS_OPT_CARRIER,
    RS_OPT_KIND,
    RS_OPT_SELLER,
    RS_OPT_STAGE,
    RS_OPT_ORIGIN,
    RS_OPT_DESTINATION,
    RS_OPT_SILENT,
    RS_OPT_OPENED_SINCE,
    RS_OPT_OPENED_BEFORE,
    RS_OPT_PROMISED_BEFORE,
    RS_OPT_SORT,
    RS_OPT_CURSOR,
    RS_OPT_COUNT,
    RS_OPT_BY,
    RS_OPT_LIMIT,
    RS_OPT_SINCE,
    RS_OPT_MATCH,
    RS_OPT_REASON,
    RS_OPT_DRY_RUN,
    RS_OPT_REFERENCE,
    RS_OPT__COUNT
};

enum rs_option_origin { RS_FROM_DEFAULT, RS_FROM_FILE, RS_FROM_ENVIRONMENT, RS_FROM_FLAG };

struct rs_options;

struct rs_options *rs_options_new(void);
void rs_options_free(struct rs_options *options); /* NULL is fine */

/* Reads files, environment and flags for a verb that takes `groups`.  What is
 * no option stays, in order, as arguments.  --help and --version are seen as
 * flags here and acted on by the caller. */
int rs_options_read(struct rs_options *options, unsigned groups, int argc, char **argv, struct rs_diag *diag);

bool rs_options_help(const struct rs_options *options);
int rs_options_argc(const struct rs_options *options);
const char *rs_options_arg(const struct rs_options *options, int i);

/* Typed reading.  Text is "" when not given; numbers are parsed already. */
const char *rs_opt_text(const struct rs_options *options, enum rs_option_id id);
int64_t rs_opt_number(const struct rs_options *options, enum rs_option_id id);
bool rs_opt_flag(const struct rs_options *options, enum rs_option_id id);
bool rs_opt_is(const struct rs_options *options, enum rs_option_id id, const char *choice);
bool rs_opt_given(const struct rs_options *options, enum rs_option_id id);
int rs_opt_count(const struct rs_options *options, enum rs_option_id id); /* of a list */
const char *rs_opt_item(const struct rs_options *options, enum rs_option_id id, int i);

/* Where the effective value came from, such as "--group" or "rastro.conf:3". */
const char *rs_opt_where(const struct rs_options *options, enum rs_option_id id);

/* The options of `groups`, as --help shows them. */
void rs_options_print_help(FILE *out, unsigned groups);

/* Every option as Markdown: the reference page. */
void rs_options_print_reference(FILE *out);

/* Each option of `groups` with its effective value, secrets masked. */
void rs_options_print_effective(const struct rs_options *options, FILE *out, unsigned groups);

/* `text` with the passwords of a conninfo or URI masked, for messages. */
void rs_mask_secrets(const char *text, struct rs_buf *out);

#endif
