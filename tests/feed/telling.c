/* What one source says of one number, poll by poll.
 *
 * Lines come from the scans; polls from when the source has something new, and
 * from looks that bring nothing.  Then the account is spoiled as real ones are:
 * corrected, withdrawn, taken back, told in part, with lines that nobody can
 * read.  At the end what would leave the outcome to chance is taken out:
 *
 *  - two lines that a reader must take for one event, or of which nobody could
 *    say which one another source means;
 *  - a poll of a source without an update time that looks like another one
 *    (same newest scan, same number of scans) and says something else: only
 *    the order of arrival would tell which of them is newer;
 *  - a part of the history with an event that the newest whole one lacks: it
 *    would stay or go with the order of arrival.
 */
#include "sources.h"

#include <stdlib.h>

struct work {
    struct plan *plan;
    struct telling *telling;
    const struct source *source;
    const struct options *options;
    struct dice *dice;
    int64_t visible[LINES_MAX]; /* when the source first has the line */
    int scanned;                /* lines that are scans as they were, oldest first */
};

static uint32_t from_poll(int poll)
{
    return poll >= POLLS_MAX ? 0 : ~UINT32_C(0) << poll;
}

/* ---- lines --------------------------------------------------------------------------- */

/* Correios sees what is in Brazil, and that something was posted; a number
 * behind a hand-over begins there. */
static bool covers(const struct work *work, const struct scan *scan)
{
    const struct telling *t = work->telling;
    bool post = t->source == SOURCE_CORREIOS || t->source == SOURCE_LINKETRACK;
    if (work->plan->numbers == 2) return t->number == scan->leg;
    if (post && work->plan->origin != BR) {
        return place_at(scan->place)->country == BR || scan->act == ACT_ACCEPTED;
    }
    return true;
}

/* clang-format off */
static const struct {
    uint8_t common[4]; /* clocks in use; the first is taken twice as often */
    uint8_t alone[3];  /* also these where no other source tells the parcel */
} clocks[SOURCES] = {
    [SOURCE_RASTRO] = {{0, 1, 2, 3}, {5, 6, 7}},
    [SOURCE_SEVENTEEN] = {{0, 1, 2, 4}, {3, 3, 3}},
    [SOURCE_AFTERSHIP] = {{0, 0, 1, 1}, {2, 0, 0}},
    [SOURCE_CAINIAO] = {{0, 0, 0, 1}, {1, 1, 0}},
    [SOURCE_CORREIOS] = {{0, 1, 2, 0}, {0, 0, 0}},
    [SOURCE_LINKETRACK] = {{0, 0, 0, 1}, {0, 2, 2}},
    [SOURCE_USPS] = {{0, 0, 0, 1}, {0, 1, 1}},
};
/* clang-format on */

static uint8_t some_clock(struct work *work)
{
    if (work->options->kind == KIND_ONE_EVENT) return 0;
    const uint8_t *common = clocks[work->telling->source].common;
    unsigned at = dice_below(work->dice, 10);
    if (at < 5) return common[0];
    if (at < 9) return common[at - 5];
    return work->telling->alone ? clocks[work->telling->source].alone[dice_below(work->dice, 3)] : common[0];
}

static int64_t some_lag(struct dice *dice)
{
    unsigned at = dice_below(dice, 100);
    if (at < 80) return dice_between(dice, 4 * MINUTE, HOUR);
    return at < 95 ? dice_between(dice, 2 * HOUR, 10 * HOUR) : dice_between(dice, 20 * HOUR, 70 * HOUR);
}

static struct line *add_line(struct work *work, struct line line, int64_t visible)
{
    struct telling *t = work->telling;
    if (t->lines == LINES_MAX) return NULL;
    work->visible[t->lines] = visible;
    t->line[t->lines] = line;
    return &t->line[t->lines++];
}

