/* USPS: a local time cut to the minute, and beside it the same scan in GMT with
 * its seconds. */
#include "sources.h"

static const struct code_row table[ACTS] = {
    [ACT_ANNOUNCED] = {"GX", "Label created, not yet here", ST_RECEIVED, true},
    [ACT_ACCEPTED] = {"03", "We have it", ST_ACCEPTED, false},
    [ACT_MOVING] = {"PC", "On to the next facility", ST_MOVING, false},
    [ACT_ARRIVED] = {"10", "Came in at a facility", ST_ARRIVED, false},
    [ACT_DEPARTED] = {"T1", "Left a regional facility", ST_DEPARTED, false},
    [ACT_HANDED_OVER] = {"42", "With another agency", ST_HANDED_OVER, false},
    [ACT_OUT] = {"OF", "The carrier is out with it", ST_OUT, false},
    [ACT_ABSENT] = {"56", "No one to receive it", ST_ABSENT, false},
    [ACT_BAD_ADDRESS] = {"05", "Not deliverable as addressed", ST_BAD_ADDRESS, false},
    [ACT_PICKUP] = {"16", "Ready at the counter", ST_PICKUP, false},
    [ACT_DELAYED] = {"15", "Sent the wrong way", ST_DELAYED, false},
    [ACT_RETURNING] = {"09", "Return begun", ST_RETURNING, false},
    [ACT_DELIVERED] = {"01", "In the mailbox", ST_DELIVERED, false},
    [ACT_COLLECTED] = {"01", "Collected at the counter", ST_DELIVERED, false},
    [ACT_ODD] = {"ZZ", "Moved within the building", ST_UNMAPPED, false},
};

enum { CLOCK_GMT, CLOCK_LOCAL };

enum { FIELD_LOCAL, FIELD_GMT, FIELD_OFFSET };

static bool knows(int act)
{
    return table[act].text != NULL;
}

static int variants(const struct telling *telling, const struct line *line)
{
    (void)telling;
    return line->varies ? 2 : 1;
}

static void word(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *w)
{
    static struct text t;
    (void)telling;
    word_from_table(table, line, w);
    if (variant) copy_text(w->text, TEXT_ROOM, "The same, worded anew");
    copy_text(w->region, sizeof w->region, w->place->region);
    copy_text(w->city, sizeof w->city, w->place->upper);
    copy_text(w->name, sizeof w->name, w->place->postcode);
    int64_t at = strange_instant(plan, line);
    int offset = offset_at(w->place->zone, at);
    int64_t local = at + offset * MINUTE, cut = local - (local % MINUTE + MINUTE) % MINUTE;
    put_offset(&t, offset, true);
    spell(w->spelled[FIELD_OFFSET], sizeof w->spelled[0], &t);
    put_time(&t, cut, 'T', true);
    spell(w->spelled[FIELD_LOCAL], sizeof w->spelled[0], &t);
    w->spelled[FIELD_GMT][0] = '\0';
    if (line->clock == CLOCK_GMT) {
        read_given(w, at, offset);
        put_time(&t, at, 'T', true);
        text_char(&t, 'Z');
        spell(w->spelled[FIELD_GMT], sizeof w->spelled[0], &t);
        copy_text(w->time, sizeof w->time, w->spelled[FIELD_GMT]);
    } else {
        read_given(w, cut - offset * MINUTE, offset);
        copy_text(w->time, sizeof w->time, w->spelled[FIELD_LOCAL]);
        copy_text(w->zone, sizeof w->zone, w->spelled[FIELD_OFFSET]);
    }
    if (line->flaw == FLAW_TIME_MISSING) {
        w->spelled[FIELD_LOCAL][0] = w->spelled[FIELD_GMT][0] = '\0';
    } else {
        spoil_time(plan, line, w->spelled[FIELD_GMT], sizeof w->spelled[0]);
    }
}

static void write_event(struct json *j, const char *key, const struct wording *w)
{
    bool mute = w->flaw == FLAW_NO_WORDS;
    if (w->flaw == FLAW_NO_OBJECT) {
        json_raw(j, key, "true");
        return;
    }
    json_open(j, key, '{');
    json_must(j, "eventType", mute ? "" : w->text);
    json_text(j, "eventTimestamp", w->spelled[FIELD_LOCAL]);
    json_text(j, "GMTTimestamp", w->spelled[FIELD_GMT]);
    json_text(j, "GMTOffset", w->spelled[FIELD_OFFSET]);
    json_nothing(j, "eventCountry");
    json_text(j, "eventCity", w->city);
    json_text(j, "eventState", w->region);
    json_text(j, "eventZIP", w->name);
    json_must(j, "eventCode", mute ? "" : w->code);
    if (w->flaw == FLAW_TWICE) json_must(j, "eventCode", "07");
    json_nothing(j, "firm");
    json_nothing(j, "name");
    json_must(j, "authorizedAgent", "false");
    json_nothing(j, "additionalProp");
    json_close(j, '}');
}

static void write(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *j)
{
    static struct wording w;
    uint64_t salt = telling->poll[poll].salt;
    int lines[2 * LINES_MAX];
    int n = lines_of(plan, telling, poll, lines);
    bool single = n == 1 && !flaw_is_bad(telling->line[lines[0]].flaw) && choice(salt, 's', 3) == 0;
    (void)other;
    json_open(j, NULL, '{');
    json_must(j, "trackingNumber", plan->number[telling->number]);
    json_int(j, "uniqueMailPieceID", 700000000 + (int64_t)plan->shipment);
    json_text(j, "mailClass", choice(salt, 'c', 2) ? "Ground<SUP>&#174;</SUP>" : "");
    json_must(j, "statusCategory", n ? "In Transit" : "Pre-Shipment");
    if (!single) json_open(j, "trackingEvents", '[');
    for (int i = 0; i < n; i++) {
        const struct line *line = &telling->line[lines[i]];
        word(plan, telling, line, variant_of(&source_usps, telling, line, poll), &w);
        write_event(j, single ? "trackingEvents" : NULL, &w);
    }
    if (!single) json_close(j, ']');
    json_close(j, '}');
}

const struct source source_usps = {
    .name = "usps",
    .identity = BY_CODE,
    .knows = knows,
    .variants = variants,
    .word = word,
    .write = write,
    .full_forms = 1,
    .part_forms = 0,
};
