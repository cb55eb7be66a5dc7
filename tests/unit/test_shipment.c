/* The order's side: schema/shipment.schema.json. */
#include "support.h"

#define HEAD "'rastro': 'shipment/1', 'marketplace': 'm', 'order': 'o-7', 'updated': '2025-05-21T08:00Z'"
#define PARCELS "'parcels': [{'number': 'RB123456785CN'}]"

static struct rs_message decode(const char *members)
{
    return rs_test_decode(NULL, rs_test_json(rs_test_say("{%s}", members).p));
}

static struct rs_shipment shipment(const char *members)
{
    struct rs_message m = decode(members);
    cr_assert(m.outcome == RS_OUTCOME_SHIPMENT && m.shipment, "%s: %.*s", members, RS_FMT(m.reason));
    return *m.shipment;
}

Test(shipment, reads_all_of_an_order)
{
    struct rs_message m = decode(
        HEAD
        ", 'cancelled': true, 'seller': ' s ', 'service': 'registered', 'dispatched': '2025-05-20',"
        " 'promised': {'from': '2025-06-01', 'to': '2025-06-10'}, 'claim': {'from': '2025-06-11', 'to': '2025-08-01T12:00Z'},"
        " 'origin': {'country': 'CN', 'city': 'Shenzhen'}, 'destination': {'country': 'BR', 'region': 'SP', 'postcode': '13010'},"
        " 'parcels': [{'number': 'rb123456785cn'}, {'number': '771', 'carrier': 'usps'}, {'number': '772', 'carrier': 'x'}]");
    cr_assert(m.outcome == RS_OUTCOME_SHIPMENT, "%.*s", RS_FMT(m.reason));
    assert_str(m.source, "shipments");
    assert_str(m.shape, "shipment/1");
    const struct rs_shipment *s = m.shipment;
    assert_str(s->marketplace, "m");
    assert_str(s->order, "o-7");
    assert_str(s->seller, "s");
    assert_str(s->service, "registered");
    cr_expect(s->cancelled);
    cr_expect_str_eq(rs_test_time(s->updated_us), "2025-05-21T08:00:00Z");
    cr_expect_str_eq(rs_test_time(s->dispatched_us), "2025-05-20T00:00:00Z");
    cr_expect_str_eq(rs_test_time(s->promised.from_us), "2025-06-01T00:00:00Z");
    cr_expect_str_eq(rs_test_time(s->promised.to_us), "2025-06-10T23:59:59.999999Z", "the last day is in it");
    cr_expect_str_eq(rs_test_time(s->claim.to_us), "2025-08-01T12:00:00Z");
    assert_str(s->origin.city, "Shenzhen");
    assert_str(s->destination.name, "13010");
    cr_expect(memcmp(s->destination.iso2, "BR", 2) == 0);
    static const struct {
        const char *issuer, *number;
    } parcels[] = {{"", "RB123456785CN"}, {"usps", "771"}, {"rastro:x", "772"}};
    cr_assert(s->parcel_count == COUNT(parcels));
    for (uint32_t i = 0; i < s->parcel_count; i++) {
        assert_str(s->parcel[i].issuer, parcels[i].issuer);
        assert_str(s->parcel[i].number, parcels[i].number);
        cr_expect(s->parcel[i].discriminator.n == 0);
    }
    cr_expect(s->s10[0] == RS_S10_OK && s->s10[1] == RS_S10_NO);
}

Test(shipment, needs_little)
{
    struct rs_shipment s = shipment(HEAD ", " PARCELS);
    cr_expect(!s.cancelled && s.seller.n == 0 && s.dispatched_us == RS_INSTANT_NONE);
    cr_expect(s.promised.from_us == RS_INSTANT_NONE && s.claim.to_us == RS_INSTANT_NONE);
    s = shipment(HEAD ", " PARCELS ", 'seller': null, 'promised': null, 'origin': null, 'cancelled': null, 'later': 1");
    cr_expect(s.seller.n == 0 && s.origin.country.n == 0, "null is not told, and what is not known is passed over");
}