static void make_lines(struct work *work)
{
    struct plan *plan = work->plan;
    bool plain = work->options->kind == KIND_ONE_EVENT;
    for (int i = 0; i < plan->scans; i++) {
        const struct scan *scan = &plan->scan[i];
        if (!covers(work, scan) || !work->source->knows(scan->act)) continue;
        int64_t lag = plain ? dice_between(work->dice, 20, 6 * MINUTE) : some_lag(work->dice);
        if (!plain && dice_percent(work->dice, 4)) continue;
        struct line line = {
            .at = scan->at,
            .kind = 's',
            .act = scan->act,
            .words = scan->act,
            .place = scan->place,
            .clock = some_clock(work),
            .varies = !plain && dice_percent(work->dice, 25),
            .sequence = (int16_t)(work->telling->source == SOURCE_RASTRO && (plain || dice_percent(work->dice, 60))
                                      ? i + 1
                                      : 0),
        };
        add_line(work, line, scan->at + lag);
    }
    work->scanned = work->telling->lines;
}

/* ---- polls ------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* When a whole history is sent: behind most of what is new, and now and then
 * for nothing. */
static int make_moments(struct work *work, int64_t *ret)
{
    const struct telling *t = work->telling;
    struct dice *dice = work->dice;
    bool each = work->options->kind == KIND_HISTORY;
    int64_t last = work->plan->start;
    int n = 0;
    if (!each && dice_percent(dice, 25)) ret[n++] = work->plan->start + dice_between(dice, 10 * MINUTE, HOUR);
    for (int i = 0; i < t->lines; i++) {
        if (work->visible[i] > last) last = work->visible[i];
        if (each || dice_percent(dice, 62)) ret[n++] = work->visible[i] + dice_between(dice, MINUTE, 10 * MINUTE);
    }
    if (t->lines) ret[n++] = last + dice_between(dice, 10 * MINUTE, 20 * MINUTE);
    if (t->lines && !each) {
        for (int i = (int)dice_below(dice, 3); i > 0; i--) {
            last += dice_between(dice, DAY, 5 * DAY);
            ret[n++] = last;
        }
    }
    return n;
}

static void publish(struct work *work, struct poll *poll, int64_t at)
{
    int64_t published = at * 1000 + dice_between(work->dice, 2000, 15 * MINUTE * 1000);
    int64_t latest = work->plan->until * 1000 - 1;
    *poll = (struct poll){
        .at = at,
        .published_ms = published < latest ? published : latest,
        .full = work->telling->source != SOURCE_RASTRO,
        .sent = true,
        .salt = dice_next(work->dice),
    };
}

static void make_polls(struct work *work, int64_t *moment, int n)
{
    struct telling *t = work->telling;
    qsort(moment, (size_t)n, sizeof *moment, by_time);
    int64_t before = 0;
    for (int i = 0; i < n && t->polls < POLLS_MAX; i++) {
        int64_t at = moment[i] <= before + MINUTE ? before + MINUTE + 1 : moment[i];
        if (at > work->plan->until - 30) break;
        publish(work, &t->poll[t->polls++], at);
        before = at;
    }
}

static void tell_histories(struct work *work)
{
    struct telling *t = work->telling;
    for (int i = 0; i < t->lines; i++) {
        int p = 0;
        while (p < t->polls && t->poll[p].at < work->visible[i]) p++;
        t->line[i].told = from_poll(p) & ~from_poll(t->polls);
    }
}

/* One message a line; some are told once more, in other words. */
static void tell_singly(struct work *work)
{
    struct telling *t = work->telling;
    bool plain = work->options->kind == KIND_ONE_EVENT;
    if (!plain && dice_percent(work->dice, 25)) {
        publish(work, &t->poll[t->polls++], work->plan->start + dice_between(work->dice, 10 * MINUTE, HOUR));
    }
    for (int i = 0; i < t->lines; i++) {
        bool twice = !plain && t->line[i].varies && dice_percent(work->dice, 30);
        for (int64_t at = work->visible[i]; at <= work->plan->until - 30 && t->polls < POLLS_MAX; at += 5 * HOUR) {
            t->line[i].told |= UINT32_C(1) << t->polls;
            publish(work, &t->poll[t->polls++], at);
            if (!twice) break;
            twice = false;
        }
    }
}

/* ---- edits ----------------------------------------------------------------------------------- */

