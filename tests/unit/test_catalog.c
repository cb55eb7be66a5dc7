#include "rastro/catalog.h"

#include "support.h"

/* ---- the files of the source tree --------------------------------------------------- */

Test(catalog, ranks_statuses_by_their_place)
{
    const struct rs_catalog *catalog = rs_test_catalog();
    cr_assert(catalog->status_count > 30 && catalog->status_version >= 1);
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        const struct rs_status *s = &catalog->status[i];
        cr_expect(s->rank == i && rs_status_named(catalog, s->name) == s);
        cr_expect(s->label.n > 0 && s->stage.n > 0, "%.*s", RS_FMT(s->name));
        struct rs_str joined = s->detail.n ? rs_test_say("%.*s.%.*s", RS_FMT(s->stage), RS_FMT(s->detail)) : s->stage;
        cr_expect(rs_str_eq(joined, s->name), "%.*s", RS_FMT(s->name));
        for (uint32_t k = 0; k < i; k++) cr_expect(catalog->status[k].id != s->id, "%u twice", s->id);
    }
    cr_expect(rs_status_named(catalog, RS_LIT("transit")) == NULL);
    cr_expect(rs_status_named(catalog, RS_STR_NONE) == NULL);
}

/* Ids are in databases: what a name's id was, it stays. */
Test(catalog, keeps_the_ids_of_statuses)
{
    static const struct {
        const char *name;
        uint16_t id;
    } ids[] = {{"unknown.unmapped", 1},
               {"info.received", 10},
               {"accepted.scan", 20},
               {"transit.moving", 30},
               {"customs.started", 40}};
    for (size_t i = 0; i < COUNT(ids); i++) cr_expect(rs_test_status(ids[i].name)->id == ids[i].id, "%s", ids[i].name);
}

Test(catalog, lets_only_what_is_understood_move)
{
    const struct rs_catalog *catalog = rs_test_catalog();
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        const struct rs_status *s = &catalog->status[i];
        if (rs_str_is(s->stage, "unknown")) cr_expect(!s->moves, "%.*s", RS_FMT(s->name));
        if (s->ends) cr_expect(s->moves, "%.*s ends without moving", RS_FMT(s->name));
    }
    cr_expect(rs_test_status("delivered.other")->ends && !rs_test_status("transit.moving")->ends);
}

Test(catalog, names_zones_that_exist)
{
    const struct rs_catalog *catalog = rs_test_catalog();
    cr_assert(catalog->country_count > 200);
    for (uint32_t i = 0; i < catalog->country_count; i++) {
        struct rs_str zone = catalog->country[i].zone;
        if (zone.n) cr_expect(rs_zones_find(rs_test_zones(), zone.p, zone.n), "%.*s", RS_FMT(zone));
    }
    for (uint32_t i = 0; i < catalog->zone_by_region.count; i++) {
        struct rs_str zone = catalog->region_zone[i];
        cr_expect(rs_zones_find(rs_test_zones(), zone.p, zone.n), "%.*s", RS_FMT(zone));
    }
}

Test(catalog, gives_carriers_countries_that_exist)
{
    const struct rs_catalog *catalog = rs_test_catalog();
    for (uint32_t i = 0; i < catalog->carrier_count; i++) {
        const struct rs_carrier *c = &catalog->carrier[i];
        if (c->country.n) cr_expect(rs_country_of(catalog, c->country), "%.*s", RS_FMT(c->id));
        if (c->page.n) assert_has(rs_test_say("%.*s", RS_FMT(c->page)).p, "{number}");
    }
}

