#include "rastro/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static const char *folder(void)
{
    static char name[] = "/tmp/rastro-test-XXXXXX";
    static bool made;
    if (!made) cr_assert(mkdtemp(name) != NULL);
    made = true;
    return name;
}

static const char *put(const char *name, const void *bytes, size_t n)
{
    const char *path = rs_test_say("%s/%s", folder(), name).p;
    FILE *out = fopen(path, "w");
    cr_assert(out && fwrite(bytes, 1, n, out) == n && fclose(out) == 0);
    return path;
}

static void remove_all(void)
{
    static const char *const names[] = {"a.json", "b.json", "empty", ".hidden.json", "c.JSON", "json", "large"};
    for (size_t i = 0; i < COUNT(names); i++) unlink(rs_test_say("%s/%s", folder(), names[i]).p);
    rmdir(folder());
}

Test(file, reads_all_of_a_file_behind_what_is_there, .fini = remove_all)
{
    struct rs_buf buf = {0};
    struct rs_diag diag;
    rs_buf_puts(&buf, RS_LIT("x"));
    cr_expect(rs_file_read(put("a.json", "a\0b\n", 4), 4, &buf, &diag) == RS_OK);
    cr_expect(buf.n == 5 && memcmp(buf.p, "xa\0b\n", 5) == 0);
    cr_expect(rs_file_read(put("empty", "", 0), 0, &buf, &diag) == RS_OK);
    cr_expect(buf.n == 5);
    rs_buf_free(&buf);
}

Test(file, reads_a_file_of_many_blocks, .fini = remove_all)
{
    enum { BYTES = 300001 };
    struct rs_buf buf = {0};
    struct rs_diag diag;
    char *bytes = rs_arena_get(rs_test_arena(), BYTES);
    for (int i = 0; i < BYTES; i++) bytes[i] = (char)(i * 7);
    cr_expect(rs_file_read(put("large", bytes, BYTES), BYTES, &buf, &diag) == RS_OK);
    cr_expect(buf.n == BYTES && memcmp(buf.p, bytes, BYTES) == 0);
    rs_buf_free(&buf);
}

Test(file, refuses_one_that_is_too_large, .fini = remove_all)
{
    struct rs_buf buf = {0};
    struct rs_diag diag;
    const char *path = put("a.json", "12345", 5);
    cr_expect(rs_file_read(path, 5, &buf, &diag) == RS_OK);
    rs_buf_clear(&buf);
    cr_expect(rs_file_read(path, 4, &buf, &diag) == RS_E_DATA);
    cr_expect_str_eq(diag.text, rs_test_say("%s: more than 4 bytes", path).p);
    rs_buf_free(&buf);
}

Test(file, says_which_file_cannot_be_read, .fini = remove_all)
{
    struct rs_buf buf = {0};
    struct rs_diag diag;
    cr_expect(rs_file_read("/nowhere/x.json", 10, &buf, &diag) == RS_E_IO);
    cr_expect_str_eq(diag.text, "/nowhere/x.json: No such file or directory");
    cr_expect(rs_file_read(folder(), 10, &buf, &diag) == RS_E_IO);
    assert_has(diag.text, "Is a directory");
    rs_buf_free(&buf);
}

Test(file, reads_standard_input)
{
    struct rs_buf buf = {0};
    struct rs_diag diag;
    int end[2];
    cr_assert(pipe(end) == 0 && write(end[1], "{}", 2) == 2 && close(end[1]) == 0);
    cr_assert(dup2(end[0], STDIN_FILENO) == STDIN_FILENO);
    cr_expect(rs_file_read("-", 10, &buf, &diag) == RS_OK);
    cr_expect_str_eq(rs_buf_cstr(&buf), "{}");
    rs_buf_free(&buf);
}

Test(file, lists_what_ends_in_the_suffix_in_order, .fini = remove_all)
{
    static const char *const names[] = {"b.json", "a.json", "c.JSON", "json", ".hidden.json"};
    for (size_t i = 0; i < COUNT(names); i++) put(names[i], "", 0);
    char **list = NULL;
    size_t n = 0;
    struct rs_diag diag;
    cr_assert(rs_dir_list(folder(), ".json", &list, &n, &diag) == RS_OK);
    cr_assert(n == 2);
    cr_expect_str_eq(list[0], "a.json");
    cr_expect_str_eq(list[1], "b.json");
    for (size_t i = 0; i < n; i++) free(list[i]);
    free(list);
    cr_assert(rs_dir_list(folder(), ".none", &list, &n, &diag) == RS_OK);
    cr_expect(n == 0 && list == NULL);
}

Test(file, says_which_folder_is_not_there)
{
    char **list = NULL;
    size_t n = 42;
    struct rs_diag diag;
    cr_expect(rs_dir_list("/nowhere", ".json", &list, &n, &diag) == RS_E_IO);
    cr_expect_str_eq(diag.text, "/nowhere: No such file or directory");
    cr_expect(list == NULL && n == 42);
}
