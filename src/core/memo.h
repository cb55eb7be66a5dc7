/* memo.h - checkpoints that were read before; see memo.c.
 *
 * Belongs to a decoder, and so to a thread.
 */
#ifndef RASTRO_CORE_MEMO_H
#define RASTRO_CORE_MEMO_H

#include "rastro/event.h"
#include "rastro/json.h"

struct rs_memo;

/* NULL when `bytes` is too little for anything. */
struct rs_memo *rs_memo_new(size_t bytes);
void rs_memo_free(struct rs_memo *memo); /* NULL is fine */

struct rs_memo_key {
    struct rs_key context; /* of all but its bytes that an event depends on */
    struct rs_key raw;     /* of its bytes */
};

/* The key of event node `at`; false for one that is not kept. */
bool rs_memo_key(const struct rs_json *json, uint32_t at, struct rs_key context, struct rs_memo_key *ret);

/* Says that the key will be asked for soon, and soon after that again, so that
 * memory is on its way: first for its place, then for its entry. */
void rs_memo_expect(const struct rs_memo *memo, const struct rs_memo_key *key);
void rs_memo_expect_entry(const struct rs_memo *memo, const struct rs_memo_key *key);

/* Makes the event of node `at` again; false when it is not known.  `line` is
 * left to the caller, and the mark `future` is not set. */
bool rs_memo_get(struct rs_memo *memo, const struct rs_memo_key *key, const struct rs_json *json, uint32_t at,
                 struct rs_arena *arena, struct rs_event *event);

/* Keeps an event that rs_memo_get did not know. */
void rs_memo_put(struct rs_memo *memo, const struct rs_memo_key *key, const struct rs_json *json,
                 const struct rs_event *event);

/* For tests: how often everything but the newer half was forgotten. */
uint32_t rs_memo_turns(const struct rs_memo *memo);

#endif
