#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pg_private.h"
#include "rastro/fault.h"
#include "rastro/log.h"

/* ---- errors --------------------------------------------------------------------- */

/* Rule D6.  23505 is no data error: the row is there already, so the batch goes
 * down the safe path.  A check of ours that fails (23514, 23502) names its
 * constraint, which the caller looks at; "no partition found" is 23514 too and
 * names none. */
enum rs_err rs_pg_error_of(const char *s)
{
    if (!strncmp(s, "22", 2) || !strcmp(s, "23502") || !strcmp(s, "23514")) return RS_E_DATA;
    if (!strncmp(s, "40", 2) || !strcmp(s, "55P03") || !strcmp(s, "23505") || !strcmp(s, "57014")) return RS_E_CONFLICT;
    if (!strncmp(s, "08", 2) || !strncmp(s, "57P", 3) || !strcmp(s, "25006") || !strncmp(s, "53", 2) ||
        !strcmp(s, "58030")) {
        return RS_E_SERVER;
    }
    if (!strncmp(s, "28", 2) || !strncmp(s, "3D", 2) || !strcmp(s, "42501")) return RS_E_CONFIG;
    return RS_E_HALT;
}

int rs_pg_failed(struct rs_pg *pg, const PGresult *result, struct rs_diag *diag)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *constraint = result ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : NULL;
    snprintf(pg->sqlstate, sizeof pg->sqlstate, "%s", state ? state : "");
    bool lost = PQstatus(pg->conn) != CONNECTION_OK;
    enum rs_err err = lost || !state ? RS_E_SERVER : rs_pg_error_of(state);
    if (err == RS_E_DATA && !strncmp(state, "23", 2) && !constraint && strcmp(state, "23502")) err = RS_E_HALT;
    const char *said = result && state ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    snprintf(pg->message, sizeof pg->message, "%s", said ? said : PQerrorMessage(pg->conn));
    return rs_fail(diag, err, "postgresql %s: %s%s%s%s", pg->where, pg->message, state ? " (" : "", state ? state : "",
                   state ? ")" : "");
}

/* ---- connecting -------------------------------------------------------------------- */

static bool is_loopback(struct rs_str host)
{
    if (!host.n || host.p[0] == '/' || rs_str_is(host, "localhost") || rs_str_is(host, "::1")) return true;
    /* A name that only starts like the address is far. */
    return host.n > 4 && !memcmp(host.p, "127.", 4) && strspn(host.p, "0123456789.") >= host.n;
}

static const char *option_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++) {
        if (!strcmp(options->keyword, keyword)) return options->val;
    }
    return NULL;
}

/* Every host of a list such as "db1,db2" must be near, or TLS verified. */
static bool all_loopback(const char *hosts)
{
    while (hosts && *hosts) {
        size_t n = strcspn(hosts, ",");
        if (!is_loopback((struct rs_str){hosts, (uint32_t)n})) return false;
        hosts += n + (hosts[n] == ',');
    }
    return true;
}

static bool verified(const char *sslmode)
{
    return sslmode && (!strcmp(sslmode, "verify-full") || !strcmp(sslmode, "verify-ca"));
}

static int check_conninfo(struct rs_pg *pg, struct rs_diag *diag)
{
    char *why = NULL;
    PQconninfoOption *given = PQconninfoParse(pg->conninfo, &why);
    if (!given) {
        int err = rs_fail(diag, RS_E_CONFIG, "--postgres: %s", why ? why : "not a connection string");
        PQfreemem(why);
        return err;
    }
    PQconninfoOption *defaults = PQconndefaults();
    const char *host = option_of(given, "host"), *address = option_of(given, "hostaddr");
    const char *sslmode = option_of(given, "sslmode"), *service = option_of(given, "service");
    if (!host && !service) host = option_of(defaults, "host");
    if (!address && !service) address = option_of(defaults, "hostaddr");
    if (!sslmode && !service) sslmode = option_of(defaults, "sslmode");
    bool fine = pg->options.allow_plaintext || verified(sslmode) ||
                (!service && all_loopback(host) && all_loopback(address));
    int err = RS_OK;
    if (!fine) {
        rs_fail(diag, RS_E_CONFIG, "postgresql %s: a far host without sslmode=verify-full could be anybody",
                address   ? address
                : host    ? host
                : service ? service
                          : "?");
        err = rs_fail_next(
            diag, "add sslmode=verify-full sslrootcert=FILE, or --allow-plaintext if the network is yours alone");
    }
    PQconninfoFree(given);
    PQconninfoFree(defaults);
    return err;
}

