#include <stdio.h>
#include <stdlib.h>

#include "kafka_private.h"
#include "rastro/clock.h"
#include "rastro/log.h"

/* The group is left within this; `rastro ingest` has 10 s for all of its end. */
#define CLOSE_PATIENCE_US RS_SECOND_US

struct rs_kafka {
    rd_kafka_t *rk;
    rd_kafka_queue_t *events; /* the consumer's queue, for the owner thread */
    rd_kafka_event_t *event;  /* the last one, kept while its list is in use */
    struct rs_kafka_partition *partition;
    int partition_room;
    bool grouped;
    bool assigned;     /* partitions came once */
    char brokers[160]; /* for messages */
};

struct rs_kafka_queue {
    rd_kafka_queue_t *queue;
};

/* ---- configuration --------------------------------------------------------------- */

/* What a user may change.  A full queue makes librdkafka 2.0 wait a second, so
 * more than a second's worth is kept. */
static const char *const defaults[][2] = {
    /* A dead member's partitions stand still for so long; a member that was
     * only slow is fenced by PostgreSQL, so there is no need to be patient. */
    {"session.timeout.ms", "10000"},
    {"heartbeat.interval.ms", "2000"},
    {"queued.min.messages", "1000000"},
    {"fetch.message.max.bytes", "16777216"},
    {"receive.message.max.bytes", "268435456"},
    {"fetch.max.bytes", "67108864"},
    {"fetch.wait.max.ms", "100"},
    {NULL, NULL},
};

/* auto.offset.reset must be an error: otherwise what retention took is passed over
 * in silence. */
static const char *const ours[][2] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},
    {"partition.assignment.strategy", "cooperative-sticky"},
    {"isolation.level", "read_committed"},
    {NULL, NULL},
};

static int configure(rd_kafka_conf_t *conf, const struct rs_kafka_options *options, struct rs_diag *diag)
{
    int err = rs_kafka_conf_pairs(conf, defaults, diag);
    if (!err && options->queue_bytes) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)(options->queue_bytes / 1024));
        err = rs_kafka_conf_set(conf, "queued.max.messages.kbytes", text, diag);
    }
    if (!err) err = rs_kafka_conf_user(conf, options, diag);
    if (err || !options->group) return err;
    err = rs_kafka_conf_pairs(conf, ours, diag);
    if (!err) err = rs_kafka_conf_set(conf, "group.id", options->group, diag);
    if (!err && *options->instance) err = rs_kafka_conf_set(conf, "group.instance.id", options->instance, diag);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
    return err;
}

static int subscribe(struct rs_kafka *kafka, const struct rs_kafka_options *options, struct rs_diag *diag)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(options->topic_count);
    for (int i = 0; i < options->topic_count; i++) {
        rd_kafka_topic_partition_list_add(topics, options->topic[i], RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(kafka->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (!code) return RS_OK;
    return rs_fail(diag, RS_E_CONFIG, "kafka: %s", rd_kafka_err2str(code));
}

int rs_kafka_open(const struct rs_kafka_options *options, struct rs_kafka **ret, struct rs_diag *diag)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int err = configure(conf, options, diag);
    if (err) {
        rd_kafka_conf_destroy(conf);
        return err;
    }
    char why[512];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return rs_fail(diag, RS_E_CONFIG, "kafka: %s", why);
    }
    struct rs_kafka *kafka = rs_calloc(1, sizeof *kafka);
    kafka->rk = rk;
    snprintf(kafka->brokers, sizeof kafka->brokers, "%s", options->brokers);
    kafka->grouped = options->group != NULL;
    if (kafka->grouped) {
        rd_kafka_poll_set_consumer(rk);
        kafka->events = rd_kafka_queue_get_consumer(rk);
        err = subscribe(kafka, options, diag);
    }
    if (err) {
        rs_kafka_close(kafka);
        return err;
    }
    *ret = kafka;
    return RS_OK;
}

