/* The truth of a shipment.
 *
 * State of an event (the rules are those of the design):
 *  - a source that only adds has no event that is not current;
 *  - of a source that sends whole histories, the newest history decides: what
 *    it has is current; what it lacks is superseded if it has something of the
 *    same instant, else no longer reported.
 * Order within a parcel: instant, source, sequence, rank of the status.  What
 * is equal in all of them is ordered by a hash that nobody works out here; such
 * events share the lowest of their places.
 */
#include "truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sources.h"

#define FLUSH_BYTES (1 << 20)

enum file { EVENTS, WORDINGS, TWINS, PARCELS, LINKS, ORDERS, MESSAGES, REJECTS, POSITIONS, FILES };

static const char *const file_names[FILES] = {
    "events",    "wordings", "twins", "parcels", "links", "orders", "quarantined_messages", "quarantined_events",
    "positions",
};

#define FACTS_MAX (TELLINGS_MAX * LINES_MAX)
#define KEYS_MAX (TELLINGS_MAX + 2)

/* One event of the shipment. */
struct fact {
    int64_t instant_us, sequence;
    uint64_t id;
    uint8_t telling, line, key;
    uint8_t status;
    char precision, kind, state; /* state: c current, s superseded, w no longer reported */
    bool future;
    int16_t offset_min;
    int rank;
};

struct key {
    const char *issuer, *number;
    int which; /* of the plan's numbers */
};

struct truth {
    bool writes, failed;
    const struct options *options;
    FILE *file[FILES];
    struct text out[FILES];
    uint64_t events;
    struct totals totals;

    /* of the shipment in work */
    const struct plan *plan;
    struct fact fact[FACTS_MAX];
    int facts;
    struct key key[KEYS_MAX];
    int keys;
    int key_of[TELLINGS_MAX]; /* of a telling, or -1 when it has no message */
    char name[TELLINGS_MAX][48];
    int sent[TELLINGS_MAX][POLLS_MAX]; /* how often each poll is delivered */
};

/* ---- files ---------------------------------------------------------------------------- */

static void flush(struct truth *truth, int file)
{
    struct text *out = &truth->out[file];
    if (out->n && fwrite(out->p, 1, out->n, truth->file[file]) != out->n) truth->failed = true;
    out->n = 0;
}

static struct tsv row_of(struct truth *truth, int file)
{
    return (struct tsv){&truth->out[file], true};
}

static void end_row(struct truth *truth, struct tsv *row, int file)
{
    tsv_end(row);
    if (!truth->writes) truth->out[file].n = 0;
    else if (truth->out[file].n > FLUSH_BYTES) flush(truth, file);
}

struct truth *truth_open(const char *folder, const struct options *options)
{
    struct truth *truth = calloc(1, sizeof *truth);
    if (!truth) abort();
    truth->options = options;
    truth->writes = folder != NULL;
    if (!folder) return truth;
    if (mkdir(folder, 0777) && errno != EEXIST) {
        fprintf(stderr, "rastro-feed: %s: %s\n", folder, strerror(errno));
        exit(74);
    }
    for (int i = 0; i < FILES; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.tsv", folder, file_names[i]);
        truth->file[i] = fopen(path, "we");
        if (truth->file[i]) continue;
        fprintf(stderr, "rastro-feed: %s: %s\n", path, strerror(errno));
        exit(74);
    }
    return truth;
}

bool truth_close(struct truth *truth)
{
    bool failed = truth->failed;
    for (int i = 0; i < FILES; i++) {
        if (truth->writes) {
            flush(truth, i);
            failed |= truth->failed | (fclose(truth->file[i]) != 0);
        }
        text_free(&truth->out[i]);
    }
    free(truth);
    if (failed) fprintf(stderr, "rastro-feed: the truth could not be written\n");
    return !failed;
}

struct totals *truth_totals(struct truth *truth)
{
    return &truth->totals;
}

