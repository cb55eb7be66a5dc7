/* pg_private.h - what the files of this folder share about a session. */
#ifndef RASTRO_PG_PRIVATE_H
#define RASTRO_PG_PRIVATE_H

#include <libpq-fe.h>
#include <pthread.h>

#include "rastro/pg.h"

#define RS_PG_STATEMENTS_MAX 64

struct rs_pg {
    PGconn *conn;
    pthread_mutex_t wire_lock;
    int wire; /* the connection's socket, by a descriptor of our own; -1: none */
    struct rs_pg_options options;
    char *conninfo;
    char where[160];
    char sqlstate[6];
    char message[300];
    PGresult *rows; /* what rs_pg_rows points at */
    const char *prepared[RS_PG_STATEMENTS_MAX];
    int prepared_n;
};

/* Fills diag from a failed result (or the connection when NULL), keeps the
 * SQLSTATE and the message, and returns the error. */
int rs_pg_failed(struct rs_pg *pg, const PGresult *result, struct rs_diag *diag);

/* Our error for a SQLSTATE, design rule D6. */
enum rs_err rs_pg_error_of(const char *sqlstate);

#endif
