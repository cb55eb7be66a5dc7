/* kafka_private.h - configuration that consumers and producers share. */
#ifndef RASTRO_KAFKA_PRIVATE_H
#define RASTRO_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>

#include "rastro/kafka.h"

int rs_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct rs_diag *diag);

/* A list that ends with NULL. */
int rs_kafka_conf_pairs(rd_kafka_conf_t *conf, const char *const (*pair)[2], struct rs_diag *diag);

/* Brokers, the user's properties, and the log; RS_E_CONFIG for those that are
 * rastro's own, and for far brokers without TLS.  Behind defaults and before what
 * is ours. */
int rs_kafka_conf_user(rd_kafka_conf_t *conf, const struct rs_kafka_options *options, struct rs_diag *diag);

#endif
