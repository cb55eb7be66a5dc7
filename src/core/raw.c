#include "rastro/raw.h"

/* LZ4_attach_dictionary, public since 1.10: a dictionary that is indexed once
 * instead of 16 KB of table cleared and filled for every event. */
#define LZ4_STATIC_LINKING_ONLY
#include <lz4.h>
#include <stdlib.h>

enum { CODEC_PLAIN, CODEC_LZ4, CODEC_DICTIONARY, CODEC_SHAPE };

#define VARINT_MAX 5
/* A byte of an LZ4 block stands for no more than this. */
#define LZ4_RATIO_MAX 255

#define DICTIONARIES_MAX 64

struct rs_raw_coder {
    LZ4_stream_t *stream;
    struct rs_buf scratch;
    struct {
        const char *bytes;
        LZ4_stream_t *indexed;
    } dictionary[DICTIONARIES_MAX]; /* as they came; the last place is used anew */
    uint32_t dictionaries;
};

struct rs_raw_coder *rs_raw_coder_new(void)
{
    struct rs_raw_coder *coder = rs_calloc(1, sizeof *coder);
    coder->stream = LZ4_createStream();
    if (!coder->stream) rs_oom();
    return coder;
}

void rs_raw_coder_free(struct rs_raw_coder *coder)
{
    if (!coder) return;
    LZ4_freeStream(coder->stream);
    for (uint32_t i = 0; i < coder->dictionaries; i++) LZ4_freeStream(coder->dictionary[i].indexed);
    rs_buf_free(&coder->scratch);
    free(coder);
}

static void put_varint(struct rs_buf *out, uint32_t v)
{
    for (; v >= 0x80; v >>= 7) rs_buf_putc(out, (char)(v | 0x80));
    rs_buf_putc(out, (char)v);
}

static int varint_length(uint32_t v)
{
    int n = 1;
    for (; v >= 0x80; v >>= 7) n++;
    return n;
}

static bool get_varint(struct rs_str *in, uint32_t *ret)
{
    uint32_t v = 0;
    for (int shift = 0; shift < 7 * VARINT_MAX && in->n; shift += 7) {
        unsigned char c = (unsigned char)*in->p++;
        in->n--;
        v |= (uint32_t)(c & 0x7f) << shift;
        if (!(c & 0x80)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static const LZ4_stream_t *indexed(struct rs_raw_coder *coder, const struct rs_raw_dictionary *dictionary)
{
    uint32_t i = 0;
    while (i < coder->dictionaries && coder->dictionary[i].bytes != dictionary->bytes.p) i++;
    if (i < coder->dictionaries) return coder->dictionary[i].indexed;
    if (i == DICTIONARIES_MAX) i--;
    if (i == coder->dictionaries) {
        coder->dictionary[i].indexed = LZ4_createStream();
        if (!coder->dictionary[i].indexed) rs_oom();
        coder->dictionaries++;
    }
    coder->dictionary[i].bytes = dictionary->bytes.p;
    LZ4_loadDict(coder->dictionary[i].indexed, dictionary->bytes.p, (int)dictionary->bytes.n);
    return coder->dictionary[i].indexed;
}

void rs_raw_pack(struct rs_raw_coder *coder, const struct rs_raw_dictionary *dictionary, struct rs_str raw,
                 struct rs_buf *out)
{
    /* Only a smaller form is of use, so there is no room for a larger one. */
    int head = varint_length(raw.n) + (dictionary->number ? varint_length(dictionary->number) : 0);
    int room = (int)raw.n - head - 1, packed = 0;
    if (room > 0) {
        rs_buf_clear(&coder->scratch);
        rs_buf_reserve(&coder->scratch, (size_t)room);
        LZ4_resetStream_fast(coder->stream);
        if (dictionary->number) LZ4_attach_dictionary(coder->stream, indexed(coder, dictionary));
        packed = LZ4_compress_fast_continue(coder->stream, raw.p, coder->scratch.p, (int)raw.n, room, 1);
    }
    if (packed <= 0) {
        rs_buf_putc(out, CODEC_PLAIN);
        rs_buf_puts(out, raw);
        return;
    }
    rs_buf_putc(out, dictionary->number ? CODEC_DICTIONARY : CODEC_LZ4);
    put_varint(out, raw.n);
    if (dictionary->number) put_varint(out, dictionary->number);
    rs_buf_put(out, coder->scratch.p, (size_t)packed);
}

void rs_raw_put_shape(uint32_t number, struct rs_buf *out)
{
    rs_buf_putc(out, CODEC_SHAPE);
    put_varint(out, number);
}

/* ---- reading ------------------------------------------------------------------------ */

/* Reads the head; `in` is left at the packed bytes. */
static bool read_head(struct rs_str *in, int *ret_codec, uint32_t *ret_length, uint32_t *ret_number)
{
    if (!in->n) return false;
    *ret_codec = (unsigned char)*in->p++;
    in->n--;
    *ret_length = in->n;
    *ret_number = 0;
    switch (*ret_codec) {
    case CODEC_PLAIN: return true;
    case CODEC_LZ4: return get_varint(in, ret_length);
    case CODEC_DICTIONARY: return get_varint(in, ret_length) && get_varint(in, ret_number);
    case CODEC_SHAPE: *ret_length = 0; return get_varint(in, ret_number) && !in->n;
    default: return false;
    }
}

int rs_raw_needs(struct rs_str stored, enum rs_raw_base *ret_base, uint32_t *ret_number, struct rs_diag *diag)
{
    int codec;
    uint32_t length;
    if (!read_head(&stored, &codec, &length, ret_number)) return rs_fail(diag, RS_E_DATA, "raw bytes: unknown form");
    *ret_base = codec == CODEC_DICTIONARY ? RS_RAW_DICTIONARY : codec == CODEC_SHAPE ? RS_RAW_SHAPE : RS_RAW_NOTHING;
    return RS_OK;
}

int rs_raw_unpack(struct rs_str stored, struct rs_str base, const struct rs_raw_row *row, size_t max,
                  struct rs_buf *out, struct rs_diag *diag)
{
    int codec;
    uint32_t length, number;
    if (!read_head(&stored, &codec, &length, &number)) return rs_fail(diag, RS_E_DATA, "raw bytes: unknown form");
    if (codec == CODEC_SHAPE) return rs_raw_fill(base, row, max, out, diag);
    if (length > max) return rs_fail(diag, RS_E_DATA, "raw bytes: %u of them, more than %zu", length, max);
    if (codec == CODEC_PLAIN) {
        rs_buf_puts(out, stored);
        return RS_OK;
    }
    static const char damaged[] = "raw bytes: damaged, or packed with another dictionary";
    if (length > (uint64_t)stored.n * LZ4_RATIO_MAX) return rs_fail(diag, RS_E_DATA, "%s", damaged);
    rs_buf_reserve(out, length + 1); /* not none: LZ4 wants somewhere to write */
    int n = LZ4_decompress_safe_usingDict(stored.p, out->p + out->n, (int)stored.n, (int)length, base.p, (int)base.n);
    if (n != (int)length) return rs_fail(diag, RS_E_DATA, "%s", damaged);
    out->n += length;
    return RS_OK;
}
