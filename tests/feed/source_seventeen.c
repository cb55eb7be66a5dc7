/* 17TRACK: webhooks and replies, an aggregator's.  Its classes are coarse, its
 * times come in up to three fields, its histories in legs. */
#include "sources.h"

static const struct code_row table[ACTS] = {
    [ACT_ANNOUNCED] = {"InfoReceived", "Order data received", ST_RECEIVED, true},
    [ACT_ACCEPTED] = {"InTransit_PickedUp", "已揽收，等待发往处理中心", ST_ACCEPTED, false},
    [ACT_MOVING] = {"InTransit_Other", "Transported onward", ST_MOVING, false},
    [ACT_ARRIVED] = {"InTransit_Arrival", "Reached a hub", ST_ARRIVED, false},
    [ACT_DEPARTED] = {"InTransit_Departure", "离开处理中心，发往下一站", ST_DEPARTED, false},
    [ACT_DEST_ARRIVED] = {"InTransit_Arrival", "Landed in the destination country", ST_ARRIVED, false},
    [ACT_HANDED_OVER] = {"InTransit_Other", "Passed on to the local carrier", ST_MOVING, false},
    [ACT_CUSTOMS] = {"InTransit_CustomsProcessing", "Customs are looking at it", ST_CUSTOMS_STARTED, false},
    [ACT_INFO_NEEDED] = {"InTransit_CustomsRequiringInformation", "Papers wanted by customs", ST_INFO_NEEDED, false},
    [ACT_HELD] = {"InTransit_CustomsProcessing", "Customs wait for the duty", ST_CUSTOMS_STARTED, false},
    [ACT_RELEASED] = {"InTransit_CustomsReleased", "Through customs", ST_CUSTOMS_RELEASED, false},
    [ACT_OUT] = {"OutForDelivery_Other", "Loaded for the last metres", ST_OUT, false},
    [ACT_ABSENT] = {"DeliveryFailure_NoBody", "No one was in", ST_ABSENT, false},
    [ACT_BAD_ADDRESS] = {"DeliveryFailure_InvalidAddress", "House number missing", ST_BAD_ADDRESS, false},
    [ACT_PICKUP] = {"AvailableForPickup_Other", "To be fetched at the shop", ST_PICKUP, false},
    [ACT_DELAYED] = {"Exception_Delayed", "Behind schedule", ST_DELAYED, false},
    [ACT_DAMAGED] = {"Exception_Damage", "Box crushed", ST_DAMAGED, false},
    [ACT_LOST] = {"Exception_Lost", "Cannot be found", ST_LOST, false},
    [ACT_RETURNING] = {"Exception_Returning", "Going back", ST_RETURNING, false},
    [ACT_RETURNED] = {"Exception_Returned", "The sender has it again", ST_RETURNED, false},
    [ACT_DELIVERED] = {"Delivered_Other", "Handed to the recipient", ST_DELIVERED, false},
    [ACT_COLLECTED] = {"Delivered_Other", "Fetched at the shop", ST_DELIVERED, false},
    [ACT_ODD] = {"InTransit_Repacked", "Put into another bag", ST_UNMAPPED, false},
};

static const struct odd_status odd[] = {
    {"NotFound_Other", "", ST_NO_DATA},          {"Exception_Lost", "declared lost by the carrier", ST_LOST},
    {"Exception_Delayed", "", ST_DELAYED},       {"Expired_Other", "no news for long", ST_SOURCE_EXPIRED},
    {"TRACKING_STOPPED", "", ST_SOURCE_EXPIRED},
};

enum {
    CLOCK_ISO,   /* time_iso with an offset */
    CLOCK_NAMED, /* time_iso without, the zone in time_raw */
    CLOCK_UTC,   /* only time_utc */
    CLOCK_RAW,   /* only time_raw, the place tells */
    CLOCK_PLACE, /* time_iso without, the place tells */
};

enum { FIELD_ISO, FIELD_UTC, FIELD_DATE, FIELD_TIME };

enum { FORM_WEBHOOK, FORM_REPLY, FORM_LATEST, FORM_STOPPED };

static bool knows(int act)
{
    return table[act].text != NULL;
}

static int variants(const struct telling *telling, const struct line *line)
{
    (void)telling;
    return line->varies && line->clock == CLOCK_ISO ? 2 : 1;
}

static void put_raw(struct wording *w, int64_t local)
{
    static struct text t;
    put_date(&t, local);
    spell(w->spelled[FIELD_DATE], sizeof w->spelled[0], &t);
    put_time(&t, local, ' ', true);
    spell(w->spelled[FIELD_TIME], sizeof w->spelled[0], &t);
    memmove(w->spelled[FIELD_TIME], w->spelled[FIELD_TIME] + 11, 9);
}

