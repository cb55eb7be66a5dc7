#include "rastro/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rastro/clock.h"

static const char *program_name = "rastro";
static enum rs_log_level log_level = RS_LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void rs_log_open(const char *program, enum rs_log_level level)
{
    program_name = program;
    log_level = level;
}

static size_t put_time(char *out, size_t room)
{
    int64_t now = rs_wall_us(&rs_clock_system);
    time_t seconds = (time_t)(now / RS_SECOND_US);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, room, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(out + n, room - n, ".%03dZ", (int)(now % RS_SECOND_US / 1000));
    return n;
}

void rs_log(enum rs_log_level level, const char *fmt, ...)
{
    if (level > log_level) return;
    char line[2048];
    char text[1536];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);

    size_t n = put_time(line, sizeof line);
    n += (size_t)snprintf(line + n, sizeof line - n, " %s %s: ", level_names[level], program_name);
    for (const char *p = text; *p && n < sizeof line - 6; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < ' ' || c == 0x7f) {
            n += (size_t)snprintf(line + n, sizeof line - n, "\\x%02x", c);
        } else {
            line[n++] = (char)c;
        }
    }
    line[n++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, n);
    (void)ignored;
}

int rs_log_limit_pass(struct rs_log_limit *limit, int seconds)
{
    int64_t now = rs_mono_us(&rs_clock_system);
    if (now < limit->next_us) {
        limit->skipped++;
        return 0;
    }
    if (limit->skipped) {
        rs_log(RS_LOG_WARN, "(%lu lines like the next left out)", limit->skipped);
        limit->skipped = 0;
    }
    limit->next_us = now + seconds * RS_SECOND_US;
    return 1;
}
