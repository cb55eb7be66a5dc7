/* Checkpoints that were read before.
 *
 * A source that sends its whole history sends ten old checkpoints with each new
 * one.  What an event is made of is a function of its own bytes, of the profile
 * and the source's name, and of the few words of the message (paths that begin
 * with $) that the profile reads for events: the *context*, which the caller
 * sums up once a message.  So a checkpoint of the same bytes in the same context
 * is the same event, and neither its words nor its time are read again, nor are
 * its two keys computed.
 *
 * The one other thing that rs_normalise looks at is when the message was
 * published: for the range of times that a scan can have, and for the mark
 * `future`.  Both are decided anew by the caller for each message.
 *
 * Both parts of a key are 128 bits of a keyed sum (rs_quick_key), and bytes with
 * equal sums are taken for equal: 2^64 different checkpoints would have to come
 * by for one chance of a mistake, and nobody outside can look for one.
 *
 * Words.  An event's words point into its message, so an entry does not hold
 * them but says where they are: in the event's bytes; in the text of one of its
 * nodes, where it had escapes; or, for those that were put together or come from
 * elsewhere in the message, in a few bytes behind the entry, which are copied to
 * the message's arena.
 *
 * Bound.  Two generations of half the room each, a run of entries and an index
 * into it.  Entries go to the young one; when it is full, the old one is
 * forgotten as a whole and the young one becomes old.  What is asked for again
 * in the old one moves to the young one, so that what is in use stays.
 */
#include "memo.h"

#include <stdlib.h>

#include "rastro/error.h"
#include "rastro/prefetch.h"

#define RAW_MAX 16384 /* longer events are rare, and not kept */
#define WORDS 8
#define WORD_BYTES_MAX 1024 /* of words behind an entry */
#define GENERATION_MIN 8192

/* Where a word is. */
struct word {
    uint32_t at;   /* in the event's bytes, in those behind the entry, or its node behind the event's */
    uint16_t n;    /* 0: there is none */
    uint16_t form; /* IN_RAW, BEHIND, or IN_NODE + the offset in the node's text */
};
enum { IN_RAW, BEHIND, IN_NODE };

/* 8-byte aligned. */
struct entry {
    struct rs_memo_key key;
    struct rs_key fp, said;
    int64_t instant_us, sequence;
    const struct rs_status *status;
    struct word word[WORDS];
    uint16_t marks;
    int16_t offset_min;
    uint8_t kind, precision, basis;
    bool said_apart;
    char iso2[2];
    uint16_t bytes_n;
    char bytes[]; /* words, and what makes it a multiple of 8 */
};

struct place {
    uint32_t hash;
    uint32_t at; /* 1 + offset of the entry in units of 8 bytes; 0: free */
};

struct generation {
    char *bytes;
    size_t used;
    struct place *place;
    uint32_t count;
};

struct rs_memo {
    struct generation young, old;
    size_t room;   /* bytes of a generation's entries */
    uint32_t mask; /* of its index */
    uint32_t turns;
};

static void make_room(const struct rs_memo *memo, struct generation *ret)
{
    size_t index = ((size_t)memo->mask + 1) * sizeof *ret->place;
    ret->place = memset(rs_malloc_large(index), 0, index);
    ret->bytes = rs_malloc_large(memo->room);
}

struct rs_memo *rs_memo_new(size_t bytes)
{
    size_t half = bytes / 2;
    if (half > (size_t)UINT32_MAX * 4) half = (size_t)UINT32_MAX * 4;
    if (half < GENERATION_MIN) return NULL;
    struct rs_memo *memo = rs_calloc(1, sizeof *memo);
    /* An entry has some 200 bytes, so an index of one place for 64 to 128 bytes
     * is filled by a half. */
    uint32_t places = 64;
    while ((size_t)places * 2 * 64 <= half && places < UINT32_C(1) << 30) places *= 2;
    memo->mask = places - 1;
    memo->room = (half - places * sizeof(struct place)) & ~(size_t)7;
    make_room(memo, &memo->young);
    make_room(memo, &memo->old);
    return memo;
}

void rs_memo_free(struct rs_memo *memo)
{
    if (!memo) return;
    free(memo->young.place);
    free(memo->old.place);
    free(memo->young.bytes);
    free(memo->old.bytes);
    free(memo);
}

uint32_t rs_memo_turns(const struct rs_memo *memo)
{
    return memo->turns;
}

/* ---- entries ------------------------------------------------------------------------- */

