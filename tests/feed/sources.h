/* sources.h - how each source says what it has to say.
 *
 * A source turns a line into a wording: what stands in the message, and beside
 * it what must be read from that.  Both are made at one place, so the truth of
 * an event is never worked out from a message, and the message never from the
 * truth.
 */
#ifndef FEED_SOURCES_H
#define FEED_SOURCES_H

#include "plan.h"

#define TEXT_ROOM 5200
#define TEXT_KEPT 4096 /* bytes of a text that are kept; the rest is cut */

/* X(name, bit): what is to be marked on an event. */
#define MARKS(X)         \
    X(unmapped_code, 0)  \
    X(assumed_zone, 1)   \
    X(ambiguous_time, 2) \
    X(skipped_time, 3)   \
    X(future, 4)         \
    X(synthetic, 5)      \
    X(cut, 6)            \
    X(nul, 7)

enum mark {
#define X(name, bit) MARK_##name = 1 << (bit),
    MARKS(X)
#undef X
};

struct wording {
    /* what must be read */
    int64_t instant_us;
    int64_t sequence; /* 0: none */
    int status;
    unsigned marks;
    int offset_min;
    char precision; /* d m s f */
    char basis;     /* g given, p place, r rule, a assumed */
    char kind;      /* s p r */
    char code[64], time[64], zone[40];
    char country[32], region[16], city[48], name[64];
    char text[TEXT_ROOM];

    /* what stands in the message beside that */
    char spelled[4][64]; /* times and zones, by the source's own fields */
    const struct place *place;
    int act, flaw;
    bool planned;
};

/* Which words of an event tell it from others of the same instant and place. */
enum identity { BY_CODE, BY_TEXT, BY_BOTH };

struct source {
    const char *name;
    enum identity identity;
    bool has_status;  /* a status block beside the events */
    bool has_updated; /* an update time */
    /* Whether the source has a code for it. */
    bool (*knows)(int act);
    /* In how many ways it may spell this line; at least 1. */
    int (*variants)(const struct telling *telling, const struct line *line);
    void (*word)(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *ret);
    /* A message of one poll; `other` is a second parcel in the same message. */
    void (*write)(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *json);
    /* Forms that carry the whole history, and those that do not. */
    int full_forms, part_forms;
    int stop_form; /* in which it says that it has given up, or 0 */
    /* Statuses beside the scans, for telling.poll.odd_status; behind them the
     * one of the message that says that it has given up. */
    const struct odd_status *odd;
    int odds;
};

struct odd_status {
    const char *word, *text;
    int status;
};

const struct source *source_at(int source);

/* The name under which the telling's events are kept; static or in `room`. */
const char *telling_source_name(const struct telling *telling, char room[48]);

/* ---- shared by the sources (source_common.c) ---------------------------------------------- */

struct code_row {
    const char *code, *text;
    int status;
    bool synthetic;
};

/* Fills status, code, text, place and marks from the source's own table. */
void word_from_table(const struct code_row *table, const struct line *line, struct wording *ret);

/* Reads `local` on the clock of a zone: instant, offset, marks. */
void read_local(struct wording *w, int zone, int64_t local, char basis);

/* What the clock of a zone shows; in the first hour of summer time, what one
 * shows that nobody has put forward yet. */
int64_t sloppy_local(int zone, int64_t at);

/* The instant as it is, with the clock of an offset. */
void read_given(struct wording *w, int64_t at, int offset_min);

/* Spells a bad line's time; `spelled` is the field that counts. */
bool spoil_time(const struct plan *plan, const struct line *line, char *spelled, size_t room);

/* The instant of a time that is out of range, in the source's own spelling. */
int64_t strange_instant(const struct plan *plan, const struct line *line);

/* Formatted by `put` into a fixed room. */
void spell(char *to, size_t room, struct text *scratch);

/* The lines of a poll, in the order in which the source lists them, exact
 * repeats included; returns how many. */
int lines_of(const struct plan *plan, const struct telling *telling, int poll, int out[2 * LINES_MAX]);

/* Which variant of a line a poll shows. */
int variant_of(const struct source *source, const struct telling *telling, const struct line *line, int poll);

/* The newest scan that the poll tells, or -1. */
int newest_line(const struct plan *plan, const struct telling *telling, int poll);

/* The poll's status block: the code, or "" when the source leaves it out. */
void status_of_poll(const struct plan *plan, const struct telling *telling, int poll, const char **ret_code,
                    const char **ret_text, int *ret_status);

/* The number as some source spells it. */
void spell_number(const char *number, uint64_t salt, char out[2 * NUMBER_ROOM]);

/* Whether a choice of this poll falls to one of n: the same each time. */
unsigned choice(uint64_t salt, unsigned what, unsigned n);

struct json json_of(struct text *out, uint64_t salt);

extern const struct source source_rastro, source_seventeen, source_aftership, source_cainiao, source_correios,
    source_linketrack, source_usps;

/* ---- the order's side (source_orders.c) ----------------------------------------------------- */

void order_write(const struct plan *plan, int update, struct json *json);

/* Which of the plan's tellings or carriers gives a number its issuer. */
const char *issuer_of_carrier(const struct plan *plan, int number);

#endif
