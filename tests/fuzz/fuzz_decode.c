/* Any bytes as a message, by every profile: what comes out keeps its bounds, and
 * is the same when it is read again.
 *
 * The first byte chooses the source: 0 by the message's shape, else one by name.
 */
#include "check_message.h"
#include "fuzz.h"
#include "rastro/schema.h"

static struct rs_schema schema;
static struct rs_decoder *decoder, *tracing;
static struct rs_arena *arena, *other;

static void open_all(void)
{
    struct rs_diag diag;
    NEED(rs_schema_open(&schema, RASTRO_SCHEMA, &diag) == RS_OK, "%s", diag.text);
    struct rs_decoder_options options = {.future_us = 15 * RS_MINUTE_US};
    decoder = rs_decoder_new(&schema.catalog, schema.zones, &schema.profiles, &options);
    options.trace = true;
    tracing = rs_decoder_new(&schema.catalog, schema.zones, &schema.profiles, &options);
    arena = rs_arena_new(64 << 10);
    other = rs_arena_new(64 << 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!decoder) open_all();
    if (!size) return 0;
    uint32_t named = data[0] % (schema.profiles.count + 1);
    struct rs_record record = {
        .topic = RS_LIT("fuzz"),
        .time_us = RS_FUZZ_PUBLISHED,
        .value = rs_fuzz_str(data + 1, size - 1),
        .source = named ? rs_profile_source(schema.profiles.profile[named - 1]) : RS_STR_NONE,
    };
    struct rs_message first, second;
    rs_decode(decoder, &record, arena, &first);
    rs_check_message(&record, &first);
    rs_decode(tracing, &record, other, &second);
    rs_check_message(&record, &second);
    rs_check_same(&first, &second);
    rs_check_explain(tracing, &second);
    rs_arena_reset(arena);
    rs_arena_reset(other);
    return 0;
}
