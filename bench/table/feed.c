#include "feed.h"

#include <stdlib.h>

#include "rastro/atomic.h"
#include "rastro/error.h"

#define SHARED_EVERY 101u
#define FACTS_MEAN 8u
#define TOLD_MAX 200u
/* The first event of parcel p is told at step p, the next ones this share of all
 * parcels later each, and not in the same batch. */
#define STRIDE_SHARE 16u

struct bt_feed {
    uint64_t parcels;
    unsigned facts;
    struct rs_table *hasher; /* nothing is in it: it hashes */
    /* By slot and parcel: how many facts were told by batches that were made,
     * and of those in the batch being made.  Only the thread whose slot it is
     * comes near. */
    uint8_t *told[BT_TELLERS], *pending[BT_TELLERS];
    /* Of parcels with two tellers: how many are durable. */
    rs_atomic_u64 *durable[BT_TELLERS];
};

static const uint8_t secret[32] = "the same for all tables";

const uint8_t *bt_feed_secret(void)
{
    return secret;
}

static int never(const struct rs_table_head *a, const struct rs_table_head *b, void *self)
{
    (void)a, (void)b, (void)self;
    abort();
}

struct bt_feed *bt_feed_new(uint64_t parcels, unsigned facts)
{
    struct bt_feed *feed = rs_calloc(1, sizeof *feed);
    struct rs_table_options options = {
        .memory_max = RS_TABLE_MEMORY_MIN, .threads_max = 1, .head_cmp = never, .secret = secret};
    feed->parcels = parcels;
    feed->facts = facts;
    feed->hasher = rs_table_new(&options);
    for (int slot = 0; slot < BT_TELLERS; slot++) {
        feed->told[slot] = rs_calloc(parcels, 1);
        feed->pending[slot] = rs_calloc(parcels, 1);
        feed->durable[slot] = rs_calloc(parcels / SHARED_EVERY + 1, sizeof *feed->durable[slot]);
    }
    return feed;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t next(struct bt_random *random)
{
    return mix(random->state++);
}

static bool is_shared(uint64_t parcel)
{
    return parcel % SHARED_EVERY == 37;
}

static unsigned filled(const struct bt_feed *feed, uint64_t parcel)
{
    if (parcel >= feed->parcels) return 1;
    return feed->facts ? feed->facts : 1 + (unsigned)(mix(parcel) % (2 * FACTS_MEAN - 1));
}

/* "LP" eleven digits "CN", another one for each parcel. */
static struct rs_table_key key_of(const struct bt_feed *feed, uint64_t parcel)
{
    char number[] = {'L', 'P', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'C', 'N'};
    uint64_t digits = parcel * UINT64_C(2654435761) % UINT64_C(100000000000);
    for (int i = 12; i >= 2; i--, digits /= 10) number[i] = (char)('0' + digits % 10);
    return rs_table_key_of(feed->hasher, number, sizeof number);
}

static uint64_t tag_of(const struct bt_feed *feed, uint64_t parcel, unsigned slot, unsigned k)
{
    struct rs_key fact = {{0}};
    memcpy(fact.b, &parcel, 8);
    memcpy(fact.b + 8, &k, 4);
    fact.b[12] = (uint8_t)slot;
    return rs_table_tag(feed->hasher, RS_TABLE_FP, fact);
}

/* Facts come about an hour apart; some come late. */
static struct rs_table_head head_of(const struct bt_feed *feed, uint64_t parcel, unsigned slot, unsigned k,
                                    uint64_t tag)
{
    unsigned hours = slot == BT_FILLED ? k : filled(feed, parcel) + k;
    return (struct rs_table_head){{UINT64_C(1793000000) + hours * 3600u + tag % 4500u, tag, parcel, k}};
}

static void make_event(const struct bt_feed *feed, uint64_t parcel, unsigned slot, unsigned k, enum bt_answer truth,
                       struct bt_event *ret)
{
    uint64_t tag = tag_of(feed, parcel, slot, k);
    *ret = (struct bt_event){.key = key_of(feed, parcel),
                             .tag = tag,
                             .id = (int64_t)parcel + 1,
                             .head = head_of(feed, parcel, slot, k, tag),
                             .truth = (uint8_t)truth,
                             .slot = (uint8_t)slot,
                             .shared = parcel < feed->parcels && is_shared(parcel)};
}

void bt_feed_fill(struct bt_feed *feed, unsigned thread, unsigned threads, struct bt_event *batch,
                  void (*tell)(void *self, struct bt_event *event, unsigned n), void *self)
{
    unsigned n = 0, most = feed->facts ? feed->facts : 2 * FACTS_MEAN - 1;
    uint64_t stride = (feed->parcels / STRIDE_SHARE / threads + BT_BATCH) * threads;
    for (uint64_t step = thread; step < feed->parcels + (most - 1) * stride; step += threads) {
        for (unsigned k = 0; k < most && step >= k * stride; k++) {
            uint64_t parcel = step - k * stride;
            if (parcel >= feed->parcels || k >= filled(feed, parcel)) continue;
            make_event(feed, parcel, BT_FILLED, k, k ? BT_NEW : BT_UNKNOWN, &batch[n]);
            if (++n < BT_BATCH) continue;
            tell(self, batch, n);
            n = 0;
        }
    }
    tell(self, batch, n);
}

/* A parcel that the thread tells of. */
static uint64_t draw(const struct bt_feed *feed, struct bt_random *random, unsigned thread, unsigned threads,
                     unsigned *ret_slot)
{
    for (;;) {
        uint64_t parcel = next(random) % feed->parcels;
        unsigned owner = (unsigned)(parcel % threads);
        unsigned slot = owner == thread ? BT_FIRST_TELLER : BT_SECOND_TELLER;
        if (slot == BT_SECOND_TELLER && !(is_shared(parcel) && (owner + 1) % threads == thread)) continue;
        if (feed->told[slot][parcel] + feed->pending[slot][parcel] >= TOLD_MAX) continue;
        *ret_slot = slot;
        return parcel;
    }
}

void bt_feed_batch(struct bt_feed *feed, struct bt_random *random, unsigned thread, unsigned threads,
                   struct bt_event *batch)
{
    for (unsigned i = 0; i < BT_BATCH; i++) {
        unsigned slot, kind = (unsigned)(next(random) % 100);
        if (kind >= 95) {
            uint64_t parcel = feed->parcels + random->made++ * BT_THREADS_MAX + thread;
            make_event(feed, parcel, BT_FILLED, 0, BT_UNKNOWN, &batch[i]);
            continue;
        }
        uint64_t parcel = draw(feed, random, thread, threads, &slot);
        unsigned told = feed->told[slot][parcel];
        if (kind < 75) {
            make_event(feed, parcel, slot, told + feed->pending[slot][parcel]++, BT_NEW, &batch[i]);
            continue;
        }
        unsigned k = (unsigned)(next(random) % (filled(feed, parcel) + told));
        bool old = k < filled(feed, parcel);
        make_event(feed, parcel, old ? BT_FILLED : slot, old ? k : k - filled(feed, parcel), BT_KNOWN, &batch[i]);
    }
    for (unsigned i = 0; i < BT_BATCH; i++) {
        if (batch[i].truth != BT_NEW) continue;
        feed->told[batch[i].slot][batch[i].id - 1]++;
        feed->pending[batch[i].slot][batch[i].id - 1] = 0;
    }
}

void bt_feed_durable(struct bt_feed *feed, const struct bt_event *event)
{
    if (event->slot == BT_FILLED) return; /* all of those are */
    rs_add_relaxed_u64(&feed->durable[event->slot][(uint64_t)(event->id - 1) / SHARED_EVERY], 1);
}

/* The n facts of a slot: their tags, and the newest so far. */
static unsigned facts_of(const struct bt_feed *feed, uint64_t parcel, unsigned slot, unsigned n, uint64_t *word,
                         struct rs_table_head *head)
{
    for (unsigned k = 0; k < n; k++) {
        word[k] = tag_of(feed, parcel, slot, k);
        struct rs_table_head one = head_of(feed, parcel, slot, k, word[k]);
        if (bt_head_cmp(&one, head) > 0) *head = one;
    }
    return n;
}

unsigned bt_feed_look(struct bt_feed *feed, const struct bt_event *event, uint64_t word[BT_FACTS_MAX],
                      struct rs_table_head *ret_head)
{
    uint64_t parcel = (uint64_t)event->id - 1;
    *ret_head = (struct rs_table_head){{0}};
    unsigned n = facts_of(feed, parcel, BT_FILLED, filled(feed, parcel), word, ret_head);
    for (unsigned slot = 0; slot < BT_TELLERS; slot++)
        n += facts_of(feed, parcel, slot, (unsigned)rs_load_relaxed_u64(&feed->durable[slot][parcel / SHARED_EVERY]),
                      word + n, ret_head);
    return n;
}

unsigned bt_feed_truth(const struct bt_feed *feed, uint64_t parcel, struct bt_event event[BT_FACTS_MAX],
                       struct bt_seen *ret)
{
    unsigned n = 0, untold = 0;
    *ret = (struct bt_seen){.id = (int64_t)parcel + 1};
    for (unsigned slot = 0; slot <= BT_FILLED; slot++) {
        unsigned facts = slot == BT_FILLED ? filled(feed, parcel) : feed->told[slot][parcel];
        for (unsigned k = 0; k < facts; k++, n++) {
            make_event(feed, parcel, slot, k, BT_KNOWN, &event[n]);
            if (bt_head_cmp(&event[n].head, &ret->head) > 0) ret->head = event[n].head;
        }
        if (slot == BT_FILLED) untold = facts;
    }
    ret->facts = n;
    make_event(feed, parcel, BT_FILLED, untold, BT_NEW, &event[n]);
    return n + 1;
}
