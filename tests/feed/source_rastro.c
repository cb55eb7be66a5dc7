/* Our own format: one event a message. */
#include "sources.h"

static const struct code_row table[ACTS] = {
    [ACT_ANNOUNCED] = {"ANN", "Announced by the seller", ST_RECEIVED, false},
    [ACT_ACCEPTED] = {"ACC", "Taken over from the seller", ST_ACCEPTED, false},
    [ACT_MOVING] = {"MOV", "On its way between two depots", ST_MOVING, false},
    [ACT_ARRIVED] = {"ARR", "Arrived at the sorting centre", ST_ARRIVED, false},
    [ACT_DEPARTED] = {"DEP", "Left the sorting centre", ST_DEPARTED, false},
    [ACT_DEST_ARRIVED] = {"DAR", "Reached the country of destination", ST_DEST_ARRIVED, false},
    [ACT_HANDED_OVER] = {"HOV", "Given to the next carrier", ST_HANDED_OVER, false},
    [ACT_CUSTOMS] = {"CUS", "Presented to customs", ST_CUSTOMS_STARTED, false},
    [ACT_INFO_NEEDED] = {"CIN", "Customs ask for papers", ST_INFO_NEEDED, false},
    [ACT_HELD] = {"CHE", "Duties are due", ST_CUSTOMS_HELD, false},
    [ACT_RELEASED] = {"CRE", "Released by customs", ST_CUSTOMS_RELEASED, false},
    [ACT_OUT] = {"OUT", "With the courier", ST_OUT, false},
    [ACT_ABSENT] = {"ABS", "Nobody answered the door", ST_ABSENT, false},
    [ACT_BAD_ADDRESS] = {"ADR", "The address was not found", ST_BAD_ADDRESS, false},
    [ACT_PICKUP] = {"PUP", "Waits at the counter", ST_PICKUP, false},
    [ACT_DELAYED] = {"DLY", "Late: no room in the truck", ST_DELAYED, false},
    [ACT_DAMAGED] = {"DMG", "The wrapping is torn", ST_DAMAGED, false},
    [ACT_LOST] = {"LST", "Given up as lost", ST_LOST, false},
    [ACT_RETURNING] = {"RTG", "On its way back", ST_RETURNING, false},
    [ACT_RETURNED] = {"RTD", "Back at the sender", ST_RETURNED, false},
    [ACT_DELIVERED] = {"DEL", "Delivered at the door", ST_DELIVERED, false},
    [ACT_COLLECTED] = {"COL", "Collected at the counter", ST_COLLECTED, false},
    [ACT_ODD] = {"X77", "Weighed once more", ST_UNMAPPED, false},
};

/* How a line spells its time; telling.c chooses, see rastro_clocks there. */
enum {
    CLOCK_OFFSET,   /* 2026-10-08T02:11:30+08:00 */
    CLOCK_NAMED,    /* without; the zone beside it */
    CLOCK_PLACE,    /* without; the place tells */
    CLOCK_MINUTE,   /* to the minute */
    CLOCK_DAY,      /* a date */
    CLOCK_SIXTY,    /* 02:10:60 for 02:11:00 */
    CLOCK_NOTHING,  /* without, and no country: read as UTC */
    CLOCK_FRACTION, /* with half a second */
};

static bool knows(int act)
{
    return table[act].text != NULL;
}

static int variants(const struct telling *telling, const struct line *line)
{
    (void)telling;
    return line->varies && line->clock == CLOCK_OFFSET ? 2 : 1;
}

static void put_clock(struct text *t, struct wording *w, const struct line *line, int variant)
{
    int zone = w->place->zone, offset = offset_at(zone, line->at);
    int64_t local = line->at + offset * MINUTE;
    switch (line->clock) {
    case CLOCK_NAMED:
        local = sloppy_local(zone, line->at);
        read_local(w, zone, local, 'g');
        copy_text(w->zone, sizeof w->zone, zone_at(zone)->name);
        put_time(t, local, 'T', true);
        break;
    case CLOCK_PLACE:
        local = sloppy_local(zone, line->at);
        read_local(w, zone, local, 'p');
        put_time(t, local, 'T', true);
        break;
    case CLOCK_MINUTE:
        read_given(w, line->at - line->at % MINUTE, offset);
        w->precision = 'm';
        put_time(t, local, 'T', false);
        put_offset(t, offset, true);
        break;
    case CLOCK_DAY:
        read_local(w, zone, local - local % DAY, 'p');
        w->precision = 'd';
        put_date(t, local);
        break;
    case CLOCK_SIXTY:
        read_given(w, line->at - line->at % MINUTE, offset);
        put_time(t, local - local % MINUTE - MINUTE, 'T', false);
        text_put(t, ":60");
        put_offset(t, offset, true);
        break;
    case CLOCK_NOTHING:
        read_local(w, ZONE_UTC, line->at, 'a');
        w->marks |= MARK_assumed_zone;
        put_time(t, line->at, 'T', true);
        break;
    case CLOCK_FRACTION:
        read_given(w, line->at, offset);
        w->instant_us += 500000;
        w->precision = 'f';
        put_time(t, local, 'T', true);
        text_put(t, ".5");
        put_offset(t, offset, true);
        break;
    default:
        read_given(w, line->at, variant ? 0 : offset);
        put_time(t, variant ? line->at : local, 'T', true);
        if (variant) text_char(t, 'Z');
        else put_offset(t, offset, true);
    }
}