static void put_instant(struct tsv *row, int64_t us)
{
    static struct text t;
    t.n = 0;
    put_time(&t, us / 1000000, ' ', true);
    if (us % 1000000) {
        text_char(&t, '.');
        text_digits(&t, (uint64_t)(us % 1000000), 6);
    }
    text_put(&t, "+00");
    text_char(&t, '\0');
    tsv_word(row, t.p);
}

/* ---- who is told of -------------------------------------------------------------------- */

static int key_at(struct truth *truth, const char *issuer, int which)
{
    const char *number = truth->plan->number[which];
    for (int i = 0; i < truth->keys; i++) {
        if (strcmp(truth->key[i].issuer, issuer) == 0 && truth->key[i].which == which) return i;
    }
    truth->key[truth->keys] = (struct key){issuer, number, which};
    return truth->keys++;
}

static void count_deliveries(struct truth *truth)
{
    const struct plan *plan = truth->plan;
    memset(truth->sent, 0, sizeof truth->sent);
    for (int i = 0; i < plan->messages; i++) {
        const struct message *m = &plan->message[i];
        if (m->kind != MESSAGE_TELLING) continue;
        truth->sent[m->index][m->poll]++;
        if (plan->paired) truth->sent[1][m->poll]++;
    }
}

static void find_keys(struct truth *truth)
{
    const struct plan *plan = truth->plan;
    truth->keys = 0;
    for (int i = 0; i < plan->tellings; i++) {
        const struct telling *t = &plan->telling[i];
        bool told = false;
        for (int p = 0; p < t->polls; p++) told |= truth->sent[i][p] > 0;
        truth->key_of[i] = told ? key_at(truth, t->issuer, t->number) : -1;
        char room[48];
        copy_text(truth->name[i], sizeof truth->name[i], telling_source_name(t, room));
    }
    for (int i = 0; i < plan->updates; i++) {
        for (int n = 0; n < plan->numbers; n++) {
            if (plan->update[i].numbers >> n & 1) key_at(truth, issuer_of_carrier(plan, n), n);
        }
    }
}

/* ---- events --------------------------------------------------------------------------------- */

static void word_reported(const struct telling *t, const struct line *line, struct wording *w)
{
    static struct text text;
    const struct odd_status *odd = &source_at(t->source)->odd[line->status];
    memset(w, 0, offsetof(struct wording, text));
    bool stopped = line->poll == t->stop;
    w->instant_us = stopped ? t->poll[line->poll].published_ms * 1000 : line->at * 1000000;
    w->sequence = INT64_MAX; /* behind every scan of its instant */
    w->status = odd->status;
    w->precision = 's';
    w->basis = stopped ? 'a' : 'g';
    w->kind = 'r';
    copy_text(w->code, sizeof w->code, odd->word);
    copy_text(w->text, TEXT_ROOM, odd->text);
    if (stopped) return; /* no time in it */
    put_time(&text, line->at, 'T', true);
    text_put(&text, t->source == SOURCE_SEVENTEEN ? "Z" : "+00:00");
    spell(w->time, sizeof w->time, &text);
}

static void word_line(const struct truth *truth, const struct telling *t, const struct line *line, int variant,
                      struct wording *w)
{
    if (line->kind == 'r') word_reported(t, line, w);
    else source_at(t->source)->word(truth->plan, t, line, variant, w);
}

static int first_variant(const struct telling *t, const struct line *line)
{
    if (line->kind == 'r') return 0;
    return variant_of(source_at(t->source), t, line, __builtin_ctz(line->told));
}

