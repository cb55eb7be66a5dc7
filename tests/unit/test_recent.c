#include "recent.h"

#include "support.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

Test(recent, knows_no_word_at_first)
{
    struct rs_recent recent = {0};
    const void *found;
    cr_expect(!rs_recent_get(&recent, NULL, RS_STR_NONE, &found));
    cr_expect(!rs_recent_get(&recent, NULL, RS_LIT("a"), &found));
}

/* Words of every length, and each with another byte at every place. */
Test(recent, knows_the_word_before_and_no_other)
{
    for (uint32_t n = 1; n <= RS_RECENT_MAX; n++) {
        struct rs_recent recent = {0};
        struct rs_str word = {letters, n};
        const void *found;
        rs_recent_put(&recent, &recent, word, &word);
        cr_assert(rs_recent_get(&recent, &recent, word, &found) && found == &word, "%u bytes", n);
        cr_assert(!rs_recent_get(&recent, &found, word, &found), "of another");
        cr_assert(!rs_recent_get(&recent, &recent, (struct rs_str){letters, n - 1}, &found));
        cr_assert(!rs_recent_get(&recent, &recent, (struct rs_str){letters, n + 1}, &found));
        for (uint32_t i = 0; i < n; i++) {
            char other[RS_RECENT_MAX];
            memcpy(other, letters, n);
            other[i] ^= 1;
            cr_assert(!rs_recent_get(&recent, &recent, (struct rs_str){other, n}, &found), "byte %u of %u", i, n);
        }
    }
}

Test(recent, keeps_what_it_knows_when_a_word_is_too_long)
{
    struct rs_recent recent = {0};
    const void *found;
    rs_recent_put(&recent, NULL, RS_LIT("short"), &recent);
    rs_recent_put(&recent, NULL, (struct rs_str){letters, RS_RECENT_MAX + 1}, &found);
    cr_expect(!rs_recent_get(&recent, NULL, (struct rs_str){letters, RS_RECENT_MAX + 1}, &found));
    cr_expect(rs_recent_get(&recent, NULL, RS_LIT("short"), &found) && found == &recent);
}
