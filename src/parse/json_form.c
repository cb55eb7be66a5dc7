/* Texts of one form.
 *
 * A source's messages differ in their words and rarely in anything else.  So a text
 * is first held against those that were read before: the same bytes around other
 * words and numbers.  What fits is neither indexed nor walked: the nodes of its
 * form are there, and only what is the text's own is put into them, a value's
 * place and its word.
 *
 * A form is cut at its strings and numbers into pieces: `{"code":"`, then a word,
 * `","sequence":`, then a number, and at last `}}` and the end.  Forms that begin
 * alike share those pieces, in a tree, so that a text is compared with all of
 * them at once: behind each value one of the few pieces that were seen there.
 *
 * Invariant: a text fits only if the walk would make the same nodes of it.  The
 * pieces are bytes of a text that was walked, and what is between them is read by
 * the same rules: a string up to its quote, without a backslash or a control
 * character; a number as the grammar has it, which is as long as it can be.  Both
 * end where the next piece begins, so whatever the walk makes of the pieces it
 * makes again.  UTF-8 is checked where any byte of a string is not ASCII.  Texts with
 * other white space do not fit; they are walked, and learnt as another form.
 *
 * At most one of the pieces behind a value can be followed to the end: of two that
 * both stand there the shorter one is a beginning of the longer one, and the
 * text goes on as what follows only one of them.  So nothing is tried twice.
 *
 * The form's number stands for all that its texts have in common, so that others
 * need not compare again: core/outline.c.  No two forms ever have the same.
 *
 * Bound.  FORMS forms of at most NODES nodes and FORM_BYTES bytes in all their pieces,
 * SIBLINGS pieces behind one; a text with an escape has none.  Where there is no
 * room, and PATIENCE texts found none, all are forgotten and learnt anew.
 */
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "json_index.h"
#include "json_private.h"
#include "rastro/unaligned.h"

#define FORMS 256
#define SIBLINGS 16
#define NODES 64
#define FORM_BYTES 4096
#define PATIENCE 2048

enum then { THEN_STRING, THEN_NUMBER, THEN_END };

struct piece {
    uint64_t head, tail; /* its first and last eight bytes; of fewer, see rs_head_of */
    struct rs_str bytes;
    enum then then;
    struct piece *sibling, *child; /* what else may stand here; what stands behind the value */
    struct form *form;             /* THEN_END */
};

/* Where a node is: in which pieces it begins and ends, and where there. */
struct place {
    uint16_t node;
    uint16_t piece, at, key;
    uint16_t end_piece, end;
    uint8_t keyed, quote; /* 1 or 0 */
};

struct form {
    uint64_t number;
    uint32_t words, count; /* of the places, those of strings, numbers and literals first */
    struct place place[NODES];
    struct rs_json_node node[NODES]; /* of the text that fitted last */
};

struct rs_json_forms {
    struct rs_arena *arena; /* of all forms */
    struct piece *first;
    uint64_t learnt;
    uint32_t forms, missed;
    uint32_t longest; /* text that was learnt */
};

struct rs_json_forms *rs_json_forms_new(void)
{
    struct rs_json_forms *forms = rs_calloc(1, sizeof *forms);
    forms->arena = rs_arena_new(1 << 16);
    return forms;
}

void rs_json_forms_free(struct rs_json_forms *forms)
{
    if (!forms) return;
    rs_arena_free(forms->arena);
    free(forms);
}

/* ---- fitting ------------------------------------------------------------------------ */

static inline bool stands_at(const struct piece *piece, const char *p, const char *end)
{
    uint32_t n = piece->bytes.n;
    if ((size_t)(end - p) < n) return false;
    if (n < 8) return rs_head_of(p, n) == piece->head;
    if (rs_get_64(p) != piece->head || rs_get_64(p + n - 8) != piece->tail) return false;
    for (uint32_t i = 8; i + 8 < n; i += 8) {
        if (rs_get_64(p + i) != rs_get_64(piece->bytes.p + i)) return false;
    }
    return true;
}

#ifdef __SSE2__
/* What of sixteen bytes ends a plain string, as bits; `odd` collects bytes. */
static inline uint32_t ends_of(const char *p, __m128i *odd)
{
    __m128i bytes = _mm_loadu_si128((const __m128i_u *)p);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), escape = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    *odd = bytes;
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, escape), control));
}