static void find_facts(struct truth *truth)
{
    static struct wording w;
    const struct plan *plan = truth->plan;
    truth->facts = 0;
    for (int i = 0; i < plan->tellings; i++) {
        const struct telling *t = &plan->telling[i];
        for (int k = 0; k < t->lines; k++) {
            const struct line *line = &t->line[k];
            if (!line->told || flaw_is_bad(line->flaw)) continue;
            word_line(truth, t, line, first_variant(t, line), &w);
            truth->fact[truth->facts++] = (struct fact){
                .instant_us = w.instant_us,
                .sequence = w.sequence,
                .id = ++truth->events,
                .telling = (uint8_t)i,
                .line = (uint8_t)k,
                .key = (uint8_t)truth->key_of[i],
                .status = (uint8_t)w.status,
                .precision = w.precision,
                .kind = w.kind,
                .future = w.marks & MARK_future,
                .offset_min = (int16_t)w.offset_min,
            };
        }
    }
}

static bool in_newest(const struct truth *truth, const struct fact *f)
{
    const struct telling *t = &truth->plan->telling[f->telling];
    return t->newest < 0 || t->line[f->line].stays || (t->line[f->line].told >> t->newest & 1);
}

static void find_states(struct truth *truth)
{
    for (int i = 0; i < truth->facts; i++) {
        struct fact *f = &truth->fact[i];
        f->state = in_newest(truth, f) ? 'c' : 'w';
        for (int k = 0; k < truth->facts && f->state == 'w'; k++) {
            const struct fact *o = &truth->fact[k];
            if (o->telling != f->telling || truth->plan->telling[o->telling].line[o->line].stays) continue;
            if (o->instant_us == f->instant_us && in_newest(truth, o)) f->state = 's';
        }
    }
}

/* ---- order, status, twins ------------------------------------------------------------------------ */

static int compare(const struct truth *truth, const struct fact *a, const struct fact *b)
{
    if (a->instant_us != b->instant_us) return a->instant_us < b->instant_us ? -1 : 1;
    int order = strcmp(truth->name[a->telling], truth->name[b->telling]);
    if (order) return order;
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    return (a->status > b->status) - (a->status < b->status);
}

static void find_ranks(struct truth *truth)
{
    for (int i = 0; i < truth->facts; i++) {
        struct fact *f = &truth->fact[i];
        f->rank = 1;
        for (int k = 0; k < truth->facts; k++) {
            const struct fact *o = &truth->fact[k];
            f->rank += o->key == f->key && compare(truth, o, f) < 0;
        }
    }
}

static const struct fact *head_of(const struct truth *truth, int key)
{
    const struct fact *head = NULL;
    for (int i = 0; i < truth->facts; i++) {
        const struct fact *f = &truth->fact[i];
        if (f->key != key || f->state != 'c' || f->kind == 'p' || f->future || !status_at(f->status)->moves) continue;
        if (!head || compare(truth, f, head) > 0) head = f;
    }
    return head;
}

static int64_t floor_to(int64_t us, int64_t unit)
{
    int64_t n = us / unit;
    return us % unit < 0 ? n - 1 : n;
}

/* At the coarser of two precisions; a day is one of the local clock. */
static bool same_time(const struct fact *a, const struct fact *b)
{
    if (a->precision == 'd' || b->precision == 'd') {
        return floor_to(a->instant_us + a->offset_min * INT64_C(60000000), DAY * INT64_C(1000000)) ==
               floor_to(b->instant_us + b->offset_min * INT64_C(60000000), DAY * INT64_C(1000000));
    }
    bool minute = a->precision == 'm' || b->precision == 'm', second = a->precision == 's' || b->precision == 's';
    int64_t unit = minute ? 60000000 : second ? 1000000 : 1;
    return floor_to(a->instant_us, unit) == floor_to(b->instant_us, unit);
}

static bool is_better(const struct truth *truth, const struct fact *a, const struct fact *b)
{
    static const char order[] = "fsmd";
    if (a->precision != b->precision) return strchr(order, a->precision) < strchr(order, b->precision);
    return strcmp(truth->name[a->telling], truth->name[b->telling]) < 0;
}

static bool can_be_twin(const struct fact *f)
{
    return f->state == 'c' && f->kind == 's';
}

