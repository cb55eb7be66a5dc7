/* table.h - the parcel table: what PostgreSQL is known to hold, in memory.
 *
 * One table a process, shared by all workers, without locks.  It answers, for
 * an event that a message tells: is it durable already?  And for a parcel: its
 * id, its newest event, how far each source's view of it is.  See
 * src/sync/table.c for its structure, its invariants and its limits.
 *
 * What makes it simple: everything in it is optional.  A record may be missing,
 * stale or given up at any time, and that costs a look at PostgreSQL, never an
 * event.  What must hold is only this:
 *   - a fact in it is durable in the database of its generation (rule D1, D2);
 *   - a record that is not stale has every fact that was durable when it was
 *     loaded, and every one that this process made durable since.
 * What other processes made durable since it does not know: PostgreSQL's unique
 * keys and the versions of views find that out when a batch is written.
 *
 * Memory is bounded when the table is made.  At the bound the records of ended
 * parcels leave first, then those not used for long.  Growth of the index is
 * spread over the operations that follow; nothing stops for it.
 *
 * Threads: each joins once.  Whoever prefetches, finds or reads is pinned; merging
 * and the like pin for themselves.  References are good between rs_table_pin and
 * rs_table_unpin of the thread that found them; what is read through one is a
 * consistent state only if rs_table_unchanged says so afterwards.  What is taken
 * out is used again only after all have unpinned: so unpin now and then, and
 * before waiting.
 */
#ifndef RASTRO_TABLE_H
#define RASTRO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rastro/hash.h"

struct rs_table;
struct rs_table_thread;

/* The newest event of a parcel, in words that the table does not read. */
struct rs_table_head {
    uint64_t word[4];
};

struct rs_table_options {
    uint64_t memory_max;  /* bytes, index included; at least RS_TABLE_MEMORY_MIN */
    unsigned threads_max; /* that may be joined at once; at most 64 */
    /* <0, 0, >0 as a is older than, equal to, newer than b: the total order */
    int (*head_cmp)(const struct rs_table_head *a, const struct rs_table_head *b, void *self);
    void *head_self;
    const uint8_t *secret; /* 32 bytes, for tests that must repeat; NULL: random */
};

#ifndef RS_TABLE_MEMORY_MIN /* tests of the table have smaller ones */
#define RS_TABLE_MEMORY_MIN (1u << 20)
#endif

struct rs_table *rs_table_new(const struct rs_table_options *options);
void rs_table_free(struct rs_table *table); /* NULL is fine; no thread is joined any more */

/* NULL when threads_max are joined. */
struct rs_table_thread *rs_table_join(struct rs_table *table);
void rs_table_leave(struct rs_table_thread *thread); /* NULL is fine */

void rs_table_pin(struct rs_table_thread *thread);
void rs_table_unpin(struct rs_table_thread *thread);

/* ---- whose history it is (rule D2) -------------------------------------------------- */

/* Knowledge belongs to one history of one database.  A new generation forgets
 * all that is in the table at once; a thread sees and adds only what belongs to
 * the generation that it adopted. */
uint32_t rs_table_generation(const struct rs_table *table);
uint32_t rs_table_forget_all(struct rs_table *table); /* returns the new generation */
void rs_table_adopt(struct rs_table_thread *thread, uint32_t generation);

/* ---- keys and tags ------------------------------------------------------------------ */

/* Hashes under the table's secret: an outsider who chooses numbers and words
 * cannot choose these.  128 bits name a parcel. */
struct rs_table_key {
    uint64_t a, b;
};

struct rs_table_key rs_table_key_of(const struct rs_table *table, const void *p, size_t n);

/* 60 bits name a fact within its parcel; the domain keeps kinds of facts apart.
 * Two facts of one parcel have one tag with probability 2^-60, so an event is
 * taken for one of n others with n * 2^-60: 7e-18 at 8 events, 9e-14 at
 * 100,000. */