/* Closing revokes what is left; answers until it is done, or time is up. */
static bool leave_group(struct rs_kafka *kafka)
{
    int64_t deadline = rs_mono_us(&rs_clock_system) + CLOSE_PATIENCE_US;
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(kafka->rk, kafka->events);
    if (error) rd_kafka_error_destroy(error);
    while (!rd_kafka_consumer_closed(kafka->rk)) {
        if (rs_mono_us(&rs_clock_system) > deadline) return false;
        rd_kafka_event_t *event = rd_kafka_queue_poll(kafka->events, 50);
        if (!event) continue;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
            error = rd_kafka_incremental_unassign(kafka->rk, rd_kafka_event_topic_partition_list(event));
            if (error) rd_kafka_error_destroy(error);
        }
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(kafka->events);
    return true;
}

/* What cannot be taken down goes with the process, which is about to end: a
 * client whose commit waits for a broker's answer; and before librdkafka 2.3 a
 * member that joined but was not assigned anything (its issue 4312: abort). */
static struct rs_kafka *volatile left_behind; /* volatile: leak checkers shall find it */

static bool aborts_when_destroyed(const struct rs_kafka *kafka)
{
    return kafka->grouped && !kafka->assigned && rd_kafka_version() < 0x02030000;
}

void rs_kafka_close(struct rs_kafka *kafka)
{
    if (!kafka) return;
    if (kafka->event) rd_kafka_event_destroy(kafka->event);
    kafka->event = NULL;
    if (kafka->grouped && !leave_group(kafka)) {
        rs_warn("kafka %s: no broker answers; left the group without a word", kafka->brokers);
        left_behind = kafka;
        return;
    }
    if (aborts_when_destroyed(kafka)) {
        left_behind = kafka;
        return;
    }
    rd_kafka_destroy(kafka->rk);
    free(kafka->partition);
    free(kafka);
}

/* ---- questions ---------------------------------------------------------------------- */

int rs_kafka_cluster_id(struct rs_kafka *kafka, int timeout_ms, char *ret, size_t room, struct rs_diag *diag)
{
    char *id = rd_kafka_clusterid(kafka->rk, timeout_ms);
    if (!id) return rs_fail(diag, RS_E_SERVER, "kafka %s: no broker answers", kafka->brokers);
    snprintf(ret, room, "%s", id);
    rd_kafka_mem_free(kafka->rk, id);
    return RS_OK;
}

int rs_kafka_partitions(struct rs_kafka *kafka, const char *topic, int timeout_ms, int *ret, struct rs_diag *diag)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka->rk, topic, NULL);
    if (!handle) return rs_fail(diag, RS_E_CONFIG, "kafka: topic \"%s\": no such name", topic);
    rd_kafka_resp_err_t code = rd_kafka_metadata(kafka->rk, 0, handle, &metadata, timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code) return rs_fail(diag, RS_E_SERVER, "kafka: %s", rd_kafka_err2str(code));
    int n = metadata->topic_cnt == 1 && !metadata->topics[0].err ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (!n) return rs_fail(diag, RS_E_CONFIG, "kafka: there is no topic \"%s\"", topic);
    *ret = n;
    return RS_OK;
}

/* One end of each: in the protocol a time may be one of two that stand for the
 * ends. */
