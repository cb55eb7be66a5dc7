#include "rastro/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int rs_file_read(const char *path, size_t max, struct rs_buf *buf, struct rs_diag *diag)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *in = standard ? stdin : fopen(path, "re");
    if (!in) return rs_fail(diag, RS_E_IO, "%s: %s", path, strerror(errno));
    size_t start = buf->n, got;
    do {
        rs_buf_reserve(buf, 64 << 10);
        got = fread(buf->p + buf->n, 1, 64 << 10, in);
        buf->n += got;
    } while (got && buf->n - start <= max);
    int err = RS_OK;
    if (ferror(in)) err = rs_fail(diag, RS_E_IO, "%s: %s", path, strerror(errno));
    else if (buf->n - start > max) err = rs_fail(diag, RS_E_DATA, "%s: more than %zu bytes", path, max);
    if (!standard) fclose(in);
    return err;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int rs_dir_list(const char *dir, const char *suffix, char ***ret, size_t *ret_count, struct rs_diag *diag)
{
    DIR *open = opendir(dir);
    if (!open) return rs_fail(diag, RS_E_IO, "%s: %s", dir, strerror(errno));
    char **names = NULL;
    size_t n = 0, suffix_n = strlen(suffix);
    for (struct dirent *entry; (entry = readdir(open));) {
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || length < suffix_n || strcmp(entry->d_name + length - suffix_n, suffix)) {
            continue;
        }
        names = rs_realloc(names, (n + 1) * sizeof *names);
        names[n++] = rs_strdup(entry->d_name);
    }
    closedir(open);
    if (n) qsort(names, n, sizeof *names, by_name);
    *ret = names;
    *ret_count = n;
    return RS_OK;
}
