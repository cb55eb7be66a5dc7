#include "rastro/strmap.h"

#include <stdlib.h>

#include "rastro/error.h"

struct rs_strmap_slot {
    struct rs_str key; /* key.p NULL: free */
    uint32_t hash, value;
};

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* Eight bytes at a time. */
static uint32_t hash_of(struct rs_str key)
{
    uint64_t h = key.n, word = 0;
    uint32_t half, i = 0;
    for (; i + sizeof word <= key.n; i += sizeof word) {
        memcpy(&word, key.p + i, sizeof word);
        h = mix(h, word);
    }
    /* The rest, overlapping what was read where there is enough. */
    if (key.n >= sizeof word) {
        memcpy(&word, key.p + key.n - sizeof word, sizeof word);
    } else if (key.n >= sizeof half) {
        memcpy(&half, key.p, sizeof half);
        word = half;
        memcpy(&half, key.p + key.n - sizeof half, sizeof half);
        word = word << 32 | half;
    } else {
        for (word = 0; i < key.n; i++) word = word << 8 | (unsigned char)key.p[i];
    }
    h = mix(h, word);
    return (uint32_t)(h ^ h >> 32);
}

/* The slot that holds the key, or the free one where it would go. */
static struct rs_strmap_slot *find(const struct rs_strmap *map, struct rs_str key, uint32_t hash)
{
    for (uint32_t i = hash;; i++) {
        struct rs_strmap_slot *slot = &map->slot[i & (map->cap - 1)];
        if (!slot->key.p || (slot->hash == hash && rs_str_eq(slot->key, key))) return slot;
    }
}

static void grow(struct rs_strmap *map)
{
    struct rs_strmap old = *map;
    map->cap = old.cap ? old.cap * 2 : 16;
    map->slot = rs_calloc(map->cap, sizeof *map->slot);
    for (uint32_t i = 0; i < old.cap; i++) {
        if (old.slot[i].key.p) *find(map, old.slot[i].key, old.slot[i].hash) = old.slot[i];
    }
    free(old.slot);
}

bool rs_strmap_add(struct rs_strmap *map, struct rs_str key, uint32_t value)
{
    if (map->count * 2 >= map->cap) grow(map);
    uint32_t hash = hash_of(key);
    struct rs_strmap_slot *slot = find(map, key, hash);
    if (slot->key.p) return false;
    *slot = (struct rs_strmap_slot){{key.n ? key.p : "", key.n}, hash, value};
    map->count++;
    map->lengths |= rs_length_bit(key.n);
    return true;
}

uint32_t rs_strmap_get(const struct rs_strmap *map, struct rs_str key)
{
    if (!(map->lengths & rs_length_bit(key.n))) return RS_STRMAP_NONE;
    const struct rs_strmap_slot *slot = find(map, key, hash_of(key));
    return slot->key.p ? slot->value : RS_STRMAP_NONE;
}

void rs_strmap_free(struct rs_strmap *map)
{
    free(map->slot);
    *map = (struct rs_strmap){0};
}

struct rs_str rs_strmap_nearest(const struct rs_strmap *map, struct rs_str word)
{
    struct rs_str best = RS_STR_NONE;
    unsigned limit = word.n / 3 + 1;
    for (uint32_t i = 0; i < map->cap; i++) {
        if (!map->slot[i].key.p) continue;
        unsigned distance = rs_str_distance(map->slot[i].key, word, limit);
        if (distance < limit) {
            limit = distance;
            best = map->slot[i].key;
        }
    }
    return best;
}
