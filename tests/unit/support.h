/* support.h - what the unit tests share.
 *
 * Criterion runs each test in a process of its own, so what is made here is
 * made once a test and never given back.
 */
#ifndef RASTRO_UNIT_SUPPORT_H
#define RASTRO_UNIT_SUPPORT_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/arena.h"
#include "rastro/calendar.h"
#include "rastro/catalog.h"
#include "rastro/decode.h"
#include "rastro/error.h"
#include "rastro/event.h"
#include "rastro/profile.h"
#include "rastro/rules.h"
#include "rastro/str.h"
#include "rastro/zone.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- strings ---- */

#define assert_str(got, want)                                                                       \
    do {                                                                                            \
        struct rs_str got_ = (got);                                                                 \
        const char *want_ = (want);                                                                 \
        cr_assert(rs_str_is(got_, want_), "%s is \"%.*s\", not \"%s\"", #got, RS_FMT(got_), want_); \
    } while (0)

#define assert_has(text, word)                                                \
    do {                                                                      \
        const char *text_ = (text), *word_ = (word);                          \
        cr_assert(strstr(text_, word_), "no \"%s\" in \"%s\"", word_, text_); \
    } while (0)

/* JSON is easier to read in C with ' for ": {'a': 1}.  Lives until the end. */
struct rs_str rs_test_json(const char *text);

/* Formatted text in the test's arena. */
struct rs_str rs_test_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- chance ---- */

/* A new seed, or RASTRO_SEED; printed, so that a failure can be run again. */
uint64_t rs_test_seed(void);
uint64_t rs_test_next(uint64_t *state);
/* From 0 to n - 1. */
uint32_t rs_test_below(uint64_t *state, uint32_t n);

/* ---- what is read from the source tree ---- */

struct rs_arena *rs_test_arena(void);
const struct rs_catalog *rs_test_catalog(void);
struct rs_zones *rs_test_zones(void);
const struct rs_profiles *rs_test_profiles(void);
const struct rs_status *rs_test_status(const char *name);
const struct rs_calendars *rs_test_calendars(void);
const struct rs_rules *rs_test_rules(void);

/* The bytes of a file, ended by a NUL that does not count. */
struct rs_str rs_test_file(const char *path);

/* ---- decoding ---- */

/* 2026-11-23T08:00:00Z, when every message here was published unless it says
 * otherwise. */
#define RS_TEST_PUBLISHED (INT64_C(1795420800) * RS_SECOND_US)

/* Compiles a profile that must be right; ' stands for ". */
const struct rs_profile *rs_test_profile(const char *text);

/* Compiles one that must be wrong, as file "p.json"; the complaint. */
const char *rs_test_profile_error(const char *text);

/* One profile that is enough for an event: number, code, text, iso time. */
extern const char rs_test_plain_profile[];

/* Decodes with the profiles of the source tree, by source or, with NULL, by
 * what the message looks like. */
struct rs_message rs_test_decode(const char *source, struct rs_str value);

/* Decodes with one profile only. */
struct rs_message rs_test_decode_with(const struct rs_profile *profile, struct rs_str value);

/* "2026-11-23T08:00:00Z" to an instant; fails the test when it is none. */
int64_t rs_test_instant(const char *text);

/* The same back, for messages. */
const char *rs_test_time(int64_t instant_us);

/* Hex of a key. */
const char *rs_test_hex(struct rs_key key);

#endif
