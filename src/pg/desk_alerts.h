/* desk_alerts.h - what others are told of the steps of a desk. */
#ifndef RASTRO_PG_DESK_ALERTS_H
#define RASTRO_PG_DESK_ALERTS_H

#include "desk.h"
#include "rastro/alert.h"

/* What was due, and told of, so long before is no news. */
#define RS_REPLAYED_US RS_DAY_US

#define RS_STORM_NAME_MAX 32

/* "storm-7"; empty for 0. */
struct rs_str rs_storm_name(int64_t storm, char room[RS_STORM_NAME_MAX]);

/* Puts the alerts of the steps into the outbox, in their order. */
int rs_desk_tell(struct rs_desk *desk, const struct rs_desk_step *step, uint32_t n, struct rs_diag *diag);

/* The same for those that are about no parcel. */
int rs_desk_put_alerts(struct rs_desk *desk, const struct rs_alert *alert, uint32_t n, struct rs_diag *diag);

#endif