enum edit { EDIT_TIME, EDIT_PLACE, EDIT_TEXT, EDIT_CLASS, EDIT_MEET, EDIT_AWAY, EDIT_BACK, EDITS };

static int first_poll(uint32_t told)
{
    return told ? __builtin_ctz(told) : POLLS_MAX;
}

static bool change_line(struct work *work, struct line *line, enum edit edit, int64_t known_at)
{
    struct dice *dice = work->dice;
    bool both = work->source->identity == BY_BOTH;
    if (edit == EDIT_PLACE && work->telling->source != SOURCE_CAINIAO) {
        uint8_t place = (uint8_t)some_place(place_at(line->place)->country, dice);
        if (place == line->place) return false;
        line->place = place;
    } else if (edit == EDIT_TEXT && both) {
        line->edit = (uint8_t)(1 + dice_below(dice, 3));
    } else if (edit == EDIT_CLASS && both) {
        line->act = line->act == ACT_MOVING ? ACT_ARRIVED : ACT_MOVING;
        if (line->act == line->words) return false;
    } else {
        int64_t shift = dice_between(dice, 3 * MINUTE, 40 * MINUTE) + dice_between(dice, 0, 59);
        bool later = dice_percent(dice, 50) && line->at + shift < known_at - 2 * MINUTE;
        line->at += later ? shift : -shift;
    }
    return true;
}

/* Another scan of the same source at the very same second: an earlier one, so
 * that no poll tells what has yet to happen. */
static void meet(struct work *work, int i)
{
    struct line *line = &work->telling->line[i];
    if (!work->telling->alone || i == 0 || i >= work->scanned) return;
    const struct line *before = line - 1;
    if (before->act == line->act || before->kind != 's') return;
    line->at = before->at;
}

static void edit_one(struct work *work)
{
    struct telling *t = work->telling;
    int i = (int)dice_below(work->dice, t->lines), first = first_poll(t->line[i].told);
    enum edit edit = (enum edit)dice_below(work->dice, EDITS);
    int p = first + 1 + (int)dice_below(work->dice, t->polls);
    if (edit == EDIT_MEET) {
        meet(work, i);
        return;
    }
    if (p >= t->polls) return;
    uint32_t told = t->line[i].told;
    if (edit == EDIT_AWAY) {
        t->line[i].told = told & ~from_poll(p);
    } else if (edit == EDIT_BACK) {
        int back = p + 1 + (int)dice_below(work->dice, 2);
        t->line[i].told = (told & ~from_poll(p)) | (told & from_poll(back));
    } else {
        struct line changed = t->line[i];
        if (!change_line(work, &changed, edit, t->poll[p].at)) return;
        changed.told = told & from_poll(p);
        if (add_line(work, changed, 0)) t->line[i].told = told & ~from_poll(p);
    }
}

/* ---- flaws ---------------------------------------------------------------------------------- */

static void add_flaw(struct work *work)
{
    struct telling *t = work->telling;
    struct line *line = &t->line[dice_below(work->dice, t->lines)];
    int flaw = 1 + (int)dice_below(work->dice, FLAWS - 1);
    if (flaw == FLAW_NUL || flaw == FLAW_LONG) {
        line->flaw = (uint8_t)flaw;
        line->varies = false;
        return;
    }
    struct line added = *line;
    /* An event list whose first element is none would be another shape. */
    if (flaw == FLAW_NO_OBJECT && t->source == SOURCE_USPS) flaw = FLAW_TIME_WORD;
    added.flaw = (uint8_t)flaw;
    added.varies = false;
    added.sequence = 0;
    added.at -= dice_between(work->dice, 1, 100);
    if (flaw == FLAW_FUTURE) {
        added.act = added.words = ACT_DELIVERED;
        added.at = work->plan->until + dice_between(work->dice, DAY, 30 * DAY);
        added.clock = 0;
    }
    if (flaw_is_bad(flaw)) added.clock = 0;
    if (t->source != SOURCE_RASTRO) {
        add_line(work, added, 0);
        return;
    }
    /* A message of its own. */
    if (t->polls == POLLS_MAX) return;
    int p = first_poll(line->told);
    if (p >= t->polls) return;
    added.told = UINT32_C(1) << t->polls;
    int64_t at = t->poll[p].at + 1;
    if (add_line(work, added, 0)) publish(work, &t->poll[t->polls++], at);
}