static void write_twins(struct truth *truth)
{
    for (int i = 0; i < truth->facts; i++) {
        const struct fact *f = &truth->fact[i], *best = f;
        if (!can_be_twin(f)) continue;
        for (int k = 0; k < truth->facts; k++) {
            const struct fact *o = &truth->fact[k];
            if (o->key != f->key || o->telling == f->telling || o->status != f->status || !can_be_twin(o)) continue;
            if (same_time(o, f) && is_better(truth, o, best)) best = o;
        }
        if (best == f) continue;
        struct tsv row = row_of(truth, TWINS);
        tsv_int(&row, (int64_t)f->id);
        tsv_int(&row, (int64_t)best->id);
        end_row(truth, &row, TWINS);
        truth->totals.twins++;
    }
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static void put_char(struct tsv *row, char c)
{
    char word[2] = {c, '\0'};
    tsv_word(row, word);
}

static void put_marks(struct tsv *row, unsigned marks)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {
#define X(name, bit) {#name, 1u << (bit)},
        MARKS(X)
#undef X
    };
    char list[160] = "{";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(marks & names[i].bit)) continue;
        if (list[1]) strcat(list, ",");
        strcat(list, names[i].name);
    }
    strcat(list, "}");
    tsv_word(row, list);
}

/* A text that is too long is kept as far as it goes; it is spoiled with plain
 * letters, so no character is cut. */
static void put_text(struct tsv *row, struct wording *w)
{
    if (w->marks & MARK_cut) w->text[TEXT_KEPT] = '\0';
    tsv_text(row, w->text);
}

/* What may differ from one telling of an event to the next. */
static void put_wording(struct tsv *row, struct wording *w)
{
    put_char(row, w->precision);
    put_char(row, w->basis);
    tsv_int(row, w->offset_min);
    tsv_text(row, w->code);
    put_text(row, w);
    tsv_text(row, w->time);
    tsv_text(row, w->zone);
    tsv_text(row, w->country);
    tsv_text(row, w->region);
    tsv_text(row, w->city);
    tsv_text(row, w->name);
    put_marks(row, w->marks);
}

static void put_key(struct tsv *row, const struct key *key)
{
    tsv_word(row, key->issuer);
    tsv_word(row, key->number);
    tsv_word(row, "");
}

static void write_event(struct truth *truth, const struct fact *f, struct wording *w)
{
    static const char *const states[] = {['c'] = "current", ['s'] = "superseded", ['w'] = "no_longer_reported"};
    struct tsv row = row_of(truth, EVENTS);
    tsv_int(&row, (int64_t)f->id);
    put_key(&row, &truth->key[f->key]);
    tsv_word(&row, truth->name[f->telling]);
    put_instant(&row, f->instant_us);
    put_char(&row, f->kind);
    tsv_word(&row, status_at(f->status)->stage);
    tsv_word(&row, status_at(f->status)->detail);
    if (f->sequence) tsv_int(&row, f->sequence);
    else tsv_null(&row);
    tsv_word(&row, states[(unsigned char)f->state]);
    tsv_int(&row, f->rank);
    put_wording(&row, w);
    end_row(truth, &row, EVENTS);
}

/* The other wordings in which messages tell it: which one is kept depends on
 * which message comes first. */
static void write_wordings(struct truth *truth, const struct fact *f, const struct telling *t, const struct line *line)
{
    static struct wording w;
    const struct source *source = source_at(t->source);
    unsigned done = 1u << first_variant(t, line);
    if (line->kind == 'r' || source->variants(t, line) == 1) return;
    for (int p = 0; p < t->polls; p++) {
        if (!(line->told >> p & 1)) continue;
        int variant = variant_of(source, t, line, p);
        if (done >> variant & 1) continue;
        done |= 1u << variant;
        word_line(truth, t, line, variant, &w);
        struct tsv row = row_of(truth, WORDINGS);
        tsv_int(&row, (int64_t)f->id);
        put_wording(&row, &w);
        end_row(truth, &row, WORDINGS);
    }
}

