#include "common.h"

#include <stdlib.h>

#include "rastro/migrate.h"
#include "rastro/time.h"

struct rs_pg_options rs_pg_options_of(const struct rs_options *options, const char *application)
{
    return (struct rs_pg_options){
        .conninfo = rs_opt_text(options, RS_OPT_POSTGRES),
        .allow_plaintext = rs_opt_flag(options, RS_OPT_ALLOW_PLAINTEXT),
        .application = application,
    };
}

int rs_open_database(const struct rs_options *options, struct rs_pg **ret, struct rs_diag *diag)
{
    struct rs_pg_options pg_options = rs_pg_options_of(options, "rastro");
    struct rs_pg *pg = NULL;
    int err = rs_pg_open(&pg_options, &pg, diag);
    if (!err) err = rs_schema_version_check(pg, diag);
    if (err) {
        rs_pg_close(pg);
        return err;
    }
    *ret = pg;
    return RS_OK;
}

int rs_topics_of(const struct rs_options *options, const struct rs_profiles *profiles, struct rs_topic **ret,
                 int *ret_count, struct rs_diag *diag)
{
    int n = rs_opt_count(options, RS_OPT_TOPIC);
    if (!n) return rs_fail(diag, RS_E_USAGE, "no topic to read: name one with --topic");
    struct rs_topic *topics = rs_calloc((size_t)n, sizeof *topics);
    for (int i = 0; i < n; i++) {
        const char *text = rs_opt_item(options, RS_OPT_TOPIC, i), *equals = strchr(text, '=');
        char *name = rs_strdup(text);
        topics[i].name = name;
        if (!equals) continue;
        name[equals - text] = '\0';
        topics[i].source = rs_str_of(equals + 1);
        if (rs_profiles_find(profiles, topics[i].source)) continue;
        rs_fail(diag, RS_E_USAGE, "--topic %s: there is no source \"%s\"", text, equals + 1);
        rs_topics_free(topics, n);
        return RS_E_USAGE;
    }
    *ret = topics;
    *ret_count = n;
    return RS_OK;
}

void rs_topics_free(struct rs_topic *topics, int count)
{
    for (int i = 0; topics && i < count; i++) free((void *)(uintptr_t)topics[i].name);
    free(topics);
}

struct rs_kafka_options rs_kafka_options_of(const struct rs_options *options, const struct rs_topic *topics, int count)
{
    int properties = rs_opt_count(options, RS_OPT_KAFKA);
    const char **topic = rs_calloc((size_t)count + 1, sizeof *topic);
    const char **property = rs_calloc((size_t)properties + 1, sizeof *property);
    for (int i = 0; i < count; i++) topic[i] = topics[i].name;
    for (int i = 0; i < properties; i++) property[i] = rs_opt_item(options, RS_OPT_KAFKA, i);
    return (struct rs_kafka_options){
        .brokers = rs_opt_text(options, RS_OPT_BROKERS),
        .group = rs_opt_text(options, RS_OPT_GROUP),
        .instance = rs_opt_text(options, RS_OPT_INSTANCE),
        .topic = topic,
        .topic_count = count,
        .property = property,
        .property_count = properties,
        .queue_bytes = rs_opt_number(options, RS_OPT_QUEUE_BYTES),
        .allow_plaintext = rs_opt_flag(options, RS_OPT_ALLOW_PLAINTEXT),
    };
}

void rs_kafka_options_free(struct rs_kafka_options *kafka)
{
    free((void *)(uintptr_t)kafka->topic);
    free((void *)(uintptr_t)kafka->property);
}

int rs_parse_partition(const char *text, char *topic, size_t room, int32_t *ret_number, struct rs_diag *diag)
{
    const char *slash = text ? strrchr(text, '/') : NULL;
    char *end = NULL;
    long number = slash ? strtol(slash + 1, &end, 10) : -1;
    if (!slash || slash == text || end == slash + 1 || *end || number < 0 || (size_t)(slash - text) >= room) {
        return rs_fail(diag, RS_E_USAGE, "\"%s\" is no partition, such as scans/4", text ? text : "");
    }
    memcpy(topic, text, (size_t)(slash - text));
    topic[slash - text] = '\0';
    *ret_number = (int32_t)number;
    return RS_OK;
}

const char *rs_minute_text(int64_t us, char ret[24])
{
    if (us == RS_INSTANT_NONE) return strcpy(ret, "-");
    struct rs_civil t = rs_civil_at(us, 0);
    snprintf(ret, 24, "%04d-%02u-%02u %02u:%02uZ", t.year % 10000, t.month % 100u, t.day % 100u, t.hour % 100u,
             t.minute % 100u);
    return ret;
}