static void add_planned(struct work *work)
{
    struct telling *t = work->telling;
    if (t->source != SOURCE_RASTRO || t->polls == POLLS_MAX || !t->polls) return;
    struct line line = t->line[t->lines - 1];
    line.kind = 'p';
    line.flaw = FLAW_NONE;
    line.act = line.words = ACT_DELIVERED;
    line.at = work->plan->until + dice_between(work->dice, DAY, 9 * DAY);
    line.clock = 0;
    line.varies = false;
    line.told = UINT32_C(1) << t->polls;
    int64_t at = t->poll[t->polls - 1].at + 7;
    if (at <= work->plan->until - 30 && add_line(work, line, 0)) publish(work, &t->poll[t->polls++], at);
}

static void spoil(struct work *work)
{
    struct telling *t = work->telling;
    const struct options *o = work->options;
    if (!t->lines || o->kind == KIND_ONE_EVENT) return;
    bool rastro = t->source == SOURCE_RASTRO;
    if (!rastro && t->polls > 1) {
        if (dice_percent(work->dice, 30)) edit_one(work);
        if (dice_percent(work->dice, 8)) edit_one(work);
    }
    int flaws = o->bad * 6 < 300 ? o->bad * 6 : 300;
    if (o->bad && dice_permille(work->dice, flaws)) add_flaw(work);
    if (rastro && dice_percent(work->dice, 10)) meet(work, (int)dice_below(work->dice, t->lines));
    if (rastro && dice_percent(work->dice, 6)) add_planned(work);
}

/* ---- forms, parts, statuses ------------------------------------------------------------------ */

static void choose_form(struct work *work, int p)
{
    struct telling *t = work->telling;
    struct poll *poll = &t->poll[p];
    const struct source *s = work->source;
    if (!poll->full) return;
    poll->form = (uint8_t)dice_below(work->dice, (uint32_t)s->full_forms);
    if (t->source == SOURCE_CAINIAO && poll->form == 2 && !(work->options->bad && dice_percent(work->dice, 10))) {
        poll->form = 1; /* a broken block stands beside few */
    }
    if (work->options->kind == KIND_HISTORY || work->plan->paired || !s->part_forms || !dice_percent(work->dice, 8))
        return;
    int newest = newest_line(work->plan, t, p);
    if (newest < 0) return;
    poll->full = false;
    poll->form = (uint8_t)s->full_forms;
    for (int i = 0; i < t->lines; i++) {
        if (i != newest) t->line[i].told &= ~(UINT32_C(1) << p);
    }
}

static void add_reported(struct work *work, int p)
{
    struct telling *t = work->telling;
    struct poll *poll = &t->poll[p];
    if (!poll->full || !poll->odd_status) return;
    int code_status = work->source->odd[poll->odd_status - 1].status;
    int newest = newest_line(work->plan, t, p);
    if (newest >= 0) {
        static struct wording w;
        work->source->word(work->plan, t, &t->line[newest], 0, &w);
        if (same_stage(w.status, code_status)) return;
    }
    struct line line = {.at = poll->at,
                        .told = UINT32_C(1) << p,
                        .kind = 'r',
                        .status = (uint8_t)(poll->odd_status - 1),
                        .poll = (int8_t)p};
    if (!add_line(work, line, 0)) poll->odd_status = 0;
}

static void choose_statuses(struct work *work)
{
    struct telling *t = work->telling;
    if (!work->source->has_status) return;
    bool odd = dice_percent(work->dice, 9);
    int from = odd && t->polls ? (int)dice_below(work->dice, t->polls) : t->polls;
    uint8_t which = (uint8_t)(2 + dice_below(work->dice, (uint32_t)work->source->odds - 1));
    for (int p = 0; p < t->polls; p++) {
        bool empty = true;
        if (!t->poll[p].full) continue; /* it shows the status of its one event */
        for (int i = 0; i < t->lines; i++) empty &= !(t->line[i].told >> p & 1);
        if (empty) t->poll[p].odd_status = dice_percent(work->dice, 60) ? 1 : 0;
        else if (p >= from) t->poll[p].odd_status = which;
        add_reported(work, p);
    }
}

