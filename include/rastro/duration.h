/* duration.h - lengths of time, as ISO 8601 spells them.
 *
 * P7D, P2W, PT36H, P1DT12H: weeks, days, hours, minutes and whole seconds, where
 * a day is 24 hours.  Years and months are refused, since they have no length of
 * their own.
 */
#ifndef RASTRO_DURATION_H
#define RASTRO_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "rastro/str.h"

#define RS_DURATION_DAYS_MAX 3660

/* In microseconds.  False with a reason for people, which is a constant. */
bool rs_duration_read(struct rs_str text, int64_t *ret_us, const char **ret_why);

/* Back, with days as the largest unit; what is less than a second is cut. */
#define RS_DURATION_TEXT_MAX 40
const char *rs_duration_text(int64_t us, char ret[RS_DURATION_TEXT_MAX]);

#endif
