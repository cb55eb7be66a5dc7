/* Numbers that a batch needs before its transaction: they commit on their own,
 * and one that is then not used does no harm. */
#include "sink_private.h"

void rs_ids_forget(struct rs_ids *ids)
{
    rs_strmap_free(&ids->map);
    if (ids->arena) rs_arena_reset(ids->arena);
}

void rs_sink_forget_ids(struct rs_sink *sink)
{
    rs_ids_forget(&sink->sources);
    rs_ids_forget(&sink->topics);
    rs_strmap_free(&sink->dictionary_by_source);
    sink->dictionary_n = 0;
    sink->next_id = sink->last_id = 0;
    rs_sink_forget_numbers(sink);
}

void rs_ids_remember(struct rs_ids *ids, struct rs_str name, uint32_t id)
{
    if (!ids->arena) ids->arena = rs_arena_new(4096);
    rs_strmap_add(&ids->map, rs_arena_str(ids->arena, name), id);
}

const struct rs_work_source *rs_sink_source_of(const struct rs_sink *sink, int32_t source)
{
    static const struct rs_work_source unread;
    return source > 0 && (uint32_t)source < sink->source_room ? &sink->source_of[source] : &unread;
}

static void note_source(struct rs_sink *sink, const struct rs_message *m, uint32_t source)
{
    if (source >= sink->source_room) {
        uint32_t room = source * 2 + 16;
        sink->source_of = rs_realloc(sink->source_of, room * sizeof *sink->source_of);
        memset(sink->source_of + sink->source_room, 0, (room - sink->source_room) * sizeof *sink->source_of);
        sink->source_room = room;
    }
    sink->source_of[source] = (struct rs_work_source){m->profile, rs_work_reading(m)};
}

/* Looks first, because a conflicting insert would burn a number. */
int rs_sink_source_id(struct rs_sink *sink, const struct rs_message *m, int32_t *ret, struct rs_diag *diag)
{
    struct rs_str name = m->source;
    static const char find[] = "SELECT source FROM rastro.sources WHERE name = $1";
    static const char add[] = "INSERT INTO rastro.sources (name) VALUES ($1) ON CONFLICT DO NOTHING";
    uint32_t known = rs_strmap_get(&sink->sources.map, name);
    struct rs_pg_rows *rows;
    for (int tries = 0; known == RS_STRMAP_NONE; tries++) {
        rs_pg_text(&sink->params, name);
        int err = rs_pg_run(sink->asking, find, &sink->params, &rows, diag);
        if (err) return err;
        if (rs_pg_count(rows)) {
            known = (uint32_t)rs_pg_get_int(rows, 0, 0);
            rs_ids_remember(&sink->sources, name, known);
            break;
        }
        if (tries) return rs_fail(diag, RS_E_BUG, "source \"%.*s\" has no number", RS_FMT(name));
        rs_pg_text(&sink->params, name);
        err = rs_pg_run(sink->asking, add, &sink->params, NULL, diag);
        if (err) return err;
    }
    note_source(sink, m, known);
    *ret = (int32_t)known;
    return RS_OK;
}

int rs_sink_topic_id(struct rs_sink *sink, struct rs_str name, int32_t *ret, struct rs_diag *diag)
{
    static const char find[] = "SELECT topic FROM rastro.topics WHERE cluster = $1 AND name = $2";
    static const char add[] = "INSERT INTO rastro.topics (cluster, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    uint32_t known = rs_strmap_get(&sink->topics.map, name);
    struct rs_pg_rows *rows;
    for (int tries = 0; known == RS_STRMAP_NONE; tries++) {
        rs_pg_text(&sink->params, sink->options.cluster);
        rs_pg_text(&sink->params, name);
        int err = rs_pg_run(sink->asking, find, &sink->params, &rows, diag);
        if (err) return err;
        if (rs_pg_count(rows)) {
            known = (uint32_t)rs_pg_get_int(rows, 0, 0);
            rs_ids_remember(&sink->topics, name, known);
            break;
        }
        if (tries) return rs_fail(diag, RS_E_BUG, "topic \"%.*s\" has no number", RS_FMT(name));
        rs_pg_text(&sink->params, sink->options.cluster);
        rs_pg_text(&sink->params, name);
        err = rs_pg_run(sink->asking, add, &sink->params, NULL, diag);
        if (err) return err;
    }
    *ret = (int32_t)known;
    return RS_OK;
}

/* Stores the profile's example as a dictionary, once for each content. */
int rs_sink_dictionary(struct rs_sink *sink, const struct rs_profile *profile, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.raw_dictionaries (key, bytes) SELECT $1, $2 "
        "WHERE NOT EXISTS (SELECT FROM rastro.raw_dictionaries WHERE key = $1) ON CONFLICT DO NOTHING";
    static const char find[] = "SELECT dictionary FROM rastro.raw_dictionaries WHERE key = $1";
    struct rs_str source = rs_profile_source(profile), example = rs_profile_example(profile);
    if (!example.n || sink->options.raw == RS_RAW_NONE) return RS_OK;
    if (rs_strmap_get(&sink->dictionary_by_source, source) != RS_STRMAP_NONE) return RS_OK;
    if (sink->dictionary_n == sizeof sink->dictionary / sizeof *sink->dictionary) return RS_OK;
    struct rs_key key = rs_key_of(example.p, example.n);
    struct rs_pg_rows *rows;
    rs_pg_uuid(&sink->params, key);
    rs_pg_bytea(&sink->params, example);
    int err = rs_pg_run(sink->asking, add, &sink->params, NULL, diag);
    if (err) return err;
    rs_pg_uuid(&sink->params, key);
    err = rs_pg_run(sink->asking, find, &sink->params, &rows, diag);
    if (err) return err;
    if (!rs_pg_count(rows)) return rs_fail(diag, RS_E_BUG, "dictionary of %.*s is not there", RS_FMT(source));
    sink->dictionary[sink->dictionary_n] = (struct rs_raw_dictionary){(uint32_t)rs_pg_get_int(rows, 0, 0), example};
    rs_strmap_add(&sink->dictionary_by_source, source, sink->dictionary_n++);
    return RS_OK;
}

const struct rs_raw_dictionary *rs_sink_dictionary_of(const struct rs_sink *sink, const struct rs_profile *profile)
{
    static const struct rs_raw_dictionary none;
    if (!profile) return &none;
    uint32_t i = rs_strmap_get(&sink->dictionary_by_source, rs_profile_source(profile));
    return i == RS_STRMAP_NONE ? &none : &sink->dictionary[i];
}

int rs_sink_take_id(struct rs_sink *sink, int64_t *ret, struct rs_diag *diag)
{
    static const char take[] = "SELECT rastro.take_parcel_block()";
    if (sink->next_id == sink->last_id) {
        struct rs_pg_rows *rows;
        int err = rs_pg_run(sink->asking, take, NULL, &rows, diag);
        if (err) return err;
        sink->next_id = rs_pg_get_int(rows, 0, 0);
        sink->last_id = sink->next_id + RS_ID_BLOCK;
    }
    *ret = sink->next_id++;
    return RS_OK;
}