/* Thirty-two bytes a time, of which nearly all strings need but one; returns what
 * ends it, or where less than that is left. */
static inline const char *skip_plain(const char *p, const char *end, uint32_t *odd)
{
    for (; end - p >= 32; p += 32) {
        __m128i low, high;
        uint32_t ends = ends_of(p, &low) | ends_of(p + 16, &high) << 16;
        uint32_t upper = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
        *odd |= upper & (ends ^ (ends - 1)); /* those before the first end; all if there is none */
        if (ends) return p + __builtin_ctz(ends);
    }
    return p;
}
#else
static inline const char *skip_plain(const char *p, const char *end, uint32_t *odd)
{
    (void)end, (void)odd;
    return p;
}
#endif

/* The quote that ends the string whose text begins at p, if there is neither an
 * escape nor a control character before it. */
static inline const char *string_end(const char *p, const char *end, uint32_t *odd)
{
    for (p = skip_plain(p, end, odd); p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"') return p;
        if (c == '\\' || c < ' ') return NULL;
        *odd |= c & 0x80;
    }
    return NULL;
}

/* The end of what follows the piece that ends at p, or NULL. */
static inline const char *value_end(const struct piece *piece, const char *p, const char *end, uint32_t *odd)
{
    switch (piece->then) {
    case THEN_STRING: return string_end(p, end, odd);
    case THEN_NUMBER: return rs_json_number(p, end);
    default: return p == end ? p : NULL;
    }
}

static inline struct rs_json_node *fill_place(struct form *form, const struct place *place, const char *text,
                                              const uint32_t *at)
{
    struct rs_json_node *node = &form->node[place->node];
    uint32_t begin = at[place->piece];
    node->at = begin + place->at;
    node->end = at[place->end_piece] + place->end;
    if (place->keyed) node->key.p = text + begin + place->key;
    return node;
}

/* Puts the text's own into the form's nodes; `at` is where its pieces begin. */
static void fill(struct form *form, const char *text, const uint32_t *at)
{
    const struct place *place = form->place, *words_end = place + form->words, *end = place + form->count;
    for (; place < words_end; place++) {
        struct rs_json_node *node = fill_place(form, place, text, at);
        node->s = (struct rs_str){text + node->at + place->quote, node->end - node->at - 2u * place->quote};
    }
    for (; place < end; place++) fill_place(form, place, text, at);
}

bool rs_json_form_fits(struct rs_json_forms *forms, struct rs_str text, struct rs_json *ret)
{
    const char *p = text.p, *end = text.p + text.n;
    uint32_t at[NODES + 1], n = 0, odd = 0;
    if (text.n / 5 * 4 > forms->longest) return false; /* it is likely to have more nodes, which would be seen late */
    for (struct piece **first = &forms->first;;) {
        struct piece **link = first, *piece;
        const char *next = NULL;
        for (; (piece = *link); link = &piece->sibling) {
            if (stands_at(piece, p, end) && (next = value_end(piece, p + piece->bytes.n, end, &odd))) break;
        }
        if (!piece) return false;
        if (link != first) { /* it is likely to come again */
            *link = piece->sibling;
            piece->sibling = *first;
            *first = piece;
        }
        at[n++] = (uint32_t)(p - text.p);
        if (piece->then == THEN_END) {
            if (odd && !rs_json_index_utf8(text.p, text.n)) return false;
            fill(piece->form, text.p, at);
            *ret = (struct rs_json){
                .text = text, .node = piece->form->node, .count = piece->form->count, .form = piece->form->number};
            return true;
        }
        p = next;
        first = &piece->child;
    }
}

/* ---- learning ----------------------------------------------------------------------- */

/* What is between the words of a text. */
struct cut {
    struct rs_str bytes[NODES + 1];
    enum then then[NODES + 1];
    uint32_t n;
};

/* Cuts the text; `ret_before` gets how many cuts are before each node.  False where
 * it is too large. */
