/* explain.h - what decoding did with a message, for people and for authors of
 * profiles.  Works on a decoder that traces, right after rs_decode. */
#ifndef RASTRO_EXPLAIN_H
#define RASTRO_EXPLAIN_H

#include "rastro/decode.h"

/* Why this profile: "shape event/1: $.rastro is event/1". */
void rs_explain_source(const struct rs_decoder *decoder, struct rs_buf *buf);

/* Where a report's number, origin and destination were read. */
void rs_explain_number(const struct rs_decoder *decoder, const struct rs_report *report, struct rs_buf *buf);
void rs_explain_route(const struct rs_decoder *decoder, const struct rs_report *report, struct rs_buf *buf);

/* How an event's time was read: `$.x "words" + zone "GMT-3" (given)`. */
void rs_explain_time(const struct rs_decoder *decoder, const struct rs_event *event, struct rs_buf *buf);

/* Times beside it that the profile does not believe, one a line; may be empty. */
void rs_explain_notes(const struct rs_decoder *decoder, const struct rs_event *event, struct rs_buf *buf);

/* Which rule gave the status: "codes.X, file:88". */
void rs_explain_status(const struct rs_decoder *decoder, const struct rs_event *event, struct rs_buf *buf);

/* Paths that the profile declares as ignored and that are there, separated by
 * spaces; and those that it neither reads nor declares. */
void rs_explain_ignored(const struct rs_decoder *decoder, struct rs_buf *buf);
void rs_explain_unread(const struct rs_decoder *decoder, const struct rs_message *message, struct rs_buf *buf);

/* "newest first", "oldest first" or "in no order". */
const char *rs_explain_list_order(const struct rs_report *report);

#endif
