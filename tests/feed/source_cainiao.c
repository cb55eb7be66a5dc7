/* Cainiao: flat, and a module of parcels.  The epoch beside a time reads the
 * local text as Beijing's, as theirs does. */
#include "sources.h"

static const struct code_row table[ACTS] = {
    [ACT_ANNOUNCED] = {"GWMS_ACCEPT", "The warehouse knows of it", ST_RECEIVED, true},
    [ACT_ACCEPTED] = {"PU_PICKUP_SUCCESS", "仓库已揽收", ST_ACCEPTED, false},
    [ACT_MOVING] = {"SC_INBOUND_SUCCESS", "Being sorted", ST_MOVING, false},
    [ACT_ARRIVED] = {"SC_ARRIVE", "At the sorting hall", ST_ARRIVED, false},
    [ACT_DEPARTED] = {"SC_DEPART", "Gone from the sorting hall", ST_DEPARTED, false},
    [ACT_DEST_ARRIVED] = {"LH_ARRIVE", "Touched down", ST_DEST_ARRIVED, false},
    [ACT_HANDED_OVER] = {"GTMS_ACCEPT", "The local carrier took over", ST_HANDED_OVER, false},
    [ACT_CUSTOMS] = {"CC_IM_START", "Before customs", ST_CUSTOMS_STARTED, false},
    [ACT_HELD] = {"CUS_TAX", "Tax to be paid", ST_CUSTOMS_HELD, false},
    [ACT_RELEASED] = {"CC_IM_SUCCESS", "Behind customs", ST_CUSTOMS_RELEASED, false},
    [ACT_OUT] = {"GTMS_DO_DEPART", "On the courier's bike", ST_OUT, false},
    [ACT_ABSENT] = {"GTMS_DEL_FAILURE", "Could not be delivered", ST_ATTEMPT, false},
    [ACT_PICKUP] = {"GTMS_WAIT_SELF_PICK", "In the locker", ST_PICKUP, false},
    [ACT_RETURNING] = {"RT_OUTBOUND", "Going home", ST_RETURNING, false},
    [ACT_RETURNED] = {"RETURNED", "Home again", ST_RETURNED, false},
    [ACT_DELIVERED] = {"GTMS_SIGNED", "Signed for", ST_DELIVERED, false},
    [ACT_COLLECTED] = {"GSTA_SIGN", "Taken from the locker", ST_COLLECTED, false},
    [ACT_ODD] = {"QC_RECHECK", "Looked at twice", ST_UNMAPPED, false},
};

enum { CLOCK_ZONE, CLOCK_NONE };

enum { FORM_FLAT, FORM_MODULE, FORM_MODULE_BROKEN };

static bool knows(int act)
{
    return table[act].text != NULL;
}

static int variants(const struct telling *telling, const struct line *line)
{
    (void)telling;
    return line->varies ? 2 : 1;
}

static void put_zone(struct text *t, int offset, int variant)
{
    if (variant) {
        put_offset(t, offset, true);
        return;
    }
    if (choice((unsigned)(offset + 720), 'z', 2)) text_put(t, "GMT");
    text_char(t, offset < 0 ? '-' : '+');
    text_int(t, (offset < 0 ? -offset : offset) / 60);
}

enum { FIELD_TIME, FIELD_EPOCH };

static void word(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *w)
{
    static struct text t;
    (void)telling;
    word_from_table(table, line, w);
    if (variant) copy_text(w->text, TEXT_ROOM, "The same in another language");
    int64_t at = strange_instant(plan, line);
    bool bare = line->clock == CLOCK_NONE && w->place->country == CN;
    int offset = bare ? 480 : offset_at(w->place->zone, at);
    int64_t local = at + offset * MINUTE;
    if (bare) {
        read_local(w, ZONE_SHANGHAI, local, 'r');
    } else {
        read_given(w, at, offset);
        put_zone(&t, offset, variant);
        spell(w->zone, sizeof w->zone, &t);
    }
    put_time(&t, local, ' ', true);
    spell(w->time, sizeof w->time, &t);
    copy_text(w->spelled[FIELD_TIME], sizeof w->spelled[0], w->time);
    spoil_time(plan, line, w->spelled[FIELD_TIME], sizeof w->spelled[0]);
    text_int(&t, (local - 8 * HOUR) * 1000);
    spell(w->spelled[FIELD_EPOCH], sizeof w->spelled[0], &t);
}

