/* Numbers for what many events have in common: where they come from, their words,
 * their place, the shape of their bytes.  A row then has a number where it would
 * repeat texts.
 *
 * A row's origin always has a number.  The others get one once they have been
 * seen twice in new events, so that texts which never come again (a date in them,
 * a name) do not fill a table that only grows; until then, where a member knows
 * as many as it may, and in the few rows of the batch in which they get it, they
 * stand in the row itself.
 *
 * Numbers are made outside of the batch's transaction and commit on their own:
 * they are durable before a row names them, and one that is then not used does
 * no harm.  What a sink knows of them belongs to one history of the database, as
 * all of rs_ids does.
 */
#include <stdlib.h>

#include "sink_rows.h"

/* Texts that a sink knows a number of, at most. */
#define TEXTS_MAX 65536
/* Places for the sums of texts that were seen once; a newer one drives out the older. */
#define SEEN_ROOM 16384
/* Of a batch's rows, those that may keep in themselves what has just got a
 * number: one in so many.  Nearly every batch of a feed brings a new text, and
 * to write all its rows again for that was a tenth of our work with histories. */
#define FEW 8
#define NO_NUMBER 0
/* Origins of higher numbers are told of when they are made, and never again. */
#define ORIGINS_MAX 4096

/* Those of a kind that a batch needs a number for; in its arena. */
struct wanted {
    struct rs_key *key; /* of memory, in the order in which they came */
    uint32_t *event;    /* the first that has it */
    uint32_t n;
};

struct rs_numbers {
    struct rs_ids origins, words, places, shapes;
    struct wanted wanted_origins, wanted_words, wanted_places, wanted_shapes;
    bool listing;    /* what has no number is wanted */
    bool incomplete; /* a row has no origin */
    uint64_t seen[SEEN_ROOM];
    uint64_t seen_shapes[SEEN_ROOM]; /* apart: where each event has its own, they would drive out words */
    /* of the row before, nearly always the same */
    struct origin {
        int32_t kafka_partition, source;
        int16_t topic, identity, iana, meaning;
    } last;
    int32_t last_origin;

    /* origins of new events, for feed time: written down once a day */
    bool noted[ORIGINS_MAX];
    int32_t untold[ORIGINS_MAX];
    uint32_t untold_n;
    int64_t noted_us; /* monotonic, since when */
};
_Static_assert(sizeof(struct origin) == sizeof(struct rs_key), "an origin is its own key");

/* ---- what is asked for ------------------------------------------------------------------ */

static struct origin origin_of(const struct rs_work *work, const struct rs_known *known)
{
    const struct rs_batch_message *m = rs_work_message(work, known->message);
    return (struct origin){
        .kafka_partition = number_of(work, known->message),
        .topic = topic_of(work, known->message),
        .source = known->source,
        .identity = (int16_t)known->reading.identity,
        .iana = (int16_t)known->reading.iana,
        .meaning = m->message.profile ? (int16_t)rs_profile_meaning(m->message.profile) : 0,
    };
}

/* Texts one behind the other, each with its length in front, for `sum`. */
static bool key_of_texts(const struct rs_str *text, int n, struct rs_key (*sum)(const void *, size_t),
                         struct rs_key *ret)
{
    char bytes[1024];
    size_t at = 0;
    bool any = false;
    for (int i = 0; i < n; i++) {
        if (text[i].n > sizeof bytes / 4 - sizeof text[i].n) return false; /* no text of a vocabulary */
        memcpy(bytes + at, &text[i].n, sizeof text[i].n);
        at += sizeof text[i].n;
        if (text[i].n) memcpy(bytes + at, text[i].p, text[i].n);
        at += text[i].n;
        any |= text[i].n > 0;
    }
    if (any) *ret = sum(bytes, at);
    return any;
}

static bool key_of_words(const struct rs_event *e, struct rs_key (*sum)(const void *, size_t), struct rs_key *ret)
{
    return key_of_texts((struct rs_str[]){e->code, e->text, e->zone}, 3, sum, ret);
}

static bool key_of_place(const struct rs_event *e, struct rs_key (*sum)(const void *, size_t), struct rs_key *ret)
{
    return key_of_texts((struct rs_str[]){e->place.country, e->place.region, e->place.city, e->place.name}, 4, sum,
                        ret);
}

