#include "rastro/catalog.h"

#include <stdlib.h>

#include "reader.h"

/* Joins two parts of a compound key; no vocabulary holds it. */
#define JOINT '\x1f'
#define KEY_MAX 160

void rs_catalog_init(struct rs_catalog *catalog)
{
    *catalog = (struct rs_catalog){.arena = rs_arena_new(64 << 10)};
}

void rs_catalog_free(struct rs_catalog *catalog)
{
    rs_strmap_free(&catalog->status_by_name);
    rs_strmap_free(&catalog->carrier_by_id);
    rs_strmap_free(&catalog->carrier_by_alias);
    rs_strmap_free(&catalog->country_by_word);
    rs_strmap_free(&catalog->zone_by_region);
    rs_arena_free(catalog->arena);
    *catalog = (struct rs_catalog){0};
}

static uint32_t children(const struct rs_json *json, uint32_t at)
{
    uint32_t n = 0;
    RS_EACH_CHILD (json, at, c) n++;
    return n;
}

/* Opens a file of one object with one list or map under `key`. */
static int open_list(struct rs_reader *reader, const char *file, struct rs_str text, struct rs_arena *arena,
                     const char *key, uint32_t *ret, struct rs_diag *diag)
{
    int err = rs_reader_open(reader, file, text, arena, diag);
    if (err) return err;
    const char *const keys[] = {"$schema", "about", "version", key, NULL};
    err = rs_reader_object(reader, 0, keys);
    if (!err) err = rs_reader_need(reader, 0, key, ret);
    if (err) rs_reader_close(reader);
    return err;
}

/* ---- statuses ---------------------------------------------------------------- */

static int read_status(struct rs_reader *reader, struct rs_catalog *catalog, uint32_t at)
{
    static const char *const keys[] = {"id", "name", "label", "moves", "ends", NULL};
    struct rs_status status = {.rank = (uint16_t)catalog->status_count};
    uint32_t id, name, label, moves;
    int64_t number;
    int err = rs_reader_object(reader, at, keys);
    if (!err) err = rs_reader_need(reader, at, "id", &id);
    if (!err) err = rs_reader_need(reader, at, "name", &name);
    if (!err) err = rs_reader_need(reader, at, "label", &label);
    if (!err) err = rs_reader_need(reader, at, "moves", &moves);
    if (!err) err = rs_reader_integer(reader, id, 1, 9999, &number);
    if (!err) err = rs_reader_string(reader, name, &status.name);
    if (!err) err = rs_reader_string(reader, label, &status.label);
    if (!err) err = rs_reader_bool(reader, moves, &status.moves);
    uint32_t ends = rs_json_member(&reader->json, at, "ends");
    if (!err && ends) err = rs_reader_bool(reader, ends, &status.ends);
    if (err) return err;

    status.id = (uint16_t)number;
    status.stage = status.name;
    const char *dot = memchr(status.name.p ? status.name.p : "", '.', status.name.n);
    if (dot) {
        status.stage.n = (uint32_t)(dot - status.name.p);
        status.detail = (struct rs_str){dot + 1, status.name.n - status.stage.n - 1};
    }
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        if (catalog->status[i].id == status.id) return rs_reader_fail(reader, id, "id %u is taken", status.id);
    }
    if (!rs_strmap_add(&catalog->status_by_name, status.name, status.rank)) {
        return rs_reader_fail(reader, name, "status \"%.*s\" is here twice", RS_FMT(status.name));
    }
    catalog->status[catalog->status_count++] = status;
    return RS_OK;
}

int rs_catalog_read_statuses(struct rs_catalog *catalog, const char *file, struct rs_str text, struct rs_diag *diag)
{
    struct rs_reader reader;
    uint32_t list;
    int err = open_list(&reader, file, text, catalog->arena, "statuses", &list, diag);
    if (err) return err;
    uint32_t version;
    int64_t number = 0;
    err = rs_reader_array(&reader, list);
    if (!err) err = rs_reader_need(&reader, 0, "version", &version);
    if (!err) err = rs_reader_integer(&reader, version, 1, 999999, &number);
    catalog->status_version = (uint32_t)number;
    catalog->status = rs_arena_zero(catalog->arena, (children(&reader.json, list) + 1) * sizeof *catalog->status);
    const struct rs_json_node *node = reader.json.node;
    for (uint32_t c = list + 1; !err && c < node[list].next; c = node[c].next) {
        err = read_status(&reader, catalog, c);
    }
    rs_reader_close(&reader);
    return err;
}

const struct rs_status *rs_status_named(const struct rs_catalog *catalog, struct rs_str name)
{
    uint32_t i = rs_strmap_get(&catalog->status_by_name, name);
    return i == RS_STRMAP_NONE ? NULL : &catalog->status[i];
}