Test(catalog, knows_countries_by_code_and_name_in_any_case)
{
    static const struct {
        const char *word, *iso2;
    } cases[] = {{"BR", "BR"},  {"br", "BR"},      {"BRA", "BR"}, {"Brazil", "BR"}, {"BRAZIL", "BR"},   {"de", "DE"},
                 {"deu", "DE"}, {"Germany", "DE"}, {"XX", NULL},  {"", NULL},       {"Brasilia", NULL}, {"B", NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct rs_country *country = rs_country_of(rs_test_catalog(), rs_str_of(cases[i].word));
        cr_expect((country != NULL) == (cases[i].iso2 != NULL), "%s", cases[i].word);
        if (country && cases[i].iso2) assert_str(country->iso2, cases[i].iso2);
    }
    char huge[1000];
    memset(huge, 'a', sizeof huge);
    cr_expect(rs_country_of(rs_test_catalog(), (struct rs_str){huge, sizeof huge}) == NULL);
}

Test(catalog, finds_the_zone_of_a_place)
{
    static const struct {
        const char *country, *region, *zone;
    } cases[] = {{"DE", "", "Europe/Berlin"}, {"BR", "AM", "America/Manaus"}, {"CN", "GD", "Asia/Shanghai"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct rs_country *country = rs_country_of(rs_test_catalog(), rs_str_of(cases[i].country));
        assert_str(rs_zone_of_place(rs_test_catalog(), country, rs_str_of(cases[i].region)), cases[i].zone);
    }
    char huge[1000];
    memset(huge, 'a', sizeof huge);
    const struct rs_country *germany = rs_country_of(rs_test_catalog(), RS_LIT("DE"));
    assert_str(rs_zone_of_place(rs_test_catalog(), germany, (struct rs_str){huge, sizeof huge}), "Europe/Berlin");
}

/* ---- small ones of our own ----------------------------------------------------------------- */

typedef int read_fn(struct rs_catalog *, const char *, struct rs_str, struct rs_diag *);

static const char *complaint(read_fn *read, const char *text)
{
    struct rs_catalog catalog;
    struct rs_diag *diag = rs_arena_zero(rs_test_arena(), sizeof *diag);
    rs_catalog_init(&catalog);
    cr_expect(read(&catalog, "f.json", rs_test_json(text), diag) == RS_E_CONFIG, "taken: %s", text);
    cr_expect(diag->err == RS_E_CONFIG);
    rs_catalog_free(&catalog);
    return diag->text;
}

Test(catalog, says_where_a_status_is_wrong)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "f.json: JSON: empty"},
        {"{", "f.json: JSON: expected a key at line 1, column 2"},
        {"[]", "f.json:1:1: expected an object, found array"},
        {"{}", "f.json:1:1: \"statuses\" is missing"},
        {"{'version': 1, 'statuses': {}}", "f.json:1:28: expected a list, found object"},
        {"{'statuses': []}", "f.json:1:1: \"version\" is missing"},
        {"{'version': 0, 'statuses': []}", "f.json:1:13: expected a whole number from 1 to 999999"},
        {"{'version': 1,\n 'status': []}", "f.json:2:12: unknown key \"status\"; did you mean \"statuses\"?"},
        {"{'version': 1, 'statuses': [\n {'id': 1, 'name': 'a', 'label': 'A'}]}", "f.json:2:2: \"moves\" is missing"},
        {"{'version': 1, 'statuses': [\n {'id': 1, 'name': 'a', 'label': 'A', 'moves': 1}]}",
         "f.json:2:48: expected true or false, found number"},
        {"{'version': 1, 'statuses': [\n {'id': 0, 'name': 'a', 'label': 'A', 'moves': true}]}",
         "f.json:2:9: expected a whole number from 1 to 9999"},
        {"{'version': 1, 'statuses': [{'id': 1, 'name': 'a', 'label': 'A', 'moves': true},\n"
         " {'id': 1, 'name': 'b', 'label': 'B', 'moves': true}]}",
         "f.json:2:9: id 1 is taken"},
        {"{'version': 1, 'statuses': [{'id': 1, 'name': 'a', 'label': 'A', 'moves': true},\n"
         " {'id': 2, 'name': 'a', 'label': 'B', 'moves': true}]}",
         "f.json:2:20: status \"a\" is here twice"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *said = complaint(rs_catalog_read_statuses, cases[i].text);
        cr_expect_str_eq(said, cases[i].why, "%s", said);
    }
}

Test(catalog, says_where_a_carrier_is_wrong)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{'carriers': [{'id': 'a'}]}", "f.json:1:15: \"name\" is missing"},
        {"{'carriers': [{'id': 'a', 'name': 'A'},\n{'id': 'a', 'name': 'B'}]}",
         "f.json:2:8: carrier \"a\" is here twice"},
        {"{'carriers': [{'id': 'a', 'name': 'A', 'aliases': {'x': '1'}},\n"
         "{'id': 'b', 'name': 'B', 'aliases': {'x': ['2', '1']}}]}",
         "f.json:2:49: \"1\" names two carriers for x"},
        {"{'carriers': [{'id': 'a', 'name': 'A', 'aliasses': {}}]}",
         "f.json:1:52: unknown key \"aliasses\"; did you mean \"aliases\"?"},
        {"{'carriers': [{'id': 'a', 'name': 'A', 'aliases': {'x': 7}}]}",
         "f.json:1:57: expected a string, found number"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *said = complaint(rs_catalog_read_carriers, cases[i].text);
        cr_expect_str_eq(said, cases[i].why, "%s", said);
    }
}

Test(catalog, says_where_a_country_is_wrong)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{'countries': [{'iso2': 'BRA', 'name': 'Brazil'}]}", "f.json:1:25: not two letters"},
        {"{'countries': [{'iso2': 'BR', 'name': 'Brazil'},\n{'iso2': 'br', 'name': 'x'}]}",
         "f.json:2:10: \"br\" names two countries"},
        {"{'countries': [{'iso2': 'BR'}]}", "f.json:1:16: \"name\" is missing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *said = complaint(rs_catalog_read_countries, cases[i].text);
        cr_expect_str_eq(said, cases[i].why, "%s", said);
    }
}

Test(catalog, knows_carriers_by_each_sources_names)
{
    struct rs_catalog catalog;
    struct rs_diag diag;
    rs_catalog_init(&catalog);
    struct rs_str text = rs_test_json("{'carriers': [{'id': 'a', 'name': 'A', 'aliases': {'x': ['1', 'b'], 'y': '2'}},"
                                      " {'id': 'b', 'name': 'B', 'aliases': {'y': '1'}}]}");
    cr_assert(rs_catalog_read_carriers(&catalog, "f.json", text, &diag) == RS_OK, "%s", diag.text);
    static const struct {
        const char *source, *alias, *id;
    } cases[] = {
        {"x", "1", "a"}, {"y", "1", "b"}, {"y", "2", "a"},  {"x", "2", NULL},
        {"x", "b", "a"}, /* the source's word counts before our id */
        {"y", "b", "b"}, {"z", "a", "a"}, {"z", "A", NULL}, {"x", "", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct rs_carrier *c = rs_carrier_of(&catalog, rs_str_of(cases[i].source), rs_str_of(cases[i].alias));
        cr_expect((c != NULL) == (cases[i].id != NULL), "%s of %s", cases[i].alias, cases[i].source);
        if (c && cases[i].id) assert_str(c->id, cases[i].id);
    }
    cr_expect(rs_carrier_named(&catalog, RS_LIT("b")) == &catalog.carrier[1]);
    cr_expect(rs_carrier_named(&catalog, RS_LIT("1")) == NULL);
    char huge[400];
    memset(huge, 'a', sizeof huge);
    cr_expect(rs_carrier_of(&catalog, RS_LIT("x"), (struct rs_str){huge, sizeof huge}) == NULL);
    rs_catalog_free(&catalog);
}
