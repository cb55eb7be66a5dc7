#include "letters.h"

/* ---- messages --------------------------------------------------------------------- */

struct rs_special_scan rs_special_scan[128];

struct rs_event rs_scan_of(char c, bool again, int32_t source)
{
    char words[3] = {c, (char)('0' + source), '\0'}, name[4] = {c, (char)('0' + source), again ? '\'' : '\0', '\0'};
    int hour = (c | 32) - 'a';
    const char *status = rs_special_scan[(int)c].status;
    return (struct rs_event){
        .instant_us = HOUR(hour) + (again ? 30 * RS_MINUTE_US : 0),
        .sequence = rs_special_scan[(int)c].sequence,
        .fp = rs_key_of(name, strlen(name)),
        .said = rs_key_of(words, 2),
        .status = rs_test_status(status ? status : "transit.arrived"),
        .code = again ? rs_test_say("%c'", c) : rs_test_say("%c", c),
        .marks = rs_special_scan[(int)c].marks,
        .kind = rs_special_scan[(int)c].kind,
    };
}

struct rs_report rs_letter_report(const struct rs_letter_text *letter)
{
    struct rs_report report = {.snapshot = !letter->part};
    report.event = rs_arena_zero(rs_test_arena(), 256 * sizeof *report.event);
    for (const char *p = letter->scans; *p; p++) {
        if (*p == ' ') continue;
        bool again = p[1] == '\'';
        report.event[report.event_count++] = rs_scan_of(*p, again, letter->source ? letter->source : 1);
        p += again;
    }
    if (letter->facts) {
        struct rs_facts *facts = rs_arena_zero(rs_test_arena(), sizeof *facts);
        facts->key = rs_key_of(letter->facts, strlen(letter->facts));
        report.facts = facts;
    }
    return report;
}

struct rs_view_order rs_letter_order(const struct rs_letter_text *letter)
{
    int64_t published = letter->published ? letter->published : letter->at;
    return (struct rs_view_order){
        .at_us = HOUR(letter->at),
        .count = letter->count,
        .published_us = HOUR(published),
        .topic = 1,
        .offset = published + 1000,
        .identity = letter->identity ? letter->identity : 1,
    };
}

struct rs_track_counts rs_tell(struct rs_parcel_state *state, const struct rs_letter_text *letter)
{
    struct rs_report report = rs_letter_report(letter);
    struct rs_view_order order = rs_letter_order(letter);
    int32_t source = letter->source ? letter->source : 1;
    struct rs_reading reading = {letter->identity ? letter->identity : 1, rs_iana_short(202502)};
    return rs_track_report(state, rs_test_arena(), &report, source, rs_test_say("source-%d", source), reading, 0,
                           &order);
}

/* ---- what lies between two batches ---------------------------------------------------- */

void rs_store_load(const struct rs_track_store *store, struct rs_parcel_state *state)
{
    *state = (struct rs_parcel_state){0};
    for (uint32_t i = 0; i < store->rows; i++) {
        struct rs_known *known = rs_track_add_known(state, rs_test_arena());
        *known = store->row[i];
        known->state = RS_CHANGE_NONE;
        known->by = (struct rs_key){{0}};
        known->event = NULL;
        known->seen = 0;
        int32_t rev = -1;
        for (uint32_t k = 0; k < store->logs; k++) {
            const struct rs_currency *line = &store->log[k];
            if (!rs_key_eq(line->fp, known->fp) || line->rev < rev) continue;
            rev = line->rev;
            known->state = line->change;
            known->by = line->by;
        }
    }
    for (uint32_t i = 0; i < store->views; i++) {
        struct rs_view *view = rs_track_add_view(state, rs_test_arena());
        *view = store->view[i];
        view->stored = true;
        view->changed = false;
    }
}

void rs_store_save(struct rs_track_store *store, const struct rs_parcel_state *state)
{
    for (uint32_t i = 0; i < state->known_n; i++) {
        if (!state->known[i].event) continue;
        for (uint32_t k = 0; k < store->rows; k++) {
            cr_assert(!rs_key_eq(store->row[k].fp, state->known[i].fp), "a row is added twice");
        }
        cr_assert(store->rows < COUNT(store->row));
        store->row[store->rows++] = state->known[i];
    }
    for (uint32_t i = 0; i < state->change_n; i++) {
        for (uint32_t k = 0; k < store->logs; k++) {
            cr_assert(!rs_key_eq(store->log[k].fp, state->change[i].fp) || store->log[k].rev < state->change[i].rev,
                      "a change is logged under a revision that is there");
        }
        cr_assert(store->logs < COUNT(store->log));
        store->log[store->logs++] = state->change[i];
    }
    for (uint32_t i = 0; i < state->view_n; i++) {
        const struct rs_view *view = &state->view[i];
        uint32_t at = 0;
        while (at < store->views && store->view[at].source != view->source) at++;
        if (!view->changed) continue;
        cr_assert(at < COUNT(store->view));
        if (at == store->views) store->views++;
        store->view[at] = *view;
    }
}

/* ---- a state in words -------------------------------------------------------------------- */

const char *rs_scan_name(const struct rs_parcel_state *state, struct rs_key fp)
{
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *known = &state->known[i];
        if (!rs_key_eq(known->fp, fp)) continue;
        for (char c = 'A'; c <= 'z'; c++) {
            for (int again = 0; again < 2; again++) {
                if (rs_key_eq(rs_scan_of(c, again, known->source).fp, fp))
                    return rs_scan_of(c, again, known->source).code.p;
            }
        }
    }
    return "?";
}

static bool is_reread(const struct rs_parcel_state *state, const struct rs_known *known)
{
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *k = &state->known[i];
        if (k->source == known->source && rs_key_eq(k->said, known->said) &&
            rs_reading_cmp(k->reading, known->reading) > 0) {
            return true;
        }
    }
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *rs_state_words(const struct rs_parcel_state *state)
{
    const char *word[64];
    size_t n = 0;
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *known = &state->known[i];
        if (is_reread(state, known)) continue;
        const char *name = rs_scan_name(state, known->fp);
        const char *source = known->source > 1 ? rs_test_say("%d", known->source).p : "";
        cr_assert(n < COUNT(word));
        if (known->state == RS_CHANGE_WITHDRAWN) {
            word[n++] = rs_test_say("%s%s-", name, source).p;
        } else if (known->state == RS_CHANGE_SUPERSEDED) {
            word[n++] = rs_test_say("%s%s>%s", name, source, rs_scan_name(state, known->by)).p;
        } else {
            word[n++] = rs_test_say("%s%s", name, source).p;
        }
    }
    qsort(word, n, sizeof *word, by_text);
    struct rs_buf buf = {0};
    for (size_t i = 0; i < n; i++) rs_buf_printf(&buf, "%s ", word[i]);
    if (n) buf.n--;
    const struct rs_known *head = rs_track_head(state);
    rs_buf_printf(&buf, "; head %s", head ? rs_scan_name(state, head->fp) : "none");
    if (head && head->source > 1) rs_buf_printf(&buf, "%d", head->source);
    const char *text = rs_test_say("%s", rs_buf_cstr(&buf)).p;
    rs_buf_free(&buf);
    return text;
}
