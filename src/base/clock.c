#include "rastro/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * RS_SECOND_US + t.tv_nsec / 1000;
}

static int64_t system_wall(void *self)
{
    (void)self;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(void *self)
{
    (void)self;
    return read_clock(CLOCK_MONOTONIC);
}

const struct rs_clock rs_clock_system = {system_wall, system_mono, NULL};