static void ask_ends(struct rs_kafka *kafka, const char *topic, struct rs_kafka_bounds *bounds, int count,
                     int64_t which, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, bounds[i].number)->offset = which;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(kafka->rk, list, timeout_ms);
    for (int i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *answer = &list->elems[i]; /* it keeps our order */
        rd_kafka_resp_err_t own = code ? code : answer->err;
        /* Nobody answered for it: what was asked for still stands there. */
        if (!own && answer->offset < 0) own = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        if (own) bounds[i].trouble = rd_kafka_err2str(own);
        else if (which == RD_KAFKA_OFFSET_BEGINNING) bounds[i].low = answer->offset;
        else bounds[i].high = answer->offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

int rs_kafka_bounds(struct rs_kafka *kafka, const char *topic, struct rs_kafka_bounds *bounds, int count,
                    int timeout_ms, struct rs_diag *diag)
{
    for (int i = 0; i < count; i++) bounds[i].trouble = NULL;
    ask_ends(kafka, topic, bounds, count, RD_KAFKA_OFFSET_BEGINNING, timeout_ms);
    ask_ends(kafka, topic, bounds, count, RD_KAFKA_OFFSET_END, timeout_ms);
    for (int i = 0; i < count; i++) {
        const struct rs_kafka_bounds *b = &bounds[i];
        if (b->trouble) return rs_fail(diag, RS_E_SERVER, "kafka %s/%d: %s", topic, b->number, b->trouble);
    }
    return RS_OK;
}

/* The end that a broker gives is that of what is committed; the watermark that
 * came with the last fetch is that of the log. */
static int64_t readable_end(struct rs_kafka *kafka, const rd_kafka_topic_partition_t *answer)
{
    int64_t low, high;
    if (answer->err || answer->offset < 0) return -1;
    if (rd_kafka_get_watermark_offsets(kafka->rk, answer->topic, answer->partition, &low, &high)) return -1;
    return high == answer->offset ? high : -1;
}

int rs_kafka_ends(struct rs_kafka *kafka, struct rs_kafka_partition *partition, int count, int timeout_ms,
                  struct rs_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, partition[i].topic, partition[i].number)->offset = RD_KAFKA_OFFSET_END;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(kafka->rk, list, timeout_ms);
    for (int i = 0; !code && i < count; i++) partition[i].offset = readable_end(kafka, &list->elems[i]);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? rs_fail(diag, RS_E_SERVER, "kafka %s: %s", kafka->brokers, rd_kafka_err2str(code)) : RS_OK;
}

int rs_kafka_offset_at(struct rs_kafka *kafka, const char *topic, int32_t partition, int64_t us, int timeout_ms,
                       int64_t *ret, struct rs_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = us / 1000;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(kafka->rk, list, timeout_ms);
    if (!code) code = list->elems[0].err;
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code) return rs_fail(diag, RS_E_SERVER, "kafka %s/%d: %s", topic, partition, rd_kafka_err2str(code));
    *ret = offset;
    if (offset >= 0) return RS_OK;
    struct rs_kafka_bounds bounds = {.number = partition};
    int err = rs_kafka_bounds(kafka, topic, &bounds, 1, timeout_ms, diag);
    *ret = bounds.high;
    return err;
}

/* ---- the owner thread ----------------------------------------------------------------- */

static void fill_partitions(struct rs_kafka *kafka, const rd_kafka_topic_partition_list_t *list,
                            struct rs_kafka_event *ret)
{
    if (list->cnt > kafka->partition_room) {
        kafka->partition_room = list->cnt;
        kafka->partition = rs_realloc(kafka->partition, (size_t)list->cnt * sizeof *kafka->partition);
    }
    for (int i = 0; i < list->cnt; i++) {
        kafka->partition[i] = (struct rs_kafka_partition){list->elems[i].topic, list->elems[i].partition, -1};
    }
    ret->partition = kafka->partition;
    ret->count = list->cnt;
}

void rs_kafka_wake_owner(struct rs_kafka *kafka)
{
    rd_kafka_queue_yield(kafka->events);
}

void rs_kafka_poll(struct rs_kafka *kafka, int timeout_ms, struct rs_kafka_event *ret)
{
    *ret = (struct rs_kafka_event){0};
    if (kafka->event) rd_kafka_event_destroy(kafka->event);
    kafka->event = rd_kafka_queue_poll(kafka->events, timeout_ms);
    if (!kafka->event) return;
    rd_kafka_resp_err_t code = rd_kafka_event_error(kafka->event);
    switch (rd_kafka_event_type(kafka->event)) {
    case RD_KAFKA_EVENT_REBALANCE:
        kafka->assigned |= code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        ret->kind = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? RS_KAFKA_ASSIGNED
                    : rd_kafka_assignment_lost(kafka->rk)        ? RS_KAFKA_LOST
                                                                 : RS_KAFKA_REVOKED;
        fill_partitions(kafka, rd_kafka_event_topic_partition_list(kafka->event), ret);
        break;
    case RD_KAFKA_EVENT_ERROR:
        ret->kind = code == RD_KAFKA_RESP_ERR__FATAL ? RS_KAFKA_FATAL : RS_KAFKA_FAILED;
        snprintf(ret->text, sizeof ret->text, "%s", rd_kafka_event_error_string(kafka->event));
        break;
    default: break;
    }
}