static void write_events(struct truth *truth)
{
    static struct wording w;
    struct totals *totals = &truth->totals;
    for (int i = 0; i < truth->facts; i++) {
        const struct fact *f = &truth->fact[i];
        const struct telling *t = &truth->plan->telling[f->telling];
        const struct line *line = &t->line[f->line];
        totals->fresh++;
        totals->current += f->state == 'c';
        totals->superseded += f->state == 's';
        totals->withdrawn += f->state == 'w';
        totals->reported += f->kind == 'r';
        if (!truth->writes) continue;
        word_line(truth, t, line, first_variant(t, line), &w);
        write_event(truth, f, &w);
        write_wordings(truth, f, t, line);
    }
}

static void write_parcels(struct truth *truth)
{
    const struct plan *plan = truth->plan;
    for (int i = 0; i < truth->keys; i++) {
        const struct key *key = &truth->key[i];
        const struct fact *head = head_of(truth, i);
        struct tsv row = row_of(truth, PARCELS);
        put_key(&row, key);
        tsv_word(&row, plan->valid_s10[key->which] ? "ok" : plan->looks_s10[key->which] ? "bad" : "no");
        tsv_text(&row, head ? status_at(head->status)->stage : "");
        if (head) tsv_word(&row, status_at(head->status)->detail);
        else tsv_null(&row);
        end_row(truth, &row, PARCELS);
        truth->totals.parcels++;
    }
}

static void write_links(struct truth *truth)
{
    const struct plan *plan = truth->plan;
    for (int i = 0; i < plan->tellings; i++) {
        const struct telling *t = &plan->telling[i];
        bool linked = false;
        for (int p = 0; p < t->polls; p++) {
            linked |= t->link_from >= 0 && p >= t->link_from && p != t->stop && truth->sent[i][p] > 0;
        }
        if (!linked) continue;
        struct tsv row = row_of(truth, LINKS);
        put_key(&row, &truth->key[truth->key_of[i]]);
        tsv_word(&row, truth->name[i]);
        tsv_word(&row, "last_mile");
        tsv_word(&row, issuer_of_carrier(plan, 1));
        tsv_word(&row, plan->number[1]);
        end_row(truth, &row, LINKS);
        truth->totals.links++;
    }
}

static void write_orders(struct truth *truth)
{
    const struct plan *plan = truth->plan;
    truth->totals.orders += plan->updates > 0;
    for (int i = 0; i < plan->updates; i++) {
        const struct update *u = &plan->update[i];
        for (int n = 0; n < plan->numbers; n++) {
            if (!(u->numbers >> n & 1)) continue;
            int64_t day = plan->start - plan->start % DAY;
            struct tsv row = row_of(truth, ORDERS);
            tsv_word(&row, plan->marketplace);
            tsv_word(&row, plan->order);
            put_instant(&row, u->at * 1000000);
            tsv_word(&row, u->cancelled ? "t" : "f");
            tsv_word(&row, i == plan->updates - 1 ? "t" : "f");
            tsv_word(&row, "s-2207");
            tsv_text(&row, choice(plan->seed + plan->shipment, 's', 2) ? "standard" : "");
            put_instant(&row, (plan->start + 9 * HOUR) * 1000000);
            put_instant(&row, (day + (u->promised_days - 12) * (int64_t)DAY) * 1000000);
            /* "By the 20th" includes the 20th. */
            put_instant(&row, (day + (u->promised_days + 1) * (int64_t)DAY) * 1000000 - 1);
            put_key(&row, &truth->key[key_at(truth, issuer_of_carrier(plan, n), n)]);
            end_row(truth, &row, ORDERS);
            truth->totals.shipments++;
        }
    }
}