Test(shipment, names_the_first_thing_that_is_wrong)
{
    static const struct {
        const char *members, *reason;
    } cases[] = {
        {"'rastro': 'shipment/1', 'order': 'o', 'updated': '2025-05-21', " PARCELS, "marketplace: missing"},
        {"'rastro': 'shipment/1', 'marketplace': '', 'order': 'o', 'updated': '2025-05-21', " PARCELS,
         "marketplace: missing"},
        {"'rastro': 'shipment/1', 'marketplace': 'm', 'updated': '2025-05-21', " PARCELS, "order: missing"},
        {"'rastro': 'shipment/1', 'marketplace': 'm', 'order': 7, 'updated': '2025-05-21', " PARCELS,
         "order: expected a string"},
        {"'rastro': 'shipment/1', 'marketplace': 'm', 'order': 'a\\u0000b', 'updated': '2025-05-21', " PARCELS,
         "order: too long, or a NUL in it"},
        {"'rastro': 'shipment/1', 'marketplace': 'm', 'order': 'o', " PARCELS, "updated: missing"},
        {"'rastro': 'shipment/1', 'marketplace': 'm', 'order': 'o', 'updated': 'soon', " PARCELS,
         "updated: no ISO 8601 date"},
        {HEAD ", 'order': 'p', " PARCELS, "order: is there twice"},
        {HEAD ", 'cancelled': 'yes', " PARCELS, "cancelled: expected true or false"},
        {HEAD ", 'promised': [], " PARCELS, "promised: expected an object"},
        {HEAD ", 'promised': {'from': '1st'}, " PARCELS, "from: no ISO 8601 date"},
        {HEAD ", 'dispatched': 5, " PARCELS, "dispatched: expected a string"},
        {HEAD ", 'origin': 'CN', " PARCELS, "origin: expected an object"},
        {HEAD ", 'origin': {'country': 'Atlantis'}, " PARCELS, "country: not ISO 3166"},
        {HEAD, "parcels: missing"},
        {HEAD ", 'parcels': []", "parcels: missing"},
        {HEAD ", 'parcels': {'number': '1'}", "parcels: expected a list"},
        {HEAD ", 'parcels': [{}]", "number: missing"},
        {HEAD ", 'parcels': [7]", "number: missing"},
        {HEAD ", 'parcels': [{'number': 'none'}]", "number: no tracking number"},
        {HEAD ", 'parcels': [{'number': '771'}, {'number': '771', 'carrier': 5}]", "carrier: expected a string"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_message m = decode(cases[i].members);
        cr_expect(m.outcome == RS_OUTCOME_QUARANTINED && !m.shipment, "%s", cases[i].members);
        cr_expect(rs_str_is(m.reason, cases[i].reason), "%s: %.*s", cases[i].members, RS_FMT(m.reason));
    }
}

/* Marketplace and order are parts of a key, which PostgreSQL must be able to
 * index; one message must not stand in the way of all. */
Test(shipment, bounds_what_is_part_of_a_key)
{
    char word[RS_ID_MAX + 2];
    memset(word, 'x', sizeof word);
    for (int over = 0; over < 2; over++) {
        word[RS_ID_MAX + over] = '\0';
        for (int which = 0; which < 2; which++) {
            struct rs_str json = rs_test_say("{'rastro': 'shipment/1', 'marketplace': '%s', 'order': '%s',"
                                             " 'updated': '2025-05-21T08:00Z', " PARCELS "}",
                                             which ? word : "m", which ? "o" : word);
            struct rs_message m = rs_test_decode(NULL, rs_test_json(json.p));
            cr_expect(m.outcome == (over ? RS_OUTCOME_QUARANTINED : RS_OUTCOME_SHIPMENT));
            if (over) assert_str(m.reason, which ? "marketplace: too long" : "order: too long");
        }
        word[RS_ID_MAX + over] = 'x';
    }
}

Test(shipment, takes_a_bounded_number_of_parcels)
{
    for (int over = 0; over < 2; over++) {
        struct rs_buf json = {0};
        rs_buf_puts(&json, rs_test_json("{" HEAD ", 'parcels': ["));
        for (int i = 0; i < RS_REPORTS_MAX + over; i++) rs_buf_printf(&json, "%s{\"number\":\"%d\"}", i ? "," : "", i);
        rs_buf_puts(&json, RS_LIT("]}"));
        struct rs_message m = rs_test_decode(NULL, (struct rs_str){json.p, (uint32_t)json.n});
        cr_expect(m.outcome == (over ? RS_OUTCOME_QUARANTINED : RS_OUTCOME_SHIPMENT), "%.*s", RS_FMT(m.reason));
        if (over) assert_str(m.reason, "parcels: too many");
        rs_buf_free(&json);
    }
}

Test(shipment, tells_two_contents_of_one_order_apart)
{
    struct rs_key a = shipment(HEAD ", " PARCELS).key;
    struct rs_key same = shipment(HEAD ", " PARCELS).key;
    struct rs_key b = shipment(HEAD ", 'service': 'x', " PARCELS).key;
    cr_expect(rs_key_eq(a, same) && !rs_key_eq(a, b));
    cr_expect_str_eq(rs_test_hex(a), "6dca9ce457dc7743b45669f2e1c58184");
}

Test(shipment, leaves_other_contracts_alone)
{
    cr_expect(decode("'rastro': 'shipment/2'").outcome == RS_OUTCOME_QUARANTINED);
    assert_has(decode("'rastro': 'shipment/2'").reason.p, "unknown shape");
    assert_has(decode("'rastro': ['shipment/1']").reason.p, "unknown shape");
}
