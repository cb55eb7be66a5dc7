#include "rastro/strmap.h"

#include "support.h"

Test(strmap, finds_what_was_added_and_nothing_else)
{
    struct rs_strmap map = {0};
    cr_expect(rs_strmap_get(&map, RS_LIT("a")) == RS_STRMAP_NONE, "an empty map has no key");
    cr_expect(rs_strmap_add(&map, RS_LIT("a"), 1));
    cr_expect(rs_strmap_add(&map, RS_LIT("b"), 0));
    cr_expect(rs_strmap_get(&map, RS_LIT("a")) == 1);
    cr_expect(rs_strmap_get(&map, RS_LIT("b")) == 0);
    cr_expect(rs_strmap_get(&map, RS_LIT("A")) == RS_STRMAP_NONE);
    cr_expect(rs_strmap_get(&map, RS_LIT("ab")) == RS_STRMAP_NONE);
    rs_strmap_free(&map);
    cr_expect(map.slot == NULL && map.count == 0);
}

Test(strmap, refuses_a_key_that_is_there)
{
    struct rs_strmap map = {0};
    rs_strmap_add(&map, RS_LIT("a"), 1);
    cr_expect(!rs_strmap_add(&map, RS_LIT("a"), 2));
    cr_expect(rs_strmap_get(&map, RS_LIT("a")) == 1, "and keeps its value");
    cr_expect(map.count == 1);
    rs_strmap_free(&map);
}

Test(strmap, takes_the_empty_key)
{
    struct rs_strmap map = {0};
    rs_strmap_add(&map, RS_LIT("a"), 1);
    cr_expect(rs_strmap_get(&map, RS_STR_NONE) == RS_STRMAP_NONE);
    cr_expect(rs_strmap_add(&map, RS_STR_NONE, 7));
    cr_expect(rs_strmap_get(&map, RS_LIT("")) == 7);
    cr_expect(!rs_strmap_add(&map, RS_LIT(""), 8));
    rs_strmap_free(&map);
}

Test(strmap, holds_thousands)
{
    struct rs_strmap map = {0};
    for (uint32_t i = 0; i < 10000; i++) cr_assert(rs_strmap_add(&map, rs_test_say("key-%u", i), i));
    cr_expect(map.count == 10000);
    for (uint32_t i = 0; i < 10000; i++) cr_assert(rs_strmap_get(&map, rs_test_say("key-%u", i)) == i);
    for (uint32_t i = 0; i < 10000; i++) cr_assert(rs_strmap_get(&map, rs_test_say("kex-%u", i)) == RS_STRMAP_NONE);
    rs_strmap_free(&map);
}

Test(strmap, suggests_the_nearest_within_a_third)
{
    static const char *const names[] = {"batch-rows", "batch-bytes", "brokers", "topic", "raw"};
    static const struct {
        const char *word, *near;
    } cases[] = {
        {"batch-row", "batch-rows"},
        {"batch_bytes", "batch-bytes"},
        {"borkers", "brokers"},
        {"topics", "topic"},
        {"ra", ""},
        {"rww", "raw"},
        {"zzzzzz", ""},
        {"", ""},
        {"broken", "brokers"},
    };
    struct rs_strmap map = {0};
    cr_expect(rs_strmap_nearest(&map, RS_LIT("x")).n == 0);
    for (uint32_t i = 0; i < COUNT(names); i++) rs_strmap_add(&map, rs_str_of(names[i]), i);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_str(rs_strmap_nearest(&map, rs_str_of(cases[i].word)), cases[i].near);
    }
    rs_strmap_free(&map);
}