/* ---- what is known ------------------------------------------------------------------------- */

static int32_t find(const struct rs_ids *ids, struct rs_key key)
{
    uint32_t id = rs_strmap_get(&ids->map, (struct rs_str){(const char *)key.b, sizeof key.b});
    return id == RS_STRMAP_NONE ? NO_NUMBER : (int32_t)id;
}

static void want(struct rs_work *work, struct wanted *wanted, struct rs_key key, uint32_t event)
{
    if (!wanted->key) {
        wanted->key = rs_arena_get(work->arena, work->event_n * sizeof *wanted->key);
        wanted->event = rs_arena_get(work->arena, work->event_n * sizeof *wanted->event);
    }
    wanted->key[wanted->n] = key;
    wanted->event[wanted->n++] = event;
}

/* Whether the text was seen before; from now on it was. */
static bool seen_before(uint64_t *seen, struct rs_key key)
{
    uint64_t sum, at;
    memcpy(&sum, key.b, sizeof sum);
    memcpy(&at, key.b + 8, sizeof at);
    seen += at % SEEN_ROOM;
    bool before = *seen == sum;
    *seen = sum;
    return before;
}

static int32_t number_of_text(struct rs_work *work, struct rs_ids *ids, struct wanted *wanted, uint64_t *seen,
                              struct rs_key key, uint32_t event)
{
    struct rs_numbers *numbers = work->sink->numbers;
    int32_t number = find(ids, key);
    if (number != NO_NUMBER || !numbers->listing) return number;
    if (ids->map.count + wanted->n < TEXTS_MAX && seen_before(seen, key)) want(work, wanted, key, event);
    return number;
}

static void note_origin(struct rs_numbers *numbers, int32_t origin)
{
    if (origin <= NO_NUMBER || origin >= ORIGINS_MAX || numbers->noted[origin]) return;
    numbers->noted[origin] = true;
    numbers->untold[numbers->untold_n++] = origin;
}

static int32_t number_of_origin(struct rs_work *work, uint32_t event)
{
    struct rs_numbers *numbers = work->sink->numbers;
    struct origin origin = origin_of(work, work->event[event].known);
    if (numbers->last_origin != NO_NUMBER && !memcmp(&origin, &numbers->last, sizeof origin)) {
        return numbers->last_origin;
    }
    struct rs_key key;
    memcpy(key.b, &origin, sizeof key.b);
    numbers->last = origin;
    numbers->last_origin = find(&numbers->origins, key);
    if (numbers->last_origin == NO_NUMBER && numbers->listing) want(work, &numbers->wanted_origins, key, event);
    numbers->incomplete |= numbers->last_origin == NO_NUMBER;
    note_origin(numbers, numbers->last_origin);
    return numbers->last_origin;
}

/* Other spellings of the time are looked for only where the words alone make no
 * shape that is known: most sources tell it once. */
static int32_t number_of_shape(struct rs_work *work, const struct rs_event *e, uint32_t event)
{
    struct rs_numbers *numbers = work->sink->numbers;
    char shape[RS_RAW_SHAPE_MAX];
    uint32_t n = rs_raw_shape(e, false, shape);
    if (!n) return NO_NUMBER;
    int32_t number = find(&numbers->shapes, rs_quick_key(shape, n));
    if (number != NO_NUMBER) return number;
    n = rs_raw_shape(e, true, shape);
    return number_of_text(work, &numbers->shapes, &numbers->wanted_shapes, numbers->seen_shapes, rs_quick_key(shape, n),
                          event);
}

void rs_work_want_numbers(struct rs_work *work)
{
    struct rs_numbers *numbers = work->sink->numbers;
    numbers->wanted_origins = numbers->wanted_words = (struct wanted){0};
    numbers->wanted_places = numbers->wanted_shapes = (struct wanted){0};
    numbers->listing = true;
    numbers->incomplete = false;
}