/* Drops what libpq prints by itself; we report errors once. */
static void ignore_notice(void *self, const char *message)
{
    (void)self;
    (void)message;
}

static void name_place(struct rs_pg *pg)
{
    const char *host = PQhost(pg->conn), *port = PQport(pg->conn), *db = PQdb(pg->conn);
    snprintf(pg->where, sizeof pg->where, "%.60s:%.20s/%.60s", host ? host : "", port ? port : "", db ? db : "");
}

/* What every session sets.  search_path is closed, so that no object of another
 * schema can stand in for ours; zone and style are those that we parse. */
static const char session_setup[] =
    "SET search_path = pg_catalog, pg_temp; SET TimeZone = 'UTC'; SET client_min_messages = warning";

/* libpq closes its descriptor whenever it likes, and the number may then be another
 * file's; ours stays until the owning thread lets go of it. */
static void hold_wire(struct rs_pg *pg)
{
    pthread_mutex_lock(&pg->wire_lock);
    pg->wire = fcntl(PQsocket(pg->conn), F_DUPFD_CLOEXEC, 0);
    pthread_mutex_unlock(&pg->wire_lock);
}

static void let_go_of_wire(struct rs_pg *pg)
{
    pthread_mutex_lock(&pg->wire_lock);
    if (pg->wire >= 0) close(pg->wire);
    pg->wire = -1;
    pthread_mutex_unlock(&pg->wire_lock);
}

void rs_pg_interrupt(struct rs_pg *pg)
{
    pthread_mutex_lock(&pg->wire_lock);
    if (pg->wire >= 0) shutdown(pg->wire, SHUT_RDWR);
    pthread_mutex_unlock(&pg->wire_lock);
}

static int connect_now(struct rs_pg *pg, struct rs_diag *diag)
{
    const char *keywords[] = {"fallback_application_name",
                              "client_encoding",
                              "connect_timeout",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "tcp_user_timeout",
                              "dbname",
                              NULL};
    const char *values[] = {pg->options.application ? pg->options.application : "rastro",
                            "UTF8",
                            "10",
                            "10",
                            "5",
                            "3",
                            "60000",
                            pg->conninfo,
                            NULL};
    pg->conn = PQconnectdbParams(keywords, values, 1);
    if (!pg->conn) rs_oom();
    name_place(pg);
    if (PQstatus(pg->conn) != CONNECTION_OK) {
        const char *said = PQerrorMessage(pg->conn);
        bool config = strstr(said, "authentication failed") || strstr(said, "no password") ||
                      strstr(said, "does not exist") || strstr(said, "no pg_hba.conf") ||
                      strstr(said, "definition of service");
        return rs_fail(diag, config ? RS_E_CONFIG : RS_E_SERVER, "postgresql %s: %s", pg->where, said);
    }
    hold_wire(pg);
    PQsetNoticeProcessor(pg->conn, ignore_notice, NULL);
    return rs_pg_script(pg, session_setup, diag);
}

int rs_pg_open(const struct rs_pg_options *options, struct rs_pg **ret, struct rs_diag *diag)
{
    struct rs_pg *pg = rs_calloc(1, sizeof *pg);
    pg->options = *options;
    pg->wire = -1;
    pthread_mutex_init(&pg->wire_lock, NULL);
    pg->conninfo = rs_strdup(options->conninfo ? options->conninfo : "");
    int err = check_conninfo(pg, diag);
    if (!err) err = connect_now(pg, diag);
    if (err) {
        rs_pg_close(pg);
        return err;
    }
    *ret = pg;
    return RS_OK;
}

static void disconnect(struct rs_pg *pg)
{
    PQclear(pg->rows);
    pg->rows = NULL;
    let_go_of_wire(pg);
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->prepared_n = 0;
}

