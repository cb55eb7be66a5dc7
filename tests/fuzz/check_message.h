/* check_message.h - what holds for anything that decoding gives. */
#ifndef RASTRO_FUZZ_CHECK_MESSAGE_H
#define RASTRO_FUZZ_CHECK_MESSAGE_H

#include "rastro/decode.h"

/* When the messages of the fuzz targets were published. */
#define RS_FUZZ_PUBLISHED (INT64_C(1795420800) * RS_SECOND_US)

void rs_check_message(const struct rs_record *record, const struct rs_message *m);

/* Two readings of one record say the same. */
void rs_check_same(const struct rs_message *a, const struct rs_message *b);

/* Everything that explain says of it. */
void rs_check_explain(const struct rs_decoder *decoder, const struct rs_message *m);

#endif
