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
