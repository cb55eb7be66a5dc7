/* file.h - whole files, and lists of them. */
#ifndef RASTRO_FILE_H
#define RASTRO_FILE_H

#include "rastro/error.h"
#include "rastro/str.h"

/* Reads all of `path` ("-" is standard input) into `buf`; at most `max` bytes. */
int rs_file_read(const char *path, size_t max, struct rs_buf *buf, struct rs_diag *diag);

/* The names in `dir` that end in `suffix`, sorted, as malloc'ed strings in a
 * malloc'ed array. */
int rs_dir_list(const char *dir, const char *suffix, char ***ret, size_t *ret_count, struct rs_diag *diag);

#endif