/* ---- what must not be left to chance ------------------------------------------------------------ */

static void drop_poll(struct telling *t, int p)
{
    t->poll[p].sent = false;
    for (int i = 0; i < t->lines; i++) t->line[i].told &= ~(UINT32_C(1) << p);
}

/* Lower case or folded spaces are the same word only where a reader says so:
 * runs of spaces do not count. */
static bool same_words(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a != *b) return false;
        if (*a == ' ') {
            while (*a == ' ') a++;
            while (*b == ' ') b++;
        } else {
            a++;
            b++;
        }
    }
    return *a == *b;
}

static bool same_event(enum identity identity, const struct wording *a, const struct wording *b)
{
    if (a->instant_us != b->instant_us) return false;
    if (identity != BY_TEXT && !same_words(a->code, b->code)) return false;
    if (identity != BY_CODE && !same_words(a->text, b->text)) return false;
    return same_words(a->country, b->country) && same_words(a->region, b->region) && same_words(a->city, b->city) &&
           same_words(a->name, b->name);
}

static void drop_twins(struct work *work)
{
    static struct wording a, b;
    struct telling *t = work->telling;
    int64_t instant[LINES_MAX];
    for (int i = 0; i < t->lines; i++) {
        struct line *line = &t->line[i];
        instant[i] = INT64_MIN;
        if (!line->told || line->kind == 'r' || flaw_is_bad(line->flaw)) continue;
        work->source->word(work->plan, t, line, 0, &a);
        instant[i] = a.instant_us;
        for (int k = 0; k < i; k++) {
            bool minute = !t->alone && instant[k] / 60000000 == instant[i] / 60000000;
            if ((instant[k] != instant[i] && !minute) || !t->line[k].told) continue;
            work->source->word(work->plan, t, &t->line[k], 0, &b);
            if (!(minute && a.status == b.status) && !same_event(work->source->identity, &a, &b)) continue;
            line->told = 0;
            break;
        }
    }
}

struct order {
    int64_t at;
    int count;
    uint64_t lines; /* what it tells */
    bool any;       /* it has events */
};

static struct order order_of(const struct work *work, const int64_t *instant, int p)
{
    const struct telling *t = work->telling;
    struct order order = {.at = INT64_MIN};
    for (int i = 0; i < t->lines; i++) {
        const struct line *line = &t->line[i];
        if (!(line->told >> p & 1) || flaw_is_bad(line->flaw)) continue;
        order.lines |= UINT64_C(1) << i;
        order.any = true;
        if (line->kind != 's') continue;
        order.count++;
        if (line->flaw != FLAW_FUTURE && instant[i] > order.at) order.at = instant[i];
    }
    if (work->source->has_updated) {
        order.at = t->poll[p].at * 1000000;
        order.count = 0;
    }
    return order;
}

static void settle_orders(struct work *work)
{
    static struct wording w;
    struct telling *t = work->telling;
    int64_t instant[LINES_MAX] = {0};
    struct order order[POLLS_MAX];
    for (int i = 0; i < t->lines; i++) {
        if (t->line[i].kind == 'r' || !t->line[i].told) continue;
        work->source->word(work->plan, t, &t->line[i], 0, &w);
        instant[i] = w.instant_us;
    }
    t->newest = -1;
    for (int p = 0; p < t->polls; p++) {
        if (!t->poll[p].sent || !t->poll[p].full) continue;
        order[p] = order_of(work, instant, p);
        if (!order[p].any) continue; /* registers, decides nothing */
        bool clash = order[p].at == INT64_MIN;
        for (int k = 0; k < p; k++) {
            if (!t->poll[k].sent || !t->poll[k].full || !order[k].any) continue;
            clash |= order[k].at == order[p].at && order[k].count == order[p].count && order[k].lines != order[p].lines;
        }
        if (clash) {
            drop_poll(t, p);
            continue;
        }
        const struct order *best = t->newest < 0 ? NULL : &order[t->newest];
        bool newer = !best || order[p].at > best->at || (order[p].at == best->at && order[p].count > best->count);
        if (newer) t->newest = (int8_t)p;
    }
}

