/* Only simdjson's first stage is used.  Its own second stages were measured on
 * a 347-byte scan event: on demand, every value read, 540 ns; DOM, 240 ns and
 * no places in the text; the first stage alone, 68 ns, after which json.c walks
 * the offsets in plain C (bench/decode has today's figure). */
#include "json_index.h"

#include <simdjson.h>

#include <memory>
#include <new>

struct rs_json_index {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
    size_t capacity = 0;
};

extern "C" rs_json_index *rs_json_index_new(void)
{
    return new (std::nothrow) rs_json_index;
}

extern "C" void rs_json_index_free(rs_json_index *index)
{
    delete index;
}

static const char *reserve(rs_json_index *index, size_t n)
{
    if (index->stage && n <= index->capacity) return nullptr;
    size_t capacity = n < 4096 ? 4096 : n + n / 2;
    /* Depth 1: the second stage, which would use it, is not run. */
    auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1, index->stage);
    if (error) return "larger than the parser can hold";
    index->capacity = capacity;
    return nullptr;
}

extern "C" const char *rs_json_index_run(rs_json_index *index, const char *text, size_t n, const uint32_t **ret_at,
                                         uint32_t *ret_count)
{
    if (const char *why = reserve(index, n)) return why;
    auto bytes = reinterpret_cast<const uint8_t *>(text);
    switch (index->stage->stage1(bytes, n, simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS:
        *ret_at = index->stage->structural_indexes.get();
        *ret_count = index->stage->n_structural_indexes;
        /* It has room for this, and simdjson itself ends its list so. */
        index->stage->structural_indexes[*ret_count] = static_cast<uint32_t>(n);
        return nullptr;
    case simdjson::EMPTY: return "empty";
    case simdjson::UTF8_ERROR: return "not valid UTF-8";
    case simdjson::UNCLOSED_STRING: return "a string does not end";
    case simdjson::UNESCAPED_CHARS: return "a control character in a string";
    default: return "no JSON structure";
    }
}

extern "C" int rs_json_index_utf8(const char *text, size_t n)
{
    return simdjson::validate_utf8(text, n);
}
