#include "rastro/schema.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

Test(schema, opens_the_source_trees)
{
    struct rs_schema schema;
    struct rs_diag diag;
    cr_assert(rs_schema_open(&schema, RASTRO_SCHEMA, &diag) == RS_OK, "%s", diag.text);
    cr_expect(schema.profiles.count == rs_test_profiles()->count);
    cr_expect(schema.catalog.status_count == rs_test_catalog()->status_count);
    cr_expect(rs_zones_release(schema.zones) == rs_zones_release(rs_test_zones()));
    rs_schema_close(&schema);
    cr_expect(schema.zones == NULL && schema.profiles.count == 0);
    rs_schema_close(&schema);
}

Test(schema, finds_a_folder_by_itself)
{
    struct rs_schema schema;
    struct rs_diag diag;
    cr_assert(rs_schema_open(&schema, NULL, &diag) == RS_OK, "%s", diag.text);
    rs_schema_close(&schema);
    cr_assert(rs_schema_open(&schema, "", &diag) == RS_OK, "%s", diag.text);
    rs_schema_close(&schema);
}

/* ---- folders with something wrong ------------------------------------------------------ */

static char folder[] = "/tmp/rastro-schema-XXXXXX";
static const char *const files[] = {"status.json", "carriers.json", "countries.json", "calendars.json"};

static void put(const char *name, struct rs_str text)
{
    FILE *out = fopen(rs_test_say("%s/%s", folder, name).p, "w");
    cr_assert(out && fwrite(text.p ? text.p : "", 1, text.n, out) == text.n && fclose(out) == 0);
}

/* The source tree's lists, and no profile. */
static void make_folder(void)
{
    cr_assert(mkdtemp(folder) != NULL);
    cr_assert(mkdir(rs_test_say("%s/sources", folder).p, 0700) == 0);
    for (size_t i = 0; i < COUNT(files); i++) put(files[i], rs_test_file(rs_test_say(RASTRO_SCHEMA "/%s", files[i]).p));
}

static void remove_folder(void)
{
    static const char *const all[] = {"status.json",    "carriers.json",  "countries.json", "calendars.json",
                                      "sources/a.json", "sources/b.json", "stalls.json"};
    for (size_t i = 0; i < COUNT(all); i++) unlink(rs_test_say("%s/%s", folder, all[i]).p);
    rmdir(rs_test_say("%s/sources", folder).p);
    rmdir(folder);
}

static const char *complaint(void)
{
    struct rs_schema schema;
    struct rs_diag *diag = rs_arena_zero(rs_test_arena(), sizeof *diag);
    cr_expect(rs_schema_open(&schema, folder, diag) == RS_E_CONFIG, "it opens");
    cr_expect(diag->err == RS_E_CONFIG);
    cr_expect(schema.zones == NULL && schema.profiles.count == 0 && schema.catalog.arena == NULL,
              "nothing is left open");
    return diag->text;
}

TestSuite(schema_folder, .init = make_folder, .fini = remove_folder);

Test(schema_folder, opens_without_profiles)
{
    struct rs_schema schema;
    struct rs_diag diag;
    cr_expect(rs_schema_open(&schema, folder, &diag) == RS_OK, "%s", diag.text);
    cr_expect(schema.profiles.count == 0);
    rs_schema_close(&schema);
}

Test(schema_folder, says_which_file_is_wrong)
{
    for (size_t i = 0; i < COUNT(files); i++) {
        struct rs_str good = rs_test_file(rs_test_say("%s/%s", folder, files[i]).p);
        put(files[i], RS_STR_NONE);
        cr_expect_str_eq(complaint(), rs_test_say("%s/%s: JSON: empty", folder, files[i]).p);
        put(files[i], RS_LIT("{\n\"x\": 1}"));
        assert_has(complaint(), rs_test_say("%s/%s:2:6: unknown key \"x\"", folder, files[i]).p);
        unlink(rs_test_say("%s/%s", folder, files[i]).p);
        assert_has(complaint(), rs_test_say("%s/%s: No such file", folder, files[i]).p);
        put(files[i], good);
    }
}

Test(schema_folder, says_which_profile_is_wrong)
{
    put("sources/a.json", RS_LIT("{"));
    cr_expect_str_eq(complaint(), rs_test_say("%s/sources/a.json: JSON: expected a key at line 1, column 2", folder).p);
    put("sources/a.json", RS_STR_NONE);
    cr_expect_str_eq(complaint(), rs_test_say("%s/sources/a.json: JSON: empty", folder).p);
    put("sources/a.json", rs_test_json(rs_test_plain_profile));
    put("sources/b.json", rs_test_json(rs_test_plain_profile));
    assert_has(complaint(), "both are source \"plain\"");
}

Test(schema_folder, has_stall_rules_unless_a_file_is_named)
{
    struct rs_schema schema;
    struct rs_rules *rules = NULL;
    struct rs_diag diag;
    const char *mine = rs_test_say("%s/sources/a.json", folder).p;
    cr_assert(rs_schema_open(&schema, folder, &diag) == RS_OK, "%s", diag.text);
    cr_expect(rs_schema_read_rules(&schema, "", &rules, &diag) == RS_E_CONFIG);
    assert_has(diag.text, rs_test_say("%s/stalls.json: No such file", folder).p);
    put("stalls.json", rs_test_file(RASTRO_SCHEMA "/stalls.json"));
    cr_assert(rs_schema_read_rules(&schema, "", &rules, &diag) == RS_OK, "%s", diag.text);
    cr_expect(rs_rules_count(rules) > 10);
    rs_rules_free(rules);
    put("sources/a.json", RS_LIT("{\"version\": 7, \"rules\": []}"));
    cr_assert(rs_schema_read_rules(&schema, mine, &rules, &diag) == RS_OK, "%s", diag.text);
    cr_expect(rs_rules_count(rules) == 0 && rs_rules_version(rules) == 7);
    rs_rules_free(rules);
    rs_schema_close(&schema);
}

Test(schema_folder, needs_the_status_of_what_is_not_understood)
{
    put("status.json",
        RS_LIT("{\"version\": 1, \"statuses\": [{\"id\": 1, \"name\": \"a\", \"label\": \"A\", \"moves\": true}]}"));
    assert_has(complaint(), "the status unknown.unmapped is missing");
}

Test(schema, says_which_folder_is_not_there)
{
    struct rs_schema schema;
    struct rs_diag diag;
    cr_expect(rs_schema_open(&schema, "/nowhere", &diag) == RS_E_CONFIG);
    cr_expect_str_eq(diag.text, "--schema: /nowhere is no folder");
}
