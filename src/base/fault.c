#include "rastro/fault.h"

#ifdef RASTRO_FAULTS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[RS_KILL__COUNT] = {
#define X(id, name) [RS_KILL_##id] = name,
    RS_KILL_POINTS(X)
#undef X
};

/* A plan is read once; afterwards only `left` changes. */
static struct plan {
    int point; /* -1 any, -2 none */
    int signal;
    unsigned one_in;
    atomic_uint left;
    unsigned seed;
} kill_plan = {.point = -2, .signal = SIGKILL}, stop_plan = {.point = -2, .signal = SIGSTOP};

static void read_plan(const char *variable, struct plan *plan)
{
    const char *text = getenv(variable);
    if (!text) return;
    char name[64];
    char *end = NULL;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, ":"), text);
    const char *numbers = text + strlen(name);
    unsigned a = *numbers ? (unsigned)strtoul(numbers + 1, &end, 10) : 1;
    unsigned b = end && *end ? (unsigned)strtoul(end + 1, NULL, 10) : 1;
    if (strcmp(name, "*") == 0) {
        plan->one_in = a ? a : 1;
        plan->seed = b;
        plan->point = -1;
        return;
    }
    for (int i = 0; i < RS_KILL__COUNT; i++) {
        if (strcmp(name, names[i])) continue;
        atomic_init(&plan->left, a);
        plan->point = i;
        return;
    }
    fprintf(stderr, "rastro: %s: no kill point \"%s\"\n", variable, name);
    exit(64);
}

static void read_plans(void)
{
    read_plan("RASTRO_KILL", &kill_plan);
    read_plan("RASTRO_STOP", &stop_plan);
}

static void pass(struct plan *plan, enum rs_kill_point point)
{
    int now = 0;
    if (plan->point == -1) {
        static _Thread_local unsigned state;
        if (!state) state = plan->seed * 2654435761u + (unsigned)(size_t)&state;
        now = (unsigned)rand_r(&state) % plan->one_in == 0;
    } else if (plan->point == (int)point) {
        now = atomic_fetch_sub(&plan->left, 1) == 1;
    }
    if (!now) return;
    kill(getpid(), plan->signal);
    /* Another thread may be the one that takes it; this one must not pass on. */
    struct timespec t = {0, 50000000};
    nanosleep(&t, NULL);
}

void rs_kill_point(enum rs_kill_point point)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_plans);
    pass(&stop_plan, point);
    pass(&kill_plan, point);
}
#endif
