#include "rastro/schema.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rastro/file.h"

#define FILE_BYTES_MAX (4u << 20)
#define PATH_ROOM 4096

typedef int read_fn(struct rs_catalog *, const char *file, struct rs_str text, struct rs_diag *);

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int find_dir(const char *given, char ret[PATH_ROOM], struct rs_diag *diag)
{
    if (given && *given) {
        if (!is_dir(given)) return rs_fail(diag, RS_E_CONFIG, "--schema: %s is no folder", given);
        snprintf(ret, PATH_ROOM, "%s", given);
        return RS_OK;
    }
    char self[PATH_ROOM - 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        char *slash = strrchr(self, '/');
        if (slash) *slash = '\0';
        snprintf(ret, PATH_ROOM, "%s/../share/rastro", self);
        if (is_dir(ret)) return RS_OK;
    }
    snprintf(ret, PATH_ROOM, "%s", RASTRO_SOURCE_SCHEMA);
    if (is_dir(ret)) return RS_OK;
    return rs_fail(diag, RS_E_CONFIG, "no schema folder beside the program; name it with --schema");
}

static int read_catalog(struct rs_schema *schema, const char *dir, const char *name, read_fn *read,
                        struct rs_diag *diag)
{
    char path[PATH_ROOM + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    struct rs_buf buf = {0};
    int err = rs_file_read(path, FILE_BYTES_MAX, &buf, diag);
    if (!err) err = read(&schema->catalog, path, (struct rs_str){buf.p, (uint32_t)buf.n}, diag);
    rs_buf_free(&buf);
    return err;
}

static int read_calendars(struct rs_schema *schema, const char *dir, struct rs_diag *diag)
{
    char path[PATH_ROOM + 64];
    snprintf(path, sizeof path, "%s/calendars.json", dir);
    struct rs_buf buf = {0};
    int err = rs_file_read(path, FILE_BYTES_MAX, &buf, diag);
    struct rs_str text = {buf.p, (uint32_t)buf.n};
    if (!err) err = rs_calendars_read(&schema->calendars, schema->zones, path, text, diag);
    rs_buf_free(&buf);
    return err;
}

static int read_profile(struct rs_schema *schema, const char *path, struct rs_diag *diag)
{
    struct rs_buf buf = {0};
    struct rs_profile *profile = NULL;
    int err = rs_file_read(path, FILE_BYTES_MAX, &buf, diag);
    struct rs_str text = {buf.p, (uint32_t)buf.n};
    if (!err) err = rs_profile_compile(&schema->catalog, schema->zones, path, text, &profile, diag);
    if (!err) err = rs_profiles_add(&schema->profiles, profile, diag);
    rs_buf_free(&buf);
    return err;
}

static int read_profiles(struct rs_schema *schema, const char *dir, struct rs_diag *diag)
{
    char folder[PATH_ROOM + 16], path[PATH_ROOM + 300];
    snprintf(folder, sizeof folder, "%s/sources", dir);
    char **names = NULL;
    size_t n = 0;
    int err = rs_dir_list(folder, ".json", &names, &n, diag);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (!err) err = read_profile(schema, path, diag);
        free(names[i]);
    }
    free(names);
    return err;
}

int rs_schema_open(struct rs_schema *schema, const char *dir, struct rs_diag *diag)
{
    char path[PATH_ROOM];
    *schema = (struct rs_schema){0};
    rs_catalog_init(&schema->catalog);
    int err = find_dir(dir, path, diag);
    if (!err) err = read_catalog(schema, path, "status.json", rs_catalog_read_statuses, diag);
    if (!err) err = read_catalog(schema, path, "carriers.json", rs_catalog_read_carriers, diag);
    if (!err) err = read_catalog(schema, path, "countries.json", rs_catalog_read_countries, diag);
    if (!err) err = rs_zones_open(&schema->zones, diag);
    if (!err) err = read_calendars(schema, path, diag);
    if (!err) err = read_profiles(schema, path, diag);
    if (!err && !rs_status_named(&schema->catalog, RS_LIT("unknown.unmapped"))) {
        err = rs_fail(diag, RS_E_CONFIG, "%s/status.json: the status unknown.unmapped is missing", path);
    }
    if (!err) schema->dir = rs_strdup(path);
    if (err) {
        if (diag && diag->err != RS_E_CONFIG) diag->err = err = RS_E_CONFIG;
        rs_schema_close(schema);
    }
    return err;
}

void rs_schema_close(struct rs_schema *schema)
{
    free(schema->dir);
    rs_profiles_free(&schema->profiles);
    rs_calendars_free(&schema->calendars);
    rs_zones_free(schema->zones);
    rs_catalog_free(&schema->catalog);
    *schema = (struct rs_schema){0};
}

int rs_schema_read_rules(const struct rs_schema *schema, const char *file, struct rs_rules **ret, struct rs_diag *diag)
{
    char path[PATH_ROOM + 64];
    if (*file) snprintf(path, sizeof path, "%s", file);
    else snprintf(path, sizeof path, "%s/stalls.json", schema->dir);
    struct rs_buf buf = {0};
    int err = rs_file_read(path, FILE_BYTES_MAX, &buf, diag);
    struct rs_str text = {buf.p, (uint32_t)buf.n};
    if (!err) err = rs_rules_read(&schema->catalog, &schema->calendars, path, text, ret, diag);
    if (err && diag) diag->err = RS_E_CONFIG;
    rs_buf_free(&buf);
    return err ? RS_E_CONFIG : RS_OK;
}