static bool cut_text(const struct rs_json *json, struct cut *cut, uint16_t *ret_before)
{
    const char *from = json->text.p, *end = from + json->text.n;
    size_t bytes = 0;
    cut->n = 0;
    for (uint32_t i = 0; i <= json->count; i++) {
        const struct rs_json_node *node = i < json->count ? &json->node[i] : NULL;
        bool string = node && node->type == RS_JSON_STRING;
        ret_before[i] = (uint16_t)cut->n;
        if (node && !string && node->type != RS_JSON_NUMBER) continue;
        const char *to = node ? node->s.p : end;
        cut->then[cut->n] = string ? THEN_STRING : node ? THEN_NUMBER : THEN_END;
        cut->bytes[cut->n++] = (struct rs_str){from, (uint32_t)(to - from)};
        bytes += (size_t)(to - from);
        if (bytes > FORM_BYTES) return false;
        if (node) from = node->s.p + node->s.n;
    }
    return true;
}

static struct place place_of(const struct rs_json *json, uint32_t i, const struct cut *cut, const uint16_t *before)
{
    const struct rs_json_node *node = &json->node[i];
    uint16_t begin = before[i], end = before[node->next];
    const char *from = cut->bytes[begin].p, *text = json->text.p;
    return (struct place){
        .node = (uint16_t)i,
        .piece = begin,
        .at = (uint16_t)(text + node->at - from),
        .key = (uint16_t)(node->key.p ? node->key.p - from : 0),
        .end_piece = end,
        .end = (uint16_t)(text + node->end - cut->bytes[end].p),
        .keyed = node->key.p != NULL,
        .quote = node->type == RS_JSON_STRING,
    };
}

static struct form *make_form(struct rs_json_forms *forms, const struct rs_json *json, const struct cut *cut,
                              const uint16_t *before)
{
    struct form *form = rs_arena_get(forms->arena, sizeof *form);
    form->number = ++forms->learnt;
    form->count = 0;
    memcpy(form->node, json->node, json->count * sizeof *json->node);
    for (int blocks = 0; blocks < 2; blocks++) {
        for (uint32_t i = 0; i < json->count; i++) {
            if (blocks != (json->node[i].type >= RS_JSON_ARRAY)) continue;
            form->place[form->count++] = place_of(json, i, cut, before);
        }
        if (!blocks) form->words = form->count;
    }
    forms->forms++;
    return form;
}

/* The piece of these bytes in the list, or a new one; NULL where it is full. */
static struct piece *piece_in(struct rs_json_forms *forms, struct piece **list, struct rs_str bytes, enum then then)
{
    unsigned n = 0;
    for (struct piece *piece = *list; piece; piece = piece->sibling, n++) {
        if (piece->then == then && rs_str_eq(piece->bytes, bytes)) return piece;
    }
    if (n == SIBLINGS) return NULL;
    struct piece *piece = rs_arena_zero(forms->arena, sizeof *piece);
    piece->bytes = rs_arena_str(forms->arena, bytes);
    piece->head = rs_head_of(piece->bytes.p, bytes.n);
    if (bytes.n >= 8) piece->tail = rs_get_64(piece->bytes.p + bytes.n - 8);
    piece->then = then;
    piece->sibling = *list;
    return *list = piece;
}

static void forget_all(struct rs_json_forms *forms)
{
    rs_arena_reset(forms->arena);
    forms->first = NULL;
    forms->forms = forms->missed = forms->longest = 0;
}

uint64_t rs_json_form_learn(struct rs_json_forms *forms, const struct rs_json *json)
{
    struct cut cut;
    uint16_t before[NODES + 1];
    if (json->escapes || json->count > NODES || !cut_text(json, &cut, before)) return 0;
    struct piece **list = &forms->first, *piece = NULL;
    for (uint32_t i = 0; i < cut.n && forms->forms < FORMS; i++) {
        piece = piece_in(forms, list, cut.bytes[i], cut.then[i]);
        if (!piece) break;
        list = &piece->child;
    }
    if (piece && piece->then == THEN_END) {
        if (!piece->form) piece->form = make_form(forms, json, &cut, before);
        if (json->text.n > forms->longest) forms->longest = json->text.n;
        return piece->form->number;
    }
    if (++forms->missed == PATIENCE) forget_all(forms);
    return 0;
}
