/* Changes of a parcel's stage, told in the outbox where a user wants them: by the
 * transaction that brings them, so each once. */
#include "desk_alerts.h"
#include "sink_private.h"

/* The event by which the stage of the parcel is another one now, or NULL. */
static const struct rs_known *stage_changed(const struct rs_work_parcel *parcel)
{
    if (parcel->way == RS_WAY_OPEN) return NULL;
    const struct rs_known *head = parcel->way == RS_WAY_QUICK ? rs_quick_head_now(&parcel->quick)
                                                              : rs_track_head(&parcel->state);
    if (!head) return NULL;
    return parcel->before && rs_str_eq(parcel->before->stage, head->status->stage) ? NULL : head;
}

static struct rs_alert alert_of(const struct rs_work_parcel *parcel, const struct rs_known *head, int64_t now_us)
{
    return (struct rs_alert){
        .type = RS_ALERT_stage,
        .recorded_us = now_us,
        .replayed = now_us - head->published_us > RS_REPLAYED_US,
        .parcel_id = parcel->id,
        .fp = head->fp,
        .number = parcel->key.number,
        .stage = head->status->stage,
        .was = parcel->before ? parcel->before->stage : RS_STR_NONE,
        .last = {.instant_us = head->instant_us,
                 .status = head->status->name,
                 .source = head->source_name,
                 .text = head->event ? head->event->text : RS_STR_NONE},
    };
}

int rs_work_put_stages(struct rs_work *work, struct rs_diag *diag)
{
    const struct rs_sink_options *o = &work->sink->options;
    if (!o->alerts || !o->stages) return RS_OK;
    struct rs_desk desk = {.pg = work->pg, .alerts = true, .arena = work->arena};
    struct rs_alert *alert = rs_arena_get(work->arena, ((size_t)work->parcel_n + 1) * sizeof *alert);
    int64_t now_us = rs_wall_us(o->clock);
    uint32_t n = 0;
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        const struct rs_known *head = stage_changed(&work->parcel[i]);
        if (head) alert[n++] = alert_of(&work->parcel[i], head, now_us);
    }
    int err = n ? rs_desk_put_alerts(&desk, alert, n, diag) : RS_OK;
    rs_pg_params_free(&desk.params);
    return err;
}
