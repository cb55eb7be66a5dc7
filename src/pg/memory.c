/* What the sinks of a process know together. */
#include <stdlib.h>

#include "rastro/error.h"
#include "rastro/quick.h"
#include "rastro/sink.h"

struct rs_memory *rs_memory_new(uint64_t bytes, int sinks)
{
    struct rs_memory *memory = rs_calloc(1, sizeof *memory);
    struct rs_table_options options = {.memory_max = bytes > RS_TABLE_MEMORY_MIN ? bytes : RS_TABLE_MEMORY_MIN,
                                       .threads_max = (unsigned)sinks,
                                       .head_cmp = rs_quick_head_cmp};
    memory->table = rs_table_new(&options);
    if (pthread_mutex_init(&memory->lock, NULL)) rs_oom();
    return memory;
}

void rs_memory_free(struct rs_memory *memory)
{
    if (!memory) return;
    rs_table_free(memory->table);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

void rs_memory_print(const struct rs_memory *memory, struct rs_buf *out)
{
    struct rs_table_stats s;
    rs_table_stats(memory->table, &s);
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } line[] = {
        {"table_parcels", "gauge", "parcels in the parcel table", s.records},
        {"table_facts", "gauge", "facts of parcels in it", s.facts},
        {"table_bytes", "gauge", "memory that it uses", s.memory},
        {"table_bytes_max", "gauge", "memory that it may use", s.memory_max},
        {"table_evicted_total", "counter", "parcels that left it for others", s.evicted},
        {"table_refused_total", "counter", "parcels that it had no room for", s.refused},
        {"table_staled_total", "counter", "parcels whose knowledge was given up", s.staled},
    };
    for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
        rs_buf_printf(out, "# HELP rastro_%s %s\n# TYPE rastro_%s %s\nrastro_%s %llu\n", line[i].name, line[i].help,
                      line[i].name, line[i].type, line[i].name, (unsigned long long)line[i].value);
    }
}
