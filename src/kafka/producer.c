#include "rastro/producer.h"

#include <stdio.h>
#include <stdlib.h>

#include "kafka_private.h"
#include "rastro/clock.h"
#include "rastro/fault.h"
#include "rastro/log.h"

struct rs_producer {
    rd_kafka_t *rk;
    char *content_type;
    char brokers[160]; /* for messages */
};

/* What a user may change. */
static const char *const defaults[][2] = {
    /* Readers wait behind a transaction that nobody ends, for so long. */
    {"transaction.timeout.ms", "30000"},
    {"partitioner", "murmur2_random"}, /* as Java's, so that streams of a number join */
    {NULL, NULL},
};

static int configure(rd_kafka_conf_t *conf, const struct rs_kafka_options *options, const char *id,
                     struct rs_diag *diag)
{
    int err = rs_kafka_conf_pairs(conf, defaults, diag);
    if (!err) err = rs_kafka_conf_user(conf, options, diag);
    /* With it come acks=all, and the order of a partition's records. */
    if (!err) err = rs_kafka_conf_set(conf, "enable.idempotence", "true", diag);
    if (!err) err = rs_kafka_conf_set(conf, "transactional.id", id, diag);
    return err;
}

/* Gives `error` back. */
static int failed(struct rs_producer *producer, rd_kafka_error_t *error, struct rs_diag *diag)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool fenced = code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                  code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    int err = rs_fail(diag, fenced ? RS_E_FENCED : RS_E_SERVER, "kafka %s: %s", producer->brokers,
                      rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return err;
}

int rs_producer_open(const struct rs_kafka_options *kafka, const char *id, const char *content_type, int timeout_ms,
                     struct rs_producer **ret, struct rs_diag *diag)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int err = configure(conf, kafka, id, diag);
    rd_kafka_t *rk = err ? NULL : rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return err ? err : rs_fail(diag, RS_E_CONFIG, "kafka: %s", why);
    }
    struct rs_producer *producer = rs_calloc(1, sizeof *producer);
    producer->rk = rk;
    producer->content_type = rs_strdup(content_type);
    snprintf(producer->brokers, sizeof producer->brokers, "%s", kafka->brokers);
    rd_kafka_error_t *error = rd_kafka_init_transactions(rk, timeout_ms);
    if (error) {
        err = failed(producer, error, diag);
        rs_producer_close(producer);
        return err;
    }
    *ret = producer;
    return RS_OK;
}

void rs_producer_close(struct rs_producer *producer)
{
    if (!producer) return;
    rd_kafka_destroy(producer->rk);
    free(producer->content_type);
    free(producer);
}

/* ---- a transaction ------------------------------------------------------------------- */

static rd_kafka_error_t *produce(struct rs_producer *producer, const char *topic,
                                 const struct rs_producer_record *record, int count)
{
    rd_kafka_error_t *error = NULL;
    for (int i = 0; !error && i < count; i++) {
        struct rs_str key = record[i].key, value = record[i].value;
        rd_kafka_vu_t of[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key.p, key.n}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)value.p, value.n}},
            {.vtype = RD_KAFKA_VTYPE_HEADER, .u.header = {"content-type", producer->content_type, -1}},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        };
        error = rd_kafka_produceva(producer->rk, of, sizeof of / sizeof *of);
    }
    return error;
}

static int left_ms(int64_t deadline_us)
{
    int64_t left = (deadline_us - rs_mono_us(&rs_clock_system)) / 1000;
    return left > 0 ? (int)left : 0;
}

int rs_producer_publish(struct rs_producer *producer, const char *topic, const struct rs_producer_record *record,
                        int count, int timeout_ms, struct rs_diag *diag)
{
    int64_t deadline = rs_mono_us(&rs_clock_system) + timeout_ms * INT64_C(1000);
    rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->rk);
    if (!error) error = produce(producer, topic, record, count);
    if (!error) {
        rd_kafka_flush(producer->rk, left_ms(deadline)); /* what fails here, commit tells */
        rs_kill_point(RS_KILL_ALERTS_WRITTEN);
        error = rd_kafka_commit_transaction(producer->rk, left_ms(deadline));
    }
    if (!error) return RS_OK;
    /* Not needed for what is right: the next to open the id does it.  But those
     * who read only what is committed need not wait for that. */
    if (rd_kafka_error_txn_requires_abort(error)) {
        rd_kafka_error_t *again = rd_kafka_abort_transaction(producer->rk, left_ms(deadline));
        if (again) rd_kafka_error_destroy(again);
    }
    return failed(producer, error, diag);
}
