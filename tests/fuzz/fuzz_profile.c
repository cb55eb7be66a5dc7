/* Any bytes as a profile: it is refused with a place, or it compiles; and what
 * compiles reads messages without coming to harm. */
#include <string.h>

#include "check_message.h"
#include "fuzz.h"
#include "rastro/schema.h"

static struct rs_schema schema;
static struct rs_arena *arena;

static void read_message(struct rs_decoder *decoder, struct rs_str source, struct rs_str value)
{
    struct rs_record record = {.time_us = RS_FUZZ_PUBLISHED, .value = value, .source = source};
    struct rs_message m;
    if (!value.n) return;
    rs_decode(decoder, &record, arena, &m);
    rs_check_message(&record, &m);
    rs_check_explain(decoder, &m);
    rs_arena_reset(arena);
}

static void use(struct rs_profile *profile)
{
    struct rs_profiles profiles = {&profile, 1};
    struct rs_decoder_options options = {.trace = true};
    struct rs_decoder *decoder = rs_decoder_new(&schema.catalog, schema.zones, &profiles, &options);
    struct rs_str source = rs_profile_source(profile);
    read_message(decoder, source, rs_profile_example(profile));
    for (uint32_t i = 0; i < schema.profiles.count; i++) {
        read_message(decoder, source, rs_profile_example(schema.profiles.profile[i]));
    }
    rs_decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rs_diag diag = {0};
    if (!arena) {
        NEED(rs_schema_open(&schema, RASTRO_SCHEMA, &diag) == RS_OK, "%s", diag.text);
        arena = rs_arena_new(64 << 10);
    }
    struct rs_profile *profile = NULL;
    int err = rs_profile_compile(&schema.catalog, schema.zones, "p.json", rs_fuzz_str(data, size), &profile, &diag);
    if (err) {
        NEED(err == RS_E_CONFIG && diag.err == RS_E_CONFIG && !profile);
        NEED(strncmp(diag.text, "p.json:", 7) == 0, "%s", diag.text);
        return 0;
    }
    NEED(rs_profile_source(profile).n && rs_profile_identity(profile) >= 1 && rs_profile_meaning(profile) >= 1);
    use(profile);
    rs_profile_free(profile);
    return 0;
}