static void put_utc(struct wording *w, int64_t at)
{
    static struct text t;
    put_time(&t, at, 'T', true);
    text_char(&t, 'Z');
    spell(w->spelled[FIELD_UTC], sizeof w->spelled[0], &t);
}

static void put_iso(struct wording *w, int64_t local, const int *offset)
{
    static struct text t;
    put_time(&t, local, 'T', true);
    if (offset) put_offset(&t, *offset, true);
    spell(w->spelled[FIELD_ISO], sizeof w->spelled[0], &t);
}

static void put_clock(struct wording *w, int64_t at, int clock, int variant)
{
    int zone = w->place->zone, offset = offset_at(zone, at);
    int64_t local = clock == CLOCK_ISO || clock == CLOCK_UTC ? at + offset * MINUTE : sloppy_local(zone, at);
    for (int i = 0; i < 4; i++) w->spelled[i][0] = '\0';
    put_raw(w, local);
    switch (clock) {
    case CLOCK_NAMED:
        read_local(w, zone, local, 'g');
        put_iso(w, local, NULL);
        copy_text(w->zone, sizeof w->zone, zone_at(zone)->name);
        break;
    case CLOCK_UTC:
        read_given(w, at, 0);
        put_utc(w, at);
        break;
    case CLOCK_RAW: read_local(w, zone, local, 'p'); break;
    case CLOCK_PLACE:
        read_local(w, zone, local, 'p');
        put_iso(w, local, NULL);
        break;
    default:
        offset = variant ? 0 : offset;
        read_given(w, at, offset);
        put_iso(w, at + offset * MINUTE, &offset);
        put_utc(w, at);
    }
    if (w->spelled[FIELD_ISO][0]) {
        copy_text(w->time, sizeof w->time, w->spelled[FIELD_ISO]);
    } else if (w->spelled[FIELD_UTC][0]) {
        copy_text(w->time, sizeof w->time, w->spelled[FIELD_UTC]);
    } else {
        copy_text(w->time, sizeof w->time, w->spelled[FIELD_DATE]);
        w->time[10] = ' ';
        copy_text(w->time + 11, sizeof w->time - 11, w->spelled[FIELD_TIME]);
    }
}

static void word(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *w)
{
    (void)telling;
    word_from_table(table, line, w);
    copy_text(w->country, sizeof w->country, country_at(w->place->country)->iso2);
    copy_text(w->region, sizeof w->region, w->place->region);
    copy_text(w->name, sizeof w->name, w->place->city);
    put_clock(w, strange_instant(plan, line), line->clock, variant);
    if (line->flaw == FLAW_TIME_MISSING) {
        for (int i = 0; i < 4; i++) w->spelled[i][0] = '\0';
    } else {
        spoil_time(plan, line, w->spelled[FIELD_ISO], sizeof w->spelled[0]);
    }
}

static void write_time(struct json *j, const struct wording *w)
{
    json_text(j, "time_iso", w->spelled[FIELD_ISO]);
    json_text(j, "time_utc", w->spelled[FIELD_UTC]);
    json_open(j, "time_raw", '{');
    json_text(j, "date", w->spelled[FIELD_DATE]);
    json_text(j, "time", w->spelled[FIELD_TIME]);
    json_text(j, "timezone", w->zone);
    json_close(j, '}');
}

static void write_event(struct json *j, const char *key, const struct wording *w)
{
    if (w->flaw == FLAW_NO_OBJECT) {
        json_raw(j, key, "17");
        return;
    }
    bool mute = w->flaw == FLAW_NO_WORDS;
    json_open(j, key, '{');
    write_time(j, w);
    json_text(j, "description", mute ? "" : w->text);
    json_nothing(j, "description_translation");
    if (w->flaw == FLAW_TWICE) json_must(j, "description", "another sentence");
    json_text(j, "location", w->name);
    json_nothing(j, "stage");
    json_text(j, "sub_status", mute ? "" : w->code);
    json_open(j, "address", '{');
    json_text(j, "country", w->country);
    json_text(j, "state", w->region);
    json_nothing(j, "city");
    json_nothing(j, "street");
    json_nothing(j, "postal_code");
    json_raw(j, "coordinates", "{\"longitude\":null,\"latitude\":null}");
    json_close(j, '}');
    json_close(j, '}');
}

static void write_status(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    const char *code, *text;
    int status;
    char broad[32] = "";
    status_of_poll(plan, telling, poll, &code, &text, &status);
    for (size_t i = 0; code[i] && code[i] != '_' && i + 1 < sizeof broad; i++) broad[i] = code[i];
    json_open(j, "latest_status", '{');
    json_text(j, "status", broad);
    json_text(j, "sub_status", code);
    json_text(j, "sub_status_descr", text);
    json_close(j, '}');
}

