/* Compiling a profile: paths, words, times and places. */
#include "profile_compile.h"

/* ---- paths and words ------------------------------------------------------------ */

int rs_compile_path_text(struct compile *c, uint32_t at, struct rs_str text, struct rs_path **ret)
{
    struct rs_path *path = rs_arena_get(c->p->arena, sizeof *path);
    const char *why;
    uint32_t where;
    if (!rs_path_parse(c->p->arena, text, path, &why, &where)) {
        return rs_reader_fail(&c->r, at, "path \"%.*s\": %s at character %u", RS_FMT(text), why, where + 1);
    }
    *ret = path;
    return RS_OK;
}

int rs_compile_path(struct compile *c, uint32_t at, struct rs_path **ret)
{
    const struct rs_json_node *node = node_at(c, at);
    if (node->type == RS_JSON_STRING) return rs_compile_path_text(c, at, node->s, ret);
    return rs_reader_fail(&c->r, at, "expected a path, found %s", rs_json_type_name(node->type));
}

static int compile_slot(struct compile *c, uint32_t at, uint16_t *ret)
{
    struct rs_path *path = NULL;
    int err = rs_compile_path(c, at, &path);
    if (!path) return err;
    int slot = rs_trie_add(path->from_root ? &c->p->root : c->trie, path);
    if (slot < 0) return rs_reader_fail(&c->r, at, "more than %d paths in a block", RS_TRIE_SLOTS_MAX);
    *ret = (uint16_t)((uint32_t)slot | (path->from_root ? RS_SLOT_ROOT : 0));
    return RS_OK;
}

/* {"join": ["@.data", "@.hora"], "with": " "} */
static int compile_join(struct compile *c, uint32_t at, struct rs_word_rule *rule)
{
    static const char *const keys[] = {"join", "with", NULL};
    uint32_t join, alt = rule->n - 1;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "join", &join);
    if (!err) err = rs_reader_array(&c->r, join);
    if (err) return err;
    err = rs_reader_string(&c->r, member(c, at, "with"), &rule->alt[alt].with);
    if (!rule->alt[alt].with.n && !member(c, at, "with")) rule->alt[alt].with = RS_LIT(" ");
    if (!err && rule->alt[alt].with.n && memchr(rule->alt[alt].with.p, '\0', rule->alt[alt].with.n)) {
        return rs_reader_fail(&c->r, member(c, at, "with"), "a NUL in it");
    }
    RS_EACH_CHILD (&c->r.json, join, part) {
        if (err) break;
        if (rule->alt[alt].n == RS_PARTS_MAX) {
            return rs_reader_fail(&c->r, part, "more than %d parts", RS_PARTS_MAX);
        }
        err = compile_slot(c, part, &rule->alt[alt].slot[rule->alt[alt].n++]);
    }
    return err;
}

static int compile_alternative(struct compile *c, uint32_t at, struct rs_word_rule *rule)
{
    if (rule->n == RS_ALTERNATIVES_MAX) {
        return rs_reader_fail(&c->r, at, "more than %d alternatives", RS_ALTERNATIVES_MAX);
    }
    rule->n++;
    if (node_at(c, at)->type == RS_JSON_OBJECT) return compile_join(c, at, rule);
    rule->alt[rule->n - 1].n = 1;
    return compile_slot(c, at, &rule->alt[rule->n - 1].slot[0]);
}

/* A path, a join, or a list of them; absent (at == 0) gives the empty rule. */
int rs_compile_word(struct compile *c, uint32_t at, struct rs_word_rule *rule)
{
    *rule = (struct rs_word_rule){0};
    if (!at) return RS_OK;
    int err = RS_OK;
    if (node_at(c, at)->type != RS_JSON_ARRAY) {
        err = compile_alternative(c, at, rule);
    } else {
        RS_EACH_CHILD (&c->r.json, at, a) {
            if (!err) err = compile_alternative(c, a, rule);
        }
    }
    rule->plain = rule->n == 1 && rule->alt[0].n == 1;
    return err;
}

int rs_compile_member(struct compile *c, uint32_t object, const char *key, struct rs_word_rule *rule)
{
    return rs_compile_word(c, member(c, object, key), rule);
}

/* ---- times and places ------------------------------------------------------------- */

int rs_compile_zone_rule(struct compile *c, uint32_t at, struct rs_zone_rule *rule)
{
    static const char *const keys[] = {"at", "country", "region", NULL};
    const struct rs_json_node *node = node_at(c, at);
    *rule = (struct rs_zone_rule){0};
    if (node->type == RS_JSON_STRING) {
        rule->kind = RS_ZONE_NAMED;
        rule->zone = rs_zones_find(c->zones, node->s.p, node->s.n);
        if (rule->zone) return RS_OK;
        return rs_reader_fail(&c->r, at, "no IANA zone \"%.*s\"", RS_FMT(node->s));
    }
    int err = rs_reader_object(&c->r, at, keys);
    if (err) return err;
    if (member(c, at, "at")) {
        rule->kind = RS_ZONE_GIVEN_BY;
        return rs_compile_member(c, at, "at", &rule->at);
    }
    rule->kind = RS_ZONE_BY_PLACE;
    if (!member(c, at, "country")) return rs_reader_fail(&c->r, at, "expected \"at\" or \"country\"");
    err = rs_compile_member(c, at, "country", &rule->country);
    return err ? err : rs_compile_member(c, at, "region", &rule->region);
}