int rs_pg_reopen(struct rs_pg *pg, struct rs_diag *diag)
{
    disconnect(pg);
    return connect_now(pg, diag);
}

void rs_pg_close(struct rs_pg *pg)
{
    if (!pg) return;
    disconnect(pg);
    pthread_mutex_destroy(&pg->wire_lock);
    free(pg->conninfo);
    free(pg);
}

bool rs_pg_alive(const struct rs_pg *pg)
{
    return pg->conn && PQstatus(pg->conn) == CONNECTION_OK;
}

const char *rs_pg_where(const struct rs_pg *pg)
{
    return pg->where;
}
int rs_pg_backend_pid(const struct rs_pg *pg)
{
    return PQbackendPID(pg->conn);
}
const char *rs_pg_sqlstate(const struct rs_pg *pg)
{
    return pg->sqlstate;
}
const char *rs_pg_message(const struct rs_pg *pg)
{
    return pg->message;
}

/* ---- statements ---------------------------------------------------------------------- */

struct rs_pg_rows {
    char unused; /* a PGresult wears this type outside of the folder */
};

static PGresult *result_of(const struct rs_pg_rows *rows)
{
    return (PGresult *)(uintptr_t)rows;
}

int rs_pg_script(struct rs_pg *pg, const char *sql, struct rs_diag *diag)
{
    PGresult *result = PQexec(pg->conn, sql);
    ExecStatusType status = PQresultStatus(result);
    int err = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY
                  ? RS_OK
                  : rs_pg_failed(pg, result, diag);
    PQclear(result);
    return err;
}

/* The statement's name, from its place in the list of prepared ones. */
static int prepare(struct rs_pg *pg, const char *sql, const struct rs_pg_params *params, char name[16],
                   struct rs_diag *diag)
{
    int i = 0;
    while (i < pg->prepared_n && pg->prepared[i] != sql) i++;
    snprintf(name, 16, "s%d", i);
    if (i < pg->prepared_n) return RS_OK;
    if (i == RS_PG_STATEMENTS_MAX) return rs_fail(diag, RS_E_BUG, "more than %d statements in a session", i);
    PGresult *result = PQprepare(pg->conn, name, sql, params ? params->n : 0, params ? params->type : NULL);
    int err = PQresultStatus(result) == PGRES_COMMAND_OK ? RS_OK : rs_pg_failed(pg, result, diag);
    PQclear(result);
    if (!err) pg->prepared[pg->prepared_n++] = sql;
    return err;
}

int rs_pg_run(struct rs_pg *pg, const char *sql, struct rs_pg_params *params, struct rs_pg_rows **ret,
              struct rs_diag *diag)
{
    const char *values[RS_PG_PARAMS_MAX];
    int lengths[RS_PG_PARAMS_MAX], formats[RS_PG_PARAMS_MAX];
    int n = params ? params->n : 0;
    /* libpq takes NULL for null, and nothing but empty texts allocates nothing. */
    const char *bytes = n && params->bytes.p ? params->bytes.p : "";
    char name[16];
    int err = prepare(pg, sql, params, name, diag);
    for (int i = 0; i < n; i++) {
        values[i] = params->null[i] ? NULL : bytes + params->at[i];
        lengths[i] = (int)params->length[i];
        formats[i] = 1;
    }
    if (!err) {
        PGresult *result = PQexecPrepared(pg->conn, name, n, values, lengths, formats, 1);
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) err = rs_pg_failed(pg, result, diag);
        PQclear(pg->rows);
        pg->rows = result;
        if (ret) *ret = (struct rs_pg_rows *)result;
    }
    if (params) {
        rs_buf_clear(&params->bytes);
        params->n = 0;
    }
    return err;
}

int rs_pg_commit(struct rs_pg *pg, struct rs_diag *diag)
{
    if (!PQsendQuery(pg->conn, "COMMIT")) return rs_pg_failed(pg, NULL, diag);
    PQflush(pg->conn);
    rs_kill_point(RS_KILL_COMMIT_SENT);
    int err = RS_OK;
    bool committed = false;
    PGresult *result;
    while ((result = PQgetResult(pg->conn))) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK) {
            if (!err) err = rs_pg_failed(pg, result, diag);
        } else {
            committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
        }
        PQclear(result);
    }
    if (err || committed) return err;
    if (PQstatus(pg->conn) != CONNECTION_OK) return rs_pg_failed(pg, NULL, diag);
    return rs_fail(diag, RS_E_CONFLICT, "postgresql %s: rolled back instead of committed", pg->where);
}

