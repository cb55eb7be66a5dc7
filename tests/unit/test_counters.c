#include "rastro/counters.h"

#include <pthread.h>

#include "support.h"

Test(counters, prints_each_once_in_prometheus_form)
{
    struct rs_counters counters = {0};
    struct rs_buf out = {0};
    rs_add_relaxed_u64(&counters.events_new, 41);
    rs_add_relaxed_u64(&counters.events_new, 1);
    rs_counters_print(&counters, &out);
    const char *text = rs_buf_cstr(&out);
#define X(name, help)                                                                         \
    {                                                                                         \
        const char *found = strstr(text, "\nrastro_" #name "_total ");                        \
        cr_expect(found, "no value of " #name);                                               \
        cr_expect(!found || !strstr(found + 1, "\nrastro_" #name "_total "), #name " twice"); \
        assert_has(text, "# TYPE rastro_" #name "_total counter\n");                          \
        assert_has(text, "# HELP rastro_" #name "_total " help "\n");                         \
    }
    RS_COUNTERS(X)
#undef X
    assert_has(text, "\nrastro_events_new_total 42\n");
    assert_has(text, "\nrastro_fenced_total 0\n");
    cr_expect(out.p[out.n - 1] == '\n');
    rs_buf_free(&out);
}

Test(counters, prints_the_largest)
{
    struct rs_counters counters = {0};
    struct rs_buf out = {0};
    rs_store_relaxed_u64(&counters.messages, UINT64_MAX);
    rs_counters_print(&counters, &out);
    assert_has(rs_buf_cstr(&out), "\nrastro_messages_total 18446744073709551615\n");
    rs_buf_free(&out);
}

static void *add_many(void *self)
{
    struct rs_counters *counters = self;
    for (int i = 0; i < 50000; i++) rs_add_relaxed_u64(&counters->messages, 1);
    return NULL;
}

Test(counters, loses_nothing_between_threads)
{
    struct rs_counters counters = {0};
    pthread_t thread[4];
    for (size_t i = 0; i < COUNT(thread); i++) cr_assert(pthread_create(&thread[i], NULL, add_many, &counters) == 0);
    for (size_t i = 0; i < COUNT(thread); i++) pthread_join(thread[i], NULL);
    cr_expect(rs_load_relaxed_u64(&counters.messages) == COUNT(thread) * 50000);
}
