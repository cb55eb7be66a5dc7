/* The relay's part in a member's life: it publishes from the start to the end, and
 * before a member that read everything ends, what is left. */
#include <time.h>
#include <unistd.h>

#include "pipeline_private.h"
#include "rastro/log.h"

void rs_pipeline_start_relay(struct rs_pipeline *p)
{
    if (!*p->options.alerts) return;
    struct rs_relay_options options = {
        .kafka = p->options.kafka,
        .pg = p->options.pg,
        .topic = p->options.alerts,
        .clock = p->options.clock,
        .counters = &p->counters,
    };
    p->relay = rs_relay_start(&options);
}

void rs_pipeline_stop_relay(struct rs_pipeline *p, bool flush)
{
    rs_relay_stop(p->relay, flush);
    p->relay_deadline_us = flush ? INT64_MAX : rs_mono_us(p->options.clock) + RS_STOP_PATIENCE_US + RS_STOP_HURRY_US;
}

void rs_pipeline_end_relay(struct rs_pipeline *p)
{
    while (!rs_relay_ended(p->relay)) {
        struct timespec t = {0, 10000000};
        nanosleep(&t, NULL);
        if (p->relay_deadline_us == INT64_MAX && rs_load_acquire_bool(&p->stop)) rs_pipeline_stop_relay(p, false);
        if (rs_mono_us(p->options.clock) < p->relay_deadline_us) continue;
        rs_error("PostgreSQL does not answer; left without it, what was published will be published again");
        _exit(rs_err_exit(RS_E_SERVER));
    }
    rs_relay_free(p->relay);
    p->relay = NULL;
}
