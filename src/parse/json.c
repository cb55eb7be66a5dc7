/* From the offsets of a text's structure to nodes.
 *
 * simdjson's first stage leaves little to do: the offset list names every
 * bracket, colon, comma and first byte of a value, and between a string's
 * closing quote and the next offset there is only white space.  So a string's
 * end is found from the next offset backwards, without reading the string.
 * Only where the text has a backslash at all, which one look at it tells, are
 * strings searched for one, and those that hold one read byte by byte.
 *
 * Invariant: `i` is the index of the next unread offset, and everything before
 * it is in nodes; it and the count of nodes stay in registers.  The loop
 * never recurses; depth is bounded by the stack array, and the node count by the
 * offset count, which is reserved up front.
 */
#include "rastro/json.h"

#include <stdlib.h>

#include "json_index.h"
#include "json_private.h"

struct rs_json_parser {
    enum rs_json_backend backend;
    struct rs_json_index *index;
    struct rs_json_forms *forms;
    struct rs_json_node *node;
    uint32_t room;
};

struct rs_json_parser *rs_json_parser_new(enum rs_json_backend backend)
{
    struct rs_json_parser *parser = rs_calloc(1, sizeof *parser);
    parser->backend = backend;
    parser->index = rs_json_index_new();
    if (!parser->index) rs_oom();
    parser->forms = rs_json_forms_new();
    return parser;
}

void rs_json_parser_free(struct rs_json_parser *parser)
{
    if (!parser) return;
    rs_json_index_free(parser->index);
    rs_json_forms_free(parser->forms);
    free(parser->node);
    free(parser);
}

struct rs_json_node *rs_json_nodes_reserve(struct rs_json_parser *parser, uint32_t count)
{
    if (count > parser->room) {
        parser->room = count + count / 2;
        parser->node = rs_realloc(parser->node, parser->room * sizeof *parser->node);
    }
    return parser->node;
}

/* What the walk needs, in one place. */
struct walk {
    struct rs_str text;
    const uint32_t *at; /* offsets, and behind them the text's length */
    uint32_t n;         /* how many */
    struct rs_json_node *node;
    uint32_t count;
    struct rs_arena *arena;
    bool escapes;    /* there is a backslash in the text */
    const char *why; /* first error */
    uint32_t where;
};

static bool refuse(struct walk *w, uint32_t where, const char *why)
{
    if (!w->why) {
        w->why = why;
        w->where = where;
    }
    return false;
}

/* What stands at offset i, or NUL behind the last. */
static inline char char_at(const struct walk *w, uint32_t i)
{
    return i < w->n ? w->text.p[w->at[i]] : '\0';
}

static int hex4(const char *p)
{
    int v = 0;
    for (int k = 0; k < 4; k++) {
        char c = p[k];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        v = v * 16 + digit;
    }
    return v;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 63));
        *out++ = (char)(0x80 | (c >> 6 & 63));
        *out++ = (char)(0x80 | (c & 63));
    }
    return out;
}

/* \uXXXX at p (behind the u), with its low surrogate if it needs one.  A lone
 * surrogate is no character; it becomes U+FFFD, as a damaged byte would. */
static const char *unescape_unicode(const char *p, const char *end, char **out)
{
    if (end - p < 4) return NULL;
    int high = hex4(p);
    if (high < 0) return NULL;
    p += 4;
    uint32_t c = (uint32_t)high;
    if (c >= 0xd800 && c < 0xdc00) {
        int low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            p += 6;
        } else {
            c = 0xfffd;
        }
    } else if (c >= 0xdc00 && c < 0xe000) {
        c = 0xfffd;
    }
    *out = put_utf8(*out, c);
    return p;
}

/* No escape grows: \uXXXX is six bytes for at most three, a pair twelve for
 * four. */
