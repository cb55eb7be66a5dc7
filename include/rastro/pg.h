/* pg.h - sessions with PostgreSQL.
 *
 * The only folder that knows libpq is src/pg.  A session belongs to one thread.
 * Every call waits; parameters are never spliced into SQL.
 *
 * Errors carry what to do in their class: RS_E_SERVER (reconnect or back off),
 * RS_E_CONFLICT (run the transaction again), RS_E_FENCED, RS_E_DATA (a row was
 * refused), RS_E_HALT (anything else that PostgreSQL said), RS_E_CONFIG.  The
 * SQLSTATE of the last failure is kept for finer decisions.
 */
#ifndef RASTRO_PG_H
#define RASTRO_PG_H

#include <stdbool.h>
#include <stdint.h>

#include "rastro/error.h"
#include "rastro/hash.h"
#include "rastro/str.h"

struct rs_pg_options {
    const char *conninfo; /* libpq's; empty: PG* variables and services alone */
    bool allow_plaintext; /* to hosts that are not this one */
    const char *application;
};

struct rs_pg; /* a session */

int rs_pg_open(const struct rs_pg_options *options, struct rs_pg **ret, struct rs_diag *diag);
void rs_pg_close(struct rs_pg *pg); /* NULL is fine */

/* Connects again after a loss; the same options. */
int rs_pg_reopen(struct rs_pg *pg, struct rs_diag *diag);

/* False when the connection is known to be lost. */
bool rs_pg_alive(const struct rs_pg *pg);

/* "host:port/database", for messages. */
const char *rs_pg_where(const struct rs_pg *pg);

/* Of this session's backend: what a successor ends. */
int rs_pg_backend_pid(const struct rs_pg *pg);

/* SQLSTATE of the last failure, five characters, or "". */
const char *rs_pg_sqlstate(const struct rs_pg *pg);

/* What the server said last, without where. */
const char *rs_pg_message(const struct rs_pg *pg);

/* From any thread: what the session waits for fails at once with RS_E_SERVER, however
 * silent the server is, and the session is lost.  Does nothing while it connects. */
void rs_pg_interrupt(struct rs_pg *pg);

/* ---- statements ---------------------------------------------------------------- */

/* Parameters in binary form, built in order.  Zero-initialise; reset by each
 * call that uses them. */
#define RS_PG_PARAMS_MAX 40
struct rs_pg_params {
    struct rs_buf bytes;
    int n;
    unsigned type[RS_PG_PARAMS_MAX];
    uint32_t at[RS_PG_PARAMS_MAX], length[RS_PG_PARAMS_MAX];
    bool null[RS_PG_PARAMS_MAX];
};

void rs_pg_params_free(struct rs_pg_params *params);
void rs_pg_int8(struct rs_pg_params *params, int64_t v);
void rs_pg_int4(struct rs_pg_params *params, int32_t v);
void rs_pg_int2(struct rs_pg_params *params, int16_t v);
void rs_pg_bool(struct rs_pg_params *params, bool v);
void rs_pg_text(struct rs_pg_params *params, struct rs_str v);
void rs_pg_uuid(struct rs_pg_params *params, struct rs_key v);
void rs_pg_bytea(struct rs_pg_params *params, struct rs_str v);
void rs_pg_time(struct rs_pg_params *params, int64_t us); /* RS_INSTANT_NONE: null */
void rs_pg_null(struct rs_pg_params *params, unsigned type);

/* Arrays: open, put elements, close.  One dimension. */
enum rs_pg_type {
    RS_PG_BOOL = 16,
    RS_PG_BYTEA = 17,
    RS_PG_CHAR = 18,
    RS_PG_INT8 = 20,
    RS_PG_INT2 = 21,
    RS_PG_INT4 = 23,
    RS_PG_TEXT = 25,
    RS_PG_TIME = 1184,
    RS_PG_UUID = 2950,
};
void rs_pg_array_open(struct rs_pg_params *params, enum rs_pg_type element);
void rs_pg_array_int8(struct rs_pg_params *params, int64_t v);
void rs_pg_array_int4(struct rs_pg_params *params, int32_t v);
void rs_pg_array_int2(struct rs_pg_params *params, int16_t v);
void rs_pg_array_time(struct rs_pg_params *params, int64_t us);                 /* RS_INSTANT_NONE: null */
void rs_pg_array_bytes(struct rs_pg_params *params, const void *p, uint32_t n); /* text, bytea, uuid, char */
void rs_pg_array_null(struct rs_pg_params *params);
void rs_pg_array_close(struct rs_pg_params *params);

/* Rows of the last query, until the next call on the session.  Binary. */
struct rs_pg_rows;

/* Runs one statement, prepared on first use under the text's address.  `params`
 * may be NULL.  `ret` may be NULL when no rows are wanted. */
int rs_pg_run(struct rs_pg *pg, const char *sql, struct rs_pg_params *params, struct rs_pg_rows **ret,
              struct rs_diag *diag);

/* Several statements without parameters in one go, such as a migration. */
int rs_pg_script(struct rs_pg *pg, const char *sql, struct rs_diag *diag);

/* COMMIT; RS_E_CONFLICT when the server rolled back instead. */
int rs_pg_commit(struct rs_pg *pg, struct rs_diag *diag);

int rs_pg_count(const struct rs_pg_rows *rows);
int64_t rs_pg_affected(const struct rs_pg_rows *rows);
bool rs_pg_is_null(const struct rs_pg_rows *rows, int row, int column);
int64_t rs_pg_get_int(const struct rs_pg_rows *rows, int row, int column);       /* int2, int4, int8, bool, "char" */
int64_t rs_pg_get_time(const struct rs_pg_rows *rows, int row, int column);      /* us since 1970 */
struct rs_str rs_pg_get_str(const struct rs_pg_rows *rows, int row, int column); /* text, bytea */
struct rs_key rs_pg_get_key(const struct rs_pg_rows *rows, int row, int column);

/* ---- COPY ------------------------------------------------------------------------ */

/* Sends a finished buffer, built with src/pg/copy.h, through `sql`, a COPY ... FROM STDIN BINARY. */
int rs_pg_copy(struct rs_pg *pg, const char *sql, const struct rs_buf *rows, int64_t *ret_count, struct rs_diag *diag);

#endif
