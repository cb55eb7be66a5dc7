/* Any bytes as a stored form, and any bytes through packing and back. */
#include <string.h>

#include "fuzz.h"
#include "rastro/raw.h"

#define OUT_MAX (1u << 20)

static void check_unpack(struct rs_str stored, struct rs_str base)
{
    static const struct rs_raw_row row = {.word = {[RS_RAW_CODE] = RS_LIT("DEP"),
                                                   [RS_RAW_TIME] = RS_LIT("2025-05-21 09:00:00"),
                                                   [RS_RAW_CITY] = RS_LIT("Munich")},
                                          .instant_us = INT64_C(1747811584000000)};
    struct rs_buf out = {0};
    struct rs_diag diag;
    uint32_t number;
    enum rs_raw_base needed;
    int needs = rs_raw_needs(stored, &needed, &number, &diag);
    int err = rs_raw_unpack(stored, base, &row, OUT_MAX, &out, &diag);
    NEED(!err ? out.n <= OUT_MAX && !needs : out.n == 0, "%zu bytes", out.n);
    rs_buf_free(&out);
}

static void check_round_trip(struct rs_raw_coder *coder, const struct rs_raw_dictionary *dictionary, struct rs_str raw)
{
    struct rs_buf stored = {0}, back = {0};
    struct rs_diag diag;
    uint32_t number = 0;
    enum rs_raw_base base;
    rs_raw_pack(coder, dictionary, raw, &stored);
    struct rs_str form = {stored.p, (uint32_t)stored.n};
    NEED(stored.n <= (size_t)raw.n + 1, "%u bytes became %zu", raw.n, stored.n);
    NEED(!rs_raw_needs(form, &base, &number, &diag), "%s", diag.text);
    NEED(number == 0 || number == dictionary->number);
    NEED(base == (number ? RS_RAW_DICTIONARY : RS_RAW_NOTHING));
    NEED(!rs_raw_unpack(form, number ? dictionary->bytes : RS_STR_NONE, NULL, raw.n, &back, &diag), "%s", diag.text);
    NEED(back.n == raw.n && (!raw.n || memcmp(back.p, raw.p, raw.n) == 0));
    rs_buf_free(&stored);
    rs_buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rs_raw_coder *coder;
    if (!coder) coder = rs_raw_coder_new();
    if (!size) return 0;
    /* The first byte says how much of the rest is a dictionary. */
    struct rs_str rest = rs_fuzz_str(data + 1, size - 1);
    uint32_t cut = rest.n * data[0] / 256;
    struct rs_raw_dictionary none = {0}, some = {1 + data[0], {rest.p, cut}};
    struct rs_str raw = {rest.p + cut, rest.n - cut};
    check_unpack(rest, RS_STR_NONE);
    check_unpack(raw, some.bytes);
    check_round_trip(coder, &none, raw);
    if (cut) check_round_trip(coder, &some, raw);
    return 0;
}