enum rs_table_domain {
    RS_TABLE_FP,   /* an event */
    RS_TABLE_SAID, /* an event's words, where fp does not follow from them */
    RS_TABLE_LINK, /* a number that the parcel was handed over to */
};

uint64_t rs_table_tag(const struct rs_table *table, enum rs_table_domain domain, struct rs_key key);

/* A tag and what is known of the fact: the four low bits. */
#define RS_TABLE_GONE 1u /* superseded or no longer reported */
#define RS_TABLE_FLAGS 0x7u
#define RS_TABLE_TAG(word) ((word) & ~UINT64_C(0xf))

/* ---- looking up ---------------------------------------------------------------------- */

struct rs_table_ref {
    uint32_t record; /* 0: none that is usable */
    uint32_t seq;    /* of the record's state, usable or not */
    uint32_t seen;   /* where none is usable, the one that is not, or 0; and */
    uint32_t missed; /* what was missed of the key until then */
};

/* Where memory is slow: call the first for all keys of a batch, then the second
 * for all, then rs_table_find for all. */
void rs_table_prefetch_slot(struct rs_table_thread *thread, struct rs_table_key key);
void rs_table_prefetch_record(struct rs_table_thread *thread, struct rs_table_key key);

/* Where it was found before: instead of both, before merging with it as `base`. */
void rs_table_prefetch_ref(struct rs_table_thread *thread, struct rs_table_ref ref);

/* False when nothing usable is known: no record, a stale one, one of another
 * generation, or one that is being changed at this moment.  `ret` is set then
 * too, with record 0: keep it as `base` of what is read from PostgreSQL next. */
bool rs_table_find(struct rs_table_thread *thread, struct rs_table_key key, struct rs_table_ref *ret);

/* True as long as nothing of the record has changed since it was found. */
bool rs_table_unchanged(struct rs_table_thread *thread, struct rs_table_ref ref);

#define RS_TABLE_ENDED 1u /* delivered or so: may leave first */
#define RS_TABLE_MIXED 2u /* events were read under several readings */
#define RS_TABLE_HAS_HEAD 4u
#define RS_TABLE_IN_HANDS 8u /* somebody had it in hands */

#define RS_TABLE_NO_STATUS 0xffffu

struct rs_table_parcel {
    int64_t id;
    uint32_t marks;    /* RS_TABLE_ENDED... */
    uint32_t words;    /* how many facts it has */
    uint16_t status;   /* of its newest event, or RS_TABLE_NO_STATUS */
    uint32_t deadline; /* see rs_table_deadline_set */
    struct rs_table_head head;
};

void rs_table_read(struct rs_table_thread *thread, struct rs_table_ref ref, struct rs_table_parcel *ret);

/* Whether the fact is known, and its flags. */
bool rs_table_has(struct rs_table_thread *thread, struct rs_table_ref ref, uint64_t tag, unsigned *ret_flags);

/* How far a source's view of the parcel is; the table orders by `version` and
 * reads nothing else. */
struct rs_table_view {
    uint16_t source;
    uint32_t version;
    uint64_t word[6];
    uint16_t current, gone; /* events of the source that are reported, that are not */
};

bool rs_table_view(struct rs_table_thread *thread, struct rs_table_ref ref, uint16_t source, struct rs_table_view *ret);

/* When the source last looked, seconds since 1970; 0: not known. */
int64_t rs_table_looked(struct rs_table_thread *thread, struct rs_table_ref ref, uint16_t source);

/* ---- in flight ------------------------------------------------------------------------ */

/* "Worker w has a batch under way that changes this parcel": a hint by which the
 * others choose their path, never a fact.  Sets it to `worker` (from 1) and
 * returns who had it before, or 0; merging takes it away again. */
unsigned rs_table_busy(struct rs_table_thread *thread, struct rs_table_ref ref, unsigned worker);
void rs_table_idle(struct rs_table_thread *thread, struct rs_table_key key, unsigned worker);

/* ---- merging ---------------------------------------------------------------------------- */