static void word(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *w)
{
    static struct text t;
    (void)telling;
    word_from_table(table, line, w);
    if (variant) copy_text(w->text, TEXT_ROOM, "The same, in other words");
    if (line->clock != CLOCK_NOTHING) copy_text(w->country, sizeof w->country, country_at(w->place->country)->iso2);
    copy_text(w->region, sizeof w->region, w->place->region);
    copy_text(w->city, sizeof w->city, w->place->city);
    copy_text(w->name, sizeof w->name, w->place->name);
    struct line shown = *line;
    shown.at = strange_instant(plan, line);
    put_clock(&t, w, &shown, variant);
    spell(w->time, sizeof w->time, &t);
    copy_text(w->spelled[0], sizeof w->spelled[0], w->time);
    spoil_time(plan, line, w->spelled[0], sizeof w->spelled[0]);
}

static void write_event(struct json *j, const struct wording *w)
{
    const struct status_info *status = status_at(w->status);
    char name[40] = "";
    if (w->status != ST_UNMAPPED) {
        copy_text(name, sizeof name, status->stage);
        size_t n = strlen(name);
        if (*status->detail) {
            name[n] = '.';
            copy_text(name + n + 1, sizeof name - n - 1, status->detail);
        }
    }
    if (w->flaw == FLAW_NO_OBJECT) {
        json_must(j, "event", "see the other system");
        return;
    }
    bool mute = w->flaw == FLAW_NO_WORDS;
    json_open(j, "event", '{');
    json_text(j, "code", mute ? "" : w->code);
    json_text(j, "status", name);
    json_text(j, "text", mute ? "" : w->text);
    json_text(j, "time", w->spelled[0]);
    if (w->flaw == FLAW_TWICE) json_must(j, "time", "2026-01-01T00:00:00Z");
    if (w->zone[0]) json_must(j, "zone", w->zone);
    json_open(j, "place", '{');
    json_text(j, "country", w->country);
    json_text(j, "region", w->region);
    json_text(j, "city", w->city);
    json_text(j, "name", w->name);
    json_close(j, '}');
    if (w->sequence) json_int(j, "sequence", w->sequence);
    if (w->planned) json_raw(j, "planned", "true");
    json_close(j, '}');
}

static void write(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *j)
{
    static struct wording w;
    (void)other;
    uint64_t salt = telling->poll[poll].salt;
    char number[2 * NUMBER_ROOM];
    const char *carrier = carrier_at(telling->carrier)->id;
    json_open(j, NULL, '{');
    json_must(j, "rastro", "event/1");
    json_text(j, "feed", telling->feed);
    spell_number(plan->number[telling->number], salt, number);
    json_must(j, "number", number);
    json_must(j, "carrier", *carrier ? carrier : carrier_at(telling->carrier)->aftership);
    if (choice(salt, 'c', 3) == 0) {
        json_must(j, "origin", country_at(plan->origin)->iso2);
        json_must(j, "destination", country_at(plan->destination)->name);
    }
    if (telling->link_from >= 0 && poll >= telling->link_from) {
        json_open(j, "next", '{');
        json_must(j, "number", plan->number[1]);
        json_must(j, "carrier", carrier_at(plan->carrier[1])->id);
        json_close(j, '}');
    }
    int lines[2 * LINES_MAX];
    if (lines_of(plan, telling, poll, lines)) {
        const struct line *line = &telling->line[lines[0]];
        word(plan, telling, line, variant_of(&source_rastro, telling, line, poll), &w);
        write_event(j, &w);
    }
    json_close(j, '}');
}

const struct source source_rastro = {
    .name = "rastro",
    .identity = BY_CODE,
    .knows = knows,
    .variants = variants,
    .word = word,
    .write = write,
    .full_forms = 0,
    .part_forms = 1,
};
