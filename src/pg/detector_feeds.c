/* What is not about one parcel: feeds that are silent, and storms.
 *
 * A feed is silent when everything of it is read and yet nothing of it came for
 * several times its longest gap of late.  Then the carrier's feed is down, not its
 * parcels: its feed time stands still (the view rastro.feed_list), nothing that
 * waits for it becomes due, and it is told once.
 *
 * A storm is a time in which so many episodes are opened that a person must look
 * at the cause and not at the parcels.  They are opened and told all the same, and
 * marked; one alert says so.
 */
#include <stdio.h>

#include "desk_alerts.h"
#include "detector_private.h"
#include "rastro/log.h"

/* Settings of the database may say otherwise, see 0013_episodes.sql. */
#define STORM_OPENINGS "1000"
#define STORM_WINDOW "10 minutes"

/* ---- feeds ---------------------------------------------------------------------------- */

struct feed {
    int16_t source;
    struct rs_str name;
    int64_t from_us; /* of the silence */
    bool back;
};

/* Those that are not as their row says. */
static int find_changed(struct rs_detector *d, struct feed **ret, uint32_t *ret_n, int64_t *ret_now_us,
                        struct rs_diag *diag)
{
    static const char sql[] =
        "SELECT s.source, s.name, coalesce(f.silent_since, f.heard_to), f.silent_since IS NOT NULL, now() "
        "FROM rastro.feeds f JOIN rastro.sources s USING (source) JOIN rastro.feed_usual u ON u.source = s.name "
        "JOIN rastro.feed_list l ON l.source = s.name WHERE f.heard_to > f.silent_since "
        "OR (f.silent_since IS NULL AND l.read_to - f.heard_to > u.silent_after) ORDER BY s.source";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(d->desk.pg, sql, NULL, &rows, diag);
    *ret_n = err ? 0 : (uint32_t)rs_pg_count(rows);
    *ret = rs_arena_get(d->desk.arena, ((size_t)*ret_n + 1) * sizeof **ret);
    for (uint32_t i = 0; i < *ret_n; i++) {
        (*ret)[i] = (struct feed){
            .source = (int16_t)rs_pg_get_int(rows, (int)i, 0),
            .name = rs_arena_str(d->desk.arena, rs_pg_get_str(rows, (int)i, 1)),
            .from_us = rs_pg_get_time(rows, (int)i, 2),
            .back = rs_pg_get_int(rows, (int)i, 3),
        };
        *ret_now_us = rs_pg_get_time(rows, (int)i, 4);
    }
    return err;
}

static int set_feeds(struct rs_detector *d, const struct feed *feed, uint32_t n, struct rs_diag *diag)
{
    static const char set[] = "UPDATE rastro.feeds f SET silent_since = w.since "
                              "FROM unnest($1::smallint[], $2::timestamptz[]) w (source, since) "
                              "WHERE f.source = w.source";
    struct rs_pg_params *p = &d->desk.params;
    rs_pg_array_open(p, RS_PG_INT2);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int2(p, feed[i].source);
    rs_pg_array_close(p);
    rs_pg_array_open(p, RS_PG_TIME);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_time(p, feed[i].back ? RS_INSTANT_NONE : feed[i].from_us);
    rs_pg_array_close(p);
    return rs_pg_run(d->desk.pg, set, p, NULL, diag);
}

static int tell_feeds(struct rs_detector *d, const struct feed *feed, uint32_t n, int64_t now_us, struct rs_diag *diag)
{
    struct rs_alert *alert = rs_arena_get(d->desk.arena, n * sizeof *alert);
    for (uint32_t i = 0; i < n; i++) {
        rs_info("feed %.*s %s", RS_FMT(feed[i].name), feed[i].back ? "is back" : "is silent; its parcels are held");
        alert[i] = (struct rs_alert){
            .type = feed[i].back ? RS_ALERT_feed_back : RS_ALERT_feed_silent,
            .recorded_us = now_us,
            .source = feed[i].name,
            .from_us = feed[i].from_us,
        };
    }
    return rs_desk_put_alerts(&d->desk, alert, n, diag);
}

int rs_detector_mind_feeds(struct rs_detector *d, struct rs_diag *diag)
{
    struct feed *feed;
    uint32_t n;
    int64_t now_us = 0;
    int err = find_changed(d, &feed, &n, &now_us, diag);
    if (!err && n) {
        err = rs_pg_script(d->desk.pg, "BEGIN", diag);
        if (!err) err = set_feeds(d, feed, n, diag);
        if (!err) err = tell_feeds(d, feed, n, now_us, diag);
        if (!err) err = rs_pg_commit(d->desk.pg, diag);
        struct rs_diag ignored;
        if (err && rs_pg_alive(d->desk.pg)) rs_pg_script(d->desk.pg, "ROLLBACK", &ignored);
    }
    rs_arena_reset(d->desk.arena);
    return err;
}

/* ---- storms ----------------------------------------------------------------------------- */

static int begin_storm(struct rs_detector *d, int64_t count, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    char name[32];
    int err = rs_pg_run(d->desk.pg, "INSERT INTO rastro.storms DEFAULT VALUES RETURNING storm, began_at", NULL, &rows,
                        diag);
    if (err) return err;
    d->desk.storm = rs_pg_get_int(rows, 0, 0);
    int64_t now_us = rs_pg_get_time(rows, 0, 1);
    rs_warn("a storm of stalls: %lld within " STORM_WINDOW, (long long)count);
    struct rs_alert alert = {
        .type = RS_ALERT_storm,
        .recorded_us = now_us,
        .storm = rs_storm_name(d->desk.storm, name),
        .from_us = now_us,
        .count = count,
    };
    return rs_desk_put_alerts(&d->desk, &alert, 1, diag);
}

int rs_detector_mind_storm(struct rs_detector *d, uint32_t opening, struct rs_diag *diag)
{
    static const char ask[] =
        "SELECT w.least, (SELECT count(*) FROM (SELECT FROM rastro.episodes e "
        "WHERE e.opened_at > now() - interval '" STORM_WINDOW "' LIMIT w.least) x), "
        "coalesce((SELECT storm FROM rastro.storms WHERE ended_at IS NULL ORDER BY storm DESC LIMIT 1), 0) "
        "FROM (SELECT coalesce((SELECT value FROM rastro.settings WHERE name = 'stall.storm'), '" STORM_OPENINGS
        "')::bigint AS least) w";
    static const char end[] = "UPDATE rastro.storms SET ended_at = now() WHERE storm = $1";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(d->desk.pg, ask, NULL, &rows, diag);
    if (err) return err;
    int64_t least = rs_pg_get_int(rows, 0, 0), recent = rs_pg_get_int(rows, 0, 1) + opening;
    d->desk.storm = rs_pg_get_int(rows, 0, 2);
    if (!d->desk.storm) return recent >= least ? begin_storm(d, recent, diag) : RS_OK;
    /* It is over when it has become half as strong. */
    if (recent * 2 >= least) return RS_OK;
    rs_pg_int8(&d->desk.params, d->desk.storm);
    d->desk.storm = 0;
    return rs_pg_run(d->desk.pg, end, &d->desk.params, NULL, diag);
}
