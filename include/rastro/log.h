/* log.h - one line a fact, on standard error.
 *
 *   2026-11-23T08:00:00.123Z info ingest: claimed scans/4 at 88120
 *
 * Core does not log; adapters and verbs do, once a fact.  Payloads and secrets
 * are never logged.  Control characters in what is logged are escaped, so that
 * data cannot forge a line.  Thread-safe: one write(2) a line.
 */
#ifndef RASTRO_LOG_H
#define RASTRO_LOG_H

enum rs_log_level { RS_LOG_ERROR, RS_LOG_WARN, RS_LOG_INFO, RS_LOG_DEBUG };

/* Set once at start, before threads. */
void rs_log_open(const char *program, enum rs_log_level level);

void rs_log(enum rs_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define rs_error(...) rs_log(RS_LOG_ERROR, __VA_ARGS__)
#define rs_warn(...) rs_log(RS_LOG_WARN, __VA_ARGS__)
#define rs_info(...) rs_log(RS_LOG_INFO, __VA_ARGS__)
#define rs_debug(...) rs_log(RS_LOG_DEBUG, __VA_ARGS__)

/* At most once in `seconds` for each place in the code; says how many were
 * left out.  For errors that a storm of input repeats. */
struct rs_log_limit {
    long long next_us;
    unsigned long skipped;
};
int rs_log_limit_pass(struct rs_log_limit *limit, int seconds);
#define rs_warn_every(seconds, ...)                                         \
    do {                                                                    \
        static _Thread_local struct rs_log_limit rs_limit_;                 \
        if (rs_log_limit_pass(&rs_limit_, (seconds))) rs_warn(__VA_ARGS__); \
    } while (0)

#endif