/* ---- what is not used, and what is counted ------------------------------------------------------------------ */

static void write_reject(struct truth *truth, const struct key *key, const char *source, int count)
{
    struct tsv row = row_of(truth, REJECTS);
    if (key) {
        put_key(&row, key);
    } else {
        for (int i = 0; i < 3; i++) tsv_null(&row);
    }
    tsv_word(&row, source);
    tsv_int(&row, count);
    end_row(truth, &row, REJECTS);
    truth->totals.quarantined += (uint64_t)count;
}

/* A broken block beside a parcel is an unusable event of no parcel. */
static int broken_blocks(const struct truth *truth, int i)
{
    const struct telling *t = &truth->plan->telling[i];
    int n = 0;
    for (int p = 0; p < t->polls; p++) {
        if (t->source == SOURCE_CAINIAO && t->poll[p].form == 2) n += truth->sent[i][p];
    }
    return n;
}

static void write_rejects(struct truth *truth)
{
    const struct plan *plan = truth->plan;
    for (int i = 0; i < plan->tellings; i++) {
        const struct telling *t = &plan->telling[i];
        int bad = 0, broken = broken_blocks(truth, i);
        for (int k = 0; k < t->lines; k++) {
            for (int p = 0; p < t->polls; p++) {
                if (flaw_is_bad(t->line[k].flaw) && t->line[k].told >> p & 1) bad += truth->sent[i][p];
            }
        }
        if (bad) write_reject(truth, &truth->key[truth->key_of[i]], truth->name[i], bad);
        if (broken) write_reject(truth, NULL, truth->name[i], broken);
        truth->totals.scans += (uint64_t)broken;
    }
}

/* How many events a poll lists, the status block's included. */
static int listed(const struct truth *truth, int i, int p)
{
    const struct telling *t = &truth->plan->telling[i];
    int lines[2 * LINES_MAX];
    int n = lines_of(truth->plan, t, p, lines);
    for (int k = 0; k < t->lines; k++) n += t->line[k].kind == 'r' && t->line[k].told >> p & 1;
    return n;
}

static void count_message(struct truth *truth, const struct message *m)
{
    const struct plan *plan = truth->plan;
    struct totals *totals = &truth->totals;
    totals->copies += m->copy;
    if (m->kind == MESSAGE_HOSTILE) return; /* counted one by one */
    int n = 0;
    if (m->kind == MESSAGE_TELLING) {
        n = listed(truth, m->index, m->poll);
        if (plan->paired) n += listed(truth, 1, m->poll);
    }
    totals->scans += (uint64_t)n;
    totals->registrations += n == 0;
    totals->tracking += n > 0;
}

void truth_shipment(struct truth *truth, const struct plan *plan)
{
    struct totals *totals = &truth->totals;
    truth->plan = plan;
    count_deliveries(truth);
    find_keys(truth);
    find_facts(truth);
    find_states(truth);
    find_ranks(truth);
    write_events(truth);
    write_twins(truth);
    write_orders(truth);
    write_parcels(truth);
    write_links(truth);
    write_rejects(truth);
    for (int i = 0; i < plan->messages; i++) count_message(truth, &plan->message[i]);
    totals->repeats = totals->scans - totals->fresh - totals->quarantined;
}

void truth_quarantined(struct truth *truth, const char *topic, int partition, int64_t offset, const char *why)
{
    struct tsv row = row_of(truth, MESSAGES);
    tsv_word(&row, topic);
    tsv_int(&row, partition);
    tsv_int(&row, offset);
    tsv_word(&row, why);
    end_row(truth, &row, MESSAGES);
}

void truth_position(struct truth *truth, const char *topic, int partition, int64_t next)
{
    struct tsv row = row_of(truth, POSITIONS);
    tsv_word(&row, topic);
    tsv_int(&row, partition);
    tsv_int(&row, next);
    end_row(truth, &row, POSITIONS);
}
