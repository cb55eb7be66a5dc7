/* AfterShip: webhooks and replies, an aggregator's.  A checkpoint's time has an
 * offset or none, as the carrier gives it. */
#include "sources.h"

static const struct code_row table[ACTS] = {
    [ACT_ANNOUNCED] = {"InfoReceived_001", "Label printed", ST_RECEIVED, true},
    [ACT_ACCEPTED] = {"InTransit_002", "Collected from the shop", ST_ACCEPTED, false},
    [ACT_MOVING] = {"InTransit_001", "Between two places", ST_MOVING, false},
    [ACT_ARRIVED] = {"InTransit_003", "In at the depot", ST_ARRIVED, false},
    [ACT_DEPARTED] = {"InTransit_007", "Out of the depot", ST_DEPARTED, false},
    [ACT_DEST_ARRIVED] = {"InTransit_004", "In the country where it should go", ST_DEST_ARRIVED, false},
    [ACT_HANDED_OVER] = {"InTransit_001", "Another carrier has it now", ST_MOVING, false},
    [ACT_CUSTOMS] = {"InTransit_006", "Given to customs", ST_CUSTOMS_STARTED, false},
    [ACT_INFO_NEEDED] = {"Exception_018", "Customs miss an invoice", ST_INFO_NEEDED, false},
    [ACT_HELD] = {"Exception_004", "Kept by customs", ST_CUSTOMS_HELD, false},
    [ACT_RELEASED] = {"InTransit_005", "Customs are done", ST_CUSTOMS_RELEASED, false},
    [ACT_OUT] = {"OutForDelivery_001", "Em rota de entrega", ST_OUT, false},
    [ACT_ABSENT] = {"AttemptFail_002", "Empfänger nicht angetroffen", ST_ABSENT, false},
    [ACT_BAD_ADDRESS] = {"Exception_007", "Street unknown", ST_BAD_ADDRESS, false},
    [ACT_PICKUP] = {"AvailableForPickup_001", "Pode ser retirado na agência", ST_PICKUP, false},
    [ACT_DELAYED] = {"Exception_005", "Held up on the road", ST_DELAYED, false},
    [ACT_DAMAGED] = {"Exception_012", "Wet", ST_DAMAGED, false},
    [ACT_LOST] = {"Exception_013", "Search was given up", ST_LOST, false},
    [ACT_RETURNING] = {"Exception_010", "Sent back", ST_RETURNING, false},
    [ACT_RETURNED] = {"Exception_011", "Taken back by the sender", ST_RETURNED, false},
    [ACT_DELIVERED] = {"Delivered_001", "Left with the recipient", ST_DELIVERED, false},
    [ACT_COLLECTED] = {"Delivered_002", "Fetched at the counter", ST_COLLECTED, false},
    [ACT_ODD] = {"InTransit_088", "Inventory", ST_UNMAPPED, false},
};

static const struct odd_status odd[] = {
    {"Pending_001", "", ST_NO_DATA},
    {"Exception_013", "", ST_LOST},
    {"Exception_005", "", ST_DELAYED},
    {"Expired_001", "", ST_SOURCE_EXPIRED},
};

enum { CLOCK_OFFSET, CLOCK_PLACE, CLOCK_NOTHING };

enum { FORM_WEBHOOK, FORM_REPLY, FORM_PAGE, FORM_LAST };

static bool knows(int act)
{
    return table[act].text != NULL;
}

/* With the offset, in UTC, and without any. */
static int variants(const struct telling *telling, const struct line *line)
{
    (void)telling;
    if (!line->varies || line->clock != CLOCK_OFFSET) return 1;
    int zone = place_at(line->place)->zone;
    bool steady = offset_at(zone, line->at) == offset_at(zone, line->at - 2 * HOUR) &&
                  offset_at(zone, line->at) == offset_at(zone, line->at + 2 * HOUR);
    return steady ? 3 : 2;
}

static void put_clock(struct text *t, struct wording *w, int64_t at, int clock, int variant)
{
    int zone = w->place->zone, offset = variant == 1 ? 0 : offset_at(zone, at);
    if (clock == CLOCK_NOTHING) {
        read_local(w, ZONE_UTC, at, 'a');
        w->marks |= MARK_assumed_zone;
        put_time(t, at, 'T', true);
    } else if (clock == CLOCK_PLACE || variant == 2) {
        int64_t local = sloppy_local(zone, at);
        read_local(w, zone, local, 'p');
        put_time(t, local, 'T', true);
    } else {
        read_given(w, at, offset);
        put_time(t, at + offset * MINUTE, 'T', true);
        put_offset(t, offset, variant == 0);
    }
}

static void word(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *w)
{
    static struct text t;
    word_from_table(table, line, w);
    const struct country_info *country = country_at(w->place->country);
    bool named = choice(plan->seed + plan->shipment, telling->number, 4) == 0;
    if (line->clock != CLOCK_NOTHING) copy_text(w->country, sizeof w->country, named ? country->name : country->iso3);
    copy_text(w->region, sizeof w->region, w->place->region);
    copy_text(w->city, sizeof w->city, w->place->city);
    put_clock(&t, w, strange_instant(plan, line), line->clock, variant);
    spell(w->time, sizeof w->time, &t);
    copy_text(w->spelled[0], sizeof w->spelled[0], w->time);
    spoil_time(plan, line, w->spelled[0], sizeof w->spelled[0]);
}

