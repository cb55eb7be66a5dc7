#include "record.h"

#include "rastro/error.h"

#define CHUNK ((size_t)8 << 20)

void *bt_pool_take(struct bt_pool *pool, size_t n)
{
    if ((size_t)(pool->end - pool->at) < n) {
        pool->at = bt_pages(CHUNK);
        pool->end = pool->at + CHUNK;
    }
    void *p = pool->at;
    pool->at += n;
    return p;
}

static unsigned class_of(uint32_t words)
{
    return (unsigned)__builtin_ctz(words);
}

static uint64_t *take_words(struct bt_pool *pool, uint32_t words)
{
    void **spare = &pool->spare[class_of(words)];
    if (!*spare) return bt_pool_take(pool, words * sizeof(uint64_t));
    void *p = *spare;
    memcpy(spare, p, sizeof *spare);
    return p;
}

static void give_words(struct bt_pool *pool, uint64_t *word, uint32_t words)
{
    void **spare = &pool->spare[class_of(words)];
    memcpy(word, spare, sizeof *spare);
    *spare = word;
}

static void append(struct bt_record *record, uint64_t tag, struct bt_pool *pool)
{
    if (record->n == record->room) {
        uint32_t room = record->room ? 2 * record->room : 2;
        uint64_t *word = take_words(pool, room);
        if (record->n) {
            memcpy(word, record->word, record->n * sizeof *word);
            give_words(pool, record->word, record->room);
        }
        record->word = word;
        record->room = room;
    }
    record->word[record->n++] = tag;
}

void bt_record_init(struct bt_record *record, const struct bt_event *event, struct bt_pool *pool)
{
    record->key = event->key;
    record->id = event->id;
    record->head = event->head;
    append(record, event->tag, pool);
}

void bt_record_add(struct bt_record *record, const struct bt_event *event, struct bt_pool *pool)
{
    if (bt_record_has(record, event->tag)) return;
    append(record, event->tag, pool);
    if (bt_head_cmp(&event->head, &record->head) > 0) record->head = event->head;
}

void bt_record_read(const struct bt_record *record, struct bt_seen *ret)
{
    *ret = (struct bt_seen){.id = record->id, .facts = record->n, .head = record->head};
}