static uint32_t hash_of(const struct rs_memo_key *key)
{
    uint32_t raw, context;
    memcpy(&raw, key->raw.b, sizeof raw);
    memcpy(&context, key->context.b, sizeof context);
    return raw ^ context;
}

static struct entry *entry_at(const struct generation *g, uint32_t at)
{
    return (struct entry *)(void *)(g->bytes + (size_t)(at - 1) * 8);
}

/* The entry, or NULL with the free place for it. */
static struct entry *find(const struct rs_memo *memo, const struct generation *g, const struct rs_memo_key *key,
                          struct place **ret_free)
{
    uint32_t hash = hash_of(key);
    for (uint32_t i = hash;; i++) {
        struct place *place = &g->place[i & memo->mask];
        if (!place->at) {
            *ret_free = place;
            return NULL;
        }
        if (place->hash != hash) continue;
        struct entry *e = entry_at(g, place->at);
        if (rs_key_eq(e->key.raw, key->raw) && rs_key_eq(e->key.context, key->context)) return e;
    }
}

static size_t size_of(uint32_t bytes_n)
{
    return (sizeof(struct entry) + bytes_n + 7) & ~(size_t)7;
}

/* The young generation becomes the old one. */
static void turn(struct rs_memo *memo)
{
    struct generation emptied = memo->old;
    memset(emptied.place, 0, ((size_t)memo->mask + 1) * sizeof *emptied.place);
    emptied.used = 0;
    emptied.count = 0;
    memo->old = memo->young;
    memo->young = emptied;
    memo->turns++;
}

/* Room for an entry in the young generation. */
static struct entry *new_entry(struct rs_memo *memo, const struct rs_memo_key *key, uint32_t bytes_n)
{
    size_t size = size_of(bytes_n);
    /* At most three quarters of the index, so that a search ends soon. */
    if (memo->young.used + size > memo->room || memo->young.count > memo->mask - memo->mask / 4) turn(memo);
    struct generation *g = &memo->young;
    struct place *place;
    find(memo, g, key, &place);
    *place = (struct place){hash_of(key), (uint32_t)(g->used / 8 + 1)};
    struct entry *e = entry_at(g, place->at);
    g->used += size;
    g->count++;
    return e;
}

/* What was found in the old generation is in use. */
static void keep_longer(struct rs_memo *memo, const struct entry *old)
{
    /* The entry may be forgotten while room is made for it. */
    char copy[sizeof(struct entry) + WORD_BYTES_MAX + 8];
    size_t size = sizeof *old + old->bytes_n;
    memcpy(copy, old, size);
    memcpy(new_entry(memo, &old->key, old->bytes_n), copy, size);
}

/* ---- words --------------------------------------------------------------------------- */

static void words_of(struct rs_event *event, struct rs_str *ret[WORDS])
{
    ret[0] = &event->code;
    ret[1] = &event->text;
    ret[2] = &event->time;
    ret[3] = &event->zone;
    ret[4] = &event->place.country;
    ret[5] = &event->place.region;
    ret[6] = &event->place.city;
    ret[7] = &event->place.name;
}

static bool is_within(struct rs_str part, struct rs_str whole)
{
    uintptr_t p = (uintptr_t)part.p, w = (uintptr_t)whole.p;
    return p >= w && p + part.n <= w + whole.n;
}

/* In the text of a node of the event: one that had escapes. */
static bool find_in_nodes(const struct rs_json *json, uint32_t event, struct rs_str word, struct word *ret)
{
    for (uint32_t i = event + 1; json->escapes && i < json->node[event].next; i++) {
        if (!is_within(word, json->node[i].s)) continue;
        size_t from = (size_t)(word.p - json->node[i].s.p);
        if (from > UINT16_MAX - IN_NODE) return false;
        *ret = (struct word){i - event, (uint16_t)word.n, (uint16_t)(IN_NODE + from)};
        return true;
    }
    return false;
}

/* False when there is too much to keep. */
static bool locate(const struct rs_json *json, const struct rs_event *event, struct rs_str word, struct word *ret,
                   char bytes[WORD_BYTES_MAX], uint32_t *bytes_n)
{
    *ret = (struct word){0};
    if (!word.n) return true;
    if (is_within(word, event->raw)) {
        *ret = (struct word){(uint32_t)(word.p - event->raw.p), (uint16_t)word.n, IN_RAW};
        return true;
    }
    if (find_in_nodes(json, event->node, word, ret)) return true;
    if (word.n > WORD_BYTES_MAX - *bytes_n) return false;
    *ret = (struct word){*bytes_n, (uint16_t)word.n, BEHIND};
    memcpy(bytes + *bytes_n, word.p, word.n);
    *bytes_n += word.n;
    return true;
}

