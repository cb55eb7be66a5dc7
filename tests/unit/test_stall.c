#include "rastro/stall.h"

#include "rastro/time.h"
#include "stall_private.h"
#include "support.h"

/* ---- a parcel in words --------------------------------------------------------------- */

static struct rs_stall_event events[64];
static struct rs_stall_order orders[16];
static struct rs_stall_parcel parcel;

static void new_parcel(const char *from, const char *to)
{
    parcel = (struct rs_stall_parcel){
        .carrier = RS_LIT("correios"),
        .origin = rs_str_of(from),
        .destination = rs_str_of(to),
        .registered_us = rs_test_instant("2026-10-01T00:00:00Z"),
        .promised_us = RS_INSTANT_NONE,
        .handed_from_us = INT64_MIN,
        .handed_to_us = INT64_MAX,
        .event = events,
        .order = orders,
    };
}

/* "2026-10-04" is noon of that day. */
static int64_t noon(const char *day)
{
    return rs_test_instant(rs_test_say("%sT12:00:00Z", day).p);
}

static struct rs_stall_event *add(const char *day, const char *status, const char *country)
{
    struct rs_stall_event *event = &events[parcel.event_n];
    cr_assert(parcel.event_n < COUNT(events));
    *event = (struct rs_stall_event){.instant_us = strlen(day) == 10 ? noon(day) : rs_test_instant(day),
                                     .status = rs_test_status(status),
                                     .country = rs_str_of(country),
                                     .kind = RS_EVENT_SCAN,
                                     .own = true};
    event->fp.b[0] = (uint8_t)++parcel.event_n;
    return event;
}

static struct rs_stall_order *add_order(const char *day, const char *dispatched, const char *promised)
{
    struct rs_stall_order *order = &orders[parcel.order_n++];
    cr_assert(parcel.order_n <= COUNT(orders));
    *order = (struct rs_stall_order){.updated_us = noon(day),
                                     .dispatched_us = dispatched ? noon(dispatched) : RS_INSTANT_NONE,
                                     .promised_us = promised ? noon(promised) : RS_INSTANT_NONE};
    return order;
}

static struct rs_stalls look_with(const struct rs_rules *rules, const char *day)
{
    struct rs_stalls stalls;
    rs_stall_look(rules, rs_test_calendars(), &parcel, noon(day), rs_test_arena(), &stalls);
    return stalls;
}

static const char *day_of(int64_t us)
{
    char text[RS_TIME_TEXT_MAX];
    if (us == INT64_MAX) return "open";
    if (us == RS_INSTANT_NONE) return "never";
    return rs_test_say("%.10s", rs_time_text(us, text)).p;
}

/* "no_update 2026-10-14 to 2026-10-20 by default-origin; " */
static const char *said(const struct rs_stalls *stalls)
{
    struct rs_str text = RS_STR_NONE;
    for (uint32_t i = 0; i < stalls->n; i++) {
        const struct rs_episode *e = &stalls->episode[i];
        text = rs_test_say("%.*s%s%s %s to %s by %.*s", RS_FMT(text), i ? "; " : "", rs_stall_kind_name(e->kind),
                           day_of(e->since_us), day_of(e->closed_us), RS_FMT(e->rule->name));
    }
    return text.n ? text.p : "";
}

static const char *episodes(const char *day)
{
    struct rs_stalls stalls = look_with(rs_test_rules(), day);
    return said(&stalls);
}

/* ---- silence ---------------------------------------------------------------------------- */

Test(stall, of_a_number_without_a_scan_starts_with_its_dispatch)
{
    new_parcel("CN", "BR");
    cr_expect_str_eq(episodes("2026-10-07"), "");
    cr_expect_str_eq(episodes("2026-10-08"), "never_scanned 2026-10-08 to open by default-never-scanned");
    add_order("2026-10-02", "2026-10-05", NULL);
    cr_expect_str_eq(episodes("2026-10-11"), "");
    cr_expect_str_eq(episodes("2026-10-12"), "never_scanned 2026-10-12 to open by default-never-scanned");
    add("2026-10-03", "info.received", "");
    cr_expect_str_eq(episodes("2026-10-12"), "never_scanned 2026-10-12 to open by default-never-scanned",
                     "an announcement is no scan");
    add("2026-10-20", "accepted.scan", "CN");
    cr_expect_str_eq(episodes("2026-10-21"), "never_scanned 2026-10-12 to 2026-10-20 by default-never-scanned");
}