const struct rs_status *rs_status_numbered(const struct rs_catalog *catalog, int64_t id)
{
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        if (catalog->status[i].id == id) return &catalog->status[i];
    }
    return NULL;
}

/* ---- carriers ------------------------------------------------------------------ */

static uint32_t joint(char *out, struct rs_str a, struct rs_str b)
{
    if (a.n + b.n + 1 > KEY_MAX) return 0;
    memcpy(out, a.p ? a.p : "", a.n);
    out[a.n] = JOINT;
    memcpy(out + a.n + 1, b.p ? b.p : "", b.n);
    return a.n + b.n + 1;
}

static int add_alias(struct rs_reader *reader, struct rs_catalog *catalog, uint32_t at, struct rs_str source,
                     uint32_t carrier)
{
    struct rs_str alias;
    int err = rs_reader_string(reader, at, &alias);
    if (err) return err;
    char key[KEY_MAX];
    struct rs_str joined = {key, joint(key, source, alias)};
    if (!joined.n) return rs_reader_fail(reader, at, "the alias is too long");
    if (!rs_strmap_add(&catalog->carrier_by_alias, rs_arena_str(catalog->arena, joined), carrier)) {
        return rs_reader_fail(reader, at, "\"%.*s\" names two carriers for %.*s", RS_FMT(alias), RS_FMT(source));
    }
    return RS_OK;
}

/* {"17track": "7041", "aftership": ["dhl-germany", "dhl-de"]} */
static int read_aliases(struct rs_reader *reader, struct rs_catalog *catalog, uint32_t at, uint32_t carrier)
{
    const struct rs_json_node *node = reader->json.node;
    int err = rs_reader_map(reader, at);
    for (uint32_t c = at + 1; !err && c < node[at].next; c = node[c].next) {
        if (node[c].type != RS_JSON_ARRAY) {
            err = add_alias(reader, catalog, c, node[c].key, carrier);
            continue;
        }
        for (uint32_t a = c + 1; !err && a < node[c].next; a = node[a].next) {
            err = add_alias(reader, catalog, a, node[c].key, carrier);
        }
    }
    return err;
}

static int read_carrier(struct rs_reader *reader, struct rs_catalog *catalog, uint32_t at)
{
    static const char *const keys[] = {"id", "name", "country", "page", "aliases", "untracked", NULL};
    struct rs_carrier carrier = {0};
    uint32_t id, name;
    int err = rs_reader_object(reader, at, keys);
    if (!err) err = rs_reader_need(reader, at, "id", &id);
    if (!err) err = rs_reader_need(reader, at, "name", &name);
    if (!err) err = rs_reader_string(reader, id, &carrier.id);
    if (!err) err = rs_reader_string(reader, name, &carrier.name);
    if (!err) err = rs_reader_string(reader, rs_json_member(&reader->json, at, "country"), &carrier.country);
    if (!err) err = rs_reader_string(reader, rs_json_member(&reader->json, at, "page"), &carrier.page);
    uint32_t untracked = rs_json_member(&reader->json, at, "untracked");
    if (!err && untracked) err = rs_reader_bool(reader, untracked, &carrier.untracked);
    if (err) return err;
    uint32_t index = catalog->carrier_count;
    if (!rs_strmap_add(&catalog->carrier_by_id, carrier.id, index)) {
        return rs_reader_fail(reader, id, "carrier \"%.*s\" is here twice", RS_FMT(carrier.id));
    }
    catalog->carrier[catalog->carrier_count++] = carrier;
    uint32_t aliases = rs_json_member(&reader->json, at, "aliases");
    return aliases ? read_aliases(reader, catalog, aliases, index) : RS_OK;
}

int rs_catalog_read_carriers(struct rs_catalog *catalog, const char *file, struct rs_str text, struct rs_diag *diag)
{
    struct rs_reader reader;
    uint32_t list;
    int err = open_list(&reader, file, text, catalog->arena, "carriers", &list, diag);
    if (err) return err;
    err = rs_reader_array(&reader, list);
    catalog->carrier = rs_arena_zero(catalog->arena, (children(&reader.json, list) + 1) * sizeof *catalog->carrier);
    const struct rs_json_node *node = reader.json.node;
    for (uint32_t c = list + 1; !err && c < node[list].next; c = node[c].next) {
        err = read_carrier(&reader, catalog, c);
    }
    rs_reader_close(&reader);
    return err;
}

const struct rs_carrier *rs_carrier_named(const struct rs_catalog *catalog, struct rs_str id)
{
    uint32_t i = rs_strmap_get(&catalog->carrier_by_id, id);
    return i == RS_STRMAP_NONE ? NULL : &catalog->carrier[i];
}