static bool unescape(struct walk *w, struct rs_str in, uint32_t where, struct rs_str *ret)
{
    char *start = rs_arena_get(w->arena, in.n), *out = start;
    const char *p = in.p, *end = in.p + in.n;
    while (p < end) {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        if (++p == end) return refuse(w, where, "an escape without a letter");
        switch (*p++) {
        case '"': *out++ = '"'; break;
        case '\\': *out++ = '\\'; break;
        case '/': *out++ = '/'; break;
        case 'b': *out++ = '\b'; break;
        case 'f': *out++ = '\f'; break;
        case 'n': *out++ = '\n'; break;
        case 'r': *out++ = '\r'; break;
        case 't': *out++ = '\t'; break;
        case 'u':
            p = unescape_unicode(p, end, &out);
            if (!p) return refuse(w, where, "an escape \\u without four hex digits");
            break;
        default: return refuse(w, where, "an unknown escape");
        }
    }
    *ret = (struct rs_str){start, (uint32_t)(out - start)};
    return true;
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The string that starts at offset i and ends before offset i + 1. */
static inline bool read_string(struct walk *w, uint32_t i, struct rs_str *ret, uint32_t *ret_end)
{
    const char *text = w->text.p;
    uint32_t start = w->at[i], end = w->at[i + 1];
    if (text[end - 1] != '"') {
        while (end > start + 1 && is_space(text[end - 1])) end--;
        if (text[end - 1] != '"') return refuse(w, start, "a string does not end");
    }
    if (end < start + 2) return refuse(w, start, "a string does not end");
    struct rs_str s = {text + start + 1, end - start - 2};
    *ret_end = end;
    *ret = s;
    return !w->escapes || s.n == 0 || !memchr(s.p, '\\', s.n) || unescape(w, s, start, ret);
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}

const char *rs_json_number(const char *p, const char *end)
{
    if (p < end && *p == '-') p++;
    const char *q = digits(p, end);
    if (q == p || (*p == '0' && q > p + 1)) return NULL;
    p = q;
    if (p < end && *p == '.') {
        q = digits(p + 1, end);
        if (q == p + 1) return NULL;
        p = q;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        q = digits(p, end);
        if (q == p) return NULL;
        p = q;
    }
    return p;
}

static const char *scan_word(const char *p, const char *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* Anything but a string, an object or a list: from p on, and behind it only space
 * up to `limit`. */
static bool scan_scalar(const char *p, const char *limit, enum rs_json_type *ret_type, struct rs_str *ret)
{
    enum rs_json_type type;
    const char *end = NULL;
    switch (*p) {
    case 't':
        type = RS_JSON_TRUE;
        end = scan_word(p, limit, "true", 4);
        break;
    case 'f':
        type = RS_JSON_FALSE;
        end = scan_word(p, limit, "false", 5);
        break;
    case 'n':
        type = RS_JSON_NULL;
        end = scan_word(p, limit, "null", 4);
        break;
    default: type = RS_JSON_NUMBER; end = rs_json_number(p, limit);
    }
    if (!end) return false;
    for (const char *rest = end; rest < limit; rest++) {
        if (!is_space(*rest)) return false;
    }
    *ret_type = type;
    *ret = (struct rs_str){p, (uint32_t)(end - p)};
    return true;
}

static bool read_scalar(struct walk *w, uint32_t i, struct rs_json_node *node)
{
    const char *text = w->text.p;
    if (!scan_scalar(text + w->at[i], text + w->at[i + 1], &node->type, &node->s)) {
        return refuse(w, w->at[i], "not a value");
    }
    node->end = w->at[i] + node->s.n;
    return true;
}

/* Nearly every member: a key, a colon, a string, and something behind it, with
 * nothing between them and no escape in the whole text.  Reads those from offset
 * *i on, where a key is expected, up to one that is not so, or is wrong.  True
 * with *i behind a value; false with *i where a key is still expected. */
static inline bool read_plain_members(const struct walk *w, uint32_t *i, uint32_t *count)
{
    const char *text = w->text.p;
    const uint32_t *at = w->at + *i, *last = w->at + w->n - 1; /* there is one: what was opened */
    struct rs_json_node *node = w->node + *count;
    uint32_t n = *count;
    bool behind_value = false;
    while (last - at >= 3) {
        const char *key = text + at[0], *colon = text + at[1], *value = text + at[2], *behind = text + at[3];
        ptrdiff_t key_n = colon - key - 2, value_n = behind - value - 2;
        int odd = (*key ^ '"') | (colon[-1] ^ '"') | (*colon ^ ':') | (*value ^ '"') | (behind[-1] ^ '"');
        if (odd || (key_n | value_n) < 0) break;
        node->s = (struct rs_str){value + 1, (uint32_t)value_n};
        node->key = (struct rs_str){key + 1, (uint32_t)key_n};
        node->at = at[2];
        node->end = at[3];
        node->next = ++n;
        node->type = RS_JSON_STRING;
        node++;
        at += 3;
        behind_value = *behind != ',';
        if (behind_value) break;
        at++;
    }
    *i = (uint32_t)(at - w->at);
    *count = n;
    return behind_value;
}

/* Reads one value and all that it contains; *ret_i is the offset behind it. */
static bool walk_value(struct walk *w, uint32_t *ret_i)
{
    uint32_t open[RS_JSON_DEPTH_MAX];
    unsigned depth = 0;
    uint32_t i = 0, count = 0;
    struct rs_str key = RS_STR_NONE;
    struct rs_json_node *const nodes = w->node;

    for (;;) {
        /* A value starts at offset i. */
        if (i >= w->n) return refuse(w, w->text.n, "the text ends before its value");
        struct rs_json_node *node = &nodes[count++];
        char c = w->text.p[w->at[i]];
        node->key = key;
        node->at = w->at[i];
        node->next = count;
        bool opened = false, in_object;

        if (c == '"') {
            node->type = RS_JSON_STRING;
            if (!read_string(w, i, &node->s, &node->end)) return false;
        } else if (c == '{' || c == '[') {
            node->type = c == '{' ? RS_JSON_OBJECT : RS_JSON_ARRAY;
            node->s = RS_STR_NONE;
            if (depth == RS_JSON_DEPTH_MAX) return refuse(w, node->at, "nested too deeply");
            open[depth++] = count - 1;
            opened = char_at(w, i + 1) != c + 2; /* its closing bracket, in ASCII */
        } else if (!read_scalar(w, i, node)) {
            return false;
        }
        i++;

        bool plain;
        do {
            /* Close what ends here, up to a comma that promises another value. */
            while (!opened && depth > 0) {
                struct rs_json_node *parent = &nodes[open[depth - 1]];
                char close = parent->type == RS_JSON_OBJECT ? '}' : ']';
                char sign = char_at(w, i);
                if (sign == close) {
                    parent->end = w->at[i++] + 1;
                    parent->next = count;
                    depth--;
                } else if (sign == ',') {
                    i++;
                    break;
                } else {
                    return refuse(w, w->at[i], close == '}' ? "expected , or }" : "expected , or ]");
                }
            }
            if (depth == 0) {
                w->count = count;
                *ret_i = i;
                return true;
            }
            in_object = nodes[open[depth - 1]].type == RS_JSON_OBJECT;
            plain = in_object && !w->escapes && read_plain_members(w, &i, &count);
            opened &= !plain;
        } while (plain);

        key = RS_STR_NONE;
        if (in_object) {
            uint32_t end;
            if (char_at(w, i) != '"') return refuse(w, w->at[i], "expected a key");
            if (!read_string(w, i, &key, &end)) return false;
            if (char_at(w, i + 1) != ':') return refuse(w, end, "expected : after a key");
            i += 2;
        }
    }
}

static int parse_fast(struct rs_json_parser *parser, struct rs_arena *arena, struct rs_str text, struct rs_json *ret,
                      struct rs_diag *diag)
{
    if (rs_json_form_fits(parser->forms, text, ret)) return RS_OK;
    struct walk w = {.text = text, .arena = arena, .escapes = text.n && memchr(text.p, '\\', text.n) != NULL};
    const char *why = rs_json_index_run(parser->index, text.p, text.n, &w.at, &w.n);
    if (why) return rs_fail(diag, RS_E_DATA, "JSON: %s", why);
    /* A value and the comma or bracket behind it are two offsets; brackets that
     * are never closed are bounded by the depth. */
    uint32_t values_max = w.n / 2 + RS_JSON_DEPTH_MAX + 2;
    if (values_max > RS_JSON_NODES_MAX) return rs_fail(diag, RS_E_DATA, "JSON: more than %u values", RS_JSON_NODES_MAX);
    w.node = rs_json_nodes_reserve(parser, values_max);
    uint32_t i;
    if (walk_value(&w, &i) && i != w.n) refuse(&w, w.at[i], "text behind the value");
    if (w.why) {
        unsigned line, column;
        rs_json_place(text, w.where, &line, &column);
        return rs_fail(diag, RS_E_DATA, "JSON: %s at line %u, column %u", w.why, line, column);
    }
    *ret = (struct rs_json){.text = text, .node = w.node, .count = w.count, .escapes = w.escapes};
    ret->form = rs_json_form_learn(parser->forms, ret);
    return RS_OK;
}

int rs_json_parse(struct rs_json_parser *parser, struct rs_arena *arena, struct rs_str text, struct rs_json *ret,
                  struct rs_diag *diag)
{
    if (parser->backend == RS_JSON_REFERENCE) {
        return rs_json_parse_reference(parser, arena, text, ret, diag);
    }
    return parse_fast(parser, arena, text, ret, diag);
}

uint32_t rs_json_member(const struct rs_json *json, uint32_t at, const char *key)
{
    const struct rs_json_node *node = json->node;
    if (node[at].type != RS_JSON_OBJECT) return 0;
    struct rs_str want = rs_str_of(key);
    for (uint32_t c = at + 1; c < node[at].next; c = node[c].next) {
        if (rs_str_eq(node[c].key, want)) return c;
    }
    return 0;
}

void rs_json_place(struct rs_str text, uint32_t at, unsigned *ret_line, unsigned *ret_column)
{
    unsigned line = 1, column = 1;
    for (uint32_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

static bool plain_name(struct rs_str key)
{
    for (uint32_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9')) return false;
    }
    return key.n > 0;
}

/* Walks down from the root, entering the child whose range holds `at`. */
void rs_json_path(const struct rs_json *json, uint32_t at, struct rs_buf *buf)
{
    const struct rs_json_node *node = json->node;
    rs_buf_putc(buf, '$');
    for (uint32_t here = 0; here != at;) {
        uint32_t index = 0, child = here + 1;
        while (node[child].next <= at) {
            child = node[child].next;
            index++;
        }
        if (node[here].type == RS_JSON_ARRAY) {
            rs_buf_printf(buf, "[%u]", index);
        } else if (plain_name(node[child].key)) {
            rs_buf_printf(buf, ".%.*s", RS_FMT(node[child].key));
        } else {
            rs_buf_putc(buf, '[');
            rs_json_quote(buf, node[child].key);
            rs_buf_putc(buf, ']');
        }
        here = child;
    }
}

const char *rs_json_type_name(enum rs_json_type type)
{
    static const char *const names[] = {"null", "false", "true", "number", "string", "array", "object"};
    return names[type];
}

/* Bytes of the character at p, or 0 where they are no UTF-8. */
static uint32_t character_length(const char *p, uint32_t n)
{
    unsigned char c = (unsigned char)*p;
    uint32_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return length <= n && (length == 1 || rs_json_index_utf8(p, length)) ? length : 0;
}

void rs_json_quote(struct rs_buf *buf, struct rs_str s)
{
    rs_buf_putc(buf, '"');
    for (uint32_t i = 0, n; i < s.n; i += n ? n : 1) {
        unsigned char c = (unsigned char)s.p[i];
        n = character_length(s.p + i, s.n - i);
        if (c == '"' || c == '\\') {
            rs_buf_putc(buf, '\\');
            rs_buf_putc(buf, (char)c);
        } else if (c < ' ') {
            rs_buf_printf(buf, "\\u%04x", c);
        } else if (n) {
            rs_buf_put(buf, s.p + i, n);
        } else {
            rs_buf_puts(buf, RS_LIT("\xef\xbf\xbd"));
        }
    }
    rs_buf_putc(buf, '"');
}
