#include "desk_alerts.h"

#include <stdio.h>

struct alerts {
    struct rs_buf key, event; /* behind one another; where each ends stands in `end` */
    struct {
        size_t key, event;
    } * end;
    uint32_t n;
    struct rs_str storm; /* of what is opened */
    char storm_room[RS_STORM_NAME_MAX];
};

static void take_event(const struct rs_stall_case *c, uint32_t i, struct rs_alert_event *ret)
{
    *ret = (struct rs_alert_event){.instant_us = RS_INSTANT_NONE};
    if (i == RS_STALL_NONE) return;
    *ret = (struct rs_alert_event){
        .instant_us = c->parcel.event[i].instant_us,
        .status = c->parcel.event[i].status->name,
        .source = c->words[i].source,
        .text = c->words[i].text,
    };
}

static void add(struct alerts *a, const struct rs_alert *alert)
{
    struct rs_str key = rs_alert_key(alert);
    rs_buf_puts(&a->key, key);
    rs_alert_put(alert, &a->event);
    a->end[a->n].key = a->key.n;
    a->end[a->n++].event = a->event.n;
}

static struct rs_alert alert_of(const struct rs_desk_step *step)
{
    const struct rs_desk_parcel *parcel = step->parcel;
    const struct rs_stored_episode *stored = &parcel->stored[step->change.stored];
    const struct rs_situation *s = &parcel->stalls.situation;
    const struct rs_stall_case *c = parcel->c;
    struct rs_alert alert = {
        .recorded_us = parcel->now_us,
        .episode = stored->id,
        .revision = stored->revision + 1,
        .rules_version = stored->rules_version,
        .kind = stored->kind,
        .rule = stored->rule,
        .number = c->number,
        .carrier = s->carrier,
        .seller = c->seller,
        .stage = s->status ? s->status->stage : RS_STR_NONE,
        .leg = rs_str_of(rs_leg_name(s->leg)),
        .origin = s->origin,
        .destination = s->destination,
        .started_us = stored->started_us,
        .since_us = stored->since_us,
        .until_us = RS_INSTANT_NONE,
        .silent_us = parcel->stalls.silent_us,
        .promised_us = parcel->stalls.promised_us,
        .feed_us = stored->feed_us,
    };
    int64_t news = stored->since_us > c->told_us ? stored->since_us : c->told_us;
    if (step->change.step != RS_EPISODE_OPEN) news = c->told_us;
    alert.replayed = parcel->now_us - news > RS_REPLAYED_US;
    return alert;
}

static void add_step(struct alerts *a, const struct rs_desk_step *step)
{
    const struct rs_episode_change *change = &step->change;
    const struct rs_episode *found = change->found == RS_STALL_NONE ? NULL
                                                                    : &step->parcel->stalls.episode[change->found];
    bool ended = found && found->closed_us != INT64_MAX;
    struct rs_alert alert = alert_of(step);
    take_event(step->parcel->c, found ? found->last : RS_STALL_NONE, &alert.last);
    take_event(step->parcel->c, RS_STALL_NONE, &alert.ended);
    switch (change->step) {
    case RS_EPISODE_OPEN: alert.type = RS_ALERT_opened; break;
    case RS_EPISODE_REOPEN: alert.type = RS_ALERT_reopened; break;
    case RS_EPISODE_WITHDRAW: alert.type = RS_ALERT_withdrawn; break;
    default: alert.type = RS_ALERT_closed; break;
    }
    if (change->step == RS_EPISODE_OPEN) alert.storm = a->storm;
    if (alert.type != RS_ALERT_closed) add(a, &alert);
    if (alert.type == RS_ALERT_opened && ended) alert.revision++;
    if (!ended) return;
    alert.type = RS_ALERT_closed;
    alert.until_us = found->closed_us;
    take_event(step->parcel->c, found->closed_by, &alert.ended);
    add(a, &alert);
}

static bool is_told(enum rs_episode_step step)
{
    return step != RS_EPISODE_FIND && step != RS_EPISODE_DROP && step != RS_EPISODE_CORRECT;
}

static void put_texts(struct rs_pg_params *p, const struct alerts *a, bool keys)
{
    rs_pg_array_open(p, RS_PG_TEXT);
    for (uint32_t i = 0; i < a->n; i++) {
        size_t from = !i ? 0 : keys ? a->end[i - 1].key : a->end[i - 1].event;
        size_t to = keys ? a->end[i].key : a->end[i].event;
        rs_pg_array_bytes(p, (keys ? a->key.p : a->event.p) + from, (uint32_t)(to - from));
    }
    rs_pg_array_close(p);
}

static int put_alerts(struct rs_desk *desk, struct alerts *a, struct rs_diag *diag)
{
    static const char put[] = "INSERT INTO rastro.outbox (key, event) SELECT w.key, w.event "
                              "FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (key, event, at) ORDER BY w.at";
    int err = RS_OK;
    if (a->n && desk->alerts) {
        put_texts(&desk->params, a, true);
        put_texts(&desk->params, a, false);
        err = rs_pg_run(desk->pg, put, &desk->params, NULL, diag);
    }
    rs_buf_free(&a->key);
    rs_buf_free(&a->event);
    return err;
}

int rs_desk_tell(struct rs_desk *desk, const struct rs_desk_step *step, uint32_t n, struct rs_diag *diag)
{
    struct alerts a = {0};
    a.storm = rs_storm_name(desk->storm, a.storm_room);
    a.end = rs_arena_get(desk->arena, (2 * (size_t)n + 1) * sizeof *a.end);
    for (uint32_t i = 0; i < n; i++) {
        if (is_told(step[i].change.step)) add_step(&a, &step[i]);
    }
    return put_alerts(desk, &a, diag);
}

int rs_desk_put_alerts(struct rs_desk *desk, const struct rs_alert *alert, uint32_t n, struct rs_diag *diag)
{
    struct alerts a = {0};
    a.end = rs_arena_get(desk->arena, ((size_t)n + 1) * sizeof *a.end);
    for (uint32_t i = 0; i < n; i++) add(&a, &alert[i]);
    return put_alerts(desk, &a, diag);
}

struct rs_str rs_storm_name(int64_t storm, char room[RS_STORM_NAME_MAX])
{
    if (!storm) return RS_STR_NONE;
    snprintf(room, RS_STORM_NAME_MAX, "storm-%lld", (long long)storm);
    return rs_str_of(room);
}