const struct rs_carrier *rs_carrier_of(const struct rs_catalog *catalog, struct rs_str source, struct rs_str alias)
{
    char key[KEY_MAX];
    struct rs_str joined = {key, joint(key, source, alias)};
    uint32_t i = joined.n ? rs_strmap_get(&catalog->carrier_by_alias, joined) : RS_STRMAP_NONE;
    return i == RS_STRMAP_NONE ? rs_carrier_named(catalog, alias) : &catalog->carrier[i];
}

/* ---- countries ------------------------------------------------------------------ */

static int add_country_word(struct rs_reader *reader, struct rs_catalog *catalog, uint32_t at, struct rs_str word,
                            uint32_t country)
{
    char key[KEY_MAX];
    struct rs_str lowered = rs_arena_str(catalog->arena, rs_str_lower(word, key, KEY_MAX));
    if (rs_strmap_add(&catalog->country_by_word, lowered, country)) return RS_OK;
    return rs_reader_fail(reader, at, "\"%.*s\" names two countries", RS_FMT(word));
}

static int read_regions(struct rs_reader *reader, struct rs_catalog *catalog, uint32_t at, struct rs_str iso2)
{
    const struct rs_json_node *node = reader->json.node;
    int err = rs_reader_map(reader, at);
    for (uint32_t c = at + 1; !err && c < node[at].next; c = node[c].next) {
        uint32_t index = catalog->zone_by_region.count;
        err = rs_reader_string(reader, c, &catalog->region_zone[index]);
        char key[KEY_MAX];
        struct rs_str joined = {key, joint(key, iso2, node[c].key)};
        rs_strmap_add(&catalog->zone_by_region, rs_arena_str(catalog->arena, joined), index);
    }
    return err;
}

static int read_country(struct rs_reader *reader, struct rs_catalog *catalog, uint32_t at)
{
    static const char *const keys[] = {"iso2", "iso3", "name", "zone", "regions", NULL};
    struct rs_country country = {0};
    uint32_t iso2, name, index = catalog->country_count;
    int err = rs_reader_object(reader, at, keys);
    if (!err) err = rs_reader_need(reader, at, "iso2", &iso2);
    if (!err) err = rs_reader_need(reader, at, "name", &name);
    if (!err) err = rs_reader_string(reader, iso2, &country.iso2);
    if (!err) err = rs_reader_string(reader, name, &country.name);
    if (!err) err = rs_reader_string(reader, rs_json_member(&reader->json, at, "iso3"), &country.iso3);
    if (!err) err = rs_reader_string(reader, rs_json_member(&reader->json, at, "zone"), &country.zone);
    if (!err && country.iso2.n != 2) err = rs_reader_fail(reader, iso2, "not two letters");
    if (!err) err = add_country_word(reader, catalog, iso2, country.iso2, index);
    if (!err && country.iso3.n) err = add_country_word(reader, catalog, at, country.iso3, index);
    if (!err) err = add_country_word(reader, catalog, name, country.name, index);
    if (err) return err;
    catalog->country[catalog->country_count++] = country;
    uint32_t regions = rs_json_member(&reader->json, at, "regions");
    return regions ? read_regions(reader, catalog, regions, country.iso2) : RS_OK;
}

int rs_catalog_read_countries(struct rs_catalog *catalog, const char *file, struct rs_str text, struct rs_diag *diag)
{
    struct rs_reader reader;
    uint32_t list;
    int err = open_list(&reader, file, text, catalog->arena, "countries", &list, diag);
    if (err) return err;
    err = rs_reader_array(&reader, list);
    catalog->country = rs_arena_zero(catalog->arena, (children(&reader.json, list) + 1) * sizeof *catalog->country);
    /* No file has more regions than nodes. */
    catalog->region_zone = rs_arena_zero(catalog->arena, reader.json.count * sizeof *catalog->region_zone);
    const struct rs_json_node *node = reader.json.node;
    for (uint32_t c = list + 1; !err && c < node[list].next; c = node[c].next) {
        err = read_country(&reader, catalog, c);
    }
    rs_reader_close(&reader);
    return err;
}

const struct rs_country *rs_country_of(const struct rs_catalog *catalog, struct rs_str word)
{
    char key[KEY_MAX];
    uint32_t i = rs_strmap_get(&catalog->country_by_word, rs_str_lower(word, key, KEY_MAX));
    return i == RS_STRMAP_NONE ? NULL : &catalog->country[i];
}

struct rs_str rs_zone_of_place(const struct rs_catalog *catalog, const struct rs_country *country, struct rs_str region)
{
    char key[KEY_MAX];
    struct rs_str joined = {key, joint(key, country->iso2, region)};
    uint32_t i = joined.n ? rs_strmap_get(&catalog->zone_by_region, joined) : RS_STRMAP_NONE;
    return i == RS_STRMAP_NONE ? country->zone : catalog->region_zone[i];
}
