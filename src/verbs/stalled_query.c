/* Which episodes are listed, and how PostgreSQL finds them.
 *
 * The problem.  A page is the first rows, in one of four orders, that pass any
 * choice of filters, out of a million that are open; with --as-of, out of all that
 * ever were.  Walking the order's index is right where many rows pass and hopeless
 * where few do; gathering what passes and sorting it is the reverse; and what the
 * planner thinks of which case it has is a guess, since filters and orders hang
 * together.
 *
 * So both are done.  First a walk along the order, which ends after WALK rows
 * whether they passed or not.  If that was no page, few pass (or they lie at the
 * end), and they are gathered through the index of words, or of a range, and sorted.
 * A range may leave many that all lie at the end, such as what was opened lately of
 * what is silent for longest: then the walk goes on to where they are.  Where nothing
 * but the order's own key is filtered by, the walk alone is exact.
 *
 * What was open at an instant is those that are open and were then, and those that
 * ended later.  The latter are walked as one stream a span, see 0014_stalled.sql,
 * which is the order by silence alone; in others they are gathered.
 *
 * Limits.  Where hundreds of thousands pass that all lie at the end of the order, a
 * page takes as long as it takes to read them; so it does with a range and nothing
 * else, and with --as-of in another order, where indexes alone are read, though.
 *
 * Every statement has the same parameters, whether it uses them or not. */
#include "stalled_query.h"

#include <stdio.h>
#include <stdlib.h>

#include "rastro/hash.h"
#include "rastro/strmap.h"
#include "rastro/time.h"

/* Rows that a walk looks at for a row that is wanted, and altogether: along the index
 * that carries what is filtered by, or along others, and through those that are over.
 * Where it is in vain, one in so many passes at most, and few are left to gather. */
#define WALK_EACH 200
#define WALK_LEAST 5000
#define WALK_COVERED 40000
#define WALK 20000
#define WALK_SPANS 8000

/* More are not gathered where the walk sees no row itself. */
#define GATHERED 150000

/* Days; behind the last is one without a bound.  See the index episodes_gone. */
static const int span_days[] = {2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256};
enum { SPANS = sizeof span_days / sizeof *span_days };

enum {
    P_KINDS = 1,
    P_KIND,
    P_CARRIER,
    P_SELLER,
    P_STAGE,
    P_ORIGIN,
    P_DESTINATION,
    P_SILENT_TO,
    P_OPENED_SINCE,
    P_OPENED_BEFORE,
    P_PROMISED_BEFORE,
    P_AS_OF,
    P_KEY,
    P_EPISODE,
    P_LIMIT,
    P_WORDS,
    P_KIND_WORDS,
};

/* Filters by a word, with the letter that the index of words has in front of it. */
static const struct word_filter {
    enum rs_option_id option;
    int parameter;
    const char *column;
    char letter;
} word_filters[] = {
    {RS_OPT_CARRIER, P_CARRIER, "carrier", 'c'},
    {RS_OPT_SELLER, P_SELLER, "seller", 's'},
    {RS_OPT_STAGE, P_STAGE, "stage", 't'},
    {RS_OPT_ORIGIN, P_ORIGIN, "origin", 'o'},
    {RS_OPT_DESTINATION, P_DESTINATION, "destination", 'd'},
};
enum { WORD_FILTERS = sizeof word_filters / sizeof *word_filters };

/* Filters by a range, and the order whose key they bound. */
static const struct range_filter {
    enum rs_option_id option;
    int parameter;
    const char *condition;
    enum rs_stalled_sort sort;
} range_filters[] = {
    {RS_OPT_SILENT, P_SILENT_TO, "e.silent_since <=", RS_SORT_SILENT},
    {RS_OPT_OPENED_SINCE, P_OPENED_SINCE, "e.opened_at >=", RS_SORT_OPENED},
    {RS_OPT_OPENED_BEFORE, P_OPENED_BEFORE, "e.opened_at <", RS_SORT_OPENED},
    {RS_OPT_PROMISED_BEFORE, P_PROMISED_BEFORE, "e.promised_order <", RS_SORT_PROMISED},
};
enum { RANGE_FILTERS = sizeof range_filters / sizeof *range_filters };

