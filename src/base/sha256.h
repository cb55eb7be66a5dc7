/* sha256.h - SHA-256 of two texts at once. */
#ifndef RASTRO_BASE_SHA256_H
#define RASTRO_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this processor has SHA instructions and the code here can use them. */
bool rs_sha256_paired(void);

/* The first sixteen bytes of both texts' digests; only where rs_sha256_paired. */
void rs_sha256_pair(const char *const p[2], const size_t n[2], char ret[2][16]);

#endif