static rd_kafka_topic_partition_list_t *list_of(const struct rs_kafka_partition *partition, int count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, partition[i].topic, partition[i].number)->offset = partition[i].offset;
    }
    return list;
}

static int answered(rd_kafka_error_t *error, rd_kafka_topic_partition_list_t *list, struct rs_diag *diag)
{
    rd_kafka_topic_partition_list_destroy(list);
    if (!error) return RS_OK;
    int err = rs_fail(diag, RS_E_SERVER, "kafka: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return err;
}

int rs_kafka_assign(struct rs_kafka *kafka, const struct rs_kafka_partition *partition, int count, struct rs_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = list_of(partition, count);
    return answered(rd_kafka_incremental_assign(kafka->rk, list), list, diag);
}

int rs_kafka_unassign(struct rs_kafka *kafka, const struct rs_kafka_partition *partition, int count,
                      struct rs_diag *diag)
{
    rd_kafka_topic_partition_list_t *list = list_of(partition, count);
    return answered(rd_kafka_incremental_unassign(kafka->rk, list), list, diag);
}

void rs_kafka_tell(struct rs_kafka *kafka, const struct rs_kafka_partition *partition, int count)
{
    if (!count) return;
    rd_kafka_topic_partition_list_t *list = list_of(partition, count);
    rd_kafka_commit(kafka->rk, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- workers ------------------------------------------------------------------------------ */

struct rs_kafka_queue *rs_kafka_queue_new(struct rs_kafka *kafka)
{
    struct rs_kafka_queue *queue = rs_calloc(1, sizeof *queue);
    queue->queue = rd_kafka_queue_new(kafka->rk);
    return queue;
}

void rs_kafka_queue_free(struct rs_kafka_queue *queue)
{
    if (!queue) return;
    rd_kafka_queue_destroy(queue->queue);
    free(queue);
}

int rs_kafka_route(struct rs_kafka *kafka, const char *topic, int32_t partition, struct rs_kafka_queue *queue,
                   struct rs_diag *diag)
{
    rd_kafka_queue_t *own = rd_kafka_queue_get_partition(kafka->rk, topic, partition);
    if (!own) return rs_fail(diag, RS_E_SERVER, "kafka %s/%d: no such partition", topic, partition);
    rd_kafka_queue_forward(own, queue->queue);
    rd_kafka_queue_destroy(own);
    return RS_OK;
}

static struct rs_str source_header(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers)) return RS_STR_NONE;
    if (rd_kafka_header_get_last(headers, "rastro-source", &value, &size)) return RS_STR_NONE;
    return (struct rs_str){value, (uint32_t)size};
}

static enum rs_kafka_kind kind_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return RS_KAFKA_MESSAGE;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: return RS_KAFKA_END;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return RS_KAFKA_GONE;
    default: return RS_KAFKA_TROUBLE;
    }
}

void rs_kafka_take(struct rs_kafka_queue *queue, int timeout_ms, struct rs_kafka_message *ret)
{
    *ret = (struct rs_kafka_message){0};
    rd_kafka_message_t *message = rd_kafka_consume_queue(queue->queue, timeout_ms);
    if (!message) return;
    ret->handle = message;
    ret->kind = kind_of(message->err);
    ret->topic = message->rkt ? rd_kafka_topic_name(message->rkt) : NULL;
    ret->partition = message->partition;
    ret->offset = message->offset;
    if (ret->kind == RS_KAFKA_MESSAGE) {
        rd_kafka_timestamp_type_t type;
        int64_t ms = rd_kafka_message_timestamp(message, &type);
        ret->time_us = ms < 0 ? -1 : ms * 1000;
        ret->value = (struct rs_str){message->payload, (uint32_t)message->len};
        if (message->payload == NULL) ret->value = RS_STR_NONE;
        ret->source = source_header(message);
    } else if (ret->kind != RS_KAFKA_END) {
        ret->text = rd_kafka_message_errstr(message);
    }
}

void rs_kafka_done(struct rs_kafka_message *message)
{
    if (message->handle) rd_kafka_message_destroy(message->handle);
    message->handle = NULL;
}

void rs_kafka_wake(struct rs_kafka_queue *queue)
{
    rd_kafka_queue_yield(queue->queue);
}
