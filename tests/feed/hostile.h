/* hostile.h - messages that are no use to anybody, and some that only look so.
 *
 * Each is unusable as a whole (quarantined) or passed over on purpose
 * (ignored); none touches a parcel that the feed tells of.
 */
#ifndef FEED_HOSTILE_H
#define FEED_HOSTILE_H

#include "text.h"

#define HOSTILES 24

bool hostile_is_quarantined(int hostile);
bool hostile_is_null(int hostile); /* a tombstone: no value at all */
const char *hostile_name(int hostile);
void hostile_write(int hostile, uint64_t salt, struct text *ret);

#endif
