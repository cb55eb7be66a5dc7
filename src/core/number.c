#include "rastro/number.h"

#include "rastro/unaligned.h"

#define S10_LEN 13

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

char rs_s10_digit(struct rs_str number)
{
    static const int weights[] = {8, 6, 4, 2, 3, 5, 9, 7};
    int sum = 0;
    for (int i = 0; i < 8; i++) sum += weights[i] * (number.p[2 + i] - '0');
    int digit = 11 - sum % 11;
    if (digit == 10) digit = 0;
    if (digit == 11) digit = 5;
    return (char)('0' + digit);
}

enum rs_s10 rs_s10_check(const struct rs_catalog *catalog, struct rs_str number)
{
    if (number.n != S10_LEN) return RS_S10_NO;
    const char *p = number.p;
    if (!is_upper(p[0]) || !is_upper(p[1]) || !is_upper(p[11]) || !is_upper(p[12])) return RS_S10_NO;
    for (int i = 2; i < 11; i++) {
        if (!is_digit(p[i])) return RS_S10_NO;
    }
    if (p[10] != rs_s10_digit(number)) return RS_S10_BAD;
    return rs_country_of(catalog, (struct rs_str){p + 11, 2}) ? RS_S10_OK : RS_S10_BAD;
}

/* What becomes of a character of a number: itself in upper case, SKIP, or 0 for
 * one that no number has. */
#define SKIP 1
static const char clean[256] = {
    [' '] = SKIP, ['-'] = SKIP, ['\t'] = SKIP, ['\n'] = SKIP, ['\v'] = SKIP, ['\f'] = SKIP, ['\r'] = SKIP,
    ['.'] = '.',  ['_'] = '_',  ['/'] = '/',   ['#'] = '#',   [':'] = ':',   ['+'] = '+',
#define DIGIT(c) [c] = c
    DIGIT('0'),   DIGIT('1'),   DIGIT('2'),    DIGIT('3'),    DIGIT('4'),    DIGIT('5'),    DIGIT('6'),
    DIGIT('7'),   DIGIT('8'),   DIGIT('9'),
#undef DIGIT
#define LETTER(c) [c] = c, [(c) + 32] = c
    LETTER('A'),  LETTER('B'),  LETTER('C'),   LETTER('D'),   LETTER('E'),   LETTER('F'),   LETTER('G'),
    LETTER('H'),  LETTER('I'),  LETTER('J'),   LETTER('K'),   LETTER('L'),   LETTER('M'),   LETTER('N'),
    LETTER('O'),  LETTER('P'),  LETTER('Q'),   LETTER('R'),   LETTER('S'),   LETTER('T'),   LETTER('U'),
    LETTER('V'),  LETTER('W'),  LETTER('X'),   LETTER('Y'),   LETTER('Z'),
#undef LETTER
};

bool rs_number_clean(struct rs_str pasted, char ret[RS_NUMBER_MAX], uint32_t *ret_n)
{
    uint32_t n = 0, i = 0;
    bool digit = false;
    for (; i < pasted.n && i < RS_NUMBER_MAX; i++) { /* for as many there is room */
        char c = clean[(unsigned char)pasted.p[i]];
        if (!c) return false;
        digit |= (unsigned char)(c - '0') <= 9;
        ret[n] = c;
        n += c != SKIP;
    }
    for (; i < pasted.n; i++) {
        char c = clean[(unsigned char)pasted.p[i]];
        if (c == SKIP) continue;
        if (n == RS_NUMBER_MAX || !c) return false;
        digit |= (unsigned char)(c - '0') <= 9;
        ret[n++] = c;
    }
    *ret_n = n;
    return digit;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The upper bit of each byte that is from first to last; all are below 0x80. */
static inline uint64_t within(uint64_t eight, char first, char last)
{
    return (eight + EACH(0x80 - first)) & ~(eight + EACH(0x7f - last)) & EACH(0x80);
}

bool rs_number_is_clean(struct rs_str number)
{
    uint64_t digits = 0;
    if (number.n < 8 || number.n > RS_NUMBER_MAX) return false;
    for (uint32_t i = 0;; i = i + 16 <= number.n ? i + 8 : number.n - 8) { /* the last may overlap */
        uint64_t eight = rs_get_64(number.p + i);
        if (eight & EACH(0x80)) return false;
        uint64_t digit = within(eight, '0', '9');
        if ((digit | within(eight, 'A', 'Z')) != EACH(0x80)) return false;
        digits |= digit;
        if (i + 8 == number.n) return digits != 0;
    }
}
