#include "rastro/error.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
    const char *name;
    const char *text;
    enum rs_err_class cls;
    int exit;
} errors[RS_E__COUNT] = {
#define X(name, cls, exit, text) {#name, text, RS_CLASS_##cls, exit},
    RS_ERRORS(X)
#undef X
};

static int known(int err)
{
    return err >= 0 && err < RS_E__COUNT ? err : RS_E_BUG;
}

const char *rs_err_name(int err)
{
    return errors[known(err)].name;
}

const char *rs_err_text(int err)
{
    return errors[known(err)].text;
}

enum rs_err_class rs_err_class(int err)
{
    return errors[known(err)].cls;
}

int rs_err_exit(int err)
{
    return errors[known(err)].exit;
}

int rs_fail(struct rs_diag *diag, enum rs_err err, const char *fmt, ...)
{
    if (!diag) return err;
    va_list ap;
    va_start(ap, fmt);
    diag->err = err;
    diag->next[0] = '\0';
    vsnprintf(diag->text, sizeof diag->text, fmt, ap);
    va_end(ap);
    /* Servers send messages of several lines; ours are one. */
    for (char *p = diag->text; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = ' ';
    }
    size_t n = strlen(diag->text);
    while (n > 0 && diag->text[n - 1] == ' ') diag->text[--n] = '\0';
    return err;
}

int rs_fail_next(struct rs_diag *diag, const char *fmt, ...)
{
    if (!diag) return RS_E_BUG;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(diag->next, sizeof diag->next, fmt, ap);
    va_end(ap);
    return diag->err;
}

void rs_diag_prefix(struct rs_diag *diag, const char *fmt, ...)
{
    if (!diag) return;
    char old[RS_DIAG_TEXT_MAX];
    memcpy(old, diag->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(diag->text, sizeof diag->text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n + 3 > sizeof diag->text) return;
    memcpy(diag->text + n, ": ", 2);
    size_t room = sizeof diag->text - (size_t)n - 3, length = strlen(old);
    if (length > room) length = room;
    memcpy(diag->text + n + 2, old, length);
    diag->text[(size_t)n + 2 + length] = '\0';
}

void rs_oom(void)
{
    static const char line[] = "rastro: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    _exit(70);
}

void *rs_malloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p) rs_oom();
    return p;
}

void *rs_calloc(size_t count, size_t n)
{
    void *p = calloc(count ? count : 1, n ? n : 1);
    if (!p) rs_oom();
    return p;
}

void *rs_malloc_large(size_t n)
{
    const size_t page = (size_t)2 << 20;
    if (n < page) return rs_malloc(n);
    n = (n + page - 1) & ~(page - 1);
    void *p = aligned_alloc(page, n);
    if (!p) rs_oom();
    (void)madvise(p, n, MADV_HUGEPAGE); /* without them it is slower, and no worse */
    return p;
}

void rs_keep_pages(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that there can be */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

void *rs_realloc(void *p, size_t n)
{
    void *grown = realloc(p, n ? n : 1);
    if (!grown) rs_oom();
    return grown;
}

char *rs_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(rs_malloc(n), s, n);
}
