/* rastro-kafka-admin BROKERS VERB ...
 *
 *   create TOPIC PARTITIONS             without retention, since test messages are old
 *   delete TOPIC
 *   grow TOPIC PARTITIONS               to so many
 *   delete-records TOPIC PARTITION N    all before offset N, as retention would
 *   transact TOPIC                      publishes standard input in transactions: lines of
 *                                       `commit` or `abort`, partition, key, value, between
 *                                       tabs; neighbours with the same word share one
 *   read TOPIC                          prints what is committed: lines of partition, key,
 *                                       milliseconds since 1970, content-type, value, between tabs
 *
 * What the fault tests ask of a real broker, without starting Java for each.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 30000

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "rastro-kafka-admin: %s: %s\n", what, why);
    exit(1);
}

static rd_kafka_t *open_client(const char *brokers, const char *transactional_id)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    if (transactional_id) rd_kafka_conf_set(conf, "transactional.id", transactional_id, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk) fail("client", why);
    return rk;
}

/* The answer's errors, whatever it is an answer to. */
static void check_event(const char *what, rd_kafka_event_t *event)
{
    if (!event) fail(what, "no answer");
    if (rd_kafka_event_error(event)) fail(what, rd_kafka_event_error_string(event));
    size_t n = 0;
    const rd_kafka_topic_result_t **topic = NULL;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
        topic = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
        break;
    case RD_KAFKA_EVENT_DELETETOPICS_RESULT:
        topic = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
        break;
    case RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT:
        topic = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n);
        break;
    default: break;
    }
    for (size_t i = 0; i < n; i++) {
        if (rd_kafka_topic_result_error(topic[i])) fail(what, rd_kafka_topic_result_error_string(topic[i]));
    }
    rd_kafka_event_destroy(event);
}

static void create(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name, int partitions)
{
    char why[512];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, why, sizeof why);
    if (!topic) fail("create", why);
    rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    check_event("create", rd_kafka_queue_poll(queue, WAIT_MS));
    rd_kafka_NewTopic_destroy(topic);
}

static void delete_topic(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
    check_event("delete", rd_kafka_queue_poll(queue, WAIT_MS));
    rd_kafka_DeleteTopic_destroy(topic);
}

static void grow(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name, int partitions)
{
    char why[512];
    rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(name, (size_t)partitions, why, sizeof why);
    if (!more) fail("grow", why);
    rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
    check_event("grow", rd_kafka_queue_poll(queue, WAIT_MS));
    rd_kafka_NewPartitions_destroy(more);
}

static void delete_records(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name, int partition, long before)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name, partition)->offset = before;
    rd_kafka_DeleteRecords_t *what = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &what, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    if (!event) fail("delete-records", "no answer");
    if (rd_kafka_event_error(event)) fail("delete-records", rd_kafka_event_error_string(event));
    const rd_kafka_topic_partition_list_t *done = rd_kafka_DeleteRecords_result_offsets(
        rd_kafka_event_DeleteRecords_result(event));
    if (done->elems[0].err) fail("delete-records", rd_kafka_err2str(done->elems[0].err));
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(what);
    rd_kafka_topic_partition_list_destroy(list);
}

static void check_error(const char *what, rd_kafka_error_t *error)
{
    if (error) fail(what, rd_kafka_error_string(error));
}

static void end_transaction(rd_kafka_t *rk, const char *word)
{
    if (!strcmp(word, "abort")) {
        /* Written first: an abort would otherwise throw away what is queued. */
        rd_kafka_flush(rk, WAIT_MS);
        check_error("abort", rd_kafka_abort_transaction(rk, WAIT_MS));
    } else {
        check_error("commit", rd_kafka_commit_transaction(rk, WAIT_MS));
    }
}

static void transact(const char *brokers, const char *topic)
{
    rd_kafka_t *rk = open_client(brokers, "rastro-kafka-admin");
    char line[65536], open[16] = "";
    check_error("init", rd_kafka_init_transactions(rk, WAIT_MS));
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line;
        const char *word = strsep(&rest, "\t"), *partition = strsep(&rest, "\t"), *key = strsep(&rest, "\t");
        if (!partition || !key || !rest) fail("transact", "expected word, partition, key, value");
        if (strcmp(word, open) != 0) {
            if (*open) end_transaction(rk, open);
            snprintf(open, sizeof open, "%s", word);
            check_error("begin", rd_kafka_begin_transaction(rk));
        }
        rd_kafka_resp_err_t err = rd_kafka_producev(
            rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int)strtol(partition, NULL, 10)),
            RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(rest, strlen(rest)),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err) fail("produce", rd_kafka_err2str(err));
        rd_kafka_poll(rk, 0);
    }
    if (*open) end_transaction(rk, open);
    rd_kafka_destroy(rk);
}

/* All partitions from their beginnings; how many there are. */
static int assign_all(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, handle, &metadata, WAIT_MS);
    if (!err) err = metadata->topics[0].err;
    if (err) fail("read", rd_kafka_err2str(err));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    int count = list->cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return count;
}

static void print_record(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *type = "";
    size_t size = 0;
    if (!rd_kafka_message_headers(message, &headers)) {
        rd_kafka_header_get_last(headers, "content-type", &type, &size);
    }
    rd_kafka_timestamp_type_t kind;
    printf("%d\t%.*s\t%lld\t%.*s\t%.*s\n", message->partition, (int)message->key_len, (const char *)message->key,
           (long long)rd_kafka_message_timestamp(message, &kind), (int)size, (const char *)type, (int)message->len,
           (const char *)message->payload);
}

static void read_topic(const char *brokers, const char *topic)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "rastro-kafka-admin", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", why, sizeof why);
    rd_kafka_conf_set(conf, "isolation.level", "read_committed", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) fail("client", why);
    rd_kafka_poll_set_consumer(rk);
    for (int left = assign_all(rk, topic); left > 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, WAIT_MS);
        if (!message) fail("read", "no answer");
        if (!message->err) print_record(message);
        else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) left--;
        else fail("read", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 3 ? argv[2] : "";
    if (argc == 4 && !strcmp(verb, "read")) {
        read_topic(argv[1], argv[3]);
        return 0;
    }
    if (argc == 4 && !strcmp(verb, "transact")) {
        transact(argv[1], argv[3]);
        return 0;
    }
    int expected = !strcmp(verb, "create") || !strcmp(verb, "grow") ? 5
                   : !strcmp(verb, "delete")                        ? 4
                   : !strcmp(verb, "delete-records")                ? 6
                                                                    : 0;
    if (argc != expected) {
        fprintf(stderr, "usage: rastro-kafka-admin BROKERS VERB TOPIC ...\n");
        return 64;
    }
    rd_kafka_t *rk = open_client(argv[1], NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    if (!strcmp(verb, "create")) create(rk, queue, argv[3], (int)strtol(argv[4], NULL, 10));
    if (!strcmp(verb, "delete")) delete_topic(rk, queue, argv[3]);
    if (!strcmp(verb, "grow")) grow(rk, queue, argv[3], (int)strtol(argv[4], NULL, 10));
    if (!strcmp(verb, "delete-records")) {
        delete_records(rk, queue, argv[3], (int)strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10));
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}
