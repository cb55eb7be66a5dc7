#include "rastro/counters.h"

void rs_counters_print(const struct rs_counters *counters, struct rs_buf *out)
{
#define X(name, help)                                                           \
    rs_buf_printf(out,                                                          \
                  "# HELP rastro_%s_total %s\n# TYPE rastro_%s_total counter\n" \
                  "rastro_%s_total %llu\n",                                     \
                  #name, help, #name, #name, (unsigned long long)rs_load_relaxed_u64(&counters->name));
    RS_COUNTERS(X)
#undef X
}
