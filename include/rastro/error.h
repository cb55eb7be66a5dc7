/* error.h - what can go wrong, as one table, and the sentence that says it.
 *
 * Functions that can fail return `int`: RS_OK (0) or one of the codes below.
 * A function that fails leaves its `ret_` outputs untouched.  Where a person
 * will read the reason, the function also takes a `struct rs_diag *` and fills
 * it: one line of what and where, and optionally one line of what to do next.
 *
 * The class decides what a caller does, so no caller compares codes:
 *   RETRY  the same attempt may succeed later (a server is away, a lock was lost)
 *   DATA   this input is unusable; set it aside and go on
 *   FATAL  going on would be a guess; stop and say why
 */
#ifndef RASTRO_ERROR_H
#define RASTRO_ERROR_H

#include <stdarg.h>
#include <stddef.h>

/* clang-format off */
/*      name        class  exit  text */
#define RS_ERRORS(X)                                                  \
    X(OK,           FATAL,  0, "success")                             \
    X(ANSWER_NO,    FATAL,  1, "the answer is no")                    \
    X(USAGE,        FATAL, 64, "wrong use of the command line")       \
    X(DATA,         DATA,  65, "unusable input")                      \
    X(SERVER,       RETRY, 69, "a server is unavailable")             \
    X(FENCED,       RETRY, 69, "another owner has taken over")        \
    X(CONFLICT,     RETRY, 69, "a concurrent change came first")      \
    X(BUG,          FATAL, 70, "a defect in rastro")                  \
    X(NOMEM,        FATAL, 70, "out of memory")                       \
    X(IO,           FATAL, 65, "a file could not be read or written") \
    X(HALT,         FATAL, 65, "going on would be a guess")           \
    X(CONFIG,       FATAL, 78, "wrong configuration")

enum rs_err {
#define X(name, cls, exit, text) RS_E_##name,
    RS_ERRORS(X)
#undef X
    RS_E__COUNT
};
/* clang-format on */
#define RS_OK RS_E_OK

enum rs_err_class { RS_CLASS_RETRY, RS_CLASS_DATA, RS_CLASS_FATAL };

#define RS_DIAG_TEXT_MAX 768
#define RS_DIAG_NEXT_MAX 256

/* The words for a failure.  Plain data, owned by the caller, never allocated. */
struct rs_diag {
    enum rs_err err;
    char text[RS_DIAG_TEXT_MAX]; /* "where: what", one line, no newline */
    char next[RS_DIAG_NEXT_MAX]; /* the way out, or empty */
};

/* Fill `diag` (which may be NULL) and return `err`, so that a failing function
 * reads `return rs_fail(diag, RS_E_DATA, "...", ...)`. */
int rs_fail(struct rs_diag *diag, enum rs_err err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Add the way out to a diag that rs_fail filled.  Returns diag->err. */
int rs_fail_next(struct rs_diag *diag, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put `where: ` in front of the text; used when an error passes up a level. */
void rs_diag_prefix(struct rs_diag *diag, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *rs_err_name(int err);
const char *rs_err_text(int err);
enum rs_err_class rs_err_class(int err);

/* The process exit status for this error (sysexits.h numbering). */
int rs_err_exit(int err);

/* Says so on standard error and ends the process with 70.  Memory is bounded
 * everywhere by design, so running out means that the machine cannot run us;
 * nothing is committed by a process that dies. */
_Noreturn void rs_oom(void);

void *rs_malloc(size_t n) __attribute__((malloc, returns_nonnull));
void *rs_calloc(size_t count, size_t n) __attribute__((malloc, returns_nonnull));
void *rs_realloc(void *p, size_t n) __attribute__((returns_nonnull));
char *rs_strdup(const char *s) __attribute__((malloc, returns_nonnull));

/* For many megabytes that are read here and there: on large pages where the
 * kernel has them, so that a read costs one miss and not two.  For free(). */
void *rs_malloc_large(size_t n) __attribute__((malloc, returns_nonnull));

/* Memory that is given back stays with the process, for one where it comes and
 * goes by the megabyte within bounds of its own: to give pages back to the kernel
 * and have them cleared again took a tenth of our time in it.  Before any thread
 * is started. */
void rs_keep_pages(void);

#endif