int rs_pg_count(const struct rs_pg_rows *rows)
{
    return PQntuples(result_of(rows));
}

int64_t rs_pg_affected(const struct rs_pg_rows *rows)
{
    return strtoll(PQcmdTuples(result_of(rows)), NULL, 10);
}

bool rs_pg_is_null(const struct rs_pg_rows *rows, int row, int column)
{
    return PQgetisnull(result_of(rows), row, column);
}

int64_t rs_pg_get_int(const struct rs_pg_rows *rows, int row, int column)
{
    const unsigned char *p = (const unsigned char *)PQgetvalue(result_of(rows), row, column);
    int n = PQgetlength(result_of(rows), row, column);
    if (n == 0) return 0;
    int64_t v = n > 1 && p[0] & 0x80 ? -1 : 0; /* a lone byte is a letter or a truth value */
    for (int i = 0; i < n && i < 8; i++) v = (int64_t)((uint64_t)v << 8 | p[i]);
    return v;
}

/* PostgreSQL counts from 2000-01-01. */
#define EPOCH_2000_US INT64_C(946684800000000)

int64_t rs_pg_get_time(const struct rs_pg_rows *rows, int row, int column)
{
    if (rs_pg_is_null(rows, row, column)) return INT64_MIN;
    return rs_pg_get_int(rows, row, column) + EPOCH_2000_US;
}

struct rs_str rs_pg_get_str(const struct rs_pg_rows *rows, int row, int column)
{
    return (struct rs_str){PQgetvalue(result_of(rows), row, column),
                           (uint32_t)PQgetlength(result_of(rows), row, column)};
}

struct rs_key rs_pg_get_key(const struct rs_pg_rows *rows, int row, int column)
{
    struct rs_key key = {{0}};
    if (PQgetlength(result_of(rows), row, column) == 16) {
        memcpy(key.b, PQgetvalue(result_of(rows), row, column), 16);
    }
    return key;
}

/* ---- COPY ------------------------------------------------------------------------------ */

#define COPY_PIECE (256u << 10)

int rs_pg_copy(struct rs_pg *pg, const char *sql, const struct rs_buf *rows, int64_t *ret_count, struct rs_diag *diag)
{
    PGresult *result = PQexec(pg->conn, sql);
    if (PQresultStatus(result) != PGRES_COPY_IN) {
        int err = rs_pg_failed(pg, result, diag);
        PQclear(result);
        return err;
    }
    PQclear(result);
    bool half = false;
    for (size_t at = 0; at < rows->n;) {
        size_t n = rows->n - at < COPY_PIECE ? rows->n - at : COPY_PIECE;
        if (!half && at + n > rows->n / 2) {
            half = true;
            n = rows->n / 2 > at ? rows->n / 2 - at : 1;
            if (PQputCopyData(pg->conn, rows->p + at, (int)n) != 1) break;
            at += n;
            PQflush(pg->conn);
            rs_kill_point(RS_KILL_MID_COPY);
            continue;
        }
        if (PQputCopyData(pg->conn, rows->p + at, (int)n) != 1) break;
        at += n;
    }
    PQputCopyEnd(pg->conn, NULL);
    int err = RS_OK;
    int64_t count = 0;
    while ((result = PQgetResult(pg->conn))) {
        if (PQresultStatus(result) == PGRES_COMMAND_OK) {
            count = strtoll(PQcmdTuples(result), NULL, 10);
        } else if (!err) {
            err = rs_pg_failed(pg, result, diag);
        }
        PQclear(result);
        if (PQstatus(pg->conn) != CONNECTION_OK) break;
    }
    if (!err && PQstatus(pg->conn) != CONNECTION_OK) err = rs_pg_failed(pg, NULL, diag);
    if (!err && ret_count) *ret_count = count;
    return err;
}
