#include "sources.h"

const struct source *source_at(int source)
{
    static const struct source *const all[SOURCES] = {
        [SOURCE_RASTRO] = &source_rastro,       [SOURCE_SEVENTEEN] = &source_seventeen,
        [SOURCE_AFTERSHIP] = &source_aftership, [SOURCE_CAINIAO] = &source_cainiao,
        [SOURCE_CORREIOS] = &source_correios,   [SOURCE_LINKETRACK] = &source_linketrack,
        [SOURCE_USPS] = &source_usps,
    };
    return all[source];
}

const char *source_name(int source)
{
    return source == SOURCE_ORDERS ? "shipments" : source_at(source)->name;
}

const char *telling_source_name(const struct telling *telling, char room[48])
{
    const char *name = source_name(telling->source);
    if (!telling->feed) return name;
    size_t n = strlen(name);
    memcpy(room, name, n);
    room[n] = '/';
    copy_text(room + n + 1, 48 - n - 1, telling->feed);
    return room;
}

unsigned choice(uint64_t salt, unsigned what, unsigned n)
{
    return (unsigned)(((mix(salt, what) >> 32) * n) >> 32);
}

struct json json_of(struct text *out, uint64_t salt)
{
    return (struct json){
        .out = out,
        .blank = (enum blank)choice(salt, 'b', 3),
        .ascii = choice(salt, 'a', 4) == 0,
        .wide = choice(salt, 'w', 4) == 0,
    };
}

void spell(char *to, size_t room, struct text *scratch)
{
    size_t n = scratch->n < room ? scratch->n : room - 1;
    if (n) memcpy(to, scratch->p, n);
    to[n] = '\0';
    scratch->n = 0;
}

void spell_number(const char *number, uint64_t salt, char out[2 * NUMBER_ROOM])
{
    unsigned style = choice(salt, 'n', 12);
    char *p = out;
    for (int i = 0; number[i]; i++) {
        char c = number[i];
        if (style == 0 && i && i % 4 == 0) *p++ = ' ';
        if (style == 1 && i == 2) *p++ = '-';
        if (style == 2 && c >= 'A' && c <= 'Z') c = (char)(c + 32);
        *p++ = c;
    }
    *p = '\0';
}

/* ---- times ------------------------------------------------------------------------- */

void read_given(struct wording *w, int64_t at, int offset_min)
{
    w->instant_us = at * 1000000;
    w->offset_min = offset_min;
    w->basis = 'g';
    w->precision = 's';
}

void read_local(struct wording *w, int zone, int64_t local, char basis)
{
    enum fit fit;
    int64_t at = instant_of(zone, local, &fit);
    w->instant_us = at * 1000000;
    w->offset_min = (int)((local - at) / MINUTE);
    w->basis = basis;
    w->precision = 's';
    if (fit == FIT_TWICE) w->marks |= MARK_ambiguous_time;
    if (fit == FIT_SKIPPED) w->marks |= MARK_skipped_time;
}

int64_t sloppy_local(int zone, int64_t at)
{
    int now = offset_at(zone, at), before = offset_at(zone, at - HOUR);
    return at + (now > before ? before : now) * MINUTE;
}

int64_t strange_instant(const struct plan *plan, const struct line *line)
{
    if (line->flaw == FLAW_TIME_OLD) return line->at % DAY; /* 1970-01-01 */
    if (line->flaw == FLAW_TIME_FAR) return plan->until + 500 * (int64_t)DAY + line->at % DAY;
    return line->at;
}

bool spoil_time(const struct plan *plan, const struct line *line, char *spelled, size_t room)
{
    (void)plan;
    switch (line->flaw) {
    case FLAW_TIME_WORD: copy_text(spelled, room, "string"); return true;
    case FLAW_TIME_IMPOSSIBLE: copy_text(spelled, room, "2026-13-41T25:61:00"); return true;
    case FLAW_TIME_MISSING: spelled[0] = '\0'; return true;
    default: return false;
    }
}

/* ---- codes, texts, places ------------------------------------------------------------ */

static void put_text(const struct line *line, struct wording *w, const char *text)
{
    copy_text(w->text, TEXT_ROOM, text);
    size_t n = strlen(w->text);
    if (line->edit) {
        static const char *const more[] = {"", " (corrected)", " - 2", " 📦"};
        copy_text(w->text + n, TEXT_ROOM - n, more[line->edit % 4]);
    }
    if (line->flaw == FLAW_NUL) {
        n = strlen(w->text);
        copy_text(w->text + n, TEXT_ROOM - n, " \x01.");
        w->marks |= MARK_nul;
    } else if (line->flaw == FLAW_LONG) {
        n = strlen(w->text);
        memset(w->text + n, 'x', 4700);
        w->text[n + 4700] = '\0';
        w->marks |= MARK_cut;
    }
}

