/* number.h - tracking numbers: UPU S10 and what people paste.
 *
 * Source of the S10 rule: UPU standard S10 (13 characters, weights
 * 8 6 4 2 3 5 9 7, check digit 11 - sum mod 11, where 10 stands for 0 and 11
 * for 5).  The last two letters must be an ISO 3166 country.
 */
#ifndef RASTRO_NUMBER_H
#define RASTRO_NUMBER_H

#include "rastro/catalog.h"
#include "rastro/str.h"

/* Longest number kept; longer ones make their event unusable. */
#define RS_NUMBER_MAX 64

enum rs_s10 {
    RS_S10_NO,  /* not of S10 form */
    RS_S10_OK,  /* valid: one parcel, whoever reports it */
    RS_S10_BAD, /* of S10 form, but the check digit or the country is wrong */
};

enum rs_s10 rs_s10_check(const struct rs_catalog *catalog, struct rs_str number);

/* The digit that belongs at place 11 of an S10 number, as a character. */
char rs_s10_digit(struct rs_str number);

/* Upper case, without spaces and dashes, as numbers are stored and looked up.
 * False when no digit is left (every scheme has some; a placeholder such as
 * "string" has none), when it is longer than RS_NUMBER_MAX, or when it holds
 * anything but letters, digits and . _ / # : + */
bool rs_number_clean(struct rs_str pasted, char ret[RS_NUMBER_MAX], uint32_t *ret_n);

/* Quickly, of a number as most sources tell it: rs_number_clean would change
 * nothing.  False when it might. */
bool rs_number_is_clean(struct rs_str number);

#endif
