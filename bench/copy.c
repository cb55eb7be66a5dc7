/* What PostgreSQL takes at best: COPY BINARY of rows that are encoded already.
 *
 *   bench_copy CONNECTIONS FILE TABLE(COLUMNS)     PG* variables say where
 *
 * FILE is what COPY ... TO (FORMAT binary) wrote.  It is read into memory and
 * cut into transactions of 5,000 rows before the clock starts; the connections
 * then take them in turn, each with a thread and a session of its own.  Prints
 * one line of JSON. */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS 5000
#define CONNECTIONS_MAX 64
#define PIECE (256u << 10) /* of a CopyData message: small enough for the server to begin */

/* 11 bytes of signature, flags, length of an extension that nobody uses. */
static const char head[19] = "PGCOPY\n\377\r\n";
static const char tail[2] = {'\377', '\377'};

struct work {
    const char *bytes;
    size_t *start; /* of each transaction's rows; one more for the end */
    size_t transactions, rows;
    const char *target;
};

struct session {
    const struct work *work;
    PGconn *conn;
    size_t first, step;
    pthread_t thread;
};

_Noreturn static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_copy: %s: %s\n", what, why);
    exit(1);
}

/* ---- the file --------------------------------------------------------------------- */

static char *read_all(const char *path, size_t *ret_n)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) fail(path, "cannot be read");
    long n = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)n + 1);
    if (!bytes || fread(bytes, 1, (size_t)n, file) != (size_t)n) fail(path, "cannot be read");
    fclose(file);
    *ret_n = (size_t)n;
    return bytes;
}

static size_t check_room(size_t at, size_t more, size_t n)
{
    if (at > n || more > n - at) fail("the file", "ends inside a row");
    return at + more;
}

/* Behind the row at `at`; `at` itself at the trailer. */
static size_t next_row(const char *bytes, size_t at, size_t n)
{
    uint16_t fields;
    size_t end = check_room(at, sizeof fields, n);
    memcpy(&fields, bytes + at, sizeof fields);
    if (fields == UINT16_MAX) return at;
    for (int i = 0; i < ntohs(fields); i++) {
        uint32_t length;
        size_t value = check_room(end, sizeof length, n);
        memcpy(&length, bytes + end, sizeof length);
        end = length == UINT32_MAX ? value : check_room(value, ntohl(length), n);
    }
    return end;
}

static void cut(struct work *work, size_t n)
{
    if (n < sizeof head || memcmp(work->bytes, head, sizeof head) != 0) fail("the file", "is not of COPY BINARY");
    size_t room = 1024, at = sizeof head;
    work->start = malloc(room * sizeof *work->start);
    for (size_t next; work->start; at = next, work->rows++) {
        next = next_row(work->bytes, at, n);
        if (next != at && work->rows % ROWS) continue;
        if (work->transactions + 1 >= room) work->start = realloc(work->start, (room *= 2) * sizeof *work->start);
        if (!work->start) break;
        work->start[work->transactions] = at;
        if (next == at) return;
        work->transactions++;
    }
    fail("the file", "no memory");
}

/* ---- a connection ------------------------------------------------------------------- */

static void expect(PGconn *conn, PGresult *result, ExecStatusType status)
{
    if (PQresultStatus(result) != status) fail("postgresql", PQerrorMessage(conn));
    PQclear(result);
}

static void put(PGconn *conn, const char *bytes, size_t n)
{
    if (PQputCopyData(conn, bytes, (int)n) != 1) fail("postgresql", PQerrorMessage(conn));
}

static void write_transaction(struct session *s, size_t number)
{
    const struct work *work = s->work;
    char sql[4096];
    snprintf(sql, sizeof sql, "BEGIN; COPY %s FROM STDIN (FORMAT binary)", work->target);
    expect(s->conn, PQexec(s->conn, sql), PGRES_COPY_IN);
    put(s->conn, head, sizeof head);
    for (size_t at = work->start[number], end = work->start[number + 1]; at < end;) {
        size_t n = end - at < PIECE ? end - at : PIECE;
        put(s->conn, work->bytes + at, n);
        at += n;
    }
    put(s->conn, tail, sizeof tail);
    if (PQputCopyEnd(s->conn, NULL) != 1) fail("postgresql", PQerrorMessage(s->conn));
    for (PGresult *result; (result = PQgetResult(s->conn));) expect(s->conn, result, PGRES_COMMAND_OK);
    expect(s->conn, PQexec(s->conn, "COMMIT"), PGRES_COMMAND_OK);
}

static void *write_all(void *self)
{
    struct session *s = self;
    for (size_t i = s->first; i < s->work->transactions; i += s->step) write_transaction(s, i);
    return NULL;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct session session[CONNECTIONS_MAX];
    struct work work = {0};
    size_t bytes, connections = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
    if (connections < 1 || connections > CONNECTIONS_MAX) fail("usage", "bench_copy CONNECTIONS FILE TABLE(COLUMNS)");
    char *file = read_all(argv[2], &bytes);
    work.bytes = file;
    work.target = argv[3];
    cut(&work, bytes);
    for (size_t i = 0; i < connections; i++) {
        session[i] = (struct session){.work = &work, .conn = PQconnectdb(""), .first = i, .step = connections};
        if (PQstatus(session[i].conn) != CONNECTION_OK) fail("postgresql", PQerrorMessage(session[i].conn));
    }
    double start = seconds();
    for (size_t i = 0; i < connections; i++) {
        if (pthread_create(&session[i].thread, NULL, write_all, &session[i])) fail("thread", "cannot be made");
    }
    for (size_t i = 0; i < connections; i++) pthread_join(session[i].thread, NULL);
    double took = seconds() - start;
    for (size_t i = 0; i < connections; i++) PQfinish(session[i].conn);
    printf("{\"rows\": %zu, \"transactions\": %zu, \"seconds\": %.6f}\n", work.rows, work.transactions, took);
    free(work.start);
    free(file);
    return 0;
}