void rs_work_number(struct rs_work *work, uint32_t event)
{
    struct rs_numbers *numbers = work->sink->numbers;
    struct rs_work_event *row = &work->event[event];
    const struct rs_event *e = row->known->event;
    struct rs_key key;
    row->origin = number_of_origin(work, event);
    row->words = row->place = row->shape = NO_NUMBER;
    if (key_of_words(e, rs_quick_key, &key)) {
        row->words = number_of_text(work, &numbers->words, &numbers->wanted_words, numbers->seen, key, event);
    }
    if (key_of_place(e, rs_quick_key, &key)) {
        row->place = number_of_text(work, &numbers->places, &numbers->wanted_places, numbers->seen, key, event);
    }
    /* With --raw all other wordings are told from the row's by their packed bytes. */
    if (work->sink->options.raw == RS_RAW_NEW) row->shape = number_of_shape(work, e, event);
}

/* ---- what is made ---------------------------------------------------------------------------- */

/* A key once. */
static void make_unique(struct wanted *wanted)
{
    struct rs_strmap there = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < wanted->n; i++) {
        struct rs_key key = wanted->key[i];
        wanted->key[n] = key;
        wanted->event[n] = wanted->event[i];
        n += rs_strmap_add(&there, (struct rs_str){(const char *)wanted->key[n].b, sizeof key.b}, n);
    }
    rs_strmap_free(&there);
    wanted->n = n;
}

static void remember(struct rs_ids *ids, const struct wanted *wanted, const struct rs_pg_rows *rows)
{
    for (int r = 0; r < rs_pg_count(rows); r++) {
        const struct rs_key *key = &wanted->key[rs_pg_get_int(rows, r, 0) - 1];
        rs_ids_remember(ids, (struct rs_str){(const char *)key->b, sizeof key->b}, (uint32_t)rs_pg_get_int(rows, r, 1));
    }
}

/* Adds what is not there, then asks for all; `put` puts the parameters. */
static int make(struct rs_work *work, struct rs_ids *ids, struct wanted *wanted, const char *add, const char *ask,
                void (*put)(struct rs_work *, const struct wanted *), struct rs_diag *diag)
{
    struct rs_pg *asking = work->sink->asking;
    struct rs_pg_rows *rows;
    if (!wanted->n) return RS_OK;
    make_unique(wanted);
    put(work, wanted);
    int err = rs_pg_run(asking, add, &work->params, NULL, diag);
    if (err) return err;
    put(work, wanted);
    err = rs_pg_run(asking, ask, &work->params, &rows, diag);
    if (!err) remember(ids, wanted, rows);
    return err;
}

static const struct rs_event *wanted_event(const struct rs_work *work, const struct wanted *wanted, uint32_t i)
{
    return work->event[wanted->event[i]].known->event;
}

static void put_origins(struct rs_work *work, const struct wanted *wanted)
{
    struct rs_pg_params *p = &work->params;
    struct origin *o = rs_arena_get(work->arena, wanted->n * sizeof *o);
    for (uint32_t i = 0; i < wanted->n; i++) o[i] = origin_of(work, work->event[wanted->event[i]].known);
    EACH(work, wanted->n, RS_PG_INT2, rs_pg_array_int2(p, o[i].topic));
    EACH(work, wanted->n, RS_PG_INT4, rs_pg_array_int4(p, o[i].kafka_partition));
    EACH(work, wanted->n, RS_PG_INT2, rs_pg_array_int2(p, (int16_t)o[i].source));
    EACH(work, wanted->n, RS_PG_INT2, rs_pg_array_int2(p, o[i].identity));
    EACH(work, wanted->n, RS_PG_INT2, rs_pg_array_int2(p, o[i].iana));
    EACH(work, wanted->n, RS_PG_INT2, rs_pg_array_int2(p, o[i].meaning));
}

static void put_key(struct rs_pg_params *p, struct rs_key key)
{
    rs_pg_array_bytes(p, key.b, sizeof key.b);
}

static void put_words(struct rs_work *work, const struct wanted *wanted)
{
    struct rs_pg_params *p = &work->params;
    EACH(work, wanted->n, RS_PG_UUID, {
        struct rs_key key;
        if (key_of_words(wanted_event(work, wanted, i), rs_key_of, &key)) put_key(p, key);
    });
    EACH(work, wanted->n, RS_PG_TEXT, put_text(p, wanted_event(work, wanted, i)->code));
    EACH(work, wanted->n, RS_PG_TEXT, put_text(p, wanted_event(work, wanted, i)->text));
    EACH(work, wanted->n, RS_PG_TEXT, put_text(p, wanted_event(work, wanted, i)->zone));
}

