/* The order's side: one update of one order a message. */
#include "sources.h"

const char *issuer_of_carrier(const struct plan *plan, int number)
{
    return plan->valid_s10[number] ? "" : carrier_at(plan->carrier[number])->id;
}

static void write_day(struct json *j, const char *key, int64_t at)
{
    static struct text t;
    char day[16];
    put_date(&t, at);
    spell(day, sizeof day, &t);
    json_text(j, key, day);
}

static void write_instant(struct json *j, const char *key, int64_t at, int offset)
{
    static struct text t;
    char time[40];
    put_time(&t, at + offset * MINUTE, 'T', true);
    if (offset) put_offset(&t, offset, true);
    else text_char(&t, 'Z');
    spell(time, sizeof time, &t);
    json_must(j, key, time);
}

static void write_address(struct json *j, const char *key, int place, bool postcode)
{
    const struct place *p = place_at(place);
    json_open(j, key, '{');
    json_must(j, "country", country_at(p->country)->iso2);
    json_text(j, "region", p->region);
    json_text(j, "city", p->city);
    json_text(j, "postcode", postcode ? p->postcode : "");
    json_close(j, '}');
}

static void write_parcels(const struct plan *plan, const struct update *u, struct json *j)
{
    char number[2 * NUMBER_ROOM];
    json_open(j, "parcels", '[');
    for (int i = 0; i < plan->numbers; i++) {
        if (!(u->numbers >> i & 1)) continue;
        spell_number(plan->number[i], u->salt + (unsigned)i, number);
        json_open(j, NULL, '{');
        json_must(j, "number", number);
        /* A valid S10 number needs no carrier; a wrong one does no harm. */
        if (!plan->valid_s10[i] || choice(u->salt, 'c', 2)) json_must(j, "carrier", carrier_at(plan->carrier[i])->id);
        json_close(j, '}');
    }
    json_close(j, ']');
}

void order_write(const struct plan *plan, int update, struct json *j)
{
    const struct update *u = &plan->update[update];
    json_open(j, NULL, '{');
    json_must(j, "rastro", "shipment/1");
    json_must(j, "marketplace", plan->marketplace);
    json_must(j, "order", plan->order);
    write_instant(j, "updated", u->at, choice(u->salt, 'u', 2) ? 480 : 0);
    if (u->cancelled) json_raw(j, "cancelled", "true");
    else if (choice(u->salt, 'x', 2)) json_raw(j, "cancelled", "false");
    json_must(j, "seller", "s-2207");
    json_text(j, "service", choice(plan->seed + plan->shipment, 's', 2) ? "standard" : "");
    write_instant(j, "dispatched", plan->start + 9 * HOUR, 480);
    json_open(j, "promised", '{');
    write_day(j, "from", plan->start + (u->promised_days - 12) * (int64_t)DAY);
    write_day(j, "to", plan->start + u->promised_days * (int64_t)DAY);
    json_close(j, '}');
    write_address(j, "origin", plan->from_place, false);
    write_address(j, "destination", plan->to_place, true);
    write_parcels(plan, u, j);
    json_close(j, '}');
}