static bool abroad(const struct plan *plan, const struct line *line)
{
    return place_at(line->place)->country != plan->origin;
}

static void write_provider(const struct plan *plan, const struct telling *telling, int poll, const int *lines, int n,
                           int leg, struct json *j)
{
    static struct wording w;
    static struct text t;
    char time[40];
    put_time(&t, telling->poll[poll].at - (leg == 1 ? 7 * HOUR : 0), 'T', true);
    text_char(&t, 'Z');
    spell(time, sizeof time, &t);
    json_open(j, NULL, '{');
    json_text(j, "latest_sync_time", time);
    json_must(j, "latest_sync_status", "Success");
    json_open(j, "events", '[');
    for (int i = 0; i < n; i++) {
        const struct line *line = &telling->line[lines[i]];
        if (leg >= 0 && abroad(plan, line) != (leg == 1)) continue;
        word(plan, telling, line, variant_of(&source_seventeen, telling, line, poll), &w);
        write_event(j, NULL, &w);
    }
    json_close(j, ']');
    json_close(j, '}');
}

/* One leg, or the one at home and the one abroad, of which the second was
 * looked at earlier. */
static void write_providers(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    int lines[2 * LINES_MAX];
    int n = lines_of(plan, telling, poll, lines);
    bool legs = n > 1 && plan->origin != plan->destination && choice(plan->seed, plan->shipment, 2);
    json_open(j, "tracking", '{');
    json_open(j, "providers", '[');
    for (int leg = legs ? 0 : -1; leg <= (legs ? 1 : -1); leg++) {
        write_provider(plan, telling, poll, lines, n, leg, j);
    }
    json_close(j, ']');
    json_close(j, '}');
}

static void write_track(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    static struct wording w;
    const struct poll *p = &telling->poll[poll];
    bool linked = telling->link_from >= 0 && poll >= telling->link_from;
    json_open(j, "track_info", '{');
    write_status(plan, telling, poll, j);
    if (linked || choice(p->salt, 'm', 3) == 0) {
        json_open(j, "misc_info", '{');
        json_text(j, "local_number", linked ? plan->number[1] : "");
        json_raw(j, "local_key", linked ? carrier_at(plan->carrier[1])->seventeen : "0");
        json_close(j, '}');
    }
    if (choice(p->salt, 't', 9) == 0) json_raw(j, "milestone", "[99999999999999999999999999, 1e400, -0.0]");
    if (p->full) {
        write_providers(plan, telling, poll, j);
    } else {
        int lines[2 * LINES_MAX];
        if (lines_of(plan, telling, poll, lines)) {
            const struct line *line = &telling->line[lines[0]];
            word(plan, telling, line, variant_of(&source_seventeen, telling, line, poll), &w);
            write_event(j, "latest_event", &w);
        }
    }
    json_close(j, '}');
}

static void write_parcel(const struct plan *plan, const struct telling *telling, int poll, const char *key,
                         struct json *j)
{
    json_open(j, key, '{');
    json_must(j, "number", plan->number[telling->number]);
    json_raw(j, "carrier", carrier_at(telling->carrier)->seventeen);
    json_text(j, "tag", plan->order);
    if (telling->poll[poll].form != FORM_STOPPED) write_track(plan, telling, poll, j);
    json_close(j, '}');
}

static void write_reply(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                        struct json *j)
{
    json_int(j, "code", 0);
    json_open(j, "data", '{');
    json_open(j, "accepted", '[');
    write_parcel(plan, telling, poll, NULL, j);
    if (other) write_parcel(plan, other, poll, NULL, j);
    json_close(j, ']');
    json_open(j, "rejected", '[');
    json_close(j, ']');
    json_close(j, '}');
}

static void write(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *j)
{
    json_open(j, NULL, '{');
    if (other || telling->poll[poll].form == FORM_REPLY) {
        write_reply(plan, telling, other, poll, j);
    } else {
        json_must(j, "event", telling->poll[poll].form == FORM_STOPPED ? "TRACKING_STOPPED" : "TRACKING_UPDATED");
        write_parcel(plan, telling, poll, "data", j);
    }
    json_close(j, '}');
}

const struct source source_seventeen = {
    .name = "17track",
    .identity = BY_BOTH,
    .has_status = true,
    .has_updated = true,
    .knows = knows,
    .variants = variants,
    .word = word,
    .write = write,
    .full_forms = 2,
    .part_forms = 1,
    .odd = odd,
    .odds = sizeof odd / sizeof *odd - 1,
    .stop_form = FORM_STOPPED,
};
