/* clock.h - time as an argument.
 *
 * Core code takes `now` as a parameter.  Adapters and verbs get their clock
 * from whoever assembles the program, so that a test can own it.
 * Wall time is microseconds since 1970-01-01T00:00:00Z, without leap seconds.
 * Monotonic time is microseconds since an arbitrary point; schedule by it.
 */
#ifndef RASTRO_CLOCK_H
#define RASTRO_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define RS_SECOND_US INT64_C(1000000)
#define RS_MINUTE_US (60 * RS_SECOND_US)
#define RS_HOUR_US (60 * RS_MINUTE_US)
#define RS_DAY_US (24 * RS_HOUR_US)

/* "no instant": earlier than any that a source may give. */
#define RS_INSTANT_NONE INT64_MIN

struct rs_clock {
    int64_t (*wall_us)(void *self);
    int64_t (*mono_us)(void *self);
    void *self;
};

/* The machine's own clocks. */
extern const struct rs_clock rs_clock_system;

static inline int64_t rs_wall_us(const struct rs_clock *clock)
{
    return clock->wall_us(clock->self);
}
static inline int64_t rs_mono_us(const struct rs_clock *clock)
{
    return clock->mono_us(clock->self);
}

#endif
