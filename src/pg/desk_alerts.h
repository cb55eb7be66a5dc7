/* desk_alerts.h - what others are told of the steps of a desk. */
#ifndef RASTRO_PG_DESK_ALERTS_H
#define RASTRO_PG_DESK_ALERTS_H

#include "desk.h"

/* Puts the alerts of the steps into the outbox, in their order. */
int rs_desk_tell(struct rs_desk *desk, const struct rs_desk_step *step, uint32_t n, struct rs_diag *diag);

#endif