static void put_places(struct rs_work *work, const struct wanted *wanted)
{
    struct rs_pg_params *p = &work->params;
    EACH(work, wanted->n, RS_PG_UUID, {
        struct rs_key key;
        if (key_of_place(wanted_event(work, wanted, i), rs_key_of, &key)) put_key(p, key);
    });
    EACH(work, wanted->n, RS_PG_TEXT, put_text(p, wanted_event(work, wanted, i)->place.country));
    EACH(work, wanted->n, RS_PG_TEXT, put_text(p, wanted_event(work, wanted, i)->place.region));
    EACH(work, wanted->n, RS_PG_TEXT, put_text(p, wanted_event(work, wanted, i)->place.city));
    EACH(work, wanted->n, RS_PG_TEXT, put_text(p, wanted_event(work, wanted, i)->place.name));
}

static void put_shapes(struct rs_work *work, const struct wanted *wanted)
{
    struct rs_pg_params *p = &work->params;
    char shape[RS_RAW_SHAPE_MAX];
    EACH(work, wanted->n, RS_PG_UUID, {
        uint32_t n = rs_raw_shape(wanted_event(work, wanted, i), true, shape);
        put_key(p, rs_key_of(shape, n));
    });
    EACH(work, wanted->n, RS_PG_BYTEA, {
        uint32_t n = rs_raw_shape(wanted_event(work, wanted, i), true, shape);
        rs_pg_array_bytes(p, shape, n);
    });
}

#define ORIGIN_ROWS                                                                                           \
    "FROM unnest($1::smallint[], $2::int[], $3::smallint[], $4::smallint[], $5::smallint[], $6::smallint[]) " \
    "WITH ORDINALITY w (topic, kafka_partition, source, identity, iana, meaning, at) "
#define WORDS_ROWS "FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY w (key, a, b, c, at) "
#define PLACE_ROWS \
    "FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY w (key, a, b, c, d, at) "
#define SHAPE_ROWS "FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY w (key, a, at) "

/* Looks first, because a conflicting insert would burn a number. */
static int make_all(struct rs_work *work, struct rs_diag *diag)
{
    static const char add_origins[] =
        "INSERT INTO rastro.origins (topic, kafka_partition, source, identity, iana, meaning) "
        "SELECT topic, kafka_partition, source, identity, iana, meaning " ORIGIN_ROWS
        "WHERE NOT EXISTS (SELECT FROM rastro.origins o WHERE (o.topic, o.kafka_partition, o.source, o.identity, "
        "o.iana, o.meaning) = (w.topic, w.kafka_partition, w.source, w.identity, w.iana, w.meaning)) "
        "ORDER BY topic, kafka_partition, source, identity, iana, meaning ON CONFLICT DO NOTHING";
    static const char ask_origins[] =
        "SELECT w.at, o.origin " ORIGIN_ROWS
        "JOIN rastro.origins o USING (topic, kafka_partition, source, identity, iana, meaning)";
    static const char add_words[] =
        "INSERT INTO rastro.words (key, code, text, zone_words) SELECT key, a, b, c " WORDS_ROWS
        "WHERE NOT EXISTS (SELECT FROM rastro.words o WHERE o.key = w.key) ORDER BY key ON CONFLICT DO NOTHING";
    static const char ask_words[] = "SELECT w.at, o.words " WORDS_ROWS "JOIN rastro.words o USING (key)";
    static const char add_places[] =
        "INSERT INTO rastro.places (key, country, region, city, place) SELECT key, a, b, c, d " PLACE_ROWS
        "WHERE NOT EXISTS (SELECT FROM rastro.places o WHERE o.key = w.key) ORDER BY key ON CONFLICT DO NOTHING";
    static const char ask_places[] = "SELECT w.at, o.place_id " PLACE_ROWS "JOIN rastro.places o USING (key)";
    static const char add_shapes[] =
        "INSERT INTO rastro.raw_shapes (key, bytes) SELECT key, a " SHAPE_ROWS
        "WHERE NOT EXISTS (SELECT FROM rastro.raw_shapes o WHERE o.key = w.key) ORDER BY key ON CONFLICT DO NOTHING";
    static const char ask_shapes[] = "SELECT w.at, o.shape " SHAPE_ROWS "JOIN rastro.raw_shapes o USING (key)";
    struct rs_numbers *numbers = work->sink->numbers;
    int err = make(work, &numbers->origins, &numbers->wanted_origins, add_origins, ask_origins, put_origins, diag);
    if (!err) err = make(work, &numbers->words, &numbers->wanted_words, add_words, ask_words, put_words, diag);
    if (!err) err = make(work, &numbers->places, &numbers->wanted_places, add_places, ask_places, put_places, diag);
    if (!err) err = make(work, &numbers->shapes, &numbers->wanted_shapes, add_shapes, ask_shapes, put_shapes, diag);
    return err;
}

