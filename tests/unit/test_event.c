#include "rastro/event.h"

#include "support.h"

/* The order of design, "Identity and time": each field decides only where those
 * before it are equal. */
Test(event, has_one_total_order)
{
    static const struct {
        int64_t instant;
        const char *source;
        int64_t sequence;
        const char *status;
        uint8_t key;
    } rising[] = {
        {-5, "z", 9, "delivered.other", 9},     {1, "z", 9, "delivered.other", 9},
        {2, "", 9, "delivered.other", 9},       {2, "a", 9, "delivered.other", 9},
        {2, "a/b", -1, "delivered.other", 9},   {2, "a/b", 0, "info.received", 0},
        {2, "a/b", 0, "transit.moving", 9},     {2, "a/b", 0, "delivered.other", 1},
        {2, "a/b", 0, "delivered.other", 0xff}, {2, "a/b", INT64_MAX, "info.received", 0},
    };
    for (size_t a = 0; a < COUNT(rising); a++) {
        for (size_t b = 0; b < COUNT(rising); b++) {
            struct rs_event e[2];
            size_t pair[] = {a, b};
            for (int i = 0; i < 2; i++) {
                size_t k = pair[i];
                e[i] = (struct rs_event){.instant_us = rising[k].instant,
                                         .sequence = rising[k].sequence,
                                         .status = rs_test_status(rising[k].status),
                                         .fp = {{rising[k].key}}};
            }
            int order = rs_event_cmp(&e[0], rs_str_of(rising[a].source), &e[1], rs_str_of(rising[b].source));
            cr_expect((order > 0) - (order < 0) == (a > b) - (a < b), "%zu against %zu: %d", a, b, order);
        }
    }
}

Test(event, has_words_for_its_kinds)
{
    cr_expect_str_eq(rs_event_kind_name(RS_EVENT_SCAN), "scan");
    cr_expect_str_eq(rs_event_kind_name(RS_EVENT_PLANNED), "planned");
    cr_expect_str_eq(rs_event_kind_name(RS_EVENT_REPORTED), "reported");
    cr_expect_str_eq(rs_zone_basis_name(RS_BASIS_GIVEN), "given");
    cr_expect_str_eq(rs_zone_basis_name(RS_BASIS_ASSUMED), "assumed");
    cr_expect_str_eq(rs_precision_name(RS_PRECISION_DAY), "day");
    cr_expect_str_eq(rs_precision_name(RS_PRECISION_FRACTION), "fraction");
}