/* ---- the contract --------------------------------------------------------------------- */

bool rs_memo_key(const struct rs_json *json, uint32_t at, struct rs_key context, struct rs_memo_key *ret)
{
    struct rs_str raw = rs_json_raw(json, at);
    if (!raw.n || raw.n > RAW_MAX) return false;
    *ret = (struct rs_memo_key){context, rs_quick_key(raw.p, raw.n)};
    return true;
}

void rs_memo_expect(const struct rs_memo *memo, const struct rs_memo_key *key)
{
    uint32_t i = hash_of(key) & memo->mask;
    rs_prefetch(&memo->young.place[i]);
    rs_prefetch(&memo->old.place[i]);
}

/* A guess, at the first place: mostly it is there. */
void rs_memo_expect_entry(const struct rs_memo *memo, const struct rs_memo_key *key)
{
    uint32_t hash = hash_of(key);
    const struct generation *g = &memo->young;
    if (g->place[hash & memo->mask].hash != hash) g = &memo->old;
    const struct place *place = &g->place[hash & memo->mask];
    if (!place->at || place->hash != hash) return;
    const char *e = (const char *)entry_at(g, place->at);
    rs_prefetch_all(e, 3 * RS_CACHE_LINE);
}

bool rs_memo_get(struct rs_memo *memo, const struct rs_memo_key *key, const struct rs_json *json, uint32_t at,
                 struct rs_arena *arena, struct rs_event *event)
{
    struct place *free_place;
    bool is_old = false;
    const struct entry *e = find(memo, &memo->young, key, &free_place);
    if (!e) {
        e = find(memo, &memo->old, key, &free_place);
        is_old = true;
    }
    if (!e) return false;
    *event = (struct rs_event){
        .instant_us = e->instant_us,
        .sequence = e->sequence,
        .fp = e->fp,
        .said = e->said,
        .status = e->status,
        .raw = rs_json_raw(json, at),
        .node = at,
        .offset_min = e->offset_min,
        .marks = e->marks,
        .said_apart = e->said_apart,
        .kind = (enum rs_event_kind)e->kind,
        .precision = (enum rs_precision)e->precision,
        .basis = (enum rs_zone_basis)e->basis,
    };
    memcpy(event->place.iso2, e->iso2, sizeof e->iso2);
    const char *behind = e->bytes_n ? memcpy(rs_arena_get(arena, e->bytes_n), e->bytes, e->bytes_n) : NULL;
    struct rs_str *word[WORDS];
    words_of(event, word);
    for (int i = 0; i < WORDS; i++) {
        const struct word *w = &e->word[i];
        if (!w->n) continue;
        const char *p = w->form == IN_RAW   ? event->raw.p + w->at
                        : w->form == BEHIND ? behind + w->at
                                            : json->node[at + w->at].s.p + (w->form - IN_NODE);
        *word[i] = (struct rs_str){p, w->n};
    }
    if (is_old) keep_longer(memo, e);
    return true;
}

void rs_memo_put(struct rs_memo *memo, const struct rs_memo_key *key, const struct rs_json *json,
                 const struct rs_event *event)
{
    struct rs_event copy = *event;
    struct rs_str *word[WORDS];
    struct word located[WORDS];
    char bytes[WORD_BYTES_MAX];
    uint32_t bytes_n = 0;
    words_of(&copy, word);
    for (int i = 0; i < WORDS; i++) {
        if (!locate(json, event, *word[i], &located[i], bytes, &bytes_n)) return;
    }
    struct entry *e = new_entry(memo, key, bytes_n);
    *e = (struct entry){
        .key = *key,
        .fp = event->fp,
        .said = event->said,
        .instant_us = event->instant_us,
        .sequence = event->sequence,
        .status = event->status,
        .marks = event->marks & (uint16_t)~RS_MARK_future,
        .offset_min = event->offset_min,
        .kind = (uint8_t)event->kind,
        .precision = (uint8_t)event->precision,
        .basis = (uint8_t)event->basis,
        .said_apart = event->said_apart,
        .bytes_n = (uint16_t)bytes_n,
    };
    memcpy(e->iso2, event->place.iso2, sizeof e->iso2);
    memcpy(e->word, located, sizeof located);
    memcpy(e->bytes, bytes, bytes_n);
}
