#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "kafka_private.h"
#include "rastro/log.h"

int rs_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct rs_diag *diag)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return RS_OK;
    return rs_fail(diag, RS_E_CONFIG, "-X %s: %s", name, why);
}

int rs_kafka_conf_pairs(rd_kafka_conf_t *conf, const char *const (*pair)[2], struct rs_diag *diag)
{
    int err = RS_OK;
    for (; !err && (*pair)[0]; pair++) err = rs_kafka_conf_set(conf, (*pair)[0], (*pair)[1], diag);
    return err;
}

static const char *const defaults[][2] = {
    {"client.id", "rastro"},
    {"socket.keepalive.enable", "true"},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

/* What exactly once stands on; aliases too. */
static const char *const ours[] = {
    "bootstrap.servers",
    "metadata.broker.list",
    /* of the consumer */
    "group.id",
    "group.instance.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "enable.partition.eof",
    "partition.assignment.strategy",
    "isolation.level",
    /* of the producer */
    "transactional.id",
    "enable.idempotence",
    "acks",
    "request.required.acks",
};

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (!strcmp(ours[i], name)) return true;
    }
    return false;
}

/* A secret's file is its owner's alone; one of root's may be given to a group,
 * as libpq has it for keys. */
static bool is_private(FILE *file)
{
    struct stat st;
    return fstat(fileno(file), &st) == 0 && !(st.st_mode & (st.st_uid == 0 ? 027 : 077));
}

/* NAME=VALUE; NAME=@FILE reads the value from a file, for secrets. */
static int set_property(rd_kafka_conf_t *conf, const char *text, struct rs_diag *diag)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return rs_fail(diag, RS_E_CONFIG, "-X %s: expected name=value", text);
    char name[128], value[4096];
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    if (is_ours(name)) return rs_fail(diag, RS_E_CONFIG, "-X %s: rastro sets this one itself", name);
    if (equals[1] != '@') return rs_kafka_conf_set(conf, name, equals + 1, diag);
    FILE *in = fopen(equals + 2, "re");
    if (in && !is_private(in)) {
        fclose(in);
        rs_fail(diag, RS_E_CONFIG, "-X %s: %s can be read by others", name, equals + 2);
        return rs_fail_next(diag, "chmod 600 %s", equals + 2);
    }
    size_t n = in ? fread(value, 1, sizeof value - 1, in) : 0;
    if (in) fclose(in);
    if (!n) return rs_fail(diag, RS_E_CONFIG, "-X %s: %s cannot be read", name, equals + 2);
    while (n && (value[n - 1] == '\n' || value[n - 1] == '\r')) n--;
    value[n] = '\0';
    return rs_kafka_conf_set(conf, name, value, diag);
}

/* HOST or HOST:PORT; a name that only starts like one of these is far. */
static bool is_loopback(const char *host, size_t n)
{
    static const char *const names[] = {"localhost", "[::1]", "::1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (n >= length && !strncasecmp(host, names[i], length) && (n == length || host[length] == ':')) return true;
    }
    size_t number = strspn(host, "0123456789.");
    return !strncmp(host, "127.", 4) && (number >= n || host[number] == ':');
}

static int check_plaintext(rd_kafka_conf_t *conf, const struct rs_kafka_options *options, struct rs_diag *diag)
{
    char protocol[64] = "";
    size_t size = sizeof protocol;
    rd_kafka_conf_get(conf, "security.protocol", protocol, &size);
    if (options->allow_plaintext || strcasestr(protocol, "ssl")) return RS_OK;
    for (const char *p = options->brokers; *p;) {
        size_t n = strcspn(p, ",");
        const char *host = strstr(p, "://") && strstr(p, "://") < p + n ? strstr(p, "://") + 3 : p;
        if (!is_loopback(host, n - (size_t)(host - p))) {
            rs_fail(diag, RS_E_CONFIG, "kafka %.*s: a far broker without TLS could be anybody", (int)n, p);
            return rs_fail_next(diag, "-X security.protocol=ssl, or --allow-plaintext if the network is yours alone");
        }
        p += n + (p[n] == ',');
    }
    return RS_OK;
}

static void log_line(const rd_kafka_t *rk, int level, const char *facility, const char *line)
{
    (void)rk;
    /* What a user sets for the consumer is not for the producer, and the other way. */
    bool for_other = !strcmp(facility, "CONFWARN") && strstr(line, " property and will be ignored by this ");
    if (level <= 4 && !for_other) rs_warn_every(10, "kafka: %s", line);
    else rs_debug("kafka: %s", line);
}

int rs_kafka_conf_user(rd_kafka_conf_t *conf, const struct rs_kafka_options *options, struct rs_diag *diag)
{
    int err = rs_kafka_conf_set(conf, "bootstrap.servers", options->brokers, diag);
    if (!err) err = rs_kafka_conf_pairs(conf, defaults, diag);
    for (int i = 0; !err && i < options->property_count; i++) err = set_property(conf, options->property[i], diag);
    if (!err) err = check_plaintext(conf, options, diag);
    rd_kafka_conf_set_log_cb(conf, log_line);
    return err;
}