static void write_event(struct json *j, const char *key, const struct wording *w)
{
    if (w->flaw == FLAW_NO_OBJECT) {
        json_raw(j, key, "[]");
        return;
    }
    bool mute = w->flaw == FLAW_NO_WORDS;
    json_open(j, key, '{');
    json_raw(j, "time", w->spelled[FIELD_EPOCH]);
    json_text(j, "timeStr", w->spelled[FIELD_TIME]);
    if (w->flaw == FLAW_TWICE) json_must(j, "timeStr", "2026-03-03 00:00:00");
    json_text(j, "timeZone", w->zone);
    json_nothing(j, "desc");
    json_text(j, "standerdDesc", mute ? "" : w->text);
    json_text(j, "actionCode", mute ? "" : w->code);
    json_raw(j, "group",
             "{\"nodeCode\":\"TRANSIT\",\"nodeDesc\":\"\",\"currentIconUrl\":\"https://img.example/c.png\"}");
    json_close(j, '}');
}

static void write_link(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    if (telling->link_from < 0 || poll < telling->link_from) {
        json_nothing(j, "copyRealMailNo");
        return;
    }
    json_must(j, "copyRealMailNo", plan->number[1]);
    /* cpName is a name for people; only a number that belongs to nobody is
     * understood without a list of them. */
    if (plan->valid_s10[1]) {
        json_open(j, "destCpInfo", '{');
        json_must(j, "cpName", "The local post");
        json_close(j, '}');
    }
}

static void write_parcel(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    static struct wording w;
    int lines[2 * LINES_MAX];
    int n = lines_of(plan, telling, poll, lines);
    bool single = n == 1 && !flaw_is_bad(telling->line[lines[0]].flaw) && choice(telling->poll[poll].salt, 's', 3) == 0;
    json_must(j, "mailNo", plan->number[telling->number]);
    json_text(j, "originCountry", plan->origin == CN ? "Mainland China" : country_at(plan->origin)->name);
    json_text(j, "destCountry", country_at(plan->destination)->name);
    json_must(j, "status", "DELIVERING");
    write_link(plan, telling, poll, j);
    if (!single) json_open(j, "detailList", '[');
    for (int i = 0; i < n; i++) {
        const struct line *line = &telling->line[lines[i]];
        word(plan, telling, line, variant_of(&source_cainiao, telling, line, poll), &w);
        write_event(j, single ? "detailList" : NULL, &w);
    }
    if (!single) json_close(j, ']');
}

static void write(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *j)
{
    int form = telling->poll[poll].form;
    (void)other;
    json_open(j, NULL, '{');
    if (form == FORM_FLAT) {
        write_parcel(plan, telling, poll, j);
    } else {
        json_raw(j, "success", "true");
        json_open(j, "module", '[');
        json_open(j, NULL, '{');
        write_parcel(plan, telling, poll, j);
        json_close(j, '}');
        /* A block that names no parcel: unusable, beside one that is. */
        if (form == FORM_MODULE_BROKEN) json_raw(j, NULL, "{\"mailNo\":null,\"errorCode\":\"busy\",\"detailList\":[]}");
        json_close(j, ']');
    }
    json_close(j, '}');
}

const struct source source_cainiao = {
    .name = "cainiao",
    .identity = BY_CODE,
    .knows = knows,
    .variants = variants,
    .word = word,
    .write = write,
    .full_forms = 3,
    .part_forms = 0,
};
