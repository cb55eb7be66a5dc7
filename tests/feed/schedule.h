/* schedule.h - all messages in their order, made when it is their turn. */
#ifndef FEED_SCHEDULE_H
#define FEED_SCHEDULE_H

#include "sink.h"
#include "truth.h"

/* How many shipments make about so many messages. */
uint32_t shipments_for(const struct options *options, uint64_t messages);

/* False when a message could not be sent. */
bool schedule_run(const struct options *options, struct sink *sink, struct truth *truth);

#endif
