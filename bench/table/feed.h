/* feed.h - the events that all tables get, and what is true of them.
 *
 * Parcel p of `parcels` has id p + 1, a number, and facts: those that the table
 * was filled with, and those that its tellers told since.  A parcel belongs to
 * one thread, p modulo their number; of one in 101 the next thread tells too, so
 * each has two slots for what was told, and with what it was filled with three.
 * A fact is (parcel, slot, k); its tag and its instant follow from that, and how
 * many there are is all that must be remembered.
 */
#ifndef BENCH_TABLE_FEED_H
#define BENCH_TABLE_FEED_H

#include "cell.h"

enum { BT_FIRST_TELLER, BT_SECOND_TELLER, BT_TELLERS, BT_FILLED = BT_TELLERS };

struct bt_feed;

/* `facts`: how many each parcel is filled with; 0: 1 to 15, 8 on average. */
struct bt_feed *bt_feed_new(uint64_t parcels, unsigned facts);

/* The secret under which its keys and tags are made. */
const uint8_t *bt_feed_secret(void);

/* Filling, as parcels come to be: told event by event, each parcel starting a
 * little later than the one before it.  Calls `tell` for each batch of the
 * share of `thread` of `threads`; at most BT_BATCH events. */
void bt_feed_fill(struct bt_feed *feed, unsigned thread, unsigned threads, struct bt_event *batch,
                  void (*tell)(void *self, struct bt_event *event, unsigned n), void *self);

/* The next batch of a thread: 75 % new facts of parcels that are there, 20 %
 * facts that are known, 5 % parcels that are not there. */
struct bt_random {
    uint64_t state;
    uint64_t made; /* parcels so far that were not there */
};
void bt_feed_batch(struct bt_feed *feed, struct bt_random *random, unsigned thread, unsigned threads,
                   struct bt_event *batch);

/* For a parcel of two tellers: its event is durable now; what is. */
#define BT_FACTS_MAX 600u
void bt_feed_durable(struct bt_feed *feed, const struct bt_event *event);
unsigned bt_feed_look(struct bt_feed *feed, const struct bt_event *event, uint64_t word[BT_FACTS_MAX],
                      struct rs_table_head *ret_head);

/* All that is true of a parcel when every batch was added: its facts as events,
 * behind them one that nobody told, and what must be read of it.  Returns how
 * many events. */
unsigned bt_feed_truth(const struct bt_feed *feed, uint64_t parcel, struct bt_event event[BT_FACTS_MAX],
                       struct bt_seen *ret);

#endif
