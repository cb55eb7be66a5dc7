/* profile_private.h - a compiled profile, as decode.c runs it. */
#ifndef RASTRO_CORE_PROFILE_PRIVATE_H
#define RASTRO_CORE_PROFILE_PRIVATE_H

#include "keys.h"
#include "path.h"
#include "rastro/event.h"
#include "rastro/profile.h"
#include "rastro/time.h"

#define RS_ALTERNATIVES_MAX 6
#define RS_PARTS_MAX 4
#define RS_TIMES_MAX 4
#define RS_PATTERNS_MAX 6
#define RS_ZONE_RULES_MAX 4
#define RS_CONDITIONS_MAX 8
#define RS_SHAPES_MAX 16
#define RS_LINK_RULES_MAX 6
#define RS_CONTEXT_MAX 6
#define RS_TOPICS_MAX 8
#define RS_MISSING_MAX 16
#define RS_IGNORED_MAX 96
#define RS_DISTRUSTED_MAX 4
#define RS_SOURCE_NAME_MAX 40

/* A slot of the block's trie, or, with this bit, of the message's. */
#define RS_SLOT_ROOT 0x8000u

/* Where a word is found: the first alternative that is there; an alternative
 * joins up to four places. */
struct rs_word_rule {
    uint32_t n;
    bool plain; /* one alternative of one place, as most are */
    struct {
        uint32_t n;
        uint16_t slot[RS_PARTS_MAX];
        struct rs_str with;
    } alt[RS_ALTERNATIVES_MAX];
};

struct rs_zone_rule {
    enum { RS_ZONE_GIVEN_BY, RS_ZONE_BY_PLACE, RS_ZONE_NAMED } kind;
    struct rs_word_rule at;              /* GIVEN_BY: the zone's word */
    struct rs_word_rule country, region; /* BY_PLACE */
    const struct rs_zone *zone;          /* NAMED */
};

/* Beside which words a time read by this rule is one instant, whichever of the
 * event's rules reads them; see profile_told.c. */
enum rs_told { RS_TOLD_WITH_OFFSET = 1, RS_TOLD_WITH_ZONE = 2, RS_TOLD_ALONE = 4 };

struct rs_time_rule {
    struct rs_word_rule at;
    uint32_t pattern_n, zone_n;
    struct rs_time_pattern pattern[RS_PATTERNS_MAX];
    struct rs_str pattern_text[RS_PATTERNS_MAX];
    struct rs_zone_rule zone[RS_ZONE_RULES_MAX];
    struct rs_word_rule offset; /* how far the local clock is, for showing only */
    bool latest;                /* of several places, the latest counts */
    unsigned told;              /* enum rs_told; of an event's time only */
};

struct rs_time_rules {
    uint32_t n;
    struct rs_time_rule rule[RS_TIMES_MAX];
};

struct rs_place_rule {
    struct rs_word_rule country, region, city, name;
};

struct rs_period_rule {
    struct rs_time_rules from, to;
};

struct rs_condition {
    struct rs_path *path;
    bool absent;      /* it must not be there */
    struct rs_str is; /* with .p: what it must equal */
};

struct rs_shape {
    struct rs_str name;
    struct rs_condition when[RS_CONDITIONS_MAX];
    uint32_t when_n;
    struct rs_str ignore; /* why its messages are passed over, or empty */
    bool full;            /* each message carries the whole history */
    struct rs_path *parcel;
    struct rs_path *event[RS_ALTERNATIVES_MAX];
    uint32_t event_n;
};

struct rs_carrier_rule {
    struct rs_str is; /* always this carrier */
    struct rs_word_rule at;
};

struct rs_link_rule {
    struct rs_str kind;
    struct rs_path *each; /* or NULL: once */
    struct rs_trie trie;  /* of the paths below each */
    struct rs_word_rule number;
    struct rs_carrier_rule carrier;
};

/* Slots that any of some words is read from, as bits. */
struct rs_slots {
    uint64_t block, root; /* of the block's trie, and of the message's */
};

struct rs_facts_rule {
    struct rs_place_rule origin, destination;
    struct rs_word_rule service, order, signed_by;
    struct rs_period_rule promised, estimated;
    struct rs_time_rules signed_at;
    struct rs_slots from; /* all of the above */
};

struct rs_profile {
    struct rs_arena *arena; /* every string and path below */
    char *file;
    struct rs_str text; /* the file, kept for explain's line numbers */
    struct rs_str source, title, example;
    uint32_t identity, meaning;
    struct rs_key identity_digest;

    struct rs_str topic[RS_TOPICS_MAX];
    uint32_t topic_n;

    struct rs_str missing[RS_MISSING_MAX];
    uint32_t missing_n;
    uint64_t missing_lengths; /* rs_length_bit of each */
    bool missing_false;

    struct rs_shape shape[RS_SHAPES_MAX];
    uint32_t shape_n;

    struct rs_trie root, parcel, event;

    /* parcel */
    struct rs_word_rule number, discriminator, feed;
    struct rs_carrier_rule carrier;
    struct rs_time_rules updated;
    struct rs_link_rule link[RS_LINK_RULES_MAX];
    uint32_t link_n;
    struct rs_facts_rule facts;

    /* event */
    enum rs_identity identity_words;
    struct rs_word_rule code, text_rule, sequence, id, planned;
    struct rs_time_rules time;
    struct rs_place_rule place;
    struct rs_word_rule context[RS_CONTEXT_MAX];
    uint32_t context_n;
    struct rs_strmap zone_words; /* "CST" -> zones[i] */
    const struct rs_zone **zones;
    uint32_t zones_n;
    uint64_t event_roots;           /* slots of `root` that any of an event's words is read from */
    struct rs_strmap country_words; /* "Mainland China" -> catalog country */

    /* status without a scan */
    struct rs_word_rule status_code, status_text;

    /* meaning: -> rank of the canonical status */
    struct rs_word_rule canonical; /* the word is a canonical status's own name */
    struct rs_strmap codes, texts, statuses;
    struct rs_strmap code_line, text_line, status_line; /* -> line in the file */
    struct rs_strmap synthetic, planned_codes;
    struct rs_str planned_is;

    /* for explain */
    struct rs_path *ignored[RS_IGNORED_MAX]; /* from the message, or with @ below each parcel */
    uint32_t ignored_n;
    struct rs_distrusted {
        struct rs_path *path;
        struct rs_time_pattern pattern;
        struct rs_str why;
    } distrusted[RS_DISTRUSTED_MAX];
    uint32_t distrusted_n;
};

/* Whether a message may tell a status without a scan. */
static inline bool rs_profile_tells_status(const struct rs_profile *p)
{
    return p->status_code.n || p->status_text.n;
}

/* a-z, 0-9 and -; also what a message may give as its feed. */
bool rs_source_name_ok(struct rs_str name);

#endif
