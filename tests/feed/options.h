/* options.h - the command line. */
#ifndef FEED_OPTIONS_H
#define FEED_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum kind { KIND_MIXED, KIND_ONE_EVENT, KIND_HISTORY };

enum source_id {
    SOURCE_ORDERS,
    SOURCE_RASTRO,
    SOURCE_SEVENTEEN,
    SOURCE_AFTERSHIP,
    SOURCE_CAINIAO,
    SOURCE_CORREIOS,
    SOURCE_LINKETRACK,
    SOURCE_USPS,
    SOURCES
};

/* Scans of a parcel of a feed whose messages are alike, at most. */
#define STEPS 20

#define TOPICS_MAX 3
#define PARTITIONS_MAX 200
#define PROPERTIES_MAX 32

struct topic {
    char name[250];
    int partitions;
};

struct options {
    uint64_t seed;
    uint32_t parcels; /* 0: by messages */
    uint64_t messages;
    int days;
    int64_t until; /* seconds */
    struct topic topic[TOPICS_MAX];
    int topics;
    int redeliver, both, late; /* percent */
    int bad;                   /* permille */
    int scans;                 /* a parcel; of one-event and history */
    bool source[SOURCES];
    bool sources_given;
    enum kind kind;
    const char *brokers, *out, *from, *truth;
    const char *property[PROPERTIES_MAX]; /* name=value */
    int properties;
    bool create; /* topics */
    bool append; /* to topics that hold messages */
    bool json;   /* summary for machines */
};

/* Ends the program with 64 and a line on standard error if something is wrong;
 * with 0 behind --help. */
void options_read(struct options *options, int argc, char **argv);

/* Which topic a role's messages go to, when there are fewer topics than roles. */
int role_topic(const struct options *options, int role);

/* The name of a source, as its events carry it. */
const char *source_name(int source);

#endif
