/* Kafka.  The truth names offsets, so each message must get the one that it was
 * counted to have: the topics are fresh, partitions are explicit, an idempotent
 * producer keeps the order, and every delivery report is compared. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink.h"

struct kafka_sink {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic[TOPICS_MAX];
    const struct options *options;
    uint64_t sent, delivered;
    bool append; /* offsets are not compared */
    bool failed;
};

static const char *const defaults[][2] = {
    {"client.id", "rastro-feed"},
    {"enable.idempotence", "true"},
    {"compression.codec", "lz4"},
    {"linger.ms", "50"},
    {"batch.size", "1000000"},
    {"batch.num.messages", "10000"},
    {"message.max.bytes", "16000000"},
    {"queue.buffering.max.messages", "400000"},
    {"queue.buffering.max.kbytes", "262144"},
};

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return true;
    fprintf(stderr, "rastro-feed: -X %s: %s\n", name, why);
    return false;
}

static bool set_property(rd_kafka_conf_t *conf, const char *property)
{
    char name[256];
    const char *equals = strchr(property, '=');
    if (!equals || (size_t)(equals - property) >= sizeof name) {
        fprintf(stderr, "rastro-feed: -X %s: expected name=value\n", property);
        return false;
    }
    memcpy(name, property, (size_t)(equals - property));
    name[equals - property] = '\0';
    return set(conf, name, equals + 1);
}

/* The expected offset travels as the message's private value.  One that was sent
 * again, because the answer came late, has none: the log had it already, in the
 * producer's order, which its neighbours' offsets show. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *self)
{
    struct kafka_sink *kafka = self;
    (void)rk;
    kafka->delivered++;
    if (m->err) {
        if (!kafka->failed) fprintf(stderr, "rastro-feed: not delivered: %s\n", rd_kafka_err2str(m->err));
        kafka->failed = true;
    } else if (!kafka->append && m->offset != RD_KAFKA_OFFSET_INVALID && m->offset != (int64_t)(intptr_t)m->_private) {
        if (!kafka->failed) {
            fprintf(stderr, "rastro-feed: %s/%d: offset %lld instead of %lld; is the topic not fresh?\n",
                    rd_kafka_topic_name(m->rkt), (int)m->partition, (long long)m->offset,
                    (long long)(intptr_t)m->_private);
        }
        kafka->failed = true;
    }
}

/* ---- topics ----------------------------------------------------------------------------- */

static bool check_created(rd_kafka_event_t *event)
{
    size_t n = 0;
    bool fine = true;
    if (!event) {
        fprintf(stderr, "rastro-feed: no answer to the creation of topics\n");
        return false;
    }
    if (rd_kafka_event_error(event)) {
        fprintf(stderr, "rastro-feed: topics: %s\n", rd_kafka_event_error_string(event));
        return false;
    }
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &n);
    for (size_t i = 0; i < n; i++) {
        if (!rd_kafka_topic_result_error(topics[i])) continue;
        const char *why = rd_kafka_topic_result_error_string(topics[i]);
        fprintf(stderr, "rastro-feed: topic %s: %s\n", rd_kafka_topic_result_name(topics[i]),
                why ? why : rd_kafka_err2str(rd_kafka_topic_result_error(topics[i])));
        fine = false;
    }
    return fine;
}

static bool create_topics(struct kafka_sink *kafka)
{
    const struct options *o = kafka->options;
    rd_kafka_NewTopic_t *topic[TOPICS_MAX];
    char why[256];
    for (int i = 0; i < o->topics; i++) {
        topic[i] = rd_kafka_NewTopic_new(o->topic[i].name, o->topic[i].partitions, 1, why, sizeof why);
        /* The messages are dated weeks ago, where retention would find them. */
        rd_kafka_NewTopic_set_config(topic[i], "retention.ms", "-1");
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka->rk);
    rd_kafka_CreateTopics(kafka->rk, topic, (size_t)o->topics, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 60000);
    bool fine = check_created(event);
    if (event) rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy_array(topic, (size_t)o->topics);
    return fine;
}

/* ---- life ---------------------------------------------------------------------------------- */

static rd_kafka_conf_t *make_conf(struct kafka_sink *kafka)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool fine = set(conf, "bootstrap.servers", kafka->options->brokers);
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) fine &= set(conf, defaults[i][0], defaults[i][1]);
    for (int i = 0; i < kafka->options->properties; i++) fine &= set_property(conf, kafka->options->property[i]);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, kafka);
    if (fine) return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

struct kafka_sink *kafka_open(const struct options *options)
{
    struct kafka_sink *kafka = calloc(1, sizeof *kafka);
    char why[512];
    if (!kafka) abort();
    kafka->options = options;
    rd_kafka_conf_t *conf = make_conf(kafka);
    if (!conf) goto fail;
    kafka->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!kafka->rk) {
        fprintf(stderr, "rastro-feed: Kafka: %s\n", why);
        rd_kafka_conf_destroy(conf);
        goto fail;
    }
    kafka->append = options->append;
    if (options->create && !create_topics(kafka)) goto fail;
    for (int i = 0; i < options->topics; i++)
        kafka->topic[i] = rd_kafka_topic_new(kafka->rk, options->topic[i].name, NULL);
    return kafka;
fail:
    if (kafka->rk) rd_kafka_destroy(kafka->rk);
    free(kafka);
    return NULL;
}

static bool produce(struct kafka_sink *kafka, const struct record *r)
{
    rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = kafka->topic[r->topic]},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = r->partition},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = r->stamp_ms},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)r->key, r->key_n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)r->value, r->value_n}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(intptr_t)r->offset},
    };
    while (!kafka->failed) {
        rd_kafka_error_t *error = rd_kafka_produceva(kafka->rk, vus, sizeof vus / sizeof *vus);
        if (!error) return true;
        bool full = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if (!full) {
            fprintf(stderr, "rastro-feed: %s\n", rd_kafka_error_string(error));
            kafka->failed = true;
        }
        rd_kafka_error_destroy(error);
        if (full) rd_kafka_poll(kafka->rk, 100);
    }
    return false;
}

bool kafka_send(struct kafka_sink *kafka, const struct record *record)
{
    if (!produce(kafka, record)) return false;
    if (++kafka->sent % 512 == 0) rd_kafka_poll(kafka->rk, 0);
    return !kafka->failed;
}

bool kafka_close(struct kafka_sink *kafka)
{
    if (!kafka->failed && rd_kafka_flush(kafka->rk, 120000)) {
        fprintf(stderr, "rastro-feed: %llu of %llu messages were delivered\n", (unsigned long long)kafka->delivered,
                (unsigned long long)kafka->sent);
        kafka->failed = true;
    }
    bool fine = !kafka->failed && kafka->delivered == kafka->sent;
    if (kafka->failed) rd_kafka_purge(kafka->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int i = 0; i < kafka->options->topics; i++) rd_kafka_topic_destroy(kafka->topic[i]);
    rd_kafka_destroy(kafka->rk);
    free(kafka);
    return fine;
}
