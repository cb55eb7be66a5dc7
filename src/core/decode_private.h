/* decode_private.h - one message under the decoder's hands. */
#ifndef RASTRO_CORE_DECODE_PRIVATE_H
#define RASTRO_CORE_DECODE_PRIVATE_H

#include "memo.h"
#include "outline.h"
#include "profile_private.h"
#include "rastro/decode.h"
#include "recent.h"

/* Words that mostly are the same in the next message, of the profile that reads
 * them. */
struct rs_recents {
    struct rs_recent country, carrier;
};

struct rs_decoder {
    const struct rs_catalog *catalog;
    struct rs_zones *zones;
    const struct rs_profiles *profiles;
    struct rs_decoder_options options;
    struct rs_json_parser *parser;
    struct rs_recogniser *recogniser;
    const struct rs_status *unmapped; /* "unknown.unmapped" */

    struct rs_outlines *outlines;
    struct rs_memo *memo; /* NULL: none */
    uint64_t memo_asked, memo_known;
    struct rs_recents *recent;

    /* of the message in work */
    struct rs_json json;
    struct rs_arena *arena;
    const struct rs_record *record;
    const struct rs_profile *profile;
    const struct rs_shape *shape;
    struct rs_str source;
    struct rs_outline *outline; /* NULL: none is remembered */
    const struct rs_match *root;
    struct rs_match root_room;
    struct rs_key context; /* of the memo, while context_is_set */
    bool context_is_set;

    /* scratch, grown and kept */
    uint32_t *nodes;
    uint32_t nodes_n, nodes_room;
    struct rs_reject *rejects;
    uint32_t rejects_n, rejects_room;
};

/* Where a word came from, for explain: node 0 means that it was missing. */
struct rs_event_trace {
    uint32_t code, text, time, zone, country, region, city, name;
    uint32_t time_rule, pattern; /* of profile->time */
    uint32_t zone_rule;          /* of the time rule, or UINT32_MAX */
    unsigned stage_line;         /* in the profile's file, or 0 */
};

struct rs_report_trace {
    uint32_t number, carrier, origin, destination;
};

/* ---- recognise.c ---- */

struct rs_recogniser *rs_recogniser_new(const struct rs_profiles *profiles);
void rs_recogniser_free(struct rs_recogniser *recogniser); /* NULL is fine */

/* Finds d->profile and d->shape; on failure the reason. */
bool rs_recognise(struct rs_decoder *d, struct rs_str *ret_reason);

/* ---- words.c ---- */

/* A node's word, missing spellings unified to empty.  Most are strings of no
 * blank at an end, as long as no spelling of missing is. */
struct rs_str rs_node_word_of_any(const struct rs_decoder *d, uint32_t at);
static inline struct rs_str rs_node_word(const struct rs_decoder *d, uint32_t at)
{
    const struct rs_json_node *node = &d->json.node[at];
    struct rs_str s = node->s;
    bool simple = node->type == RS_JSON_STRING && s.n && (unsigned char)s.p[0] > ' ' &&
                  (unsigned char)s.p[s.n - 1] > ' ' && !(d->profile->missing_lengths & rs_length_bit(s.n));
    return simple ? s : rs_node_word_of_any(d, at);
}

/* The first word of a rule of several places. */
struct rs_str rs_word_of_many(const struct rs_decoder *d, const struct rs_match *block, const struct rs_word_rule *rule,
                              uint32_t *ret_node);

/* The node of a slot, or 0. */
static inline uint32_t rs_slot_node(const struct rs_decoder *d, const struct rs_match *block, uint16_t slot)
{
    return (slot & RS_SLOT_ROOT ? d->root : block)->slot[slot & ~RS_SLOT_ROOT];
}

/* The rule's word in the block.  Most rules of most profiles are empty or plain,
 * and most of those find nothing. */