void word_from_table(const struct code_row *table, const struct line *line, struct wording *w)
{
    const struct code_row *row = &table[line->act];
    w->status = row->status;
    w->marks = 0;
    w->kind = (char)line->kind;
    w->sequence = line->sequence;
    w->act = line->act;
    w->flaw = line->flaw;
    w->planned = line->kind == 'p';
    w->place = place_at(line->place);
    w->zone[0] = w->country[0] = w->region[0] = w->city[0] = w->name[0] = '\0';
    copy_text(w->code, sizeof w->code, row->code ? row->code : "");
    put_text(line, w, table[line->words].text);
    if (row->status == ST_UNMAPPED) w->marks |= MARK_unmapped_code;
    if (row->synthetic) w->marks |= MARK_synthetic;
    if (line->flaw == FLAW_FUTURE) w->marks |= MARK_future;
}

/* ---- what a poll shows ----------------------------------------------------------------- */

int variant_of(const struct source *source, const struct telling *telling, const struct line *line, int poll)
{
    int n = source->variants(telling, line);
    if (n == 1) return 0;
    return (int)choice(telling->poll[poll].salt, 1000 + (unsigned)(line - telling->line), (unsigned)n);
}

static bool is_later(const struct telling *telling, int a, int b)
{
    int64_t x = telling->line[a].at, y = telling->line[b].at;
    return x != y ? x > y : a > b;
}

static void sort_newest_first(const struct telling *telling, int *out, int n)
{
    for (int i = 1; i < n; i++) {
        int v = out[i], k = i;
        for (; k > 0 && is_later(telling, v, out[k - 1]); k--) out[k] = out[k - 1];
        out[k] = v;
    }
}

static void reverse(int *out, int n)
{
    for (int i = 0; i < n / 2; i++) {
        int v = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = v;
    }
}

static void shuffle(int *out, int n, uint64_t salt)
{
    for (int i = n - 1; i > 0; i--) {
        int k = (int)choice(salt, 200 + (unsigned)i, (unsigned)i + 1), v = out[i];
        out[i] = out[k];
        out[k] = v;
    }
}

/* Newest first; or oldest first, the newest appended to a newest-first list, or
 * in no order at all.  Now and then a line stands there twice. */
static int arrange(const struct telling *telling, int poll, int *out, int n)
{
    uint64_t salt = telling->poll[poll].salt;
    sort_newest_first(telling, out, n);
    switch (choice(salt, 'o', 8)) {
    case 0:
    case 1: reverse(out, n); break;
    case 2: {
        int newest = out[0];
        memmove(out, out + 1, (size_t)(n - 1) * sizeof *out);
        out[n - 1] = newest;
        break;
    }
    case 3: shuffle(out, n, salt); break;
    default: break;
    }
    if (choice(salt, 'd', 12) == 0 && !flaw_is_bad(telling->line[out[0]].flaw)) out[n++] = out[0];
    return n;
}

int lines_of(const struct plan *plan, const struct telling *telling, int poll, int out[2 * LINES_MAX])
{
    (void)plan;
    int n = 0;
    for (int i = 0; i < telling->lines; i++) {
        if (telling->line[i].kind != 'r' && telling->line[i].told >> poll & 1) out[n++] = i;
    }
    if (n > 1 && telling->poll[poll].full) n = arrange(telling, poll, out, n);
    return n;
}

int newest_line(const struct plan *plan, const struct telling *telling, int poll)
{
    static struct wording w; /* large; the feed has one thread that words */
    const struct source *source = source_at(telling->source);
    int best = -1, best_status = 0;
    int64_t best_us = 0;
    for (int i = 0; i < telling->lines; i++) {
        const struct line *line = &telling->line[i];
        if (!(line->told >> poll & 1) || line->kind != 's') continue;
        if (flaw_is_bad(line->flaw) || line->flaw == FLAW_FUTURE) continue;
        source->word(plan, telling, line, 0, &w);
        if (best >= 0 && (w.instant_us < best_us || (w.instant_us == best_us && w.status <= best_status))) continue;
        best = i;
        best_us = w.instant_us;
        best_status = w.status;
    }
    return best;
}

void status_of_poll(const struct plan *plan, const struct telling *telling, int poll, const char **ret_code,
                    const char **ret_text, int *ret_status)
{
    static struct wording w;
    const struct source *source = source_at(telling->source);
    const struct poll *p = &telling->poll[poll];
    *ret_code = *ret_text = "";
    *ret_status = -1;
    if (p->odd_status) {
        const struct odd_status *odd = &source->odd[p->odd_status - 1];
        *ret_code = odd->word;
        *ret_text = odd->text;
        *ret_status = odd->status;
        return;
    }
    int newest = newest_line(plan, telling, poll);
    if (newest < 0) return;
    source->word(plan, telling, &telling->line[newest], 0, &w);
    if (w.status == ST_UNMAPPED) return;
    *ret_code = w.code;
    *ret_status = w.status;
}