static const struct order {
    const char *name, *key;
    bool newest_first;
} orders[] = {
    [RS_SORT_SILENT] = {"silent", "e.silent_since", false},
    [RS_SORT_SINCE] = {"since", "e.since", false},
    [RS_SORT_OPENED] = {"opened", "e.opened_at", true},
    [RS_SORT_PROMISED] = {"promised", "e.promised_order", false},
};

/* ---- options ------------------------------------------------------------------------- */

/* "contradicted" of "contradicted.wrong_country"; empty where nothing comes behind. */
static struct rs_str family_of(struct rs_str name)
{
    uint32_t n = 0;
    while (n < name.n && name.p[n] != '.') n++;
    return n < name.n ? (struct rs_str){name.p, n} : RS_STR_NONE;
}

static int refuse_kind(struct rs_str word, struct rs_diag *diag)
{
    struct rs_strmap names = {0};
    for (uint32_t i = 0; i < RS_STALL__COUNT; i++) {
        struct rs_str name = rs_str_of(rs_stall_kind_name((enum rs_stall_kind)i)), family = family_of(name);
        rs_strmap_add(&names, name, i);
        if (family.n) rs_strmap_add(&names, family, i);
    }
    struct rs_str near = rs_strmap_nearest(&names, word);
    rs_strmap_free(&names);
    if (!near.n) return rs_fail(diag, RS_E_USAGE, "--kind: unknown kind \"%.*s\"", RS_FMT(word));
    return rs_fail(diag, RS_E_USAGE, "--kind: unknown kind \"%.*s\"; did you mean \"%.*s\"?", RS_FMT(word),
                   RS_FMT(near));
}

static int add_kind(struct rs_stalled_query *q, struct rs_str word, struct rs_diag *diag)
{
    bool known = false;
    for (uint32_t i = 0; word.n && i < RS_STALL__COUNT; i++) {
        struct rs_str name = rs_str_of(rs_stall_kind_name((enum rs_stall_kind)i));
        if (!rs_str_eq(word, name) && !rs_str_eq(word, family_of(name))) continue;
        uint8_t id = rs_stall_kind_id((enum rs_stall_kind)i);
        known = true;
        if (!memchr(q->kind, id, (size_t)q->kind_count)) q->kind[q->kind_count++] = id;
    }
    return known ? RS_OK : refuse_kind(word, diag);
}

static int add_column(struct rs_stalled_query *q, struct rs_str word, struct rs_diag *diag)
{
    const char *column = rs_str_is(word, "kind") ? "kind" : NULL;
    for (int i = 0; i < WORD_FILTERS; i++) {
        if (rs_str_is(word, word_filters[i].column)) column = word_filters[i].column;
    }
    if (!column) {
        return rs_fail(diag, RS_E_USAGE, "--by: \"%.*s\" is none of: kind carrier seller stage origin destination",
                       RS_FMT(word));
    }
    for (int i = 0; i < q->by_count; i++) {
        if (q->by[i] == column || !strcmp(q->by[i], column)) return RS_OK;
    }
    q->by[q->by_count++] = column;
    return RS_OK;
}

static int each_word(struct rs_stalled_query *q, const char *text,
                     int (*add)(struct rs_stalled_query *, struct rs_str, struct rs_diag *), struct rs_diag *diag)
{
    int err = RS_OK;
    for (const char *p = text; !err; p++) {
        size_t n = strcspn(p, ",");
        err = add(q, rs_str_trim((struct rs_str){p, (uint32_t)n}), diag);
        p += n;
        if (!*p) break;
    }
    return err;
}

/* The order, the key, the episode and a sum over them, in hexadecimal. */
enum { CURSOR_BYTES = 1 + 8 + 8, CURSOR_SUM = 4 };