static void settle_parts(struct telling *t)
{
    for (int p = 0; p < t->polls; p++) {
        if (t->poll[p].full || !t->poll[p].sent) continue;
        bool kept = false;
        for (int i = 0; i < t->lines; i++) {
            if (t->line[i].told >> p & 1) kept = t->newest < 0 || (t->line[i].told >> t->newest & 1);
        }
        if (!kept) drop_poll(t, p);
    }
}

/* A month without news, and the source gives up: a message without a history
 * and without a time of its own, in which Kafka's time is all there is. */
static void stop(struct work *work)
{
    struct telling *t = work->telling;
    const struct plan *plan = work->plan;
    if (!work->source->stop_form || !t->polls || t->polls == POLLS_MAX || plan->paired || plan->stray) return;
    if (work->options->kind != KIND_MIXED) return;
    int64_t at = t->poll[t->polls - 1].at + 30 * DAY;
    if (at > plan->until - HOUR || !dice_percent(work->dice, 40)) return;
    struct line line = {.told = UINT32_C(1) << t->polls,
                        .kind = 'r',
                        .status = (uint8_t)work->source->odds,
                        .poll = (int8_t)t->polls,
                        .stays = true};
    if (!add_line(work, line, 0)) return;
    t->stop = (int8_t)t->polls;
    publish(work, &t->poll[t->polls++], at);
    t->poll[t->stop].full = false;
    t->poll[t->stop].form = (uint8_t)work->source->stop_form;
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static bool can_link(const struct plan *plan, const struct telling *t)
{
    if (plan->numbers < 2 || t->number != 0) return false;
    if (t->source == SOURCE_CAINIAO) return plan->valid_s10[1];
    return t->source == SOURCE_SEVENTEEN || t->source == SOURCE_AFTERSHIP || t->source == SOURCE_RASTRO;
}

static void finish(struct work *work)
{
    struct telling *t = work->telling;
    spoil(work);
    if (t->source != SOURCE_RASTRO) {
        for (int p = 0; p < t->polls; p++) choose_form(work, p);
        choose_statuses(work);
    }
    if (work->options->kind != KIND_ONE_EVENT) drop_twins(work);
    t->newest = -1;
    if (t->source != SOURCE_RASTRO) {
        settle_orders(work);
        settle_parts(t);
        stop(work);
    }
    t->link_from = -1;
    int polls = t->polls - (t->stop >= 0);
    if (can_link(work->plan, t) && polls) t->link_from = (int8_t)dice_below(work->dice, (uint32_t)polls);
}

static struct work work_of(struct plan *plan, struct telling *telling, const struct options *options, struct dice *dice)
{
    return (struct work){
        .plan = plan, .telling = telling, .source = source_at(telling->source), .options = options, .dice = dice};
}

void telling_make(struct plan *plan, struct telling *telling, const struct options *options, struct dice *dice)
{
    struct work work = work_of(plan, telling, options, dice);
    make_lines(&work);
    if (telling->source == SOURCE_RASTRO) {
        tell_singly(&work);
    } else {
        int64_t moment[2 * LINES_MAX];
        make_polls(&work, moment, make_moments(&work, moment));
        tell_histories(&work);
    }
    finish(&work);
}

void telling_pair(struct plan *plan, const struct options *options, struct dice *dice)
{
    struct work one = work_of(plan, &plan->telling[0], options, dice);
    struct work two = work_of(plan, &plan->telling[1], options, dice);
    int64_t moment[4 * LINES_MAX];
    make_lines(&one);
    make_lines(&two);
    int n = make_moments(&one, moment);
    n += make_moments(&two, moment + n);
    make_polls(&one, moment, n);
    memcpy(two.telling->poll, one.telling->poll, one.telling->polls * sizeof *one.telling->poll);
    two.telling->polls = one.telling->polls;
    tell_histories(&one);
    tell_histories(&two);
    finish(&one);
    finish(&two);
}
