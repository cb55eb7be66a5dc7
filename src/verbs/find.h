/* find.h - the parcel that a person means. */
#ifndef RASTRO_VERBS_FIND_H
#define RASTRO_VERBS_FIND_H

#include "rastro/catalog.h"
#include "rastro/options.h"
#include "rastro/pg.h"

/* By what was typed: a parcel's own number comes before an order's, that before a
 * number that one was handed over to; --carrier chooses among several.  Those are
 * listed on standard output.  RS_E_ANSWER_NO when it is none, or not one. */
int rs_find_parcel(const struct rs_options *options, struct rs_pg *pg, const struct rs_catalog *catalog,
                   const char *typed, int64_t *ret, struct rs_diag *diag);

#endif
