/* sink.h - where messages go: a Kafka cluster, a file, or nowhere. */
#ifndef FEED_SINK_H
#define FEED_SINK_H

#include "options.h"
#include "text.h"

struct record {
    int topic, partition; /* topic: index in the options */
    int64_t offset;       /* that it must get */
    int64_t stamp_ms;
    const char *key; /* NULL: none */
    size_t key_n;
    const char *value; /* NULL: a tombstone */
    size_t value_n;
};

struct sink;

/* Each returns false when it failed; then the reason is printed. */
struct sink *sink_open(const struct options *options); /* NULL when it failed */
bool sink_send(struct sink *sink, const struct record *record);
/* Everything sent is there, and where it should be. */
bool sink_close(struct sink *sink);

/* ---- a file (output_file.c) ------------------------------------------------------------ */

struct file_sink;

struct file_sink *file_open(const struct options *options);
bool file_send(struct file_sink *file, const struct record *record);
bool file_close(struct file_sink *file);

/* Publishes a file that was written so; topics and partitions are the file's. */
bool file_replay(struct options *options);

/* ---- Kafka (output_kafka.c) -------------------------------------------------------------- */

struct kafka_sink;

struct kafka_sink *kafka_open(const struct options *options);
bool kafka_send(struct kafka_sink *kafka, const struct record *record);
bool kafka_close(struct kafka_sink *kafka);

#endif