int rs_work_make_numbers(struct rs_work *work, bool *ret_again, struct rs_diag *diag)
{
    struct rs_numbers *numbers = work->sink->numbers;
    uint32_t texts = numbers->wanted_words.n + numbers->wanted_places.n + numbers->wanted_shapes.n;
    *ret_again = numbers->listing && (numbers->incomplete || texts > work->event_n / FEW);
    if (!numbers->listing) return numbers->incomplete ? rs_fail(diag, RS_E_BUG, "an origin has no number") : RS_OK;
    numbers->listing = numbers->incomplete = false;
    return make_all(work, diag);
}

/* ---- when a source was last seen ------------------------------------------------------------------ */

static void note_anew(struct rs_numbers *numbers, int64_t now_us)
{
    memset(numbers->noted, 0, sizeof numbers->noted);
    numbers->untold_n = 0;
    numbers->last_origin = NO_NUMBER; /* whatever comes next is noted */
    numbers->noted_us = now_us;
}

int rs_sink_tell_origins(struct rs_sink *sink, struct rs_diag *diag)
{
    static const char tell[] =
        "UPDATE rastro.origins SET seen_at = now() WHERE origin IN "
        "(SELECT origin FROM rastro.origins WHERE origin = ANY ($1::int[]) ORDER BY 1 FOR UPDATE)";
    struct rs_numbers *numbers = sink->numbers;
    int64_t now_us = rs_mono_us(sink->options.clock);
    int err = RS_OK;
    if (numbers->untold_n) {
        rs_pg_array_open(&sink->params, RS_PG_INT4);
        for (uint32_t i = 0; i < numbers->untold_n; i++) rs_pg_array_int4(&sink->params, numbers->untold[i]);
        rs_pg_array_close(&sink->params);
        err = rs_pg_run(sink->asking, tell, &sink->params, NULL, diag);
        if (!err) numbers->untold_n = 0;
    }
    if (now_us - numbers->noted_us >= RS_DAY_US) note_anew(numbers, now_us);
    return err;
}

/* ---- life ---------------------------------------------------------------------------------------- */

void rs_sink_open_numbers(struct rs_sink *sink)
{
    sink->numbers = rs_calloc(1, sizeof *sink->numbers);
}

void rs_sink_forget_numbers(struct rs_sink *sink)
{
    struct rs_numbers *numbers = sink->numbers;
    rs_ids_forget(&numbers->origins);
    rs_ids_forget(&numbers->words);
    rs_ids_forget(&numbers->places);
    rs_ids_forget(&numbers->shapes);
    memset(numbers->seen, 0, sizeof numbers->seen);
    memset(numbers->seen_shapes, 0, sizeof numbers->seen_shapes);
    note_anew(numbers, rs_mono_us(sink->options.clock));
}

void rs_sink_close_numbers(struct rs_sink *sink)
{
    if (!sink->numbers) return;
    rs_sink_forget_numbers(sink);
    rs_arena_free(sink->numbers->origins.arena);
    rs_arena_free(sink->numbers->words.arena);
    rs_arena_free(sink->numbers->places.arena);
    rs_arena_free(sink->numbers->shapes.arena);
    free(sink->numbers);
}
