/* reader.h - reading a configuration file that is JSON, with good errors.
 *
 * Every complaint is "file:line:column: what"; a misspelt key or name gets a
 * suggestion.
 */
#ifndef RASTRO_CORE_READER_H
#define RASTRO_CORE_READER_H

#include "rastro/arena.h"
#include "rastro/error.h"
#include "rastro/json.h"
#include "rastro/strmap.h"

struct rs_reader {
    struct rs_json json;
    const char *file;
    struct rs_json_parser *parser;
    struct rs_arena *arena; /* strings that stay are copied here */
    struct rs_diag *diag;
};

/* `text` must stay while the reader is used. */
int rs_reader_open(struct rs_reader *reader, const char *file, struct rs_str text, struct rs_arena *arena,
                   struct rs_diag *diag);
void rs_reader_close(struct rs_reader *reader);

/* Complain about node `at`; RS_E_CONFIG. */
int rs_reader_fail(struct rs_reader *reader, uint32_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Complain that `word` at node `at` is no `what`, with the nearest of `known`. */
int rs_reader_unknown(struct rs_reader *reader, uint32_t at, const char *what, struct rs_str word,
                      const struct rs_strmap *known);

/* The node must be an object whose keys are all among `keys` (NULL-ended), each
 * at most once. */
int rs_reader_object(struct rs_reader *reader, uint32_t at, const char *const keys[]);

/* Any object; only repeated keys are refused. */
int rs_reader_map(struct rs_reader *reader, uint32_t at);

int rs_reader_array(struct rs_reader *reader, uint32_t at);

/* A string, copied.  With at == 0 (absent): empty. */
int rs_reader_string(struct rs_reader *reader, uint32_t at, struct rs_str *ret);

/* A member that must be there. */
int rs_reader_need(struct rs_reader *reader, uint32_t object, const char *key, uint32_t *ret);

int rs_reader_integer(struct rs_reader *reader, uint32_t at, int64_t min, int64_t max, int64_t *ret);
int rs_reader_bool(struct rs_reader *reader, uint32_t at, bool *ret);

#define RS_EACH_CHILD(json, parent, child) \
    for (uint32_t child = (parent) + 1; child < (json)->node[parent].next; child = (json)->node[child].next)

#endif