static int compile_pattern(struct compile *c, uint32_t at, struct rs_time_rule *rule)
{
    struct rs_str text;
    int err = rs_reader_string(&c->r, at, &text);
    if (err) return err;
    if (rule->pattern_n == RS_PATTERNS_MAX) {
        return rs_reader_fail(&c->r, at, "more than %d patterns", RS_PATTERNS_MAX);
    }
    struct rs_diag why;
    if (rs_time_pattern_compile(text, &rule->pattern[rule->pattern_n], &why)) {
        return rs_reader_fail(&c->r, at, "%s", why.text);
    }
    rule->pattern_text[rule->pattern_n++] = text;
    return RS_OK;
}

static int compile_patterns(struct compile *c, uint32_t at, struct rs_time_rule *rule)
{
    if (node_at(c, at)->type != RS_JSON_ARRAY) return compile_pattern(c, at, rule);
    int err = RS_OK;
    RS_EACH_CHILD (&c->r.json, at, a) {
        if (!err) err = compile_pattern(c, a, rule);
    }
    return err;
}

static int compile_zones(struct compile *c, uint32_t at, struct rs_time_rule *rule)
{
    if (!at) return RS_OK;
    if (node_at(c, at)->type != RS_JSON_ARRAY) {
        rule->zone_n = 1;
        return rs_compile_zone_rule(c, at, &rule->zone[0]);
    }
    int err = RS_OK;
    RS_EACH_CHILD (&c->r.json, at, a) {
        if (err) break;
        if (rule->zone_n == RS_ZONE_RULES_MAX) {
            return rs_reader_fail(&c->r, a, "more than %d zone rules", RS_ZONE_RULES_MAX);
        }
        err = rs_compile_zone_rule(c, a, &rule->zone[rule->zone_n++]);
    }
    return err;
}

static int compile_time(struct compile *c, uint32_t at, struct rs_time_rule *rule)
{
    static const char *const keys[] = {"at", "as", "zone", "offset", "latest", NULL};
    uint32_t where, as;
    *rule = (struct rs_time_rule){0};
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_reader_need(&c->r, at, "at", &where);
    if (!err) err = rs_reader_need(&c->r, at, "as", &as);
    if (!err) err = rs_compile_word(c, where, &rule->at);
    if (!err) err = compile_patterns(c, as, rule);
    if (!err) err = compile_zones(c, member(c, at, "zone"), rule);
    if (!err) err = rs_compile_member(c, at, "offset", &rule->offset);
    uint32_t latest = member(c, at, "latest");
    if (!err && latest) err = rs_reader_bool(&c->r, latest, &rule->latest);
    if (!err && rule->latest && (rule->at.n != 1 || rule->at.alt[0].n != 1)) {
        err = rs_reader_fail(&c->r, where, "with \"latest\", \"at\" is one path");
    }
    return err;
}

/* One time, or a list of which the first that is there counts. */
int rs_compile_times(struct compile *c, uint32_t at, struct rs_time_rules *rules)
{
    *rules = (struct rs_time_rules){0};
    if (!at) return RS_OK;
    if (node_at(c, at)->type != RS_JSON_ARRAY) {
        rules->n = 1;
        return compile_time(c, at, &rules->rule[0]);
    }
    int err = RS_OK;
    RS_EACH_CHILD (&c->r.json, at, a) {
        if (err) break;
        if (rules->n == RS_TIMES_MAX) return rs_reader_fail(&c->r, a, "more than %d times", RS_TIMES_MAX);
        err = compile_time(c, a, &rules->rule[rules->n++]);
    }
    return err;
}

int rs_compile_place(struct compile *c, uint32_t at, struct rs_place_rule *rule)
{
    static const char *const keys[] = {"country", "region", "city", "name", NULL};
    *rule = (struct rs_place_rule){0};
    if (!at) return RS_OK;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_compile_member(c, at, "country", &rule->country);
    if (!err) err = rs_compile_member(c, at, "region", &rule->region);
    if (!err) err = rs_compile_member(c, at, "city", &rule->city);
    if (!err) err = rs_compile_member(c, at, "name", &rule->name);
    return err;
}

int rs_compile_period(struct compile *c, uint32_t at, struct rs_period_rule *rule)
{
    static const char *const keys[] = {"from", "to", NULL};
    *rule = (struct rs_period_rule){0};
    if (!at) return RS_OK;
    int err = rs_reader_object(&c->r, at, keys);
    if (!err) err = rs_compile_times(c, member(c, at, "from"), &rule->from);
    if (!err) err = rs_compile_times(c, member(c, at, "to"), &rule->to);
    return err;
}