Test(stall, follows_the_dispatch_that_is_put_off)
{
    new_parcel("CN", "BR");
    add_order("2026-10-02", "2026-10-05", NULL);
    add_order("2026-10-04", "2026-10-15", NULL);
    cr_expect_str_eq(episodes("2026-10-21"), "");
    add_order("2026-10-25", "2026-10-24", NULL);
    cr_expect_str_eq(episodes("2026-10-30"), "never_scanned 2026-10-22 to 2026-10-25 by default-never-scanned",
                     "told too late to have stood still before");
    orders[2].cancelled = true;
    cr_expect_str_eq(episodes("2026-11-30"), "never_scanned 2026-10-22 to 2026-10-25 by default-never-scanned");
}

Test(stall, waits_as_long_as_the_leg_asks)
{
    static const struct {
        const char *from, *to, *status, *country, *said;
    } cases[] = {
        {"BR", "BR", "transit.moving", "BR", "no_update 2026-10-09 to open by default-domestic"},
        {"CN", "BR", "accepted.scan", "CN", "no_update 2026-10-14 to open by default-origin"},
        {"CN", "BR", "accepted.scan", "", "no_update 2026-10-14 to open by default-origin"},
        {"CN", "BR", "transit.departed", "CN", "no_update 2026-10-24 to open by default-line-haul"},
        {"CN", "BR", "customs.released", "CN", "no_update 2026-10-24 to open by default-line-haul"},
        {"CN", "BR", "transit.moving", "NL", "no_update 2026-10-24 to open by default-line-haul"},
        {"CN", "BR", "customs.started", "BR", "no_update 2026-10-24 to open by default-customs"},
        {"CN", "BR", "customs.released", "BR", "no_update 2026-10-14 to open by default-last-mile"},
        {"CN", "BR", "transit.dest_arrived", "", "no_update 2026-10-14 to open by default-last-mile"},
        {"CN", "BR", "delivery.out", "", "no_update 2026-10-14 to open by default-last-mile"},
        {"", "BR", "transit.moving", "BR", "no_update 2026-10-24 to open by default-line-haul"},
        {"CN", "BR", "pickup.ready", "BR", "uncollected 2026-10-11 to open by default-uncollected"},
        {"CN", "BR", "delivered.other", "BR", ""},
        {"CN", "BR", "exception.lost", "BR", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        new_parcel(cases[i].from, cases[i].to);
        add("2026-10-04", cases[i].status, cases[i].country);
        cr_expect_str_eq(episodes("2026-12-31"), cases[i].said, "%s %s", cases[i].status, cases[i].country);
    }
}

Test(stall, is_open_from_the_instant_at_which_feed_time_comes_to_it)
{
    new_parcel("BR", "BR");
    add("2026-10-04", "transit.moving", "BR");
    struct rs_stalls stalls;
    int64_t due = noon("2026-10-09");
    rs_stall_look(rs_test_rules(), rs_test_calendars(), &parcel, due - 1, rs_test_arena(), &stalls);
    cr_expect(stalls.n == 0 && stalls.next_us == due);
    cr_expect_eq(stalls.clock[RS_STALL_no_update].start_us, noon("2026-10-04"));
    rs_stall_look(rs_test_rules(), rs_test_calendars(), &parcel, due, rs_test_arena(), &stalls);
    cr_expect(stalls.n == 1 && stalls.episode[0].last == 0 && stalls.episode[0].since_us == due);
    cr_expect(stalls.next_us == RS_INSTANT_NONE && stalls.clock[RS_STALL_no_update].rule == NULL);
}

Test(stall, ends_with_the_next_scan_and_never_was_if_that_came_in_time)
{
    new_parcel("BR", "BR");
    add("2026-10-04", "transit.moving", "BR");
    add("2026-10-20", "transit.moving", "BR");
    cr_expect_str_eq(episodes("2026-10-21"), "no_update 2026-10-09 to 2026-10-20 by default-domestic");
    new_parcel("BR", "BR");
    add("2026-10-04", "transit.moving", "BR");
    add("2026-10-08", "transit.moving", "BR");
    add("2026-10-20", "delivery.out", "BR");
    cr_expect_str_eq(episodes("2026-10-21"), "no_update 2026-10-13 to 2026-10-20 by default-domestic");
    new_parcel("BR", "BR");
    add("2026-10-04", "transit.moving", "BR");
    add("2026-10-09", "transit.moving", "BR");
    cr_expect_str_eq(episodes("2026-10-09"), "", "at the very instant");
}

Test(stall, is_not_ended_by_what_is_no_scan)
{
    new_parcel("BR", "BR");
    add("2026-10-04", "transit.moving", "BR");
    add("2026-10-06", "transit.moving", "BR")->marks = RS_MARK_synthetic;
    add("2026-10-07", "transit.moving", "BR")->kind = RS_EVENT_PLANNED;
    add("2026-10-08", "exception.delayed", "BR")->kind = RS_EVENT_REPORTED;
    add("2026-10-08T13:00:00Z", "transit.moving", "BR")->marks = RS_MARK_future;
    cr_expect_str_eq(episodes("2026-10-12"), "no_update 2026-10-09 to open by default-domestic");
    add("2026-10-11", "unknown.unmapped", "BR");
    cr_expect_str_eq(episodes("2026-10-12"), "no_update 2026-10-09 to 2026-10-11 by default-domestic",
                     "not understood, but seen");
    add("2026-10-12", "delivered.other", "BR")->kind = RS_EVENT_REPORTED;
    cr_expect_str_eq(episodes("2026-12-12"), "no_update 2026-10-09 to 2026-10-11 by default-domestic",
                     "a reported delivery is one");
}

Test(stall, starts_with_a_reported_status_where_there_is_nothing_else)
{
    new_parcel("BR", "BR");
    add("2026-10-04", "transit.moving", "BR")->kind = RS_EVENT_REPORTED;
    add("2026-10-06", "exception.delayed", "BR")->kind = RS_EVENT_REPORTED;
    cr_expect_str_eq(episodes("2026-10-12"), "no_update 2026-10-09 to open by default-domestic");
}

Test(stall, of_a_carrier_without_tracking_is_none)
{
    new_parcel("BR", "BR");
    add("2026-10-04", "transit.moving", "BR");
    parcel.untracked = true;
    cr_expect_str_eq(episodes("2026-12-12"), "");
}

/* ---- the other kinds --------------------------------------------------------------------- */

Test(stall, is_stuck_where_scans_go_on_to_say_the_same)
{
    new_parcel("CN", "BR");
    add("2026-10-02", "customs.started", "BR");
    add("2026-10-20", "customs.held", "BR");
    add("2026-10-31", "customs.held", "BR");
    cr_expect_str_eq(episodes("2026-11-08"), "", "since the time was up nothing came: it may be silent");
    add("2026-11-08", "customs.held", "BR");
    cr_expect_str_eq(episodes("2026-11-08"), "stuck 2026-11-01 to open by default-stuck");
    add("2026-11-09", "customs.released", "BR");
    cr_expect_str_eq(episodes("2026-11-10"), "stuck 2026-11-01 to open by default-stuck", "still customs");
    add("2026-11-11", "transit.moving", "BR");
    cr_expect_str_eq(episodes("2026-11-12"), "stuck 2026-11-01 to 2026-11-11 by default-stuck");
}

Test(stall, is_not_stuck_where_it_moves)
{
    static const char *const cities[] = {"Curitiba", "São Paulo", "SAO PAULO", "Recife", "Natal"};
    new_parcel("BR", "BR");
    for (uint32_t i = 0; i < 20; i++) {
        struct rs_stall_event *event = add("2026-09-01", "transit.moving", "BR");
        event->instant_us += i * 4 * RS_DAY_US;
        event->city = rs_str_of(cities[i % COUNT(cities)]);
    }
    cr_expect_str_eq(episodes("2026-11-16"), "");
    for (size_t i = 0; i < 20; i++) events[i].city = rs_str_of(cities[1 + i % 2]);
    cr_expect_str_eq(episodes("2026-11-16"), "stuck 2026-10-01 to open by default-stuck",
                     "one place, however it is spelled");
}

Test(stall, is_overdue_from_the_end_of_the_promise)
{
    new_parcel("BR", "BR");
    add_order("2026-10-01", "2026-10-01", "2026-10-05");
    add("2026-10-02", "accepted.scan", "BR");
    add("2026-10-04", "transit.moving", "BR");
    add("2026-10-06", "transit.moving", "BR");
    cr_expect_str_eq(episodes("2026-10-04"), "");
    cr_expect_str_eq(episodes("2026-10-07"), "overdue 2026-10-05 to open by default-overdue");
    add("2026-10-08", "delivered.signed", "BR");
    cr_expect_str_eq(episodes("2026-10-09"), "overdue 2026-10-05 to 2026-10-08 by default-overdue");
    add_order("2026-10-04", "2026-10-01", "2026-10-20");
    cr_expect_str_eq(episodes("2026-10-09"), "", "put off in time");
    orders[1].updated_us = noon("2026-10-07");
    cr_expect_str_eq(episodes("2026-10-09"), "overdue 2026-10-05 to 2026-10-07 by default-overdue", "put off too late");
}

Test(stall, began_no_earlier_than_what_it_is_due_by)
{
    new_parcel("DE", "DE");
    add("2026-09-14", "pickup.ready", "DE");
    add("2026-10-11", "exception.generic", "DE")->kind = RS_EVENT_REPORTED;
    cr_expect_str_eq(episodes("2026-10-12"), "uncollected 2026-09-21 to 2026-10-11 by default-uncollected; "
                                             "no_update 2026-10-11 to open by default-domestic");
    new_parcel("DE", "DE");
    add_order("2026-10-06", NULL, "2026-10-02");
    add("2026-10-05", "transit.moving", "DE");
    cr_expect_str_eq(episodes("2026-10-09"), "overdue 2026-10-06 to open by default-overdue",
                     "told when it had passed");
    struct rs_stalls stalls = look_with(rs_test_rules(), "2026-10-01");
    cr_expect_eq(stalls.next_us, noon("2026-10-06"));
    new_parcel("DE", "DE");
    parcel.promised_us = noon("2026-10-10");
    add("2026-10-05", "transit.moving", "DE");
    add("2026-10-09", "transit.moving", "DE");
    add("2026-10-12", "transit.moving", "DE");
    cr_expect_str_eq(episodes("2026-10-12"), "overdue 2026-10-10 to open by default-overdue");
    stalls = look_with(rs_test_rules(), "2026-10-09");
    cr_expect(stalls.n == 0 && stalls.next_us == noon("2026-10-10"), "a later scan is no reason to look later");
}

Test(stall, takes_the_sources_promise_where_no_order_tells_one)
{
    new_parcel("BR", "BR");
    add("2026-10-02", "accepted.scan", "BR");
    parcel.promised_us = noon("2026-10-05");
    cr_expect_str_eq(episodes("2026-10-06"), "overdue 2026-10-05 to open by default-overdue");
    add_order("2026-10-01", NULL, "2026-10-10");
    cr_expect_str_eq(episodes("2026-10-06"), "");
    orders[0].cancelled = true;
    cr_expect_str_eq(episodes("2026-10-06"), "", "nobody waits for it");
}

Test(stall, says_that_the_source_stopped_looking_until_it_looks_again)
{
    new_parcel("BR", "BR");
    add("2026-10-02", "transit.moving", "BR");
    add("2026-10-05", "unknown.source_expired", "")->kind = RS_EVENT_REPORTED;
    cr_expect_str_eq(episodes("2026-10-06"), "source_stopped 2026-10-05 to open by default-source-stopped");
    add("2026-10-06", "transit.moving", "BR");
    cr_expect_str_eq(episodes("2026-10-07"), "source_stopped 2026-10-05 to 2026-10-06 by default-source-stopped");
}

/* ---- contradictions -------------------------------------------------------------------------- */

Test(stall, finds_scans_after_delivery)
{
    new_parcel("BR", "BR");
    add("2026-10-02", "accepted.scan", "BR");
    add("2026-10-04", "delivered.other", "BR");
    add("2026-10-05", "transit.moving", "BR");
    cr_expect_str_eq(episodes("2026-10-06"), "", "within a day");
    add("2026-10-06", "transit.arrived", "BR");
    cr_expect_str_eq(episodes("2026-10-07"),
                     "contradicted.scan_after_delivery 2026-10-06 to open by default-scan-after-delivery");
    add("2026-10-08", "delivered.other", "BR");
    cr_expect_str_eq(episodes("2026-10-09"),
                     "contradicted.scan_after_delivery 2026-10-06 to 2026-10-08 by default-scan-after-delivery");
    add("2026-10-20", "returning", "BR");
    cr_expect_str_eq(episodes("2026-10-21"),
                     "contradicted.scan_after_delivery 2026-10-06 to 2026-10-08 by default-scan-after-delivery",
                     "what goes back was delivered");
}

Test(stall, finds_scans_before_dispatch)
{
    new_parcel("BR", "BR");
    add("2026-10-02", "accepted.scan", "BR");
    add("2026-10-03", "delivered.other", "BR");
    add_order("2026-10-02", "2026-10-03", NULL);
    cr_expect_str_eq(episodes("2026-10-05"), "", "within a day");
    orders[0].dispatched_us = noon("2026-10-04");
    cr_expect_str_eq(episodes("2026-10-05"),
                     "contradicted.scan_before_dispatch 2026-10-02 to open by default-scan-before-dispatch");
}

static struct rs_stall_order *order_to(const char *country, const char *region, const char *city)
{
    struct rs_stall_order *order = add_order("2026-10-01", NULL, NULL);
    order->country = rs_str_of(country);
    order->region = rs_str_of(region);
    order->city = rs_str_of(city);
    return order;
}

Test(stall, finds_deliveries_elsewhere)
{
    new_parcel("CN", "BR");
    order_to("BR", "CE", "Fortaleza");
    struct rs_stall_event *event = add("2026-10-02", "delivered.other", "BR");
    cr_expect_str_eq(episodes("2026-10-05"), "", "no city told");
    event->city = RS_LIT("FORTALEZA ");
    cr_expect_str_eq(episodes("2026-10-05"), "");
    event->city = RS_LIT("Recife");
    cr_expect_str_eq(episodes("2026-10-05"),
                     "contradicted.delivered_elsewhere 2026-10-02 to open by default-delivered-elsewhere");
    struct rs_stall_order *corrected = add_order("2026-10-04", NULL, NULL);
    *corrected = orders[0];
    corrected->updated_us = noon("2026-10-04");
    corrected->city = RS_LIT("Recife");
    cr_expect_str_eq(episodes("2026-10-05"),
                     "contradicted.delivered_elsewhere 2026-10-02 to 2026-10-04 by default-delivered-elsewhere");
}

Test(stall, finds_another_country_at_the_end)
{
    new_parcel("CN", "BR");
    order_to("BR", "", "");
    add("2026-10-02", "transit.moving", "CL");
    cr_expect_str_eq(episodes("2026-10-05"), "", "on its way it may be anywhere");
    add("2026-10-03", "delivery.out", "CL");
    add("2026-10-04", "delivered.other", "CL");
    cr_expect_str_eq(episodes("2026-10-05"), "contradicted.wrong_country 2026-10-03 to open by default-wrong-country");
    new_parcel("CN", "BR");
    add("2026-10-03", "delivered.other", "CL");
    order_to("BR", "", "")->updated_us = noon("2026-10-06");
    cr_expect_str_eq(episodes("2026-10-07"), "contradicted.wrong_country 2026-10-06 to open by default-wrong-country",
                     "an order that is told later is compared too, since then");
}

Test(stall, finds_a_number_that_orders_share)
{
    new_parcel("CN", "BR");
    order_to("BR", "CE", "Fortaleza")->postcode = RS_LIT("60170");
    struct rs_stall_order *other = order_to("BR", "CE", "Fortaleza");
    other->order = 1;
    other->updated_us = noon("2026-10-03");
    other->postcode = RS_LIT("60");
    add("2026-10-04", "delivered.other", "BR");
    cr_expect_str_eq(episodes("2026-10-05"), "", "one household");
    other->city = RS_LIT("Recife");
    cr_expect_str_eq(episodes("2026-10-05"), "contradicted.number_shared 2026-10-03 to open by default-number-shared");
    other->order = 0;
    cr_expect_str_eq(episodes("2026-10-05"), "", "one order that moved house");
}

Test(stall, finds_bad_check_digits_until_the_parcel_is_there)
{
    new_parcel("CN", "BR");
    parcel.s10 = RS_S10_BAD;
    cr_expect_str_eq(episodes("2026-10-02"),
                     "contradicted.bad_check_digit 2026-10-01 to open by default-bad-check-digit");
    add("2026-10-04", "delivered.other", "BR");
    cr_expect_str_eq(episodes("2026-10-05"),
                     "contradicted.bad_check_digit 2026-10-01 to 2026-10-04 by default-bad-check-digit");
}

Test(stall, compares_names_of_places_as_people_do)
{
    static const struct {
        const char *a, *b;
        bool alike;
    } cases[] = {{"São Paulo", "SAO PAULO", true},
                 {"Saint-Étienne", "saint etienne", true},
                 {"Łódź", "Lodz", true},
                 {"深圳市", "深圳市", true},
                 {"深圳市", "深圳", false},
                 {"Recife", "Recife PE", false},
                 {"Mu\u0308nchen", "München", true},
                 {"", " - ", true},
                 {"A", "", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect_eq(rs_words_alike(rs_str_of(cases[i].a), rs_str_of(cases[i].b)), cases[i].alike, "%s, %s", cases[i].a,
                     cases[i].b);
    }
}

/* ---- journeys, and numbers that are used again ---------------------------------------------- */

Test(stall, belongs_to_the_number_that_has_the_parcel)
{
    new_parcel("CN", "BR");
    add("2026-10-04", "transit.departed", "CN");
    parcel.handed_to_us = noon("2026-10-10");
    cr_expect_str_eq(episodes("2026-12-31"), "", "given on in time");
    parcel.handed_to_us = noon("2026-10-30");
    cr_expect_str_eq(episodes("2026-12-31"), "no_update 2026-10-24 to 2026-10-30 by default-line-haul");

    new_parcel("CN", "BR");
    add("2026-10-04", "transit.departed", "CN")->own = false;
    parcel.handed_from_us = noon("2026-10-30");
    cr_expect_str_eq(episodes("2026-11-18"), "", "the hand-over is a movement");
    cr_expect_str_eq(episodes("2026-11-20"), "no_update 2026-11-19 to open by default-line-haul");
    add("2026-11-10", "transit.arrived", "BR");
    cr_expect_str_eq(episodes("2026-11-21"), "no_update 2026-11-20 to open by default-last-mile");
}

Test(stall, of_a_number_handed_over_and_never_scanned_starts_with_the_hand_over)
{
    new_parcel("CN", "BR");
    parcel.handed_from_us = noon("2026-10-30");
    cr_expect_str_eq(episodes("2026-11-05"), "");
    cr_expect_str_eq(episodes("2026-11-06"), "never_scanned 2026-11-06 to open by default-never-scanned");
}

Test(stall, does_not_join_two_parcels_of_one_number)
{
    new_parcel("BR", "BR");
    add("2026-01-02", "transit.moving", "BR");
    add("2026-01-04", "delivered.other", "BR");
    add("2026-04-03", "accepted.scan", "BR");
    cr_expect_str_eq(episodes("2026-04-04"),
                     "contradicted.scan_after_delivery 2026-04-03 to open by default-scan-after-delivery");
    events[2].instant_us = noon("2026-04-04");
    cr_expect_str_eq(episodes("2026-04-05"), "", "after 90 days it is another parcel");
    parcel.s10 = RS_S10_OK;
    cr_expect_str_eq(episodes("2026-04-05"),
                     "contradicted.scan_after_delivery 2026-04-04 to open by default-scan-after-delivery",
                     "but for an S10 number after a year");
}

/* ---- clocks that stand still ------------------------------------------------------------------- */

static struct rs_rules *rules_of(const char *list)
{
    struct rs_rules *rules = NULL;
    struct rs_diag diag = {0};
    struct rs_str text = rs_test_json(list);
    int err = rs_rules_read(rs_test_catalog(), rs_test_calendars(), "stalls.json", text, &rules, &diag);
    cr_assert(!err, "%s", diag.text);
    return rules;
}

Test(stall, counts_working_days_where_a_rule_says_so)
{
    struct rs_rules *rules = rules_of("{'version': 1, 'rules': [{'name': 'w', 'kind': 'no_update', 'after': 'P3D',"
                                      " 'working_days': 'destination'}]}");
    new_parcel("CN", "DE");
    add("2026-12-23", "transit.moving", "DE");
    struct rs_stalls stalls = look_with(rules, "2026-12-31");
    cr_expect_str_eq(said(&stalls), "no_update 2026-12-29 to open by w",
                     "from Wednesday over Christmas and a weekend to Tuesday");
    rs_rules_free(rules);
}

Test(stall, stands_still_while_a_rule_says_so)
{
    struct rs_rules *rules = rules_of("{'version': 1, 'rules': [{'name': 'p', 'kind': 'overdue', 'after': 'P4D',"
                                      " 'pause': ['customs']}]}");
    new_parcel("CN", "BR");
    parcel.promised_us = noon("2026-10-10");
    add("2026-10-02", "transit.moving", "BR");
    add("2026-10-11", "customs.started", "BR");
    struct rs_stalls stalls = look_with(rules, "2026-12-31");
    cr_expect_str_eq(said(&stalls), "", "as long as it is there");
    cr_expect(stalls.next_us == RS_INSTANT_NONE && stalls.clock[RS_STALL_overdue].rule);
    add("2026-10-21", "transit.moving", "BR");
    stalls = look_with(rules, "2026-12-31");
    cr_expect_str_eq(said(&stalls), "overdue 2026-10-24 to open by p", "a day before customs, three behind");
    rs_rules_free(rules);
}

Test(stall, tells_a_status_without_a_scan_from_a_scan)
{
    new_parcel("BR", "BR");
    struct rs_stalls stalls = look_with(rs_test_rules(), "2026-10-02");
    cr_expect(stalls.silent_us == parcel.registered_us && stalls.heard_us == parcel.registered_us);
    add("2026-10-04", "transit.moving", "BR");
    add("2026-10-06", "exception.delayed", "BR")->marks = RS_MARK_synthetic;
    add("2026-10-07", "transit.moving", "BR")->kind = RS_EVENT_PLANNED;
    stalls = look_with(rs_test_rules(), "2026-10-08");
    cr_expect(stalls.silent_us == noon("2026-10-04") && stalls.heard_us == noon("2026-10-06"));
    add("2026-10-08", "transit.moving", "BR");
    stalls = look_with(rs_test_rules(), "2026-10-08");
    cr_expect(stalls.silent_us == noon("2026-10-08") && stalls.heard_us == noon("2026-10-08"));
}

/* ---- what a scan may make due at once ------------------------------------------------------------ */

Test(stall, is_measured_by_the_carrier_that_had_the_parcel_then)
{
    struct rs_rules *rules = rules_of("{'version': 1, 'rules': ["
                                      "{'name': 'usps', 'kind': 'no_update', 'carrier': 'usps', 'after': 'P2D'},"
                                      "{'name': 'other', 'kind': 'no_update', 'after': 'P5D'}]}");
    const struct rs_carrier *usps = rs_carrier_named(rs_test_catalog(), RS_LIT("usps"));
    new_parcel("US", "US");
    parcel.carrier = RS_STR_NONE;
    add("2026-10-02", "accepted.scan", "US");
    add("2026-10-06", "transit.moving", "US")->carrier = usps;
    struct rs_stalls stalls = look_with(rules, "2026-10-07");
    cr_expect_str_eq(said(&stalls), "", "the four days before are not the carrier's");
    add("2026-10-10", "transit.moving", "US");
    stalls = look_with(rules, "2026-10-11");
    cr_expect_str_eq(said(&stalls), "no_update 2026-10-08 to 2026-10-10 by usps", "whoever tells of it next");
    assert_str(stalls.situation.carrier, "usps");
    rs_rules_free(rules);
}

Test(stall, of_a_carrier_without_tracking_is_none_while_it_has_the_parcel)
{
    static const struct rs_carrier silent = {.id = RS_LIT("silent"), .untracked = true};
    new_parcel("BR", "BR");
    parcel.carrier = RS_STR_NONE;
    add("2026-10-01", "accepted.scan", "BR");
    add("2026-10-10", "transit.moving", "BR")->carrier = &silent;
    struct rs_stalls stalls = look_with(rs_test_rules(), "2026-12-01");
    cr_expect_str_eq(said(&stalls), "no_update 2026-10-06 to 2026-10-10 by default-domestic");
    cr_expect(stalls.untracked);
}

static const char *ripe(const struct rs_rules *rules, const char *day)
{
    return day_of(look_with(rules, day).ripe_us);
}

Test(stall, is_ripe_where_one_more_scan_may_be_too_many)
{
    new_parcel("BR", "BR");
    add("2026-10-01", "transit.moving", "BR");
    add("2026-10-04", "transit.moving", "BR");
    cr_expect_str_eq(ripe(rs_test_rules(), "2026-10-05"), "2026-10-31");
    cr_expect_str_eq(ripe(rs_test_rules(), "2026-11-05"), "2026-10-31");
    add("2026-11-06", "delivered.other", "BR");
    cr_expect_str_eq(ripe(rs_test_rules(), "2026-11-07"), "never");
}

Test(stall, is_ripe_where_a_rule_that_waits_less_may_come_to_fit)
{
    struct rs_rules *rules = rules_of("{'version': 1, 'rules': ["
                                      "{'name': 'last', 'kind': 'overdue', 'leg': 'last_mile', 'after': 'P1D'},"
                                      "{'name': 'usps', 'kind': 'overdue', 'carrier': 'usps', 'after': 'P2D'},"
                                      "{'name': 'rest', 'kind': 'overdue', 'after': 'P6D'}]}");
    new_parcel("CN", "BR");
    parcel.promised_us = noon("2026-10-10");
    add("2026-10-09", "transit.moving", "CN");
    cr_expect_str_eq(ripe(rules, "2026-10-10"), "2026-10-11");
    cr_expect_str_eq(ripe(rules, "2026-10-16"), "never", "it is open");
    parcel.destination = RS_LIT("CN");
    cr_expect_str_eq(ripe(rules, "2026-10-10"), "never", "domestic, of another carrier, and stays so");
    parcel.carrier = RS_STR_NONE;
    cr_expect_str_eq(ripe(rules, "2026-10-10"), "2026-10-12", "whoever sees it next");
    rs_rules_free(rules);
}

Test(stall, is_ripe_where_a_scan_may_end_a_pause)
{
    struct rs_rules *rules = rules_of("{'version': 1, 'rules': [{'name': 'p', 'kind': 'overdue', 'after': 'P4D',"
                                      " 'pause': ['customs']}]}");
    new_parcel("CN", "BR");
    parcel.promised_us = noon("2026-10-10");
    add("2026-10-12", "customs.started", "BR");
    cr_expect_str_eq(ripe(rules, "2026-10-13"), "2026-10-14");
    add("2026-10-15", "transit.moving", "BR");
    cr_expect_str_eq(ripe(rules, "2026-10-16"), "2026-10-14", "it may stand still again");
    rs_rules_free(rules);
}

Test(stall, is_ripe_where_a_rule_that_tolerates_less_may_come_to_fit)
{
    struct rs_rules *rules = rules_of(
        "{'version': 1, 'rules': ["
        "{'name': 'customs', 'kind': 'contradicted.scan_before_dispatch', 'stage': 'customs', 'after': 'P1D'},"
        "{'name': 'rest', 'kind': 'contradicted.scan_before_dispatch', 'after': 'P9D'}]}");
    new_parcel("CN", "BR");
    add_order("2026-10-01", "2026-10-05", NULL);
    add("2026-10-03", "accepted.scan", "CN");
    cr_expect_str_eq(ripe(rules, "2026-10-06"), "2026-10-03");
    orders[0].dispatched_us = noon("2026-10-04");
    cr_expect_str_eq(ripe(rules, "2026-10-06"), "never");
    rs_rules_free(rules);
}

/* ---- against a plain count of gaps -------------------------------------------------------------- */

Test(stall, finds_each_gap_that_is_too_long_and_no_other)
{
    uint64_t seed = rs_test_seed();
    for (int round = 0; round < 500; round++) {
        new_parcel("BR", "BR");
        int64_t at = noon("2026-10-01"), feed = at + rs_test_below(&seed, 100) * RS_DAY_US;
        uint32_t n = 1 + rs_test_below(&seed, 20);
        struct rs_str want = RS_STR_NONE;
        parcel.event_n = 0;
        for (uint32_t i = 0; i < n; i++) {
            struct rs_stall_event *event = add("2026-10-01", "transit.moving", "BR");
            event->instant_us = at;
            event->city = i % 2 ? RS_LIT("Recife") : RS_LIT("Natal");
            int64_t next = at + rs_test_below(&seed, 10 * 24) * RS_HOUR_US, due = at + 5 * RS_DAY_US;
            bool last = i + 1 == n;
            if (due <= feed && (last || due < next)) {
                want = rs_test_say("%.*s%sno_update %s to %s by default-domestic", RS_FMT(want), want.n ? "; " : "",
                                   day_of(due), last ? "open" : day_of(next));
            }
            at = next;
        }
        struct rs_stalls stalls;
        rs_stall_look(rs_test_rules(), rs_test_calendars(), &parcel, feed, rs_test_arena(), &stalls);
        cr_expect_str_eq(said(&stalls), want.n ? want.p : "");
    }
}