struct rs_table_look {
    uint16_t source;
    int64_t looked_s;
};

/* What a durable transaction added to a parcel, or with `whole` all that is
 * durable of it. */
struct rs_table_facts {
    struct rs_table_key key;
    int64_t id;
    const uint64_t *word; /* tags and their flags */
    uint32_t word_n;
    const struct rs_table_view *view;
    uint32_t view_n;
    const struct rs_table_look *look;
    uint32_t look_n;
    /* added to those that are there; ENDED and the status go with the head that
     * stays; with `whole` all are set */
    uint32_t marks;
    uint16_t status;           /* RS_TABLE_NO_STATUS leaves what is there */
    struct rs_table_head head; /* where marks say that there is one */
    bool whole;
    /* With `whole`: what find gave before the parcel was read from PostgreSQL.
     * Without: what find gave at any time, or none; it is quicker then. */
    struct rs_table_ref base;
    unsigned worker; /* whose busy hint goes; 0: none */
};

enum rs_table_merged {
    RS_TABLE_MERGED,  /* the record has it */
    RS_TABLE_MADE,    /* a new record has it */
    RS_TABLE_STALED,  /* another thread was changing it, or did since `base`: a record that is there is stale now */
    RS_TABLE_LEFT,    /* no record, or a stale one, and not whole: nothing to add to */
    RS_TABLE_NO_ROOM, /* at the bound, and nothing could leave */
    RS_TABLE_FOREIGN, /* the thread's generation is not the table's */
};

/* Never waits.  Facts are united, and their flags; a view counts if its version
 * is higher; the newer head stays, except that `whole` sets it and the flags of
 * its facts.  Whole facts make a record or end its being stale, and then replace
 * what it had; a parcel that was inserted by the transaction is whole.  If what
 * is there now is not as `base` says, somebody added to the parcel, or would
 * have, while PostgreSQL was read: it is stale then, or not made.  So `base` is
 * what find gave before, also where it found nothing.  Anything but MERGED and
 * MADE takes away what others conclude: their own whole facts do not count then
 * if they were read before. */
enum rs_table_merged rs_table_merge(struct rs_table_thread *thread, const struct rs_table_facts *facts);

/* Takes a parcel out, or marks it stale where that is not possible now: somebody
 * changed it behind our back. */
void rs_table_forget(struct rs_table_thread *thread, struct rs_table_key key);

/* ---- deadlines ------------------------------------------------------------------------------ */

/* A slot a record for who looks after deadlines: minutes since 1970, UINT32_MAX
 * none.  They lie side by side, so that all are looked through at the speed of
 * memory.  Calls `due` for each that is at most `until`, with what find would
 * give; returns how many. */
void rs_table_deadline_set(struct rs_table_thread *thread, struct rs_table_ref ref, uint32_t deadline);
uint64_t rs_table_deadlines(struct rs_table_thread *thread, uint32_t until,
                            void (*due)(void *self, struct rs_table_ref ref, int64_t id), void *self);

/* ---- ahead of time ---------------------------------------------------------------------------- */

/* For a thread that has time, every few milliseconds: has the kernel give the
 * memory that will soon be needed, in large pages if it can, and makes the next
 * index before a merge must.  It may take some milliseconds, more for an index;
 * it is not pinned meanwhile.  Where nobody calls it, all is as right, but pages
 * are small and lookups slower. */
void rs_table_prepare(struct rs_table_thread *thread);

/* ---- what it is like -------------------------------------------------------------------------- */

struct rs_table_stats {
    uint64_t records, facts, memory, memory_max;
    uint64_t slots; /* of the index */
    uint64_t grown; /* times that the index was made anew */
    uint64_t evicted, refused, staled;
};

void rs_table_stats(const struct rs_table *table, struct rs_table_stats *ret);

/* Verifies every invariant of the structure; nobody else may use the table
 * meanwhile.  NULL, or what is wrong. */
const char *rs_table_check(const struct rs_table *table);

#endif