static inline struct rs_str rs_word(const struct rs_decoder *d, const struct rs_match *block,
                                    const struct rs_word_rule *rule, uint32_t *ret_node)
{
    if (ret_node) *ret_node = 0;
    if (!rule->plain) return rule->n ? rs_word_of_many(d, block, rule, ret_node) : RS_STR_NONE;
    uint32_t at = rs_slot_node(d, block, rule->alt[0].slot[0]);
    if (!at) return RS_STR_NONE;
    struct rs_str word = rs_node_word(d, at);
    if (word.n && ret_node) *ret_node = at;
    return word;
}

/* The same, fit to be stored: no NUL, at most RS_WORD_MAX bytes; adds marks. */
struct rs_str rs_kept(const struct rs_decoder *d, struct rs_str word, uint16_t *marks);
static inline struct rs_str rs_word_kept(const struct rs_decoder *d, const struct rs_match *block,
                                         const struct rs_word_rule *rule, uint16_t *marks, uint32_t *ret_node)
{
    struct rs_str word = rs_word(d, block, rule, ret_node);
    return word.n > RS_WORD_MAX || d->json.escapes ? rs_kept(d, word, marks) : word;
}

void rs_read_place(const struct rs_decoder *d, const struct rs_match *block, const struct rs_place_rule *rule,
                   uint16_t *marks, struct rs_event_trace *trace, struct rs_place *ret);

struct rs_instant {
    int64_t us;
    int16_t offset_min;
    enum rs_precision precision;
    enum rs_zone_basis basis;
    uint16_t marks;
    bool told;                /* by words that are part of `said` alone; see profile_told.c */
    struct rs_str time, zone; /* the words */
};

enum rs_time_outcome { RS_TIME_READ, RS_TIME_MISSING, RS_TIME_BAD };

/* The first rule whose word is there.  With RS_TIME_BAD, ret->time is the word
 * that could not be read. */
enum rs_time_outcome rs_read_time(const struct rs_decoder *d, const struct rs_match *block,
                                  const struct rs_time_rules *rules, struct rs_instant *ret,
                                  struct rs_event_trace *trace);

/* Both behind each other, with a character between, in the message's arena. */
struct rs_str rs_joined(const struct rs_decoder *d, struct rs_str a, char between, struct rs_str b);

/* Formatted text in the message's arena. */
struct rs_str rs_say(const struct rs_decoder *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- normalise.c ---- */

/* False for defaults such as 0001-01-01 and placeholders such as 9999-12-31. */
bool rs_in_range(const struct rs_decoder *d, int64_t instant_us);

/* The message's own update time; false when there is none.  One from after its
 * publication counts as none: as the order of a snapshot it would outrank every
 * later one. */
bool rs_read_updated(const struct rs_decoder *d, const struct rs_match *parcel, struct rs_instant *ret);

/* One event, made in place; false with the reason when it cannot be used, and
 * what is then in `event` means nothing. */
bool rs_normalise(struct rs_decoder *d, uint32_t node, struct rs_event *event, struct rs_str *ret_reason);

/* Whether an event that was read before can be one of this message too: what it
 * takes from the time of publication is decided anew. */
bool rs_normalise_again(const struct rs_decoder *d, struct rs_event *event);

/* The status block as an event, when its stage is not that of the newest scan;
 * false when there is none to add. */
bool rs_normalise_status(struct rs_decoder *d, const struct rs_match *parcel, const struct rs_report *report,
                         struct rs_event *ret);

/* ---- shipment.c ---- */

/* True if the message is of the shipment contract; then ret is filled or the
 * reason is. */
bool rs_read_shipment(struct rs_decoder *d, struct rs_message *ret);

/* Shared by both contracts: the parcel's key from a number and a carrier. */
struct rs_str rs_clean_number(struct rs_decoder *d, struct rs_str word);

/* The issuer for an alias that nobody mapped, "source:alias": it stays apart
 * until an operator merges it. */
struct rs_str rs_foreign_issuer(struct rs_decoder *d, struct rs_str source, struct rs_str alias);

#endif
