/* fuzz.h - what the fuzz targets share.
 *
 * Each target is a function of libFuzzer's form.  Built with clang it is
 * explored; built otherwise, replay.c runs it over the files that it is given.
 */
#ifndef RASTRO_FUZZ_FUZZ_H
#define RASTRO_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding: says what does not hold and ends the process. */
#define NEED(holds, ...)                                               \
    do {                                                               \
        if (!(holds)) {                                                \
            fprintf(stderr, "%s:%d: %s:", __FILE__, __LINE__, #holds); \
            fprintf(stderr, " " __VA_ARGS__);                          \
            fputc('\n', stderr);                                       \
            abort();                                                   \
        }                                                              \
    } while (0)

static inline struct rs_str rs_fuzz_str(const uint8_t *data, size_t size)
{
    return (struct rs_str){(const char *)data, (uint32_t)size};
}

#endif