static void write_event(struct json *j, const char *key, const char *slug, const struct wording *w)
{
    if (w->flaw == FLAW_NO_OBJECT) {
        json_must(j, key, "n/a");
        return;
    }
    bool mute = w->flaw == FLAW_NO_WORDS;
    bool named = strlen(w->country) > 3;
    json_open(j, key, '{');
    json_must(j, "slug", slug);
    json_text(j, "checkpoint_time", w->spelled[0]);
    json_text(j, "subtag", mute ? "" : w->code);
    json_text(j, "message", mute ? "" : w->text);
    if (w->flaw == FLAW_TWICE) json_must(j, "checkpoint_time", "2026-02-02T00:00:00Z");
    json_text(j, "city", w->city);
    json_text(j, "state", w->region);
    json_text(j, "country_name", named ? w->country : "");
    json_text(j, "country_iso3", named ? "" : w->country);
    json_nothing(j, "zip");
    json_raw(j, "coordinates", "[]");
    json_nothing(j, "raw_tag");
    json_close(j, '}');
}

static void write_events(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    static struct wording w;
    const char *slug = carrier_at(telling->carrier)->aftership;
    int lines[2 * LINES_MAX];
    int n = lines_of(plan, telling, poll, lines);
    bool single = !telling->poll[poll].full;
    if (!single) json_open(j, "checkpoints", '[');
    for (int i = 0; i < n; i++) {
        const struct line *line = &telling->line[lines[i]];
        word(plan, telling, line, variant_of(&source_aftership, telling, line, poll), &w);
        write_event(j, single ? "checkpoint" : NULL, slug, &w);
    }
    if (!single) json_close(j, ']');
}

static void write_head(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    static struct text t;
    const struct poll *p = &telling->poll[poll];
    const char *code, *text;
    int status;
    char number[2 * NUMBER_ROOM], time[40];
    status_of_poll(plan, telling, poll, &code, &text, &status);
    spell_number(plan->number[telling->number], p->salt, number);
    json_must(j, "tracking_number", number);
    json_must(j, "slug", carrier_at(telling->carrier)->aftership);
    put_time(&t, p->at, 'T', true);
    put_offset(&t, 0, true);
    spell(time, sizeof time, &t);
    if (p->full) json_must(j, "updated_at", time);
    /* A reply that shows the last checkpoint alone has its tag at the top, and
     * no time: it would be a status of no known moment. */
    if (p->full) json_text(j, "subtag", code);
    if (choice(p->salt, 'g', 3) == 0) {
        json_text(j, "origin_country_iso3", country_at(plan->origin)->iso3);
        json_text(j, "destination_country_iso3", country_at(plan->destination)->iso3);
        json_text(j, "order_id", plan->order);
        json_nothing(j, "signed_by");
    }
}

static void write_link(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    if (telling->link_from < 0 || poll < telling->link_from) return;
    bool list = choice(plan->seed + plan->shipment, 'l', 2) == 0;
    if (list) json_open(j, "next_couriers", '[');
    json_open(j, list ? NULL : "last_mile", '{');
    json_must(j, "slug", carrier_at(plan->carrier[1])->aftership);
    json_must(j, "tracking_number", plan->number[1]);
    json_close(j, '}');
    if (list) json_close(j, ']');
}

static void write_tracking(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    write_head(plan, telling, poll, j);
    write_link(plan, telling, poll, j);
    write_events(plan, telling, poll, j);
}

static void write_reply(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    int form = telling->poll[poll].form;
    json_raw(j, "meta", "{\"code\":200}");
    json_open(j, "data", '{');
    if (form == FORM_PAGE) {
        json_int(j, "page", 1);
        json_open(j, "trackings", '[');
        json_open(j, NULL, '{');
        write_tracking(plan, telling, poll, j);
        json_close(j, '}');
        json_close(j, ']');
    } else if (form == FORM_REPLY) {
        json_open(j, "tracking", '{');
        write_tracking(plan, telling, poll, j);
        json_close(j, '}');
    } else {
        write_tracking(plan, telling, poll, j);
    }
    json_close(j, '}');
}

static void write(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *j)
{
    const struct poll *p = &telling->poll[poll];
    (void)other;
    json_open(j, NULL, '{');
    if (p->form == FORM_WEBHOOK) {
        json_must(j, "event", "tracking_update");
        json_int(j, "ts", p->published_ms / 1000);
        json_open(j, "msg", '{');
        write_tracking(plan, telling, poll, j);
        json_close(j, '}');
    } else {
        write_reply(plan, telling, poll, j);
    }
    json_close(j, '}');
}

const struct source source_aftership = {
    .name = "aftership",
    .identity = BY_BOTH,
    .has_status = true,
    .has_updated = true,
    .knows = knows,
    .variants = variants,
    .word = word,
    .write = write,
    .full_forms = 3,
    .part_forms = 1,
    .odd = odd,
    .odds = sizeof odd / sizeof *odd,
};
