#include "rastro/batch.h"

#include "rastro/partition.h"
#include "support.h"

static struct rs_message message_of(uint32_t events)
{
    struct rs_message message = {.report_count = 2};
    message.report = rs_arena_zero(rs_test_arena(), 2 * sizeof *message.report);
    message.report[0].event_count = events / 2;
    message.report[1].event_count = events - events / 2;
    return message;
}

static void add(struct rs_batch *batch, struct rs_partition *partition, int64_t offset, uint32_t events)
{
    struct rs_message message = message_of(events);
    rs_batch_add(batch, partition, offset, RS_LIT("value"), &message);
}

Test(batch, moves_positions_from_where_they_were)
{
    struct rs_batch *batch = rs_batch_new(1024);
    struct rs_partition p = {.number = 1, .read = 100}, q = {.number = 2, .read = 7};
    cr_expect(rs_batch_empty(batch));
    add(batch, &p, 100, 3);
    add(batch, &q, 9, 0);
    add(batch, &p, 104, 5);
    cr_assert(batch->part_count == 2 && batch->count == 3 && batch->events == 8);
    cr_expect(batch->part[0].partition == &p && batch->part[0].from == 100 && batch->part[0].to == 105);
    cr_expect(batch->part[1].partition == &q && batch->part[1].from == 7 && batch->part[1].to == 10);
    cr_expect(p.read == 105 && q.read == 10, "the next offset to take");
    cr_expect(batch->message[2].offset == 104 && batch->message[2].part == 0);
    assert_str(batch->message[2].value, "value");
    cr_expect(!rs_batch_empty(batch));
    rs_batch_free(batch);
    rs_batch_free(NULL);
}

Test(batch, reaches_a_partitions_end_behind_hidden_records)
{
    struct rs_batch *batch = rs_batch_new(1024);
    struct rs_partition p = {.read = 100};
    rs_batch_reach(batch, &p, 110, true);
    cr_expect(batch->part_count == 1 && batch->part[0].from == 100 && batch->part[0].to == 110);
    cr_expect(batch->part[0].ended && batch->ends == 1 && p.read == 110);
    cr_expect(batch->count == 0 && !rs_batch_empty(batch), "a batch of a position alone is one");
    rs_batch_reach(batch, &p, 110, true);
    cr_expect(batch->ends == 1, "the same end counts once");
    add(batch, &p, 115, 1);
    cr_expect(!batch->part[0].ended, "there was more");
    rs_batch_reach(batch, &p, 90, false);
    cr_expect(batch->part[0].to == 116 && p.read == 116, "a position never goes back");
    rs_batch_free(batch);
}

Test(batch, takes_a_partition_out_with_all_that_is_its)
{
    struct rs_batch *batch = rs_batch_new(1024);
    struct rs_partition p = {.number = 1}, q = {.number = 2}, r = {.number = 3}, s = {.number = 4};
    for (int i = 0; i < 4; i++) {
        add(batch, &p, i, 1);
        add(batch, &q, i, 10);
        add(batch, &r, i, 100);
    }
    rs_batch_reach(batch, &q, 9, true);
    rs_batch_reach(batch, &r, 9, true);
    rs_batch_drop(batch, &s);
    cr_expect(batch->count == 12 && batch->part_count == 3, "one that is not in it");
    rs_batch_drop(batch, &q);
    cr_assert(batch->count == 8 && batch->part_count == 2);
    cr_expect(batch->events == 4 + 400, "%u events", batch->events);
    cr_expect(batch->ends == 1);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct rs_batch_message *m = &batch->message[i];
        cr_expect(batch->part[m->part].partition == (i % 2 ? &r : &p) && m->offset == i / 2, "message %u", i);
    }
    cr_expect(q.read == 9, "where to go on is the caller's to say");
    rs_batch_drop(batch, &p);
    rs_batch_drop(batch, &r);
    cr_expect(rs_batch_empty(batch) && batch->count == 0 && batch->events == 0 && batch->ends == 0);
    rs_batch_free(batch);
}

Test(batch, starts_anew_after_a_reset)
{
    struct rs_batch *batch = rs_batch_new(1024);
    struct rs_partition p = {.read = 5};
    rs_arena_get(batch->arena, 100);
    batch->opened_us = 77;
    batch->sequence = 3;
    add(batch, &p, 5, 9);
    rs_batch_reach(batch, &p, 8, true);
    rs_batch_reset(batch);
    cr_expect(rs_batch_empty(batch) && batch->count == 0 && batch->events == 0 && batch->ends == 0);
    cr_expect(batch->opened_us == 0 && rs_arena_used(batch->arena) == 0);
    add(batch, &p, 8, 1);
    cr_expect(batch->part[0].from == 8, "it goes on where the last one ended");
    rs_batch_free(batch);
}

Test(batch, holds_thousands_of_messages_and_many_partitions)
{
    enum { PARTITIONS = 50, MESSAGES = 5000 };
    static struct rs_partition p[PARTITIONS];
    struct rs_batch *batch = rs_batch_new(1024);
    for (int i = 0; i < MESSAGES; i++) add(batch, &p[i % PARTITIONS], i / PARTITIONS, 1);
    cr_assert(batch->count == MESSAGES && batch->part_count == PARTITIONS);
    for (int i = 0; i < MESSAGES; i++) {
        cr_assert(batch->part[batch->message[i].part].partition == &p[i % PARTITIONS], "message %d", i);
    }
    rs_batch_free(batch);
}
