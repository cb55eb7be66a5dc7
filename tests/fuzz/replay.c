/* Runs a target over files, and folders of them, without libFuzzer. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "rastro/error.h"
#include "rastro/file.h"

#define BYTES_MAX (64u << 20)

static unsigned long ran;

static void run_file(const char *path)
{
    struct rs_buf buf = {0};
    struct rs_diag diag;
    if (rs_file_read(path, BYTES_MAX, &buf, &diag)) {
        fprintf(stderr, "replay: %s\n", diag.text);
        exit(1);
    }
    /* A copy without a byte to spare, so that ASan sees a read beyond it. */
    uint8_t *bytes = rs_malloc(buf.n);
    if (buf.n) memcpy(bytes, buf.p, buf.n);
    LLVMFuzzerTestOneInput(bytes, buf.n);
    ran++;
    free(bytes);
    rs_buf_free(&buf);
}

static void run(const char *path)
{
    struct stat st;
    if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
        run_file(path);
        return;
    }
    char **names;
    size_t n;
    struct rs_diag diag;
    if (rs_dir_list(path, "", &names, &n, &diag)) {
        fprintf(stderr, "replay: %s\n", diag.text);
        exit(1);
    }
    for (size_t i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        run_file(file);
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) run(argv[i]);
    printf("replay: %lu files, as expected\n", ran);
    return ran ? 0 : 1;
}