static void pack(enum rs_stalled_sort sort, const struct rs_stalled_cursor *cursor,
                 uint8_t ret[CURSOR_BYTES + CURSOR_SUM])
{
    ret[0] = (uint8_t)sort;
    for (int i = 0; i < 8; i++) {
        ret[1 + i] = (uint8_t)((uint64_t)cursor->key_us >> (56 - 8 * i));
        ret[9 + i] = (uint8_t)((uint64_t)cursor->episode >> (56 - 8 * i));
    }
    struct rs_key sum = rs_key_of(ret, CURSOR_BYTES);
    memcpy(ret + CURSOR_BYTES, sum.b, CURSOR_SUM);
}

const char *rs_stalled_cursor_text(enum rs_stalled_sort sort, const struct rs_stalled_cursor *cursor,
                                   char ret[RS_STALLED_CURSOR_TEXT_MAX])
{
    uint8_t bytes[CURSOR_BYTES + CURSOR_SUM];
    pack(sort, cursor, bytes);
    rs_hex(bytes, sizeof bytes, ret);
    return ret;
}

static uint64_t read_hex(const char *text, int digits)
{
    uint64_t value = 0;
    for (int i = 0; i < digits; i++) {
        value = value << 4 | (uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    }
    return value;
}

static int read_cursor(struct rs_stalled_query *q, const char *text, struct rs_diag *diag)
{
    char again[RS_STALLED_CURSOR_TEXT_MAX] = "";
    bool whole = strlen(text) == 2 * (CURSOR_BYTES + CURSOR_SUM) && strspn(text, "0123456789abcdef") == strlen(text);
    uint64_t sort = whole ? read_hex(text, 2) : 0;
    if (whole && sort <= RS_SORT_PROMISED) {
        q->cursor = (struct rs_stalled_cursor){true, (int64_t)read_hex(text + 2, 16), (int64_t)read_hex(text + 18, 16)};
        rs_stalled_cursor_text((enum rs_stalled_sort)sort, &q->cursor, again);
    }
    if (strcmp(again, text) != 0) {
        rs_fail(diag, RS_E_USAGE, "--cursor: \"%.60s\" is not, or no longer, what a page ended with", text);
        return rs_fail_next(diag, "leave it out to begin anew");
    }
    if (sort != q->sort) {
        return rs_fail(diag, RS_E_USAGE, "--cursor: it is of a page in the order --sort %s", orders[sort].name);
    }
    return RS_OK;
}

int rs_stalled_query_read(const struct rs_options *options, struct rs_stalled_query *ret, struct rs_diag *diag)
{
    struct rs_stalled_query q = {.options = options, .as_of_us = RS_INSTANT_NONE};
    bool count = rs_opt_flag(options, RS_OPT_COUNT);
    const char *by = rs_opt_text(options, RS_OPT_BY), *cursor = rs_opt_text(options, RS_OPT_CURSOR);
    int err = RS_OK;
    for (int i = 0; !err && i < rs_opt_count(options, RS_OPT_KIND); i++) {
        err = each_word(&q, rs_opt_item(options, RS_OPT_KIND, i), add_kind, diag);
    }
    if (!err && *by && !count) err = rs_fail(diag, RS_E_USAGE, "--by says what --count counts by");
    if (!err && *by) err = each_word(&q, by, add_column, diag);
    while (!rs_opt_is(options, RS_OPT_SORT, orders[q.sort].name)) q.sort++;
    if (!err && *cursor && count) err = rs_fail(diag, RS_E_USAGE, "--cursor goes with pages, not with --count");
    if (!err && *cursor) err = read_cursor(&q, cursor, diag);
    if (err) return err;
    if (rs_opt_given(options, RS_OPT_AS_OF)) q.as_of_us = rs_opt_number(options, RS_OPT_AS_OF);
    *ret = q;
    return RS_OK;
}

void rs_stalled_query_free(struct rs_stalled_query *q)
{
    rs_pg_params_free(&q->params);
    for (int i = 0; i < q->text_count; i++) rs_buf_free(&q->text[i]);
}

/* ---- statements -------------------------------------------------------------------------- */

static bool has(const struct rs_stalled_query *q, enum rs_option_id option)
{
    if (option == RS_OPT_SILENT) return rs_opt_number(q->options, option) > 0;
    return rs_opt_given(q->options, option) && *rs_opt_text(q->options, option);
}

static bool has_words(const struct rs_stalled_query *q)
{
    bool any = false;
    for (int i = 0; i < WORD_FILTERS; i++) any |= has(q, word_filters[i].option);
    return any;
}

static void put_time_of(struct rs_stalled_query *q, enum rs_option_id option)
{
    rs_pg_time(&q->params, has(q, option) ? rs_opt_number(q->options, option) : RS_INSTANT_NONE);
}

/* What the index of words is asked: all of those, and any of these. */
static void put_words(struct rs_stalled_query *q)
{
    struct rs_buf word = {0};
    rs_pg_array_open(&q->params, RS_PG_TEXT);
    for (int i = 0; i < WORD_FILTERS; i++) {
        if (!has(q, word_filters[i].option)) continue;
        rs_buf_printf(&word, "%c%s", word_filters[i].letter, rs_opt_text(q->options, word_filters[i].option));
        rs_pg_array_bytes(&q->params, word.p, (uint32_t)word.n);
        rs_buf_clear(&word);
    }
    rs_pg_array_close(&q->params);
    rs_pg_array_open(&q->params, RS_PG_TEXT);
    for (int i = 0; i < q->kind_count; i++) {
        rs_buf_printf(&word, "k%d", q->kind[i]);
        rs_pg_array_bytes(&q->params, word.p, (uint32_t)word.n);
        rs_buf_clear(&word);
    }
    rs_pg_array_close(&q->params);
    rs_buf_free(&word);
}

/* In the order of enum P_. */
static void put_params(struct rs_stalled_query *q, int64_t limit)
{
    struct rs_pg_params *params = &q->params;
    int64_t then = q->as_of_us == RS_INSTANT_NONE ? q->now_us : q->as_of_us;
    rs_pg_array_open(params, RS_PG_INT2);
    for (int i = 0; i < q->kind_count; i++) rs_pg_array_int2(params, q->kind[i]);
    rs_pg_array_close(params);
    rs_pg_int2(params, q->kind[0]);
    for (int i = 0; i < WORD_FILTERS; i++)
        rs_pg_text(params, rs_str_of(rs_opt_text(q->options, word_filters[i].option)));
    rs_pg_time(params, then - rs_opt_number(q->options, RS_OPT_SILENT));
    put_time_of(q, RS_OPT_OPENED_SINCE);
    put_time_of(q, RS_OPT_OPENED_BEFORE);
    put_time_of(q, RS_OPT_PROMISED_BEFORE);
    rs_pg_time(params, q->as_of_us);
    rs_pg_time(params, q->cursor.key_us == INT64_MAX ? RS_INSTANT_NONE : q->cursor.key_us);
    rs_pg_int8(params, q->cursor.episode);
    rs_pg_int8(params, limit);
    put_words(q);
}

/* Whether the walk along the order sees no row that does not pass. */
static bool walk_is_exact(const struct rs_stalled_query *q)
{
    if (has_words(q)) return false;
    for (int i = 0; i < RANGE_FILTERS; i++) {
        if (has(q, range_filters[i].option) && range_filters[i].sort != q->sort) return false;
    }
    return !q->kind_count || (q->kind_count == 1 && q->sort == RS_SORT_SILENT && q->as_of_us == RS_INSTANT_NONE);
}

static void put_cursor(const struct rs_stalled_query *q, struct rs_buf *sql)
{
    if (!q->cursor.given) return;
    const struct order *order = &orders[q->sort];
    rs_buf_printf(sql, " AND (%s, e.episode) %c (coalesce($%d, 'infinity'::timestamptz), $%d)", order->key,
                  order->newest_first ? '<' : '>', P_KEY, P_EPISODE);
}

static void put_order(const struct rs_stalled_query *q, const char *key, struct rs_buf *sql)
{
    const char *direction = orders[q->sort].newest_first ? " DESC" : "";
    rs_buf_printf(sql, " ORDER BY %s%s, e.episode%s", key, direction, direction);
}

static void put_ranges(const struct rs_stalled_query *q, bool of_key, struct rs_buf *sql)
{
    for (int i = 0; i < RANGE_FILTERS; i++) {
        const struct range_filter *f = &range_filters[i];
        if (has(q, f->option) && (!of_key || f->sort == q->sort)) {
            rs_buf_printf(sql, " AND %s $%d", f->condition, f->parameter);
        }
    }
}

static void put_filters(const struct rs_stalled_query *q, struct rs_buf *sql)
{
    if (q->kind_count == 1) rs_buf_printf(sql, " AND e.kind_number = $%d", P_KIND);
    else if (q->kind_count) rs_buf_printf(sql, " AND e.kind_number = ANY ($%d)", P_KINDS);
    for (int i = 0; i < WORD_FILTERS; i++) {
        const struct word_filter *f = &word_filters[i];
        if (has(q, f->option)) rs_buf_printf(sql, " AND e.%s = $%d", f->column, f->parameter);
    }
    put_ranges(q, false, sql);
}

/* By the index of words; what it leaves open is filtered as such. */
static bool put_word_filters(const struct rs_stalled_query *q, struct rs_buf *sql)
{
    bool any = has_words(q);
    if (any) rs_buf_printf(sql, " AND e.words @> $%d", P_WORDS);
    if (q->kind_count) rs_buf_printf(sql, " AND e.words && $%d", P_KIND_WORDS);
    put_ranges(q, false, sql);
    return any || q->kind_count;
}

#define FROM "FROM rastro.episode_list e WHERE "

static void put_open(const struct rs_stalled_query *q, struct rs_buf *sql)
{
    rs_buf_puts(sql, RS_LIT("e.state_letter = 'o'"));
    if (q->as_of_us == RS_INSTANT_NONE) return;
    /* Nothing is silent before it is opened, so the order's index ends the walk. */
    rs_buf_printf(sql, " AND e.opened_at <= $%d AND e.silent_since <= $%d", P_AS_OF, P_AS_OF);
}

static void put_gone(struct rs_buf *sql)
{
    rs_buf_printf(sql, "e.gone_at > $%d AND e.opened_at <= $%d", P_AS_OF, P_AS_OF);
}

static void put_span(int span, struct rs_buf *sql)
{
    put_gone(sql);
    rs_buf_printf(sql, " AND e.span = %d AND e.silent_since <= $%d", span, P_AS_OF);
    if (span < SPANS) rs_buf_printf(sql, " AND e.silent_since > $%d - interval '%d days'", P_AS_OF, span_days[span]);
}

/* Those that are over, span by span, each in order where one is asked for. */
static void put_spans(const struct rs_stalled_query *q, const char *columns, bool in_order, bool filtered,
                      struct rs_buf *sql)
{
    for (int span = 0; span <= SPANS; span++) {
        rs_buf_printf(sql, " UNION ALL (SELECT %s " FROM, columns);
        put_span(span, sql);
        if (filtered) put_filters(q, sql);
        put_cursor(q, sql);
        if (in_order) put_order(q, "e.silent_since", sql);
        rs_buf_putc(sql, ')');
    }
}

/* `most`: rows that it looks at; 0: no bound. */
static void put_walk_of(const struct rs_stalled_query *q, int64_t most, struct rs_buf *sql)
{
    const char *key = orders[q->sort].key;
    bool past = q->as_of_us != RS_INSTANT_NONE;
    bool of_kind = q->kind_count == 1 && q->sort == RS_SORT_SILENT && !past;
    char columns[64];
    snprintf(columns, sizeof columns, "e.*, %s AS key", key);
    rs_buf_puts(sql, RS_LIT("SELECT e.episode, e.key FROM (SELECT * FROM ("));
    rs_buf_printf(sql, "(SELECT %s " FROM, columns);
    put_open(q, sql);
    if (of_kind) rs_buf_printf(sql, " AND e.kind_number = $%d", P_KIND);
    put_ranges(q, true, sql);
    put_cursor(q, sql);
    put_order(q, key, sql);
    rs_buf_putc(sql, ')');
    if (past) put_spans(q, columns, true, false, sql);
    rs_buf_puts(sql, RS_LIT(") e"));
    put_order(q, "e.key", sql);
    if (most) rs_buf_printf(sql, " LIMIT %lld", (long long)most);
    rs_buf_puts(sql, RS_LIT(") e WHERE true"));
    put_filters(q, sql);
    put_order(q, "e.key", sql);
    rs_buf_printf(sql, " LIMIT $%d", P_LIMIT);
}

static bool walk_is_covered(const struct rs_stalled_query *q)
{
    return q->sort == RS_SORT_SILENT && q->kind_count != 1 && q->as_of_us == RS_INSTANT_NONE;
}

static int64_t walk_for(const struct rs_stalled_query *q, int64_t n)
{
    int64_t most = q->as_of_us != RS_INSTANT_NONE ? WALK_SPANS : walk_is_covered(q) ? WALK_COVERED : WALK;
    int64_t enough = n * WALK_EACH > WALK_LEAST ? n * WALK_EACH : WALK_LEAST;
    return walk_is_exact(q) ? 0 : enough < most ? enough : most;
}

static void put_walk(const struct rs_stalled_query *q, struct rs_buf *sql)
{
    put_walk_of(q, q->walk, sql);
}

static void put_long_walk(const struct rs_stalled_query *q, struct rs_buf *sql)
{
    put_walk_of(q, 0, sql);
}

/* Everything that passes, in no order. */
static void put_gathered(const struct rs_stalled_query *q, const char *columns, struct rs_buf *sql)
{
    rs_buf_printf(sql, "(SELECT %s " FROM, columns);
    put_open(q, sql);
    bool words = put_word_filters(q, sql);
    put_cursor(q, sql);
    rs_buf_putc(sql, ')');
    if (q->as_of_us == RS_INSTANT_NONE) return;
    if (!words) {
        put_spans(q, columns, false, true, sql);
        return;
    }
    rs_buf_printf(sql, " UNION ALL (SELECT %s " FROM, columns);
    put_gone(sql);
    put_word_filters(q, sql);
    put_cursor(q, sql);
    rs_buf_putc(sql, ')');
}

static void put_sorted(const struct rs_stalled_query *q, struct rs_buf *sql)
{
    char columns[64];
    snprintf(columns, sizeof columns, "e.episode, %s AS key", orders[q->sort].key);
    rs_buf_puts(sql, RS_LIT("SELECT e.episode, e.key FROM ("));
    put_gathered(q, columns, sql);
    rs_buf_puts(sql, RS_LIT(" OFFSET 0) e"));
    put_order(q, "e.key", sql);
    rs_buf_printf(sql, " LIMIT $%d", P_LIMIT);
}

/* Takes `sql`.  A session knows a statement by its address, and so the same text
 * must come from the same place. */
static const char *keep(struct rs_stalled_query *q, struct rs_buf sql)
{
    const char *text = rs_buf_cstr(&sql);
    for (int i = 0; i < q->text_count; i++) {
        if (strcmp(rs_buf_cstr(&q->text[i]), text) != 0) continue;
        rs_buf_free(&sql);
        return q->text[i].p;
    }
    q->text[q->text_count++] = sql;
    return text;
}

static int run(struct rs_stalled_query *q, struct rs_buf sql, int64_t limit, struct rs_pg_rows **ret,
               struct rs_diag *diag)
{
    const char *text = keep(q, sql);
    put_params(q, limit);
    return rs_pg_run(q->pg, text, &q->params, ret, diag);
}

/* ---- asking ----------------------------------------------------------------------------------- */

/* The plan is ours, since the planner takes filters and orders for independent. */
int rs_stalled_begin(struct rs_stalled_query *q, struct rs_diag *diag)
{
    static const char sql[] = "SELECT now()";
    struct rs_pg_rows *rows;
    int err = rs_pg_script(q->pg,
                           "SET jit = off; SET enable_seqscan = off; SET work_mem = '128MB'; "
                           "SET plan_cache_mode = force_custom_plan; BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                           diag);
    if (!err) err = rs_pg_run(q->pg, sql, NULL, &rows, diag);
    if (!err) q->now_us = rs_pg_get_time(rows, 0, 0);
    return err;
}

int rs_stalled_end(struct rs_stalled_query *q, struct rs_diag *diag)
{
    return rs_pg_script(q->pg, "COMMIT", diag);
}

/* The event that a clock started with is one of the parcel's own, or else of its
 * journey's, which fewer are asked for. */
static const char words_sql[] =
    "w AS MATERIALIZED (SELECT d.episode, t.* FROM (SELECT array_agg(d.parcel_id ORDER BY d.episode) AS parcels, "
    "array_agg(d.last_fp ORDER BY d.episode) AS fps FROM d) a CROSS JOIN LATERAL rastro.event_words(a.parcels, a.fps) t "
    "JOIN d ON d.parcel_id = t.parcel_id AND d.last_fp = t.fp), "
    "j AS MATERIALIZED (SELECT d.episode, t.* FROM d CROSS JOIN LATERAL rastro.journey(d.parcel_id) n (id) "
    "CROSS JOIN LATERAL rastro.event_words(ARRAY[n.id], ARRAY[d.last_fp]) t "
    "WHERE d.last_fp IS NOT NULL AND d.episode NOT IN (SELECT w.episode FROM w)) ";

static int rows_of(struct rs_stalled_query *q, void (*put)(const struct rs_stalled_query *, struct rs_buf *), int64_t n,
                   struct rs_pg_rows **ret, struct rs_diag *diag)
{
    struct rs_buf sql = {0};
    rs_buf_puts(&sql, RS_LIT("WITH p AS MATERIALIZED ("));
    put(q, &sql);
    rs_buf_puts(&sql,
                RS_LIT("), d AS MATERIALIZED (SELECT p.key, e.* FROM p JOIN rastro.episode_list e USING (episode)), "));
    rs_buf_puts(&sql, rs_str_of(words_sql));
    rs_buf_puts(&sql,
                RS_LIT("SELECT e.episode, e.number, e.kind, e.rule, e.rules_version, e.started, e.since, "
                       "e.opened_at, e.silent_since, e.promised_to, e.carrier, e.seller, e.stage, e.leg, e.origin, "
                       "e.destination, (SELECT max(l.looked_at) FROM rastro.look_list l "
                       "WHERE l.parcel_id = e.parcel_id"));
    if (q->as_of_us != RS_INSTANT_NONE) rs_buf_printf(&sql, " AND l.looked_at <= $%d", P_AS_OF);
    rs_buf_puts(&sql,
                RS_LIT("), e.last_fp, x.instant, x.stage, x.detail, x.source, coalesce(x.text, x.code), x.country, "
                       "x.region, x.city, x.place FROM d e LEFT JOIN (SELECT * FROM w UNION ALL SELECT * FROM j) x "
                       "USING (episode)"));
    put_order(q, "e.key", &sql);
    return run(q, sql, n, ret, diag);
}

/* How many there are, up to `most`. */
static int count_to(struct rs_stalled_query *q, int64_t most, int64_t *ret, struct rs_diag *diag)
{
    struct rs_buf sql = {0};
    struct rs_pg_rows *rows;
    rs_buf_puts(&sql, RS_LIT("SELECT count(*) FROM ("));
    put_gathered(q, "1 AS one", &sql);
    rs_buf_printf(&sql, " LIMIT $%d) e", P_LIMIT);
    int err = run(q, sql, most, &rows, diag);
    if (!err) *ret = rs_pg_get_int(rows, 0, 0);
    return err;
}

static const char walking[] = "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off",
                  gathering[] = "SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on";

int rs_stalled_rows(struct rs_stalled_query *q, int64_t n, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    bool walk = q->as_of_us == RS_INSTANT_NONE || q->sort == RS_SORT_SILENT;
    int64_t passing = 0;
    int err = RS_OK;
    q->walk = walk_for(q, n);
    if (walk) {
        err = rs_pg_script(q->pg, walking, diag);
        if (!err) err = rows_of(q, put_walk, n, ret, diag);
        if (err || walk_is_exact(q) || rs_pg_count(*ret) >= n) return err;
        err = rs_pg_script(q->pg, gathering, diag);
    }
    if (!err && walk_is_covered(q) && !has_words(q)) err = count_to(q, GATHERED + 1, &passing, diag);
    if (!err && passing > GATHERED) {
        err = rs_pg_script(q->pg, walking, diag);
        return err ? err : rows_of(q, put_long_walk, n, ret, diag);
    }
    return err ? err : rows_of(q, put_sorted, n, ret, diag);
}

void rs_stalled_go_behind(struct rs_stalled_query *q, const struct rs_pg_rows *rows, int r)
{
    static const int columns[] = {
        [RS_SORT_SILENT] = RS_STALLED_SILENT,
        [RS_SORT_SINCE] = RS_STALLED_SINCE,
        [RS_SORT_OPENED] = RS_STALLED_OPENED,
        [RS_SORT_PROMISED] = RS_STALLED_PROMISED,
    };
    int column = columns[q->sort];
    q->cursor.given = true;
    q->cursor.key_us = rs_pg_is_null(rows, r, column) ? INT64_MAX : rs_pg_get_time(rows, r, column);
    q->cursor.episode = rs_pg_get_int(rows, r, RS_STALLED_EPISODE);
}

int rs_stalled_total(struct rs_stalled_query *q, int64_t *ret, struct rs_diag *diag)
{
    struct rs_stalled_cursor cursor = q->cursor;
    q->cursor.given = false;
    int err = rs_pg_script(q->pg, gathering, diag);
    if (!err) err = count_to(q, RS_STALLED_COUNT_MAX + 1, ret, diag);
    q->cursor = cursor;
    return err;
}

int rs_stalled_counts(struct rs_stalled_query *q, int64_t n, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    struct rs_buf sql = {0}, columns = {0}, names = {0};
    bool any = q->by_count > 0;
    for (int i = 0; i < q->by_count; i++) {
        bool kind = !strcmp(q->by[i], "kind");
        rs_buf_printf(&columns, "%se.%s", i ? ", " : "", kind ? "kind_number" : q->by[i]);
        if (kind) rs_buf_puts(&names, RS_LIT("rastro.stall_kind(e.kind_number), "));
        else rs_buf_printf(&names, "e.%s, ", q->by[i]);
    }
    rs_buf_printf(&sql, "SELECT %se.count FROM (SELECT %s%scount(*) FROM (", rs_buf_cstr(&names), rs_buf_cstr(&columns),
                  any ? ", " : "");
    put_gathered(q, any ? rs_buf_cstr(&columns) : "1 AS one", &sql);
    rs_buf_puts(&sql, RS_LIT(") e"));
    if (any) rs_buf_printf(&sql, " GROUP BY %s", rs_buf_cstr(&columns));
    rs_buf_puts(&sql, RS_LIT(") e ORDER BY e.count DESC"));
    if (any) rs_buf_printf(&sql, ", %s", rs_buf_cstr(&columns));
    rs_buf_printf(&sql, " LIMIT $%d", P_LIMIT);
    rs_buf_free(&columns);
    rs_buf_free(&names);
    return run(q, sql, n, ret, diag);
}
