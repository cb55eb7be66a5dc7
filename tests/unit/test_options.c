#include "rastro/options.h"

#include <unistd.h>

#include "rastro/clock.h"
#include "support.h"

#define ALL_GROUPS (~0u)

extern char **environ;

/* What whoever runs the tests has set must not count. */
static void forget_environment(void)
{
    for (char **e = environ; *e;) {
        if (strncmp(*e, "RASTRO_", 7) || !strchr(*e, '=')) {
            e++;
            continue;
        }
        unsetenv(rs_test_say("%.*s", (int)(strchr(*e, '=') - *e), *e).p);
        e = environ;
    }
}

TestSuite(options, .init = forget_environment);

static int read_as(struct rs_options *options, unsigned groups, const char *const *words, struct rs_diag *diag)
{
    int n = 0;
    while (words[n]) n++;
    char **argv = rs_arena_zero(rs_test_arena(), (size_t)(n + 1) * sizeof *argv);
    for (int i = 0; i < n; i++) argv[i] = (char *)(uintptr_t)words[i];
    return rs_options_read(options, groups, n, argv, diag);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static struct rs_options *good(const char *const *words)
{
    struct rs_options *options = rs_options_new();
    struct rs_diag diag;
    cr_assert(read_as(options, ALL_GROUPS, words, &diag) == RS_OK, "%s", diag.text);
    return options;
}

static struct rs_diag bad_for(unsigned groups, const char *const *words, int err)
{
    struct rs_options *options = rs_options_new();
    struct rs_diag diag = {.text = "taken"};
    int got = read_as(options, groups, words, &diag);
    cr_expect(got == err && diag.err == (enum rs_err)err, "%s: error %d (%s)", words[0] ? words[0] : "", got,
              diag.text);
    rs_options_free(options);
    return diag;
}

static const char *file_of(const char *text)
{
    char *path = rs_arena_get(rs_test_arena(), 64);
    strcpy(path, "/tmp/rastro-options-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
    return path;
}

/* ---- values ------------------------------------------------------------------------------- */

Test(options, have_defaults)
{
    struct rs_options *o = good(WORDS());
    cr_expect_str_eq(rs_opt_text(o, RS_OPT_GROUP), "rastro");
    cr_expect(rs_opt_number(o, RS_OPT_BATCH_ROWS) == 10000);
    cr_expect(rs_opt_number(o, RS_OPT_BATCH_BYTES) == 32 << 20);
    cr_expect(rs_opt_number(o, RS_OPT_BATCH_AGE) == RS_SECOND_US);
    cr_expect(rs_opt_number(o, RS_OPT_FUTURE) == 15 * RS_MINUTE_US);
    cr_expect(!rs_opt_flag(o, RS_OPT_UNTIL_END) && !rs_opt_given(o, RS_OPT_UNTIL_END));
    cr_expect(rs_opt_count(o, RS_OPT_TOPIC) == 0 && !*rs_opt_text(o, RS_OPT_POSTGRES));
    cr_expect_str_eq(rs_opt_where(o, RS_OPT_GROUP), "default");
    cr_expect(!rs_options_help(o) && rs_options_argc(o) == 0 && rs_options_arg(o, 0) == NULL);
    rs_options_free(o);
    rs_options_free(NULL);
}

Test(options, read_units)
{
    static const struct {
        const char *word;
        enum rs_option_id id;
        int64_t number;
    } cases[] = {
        {"--batch-bytes=1048576", RS_OPT_BATCH_BYTES, 1 << 20},
        {"--batch-bytes=1024k", RS_OPT_BATCH_BYTES, 1 << 20},
        {"--batch-bytes=64M", RS_OPT_BATCH_BYTES, 64 << 20},
        {"--batch-bytes=1g", RS_OPT_BATCH_BYTES, 1 << 30},
        {"--batch-age=1000us", RS_OPT_BATCH_AGE, 1000},
        {"--batch-age=250ms", RS_OPT_BATCH_AGE, 250000},
        {"--batch-age=10s", RS_OPT_BATCH_AGE, 10 * RS_SECOND_US},
        {"--batch-age=1m", RS_OPT_BATCH_AGE, RS_MINUTE_US},
        {"--future-tolerance=12h", RS_OPT_FUTURE, 12 * RS_HOUR_US},
        {"--future-tolerance=2d", RS_OPT_FUTURE, 2 * RS_DAY_US},
        {"--future-tolerance=0s", RS_OPT_FUTURE, 0},
        {"--workers=64", RS_OPT_WORKERS, 64},
        {"--received=2026-11-23T08:00Z", RS_OPT_RECEIVED, RS_TEST_PUBLISHED},
        {"--until-end", RS_OPT_UNTIL_END, 1},
        {"--until-end=no", RS_OPT_UNTIL_END, 0},
        {"--until-end=true", RS_OPT_UNTIL_END, 1},
        {"--until-end=0", RS_OPT_UNTIL_END, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_options *o = good(WORDS(cases[i].word));
        cr_expect(rs_opt_number(o, cases[i].id) == cases[i].number, "%s: %lld", cases[i].word,
                  (long long)rs_opt_number(o, cases[i].id));
        cr_expect(rs_opt_given(o, cases[i].id));
        rs_options_free(o);
    }
}

Test(options, refuse_what_is_out_of_bounds_or_no_value)
{
    static const struct {
        const char *word, *why;
    } cases[] = {
        {"--workers=0", "--workers: \"0\" is no number from 1 to 64"},
        {"--workers=65", "--workers: \"65\" is no number from 1 to 64"},
        {"--workers=two", "--workers: \"two\" is no number from 1 to 64"},
        {"--workers=2.5", "--workers: \"2.5\" is no number from 1 to 64"},
        {"--workers=", "--workers: \"\" is no number from 1 to 64"},
        {"--workers=99999999999999999999", "is no number from 1 to 64"},
        {"--batch-bytes=", "--batch-bytes: \"\" is no number from 1048576 to 1073741824"},
        {"--batch-bytes=5x", "--batch-bytes: \"5x\" is no number from 1048576 to 1073741824"},
        {"--batch-bytes=1048575", "is no number from"},
        {"--batch-bytes=9007199254740993g", "is no number from"},
        {"--batch-age=5", "--batch-age: \"5\" is no time from 1ms to 60s, such as 250ms or 10s"},
        {"--batch-age=", "--batch-age: \"\" is no time"},
        {"--batch-age=-1s", "is no time"},
        {"--batch-age=61s", "is no time"},
        {"--batch-age=9223372036854775807d", "is no time"},
        {"--received=yesterday", "--received: \"yesterday\" is no ISO 8601 instant, such as 2026-11-23T08:00Z"},
        {"--raw=some", "--raw: \"some\" is none of: none new all"},
        {"--raw=", "--raw: \"\" is none of: none new all"},
        {"--raw=ne", "is none of: none new all"},
        {"--raw=none new", "--raw: \"none new\" is none of: none new all"},
        {"--until-end=maybe", "--until-end: \"maybe\" is neither true nor false"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_has(bad_for(ALL_GROUPS, WORDS(cases[i].word), RS_E_USAGE).text, cases[i].why);
}

Test(options, take_empty_where_nothing_is_the_default)
{
    struct rs_options *o = good(WORDS("--received=", "--postgres=", "--metrics", ""));
    cr_expect(!*rs_opt_text(o, RS_OPT_RECEIVED) && !*rs_opt_text(o, RS_OPT_METRICS));
    rs_options_free(o);
}

Test(options, are_one_of_their_choices)
{
    static const char *const words[] = {"none", "new", "all"};
    for (size_t i = 0; i < COUNT(words); i++) {
        struct rs_options *o = good(WORDS("--raw", words[i]));
        for (size_t k = 0; k < COUNT(words); k++) cr_expect(rs_opt_is(o, RS_OPT_RAW, words[k]) == (i == k));
        rs_options_free(o);
    }
}

/* ---- the command line ------------------------------------------------------------------------ */

Test(options, leave_arguments_in_order)
{
    struct rs_options *o = good(WORDS("a", "--group", "g", "b", "-", "--until-end", "--", "--limit", "-x"));
    static const char *const want[] = {"a", "b", "-", "--limit", "-x"};
    cr_assert(rs_options_argc(o) == (int)COUNT(want));
    for (int i = 0; i < (int)COUNT(want); i++) cr_expect_str_eq(rs_options_arg(o, i), want[i]);
    cr_expect_str_eq(rs_opt_text(o, RS_OPT_GROUP), "g");
    cr_expect_str_eq(rs_opt_where(o, RS_OPT_GROUP), "--group");
    cr_expect(rs_opt_flag(o, RS_OPT_UNTIL_END));
    rs_options_free(o);
}

Test(options, see_help_wherever_it_stands)
{
    static const char *const words[] = {"--help", "-h"};
    for (size_t i = 0; i < COUNT(words); i++) {
        struct rs_options *o = good(WORDS("a", words[i]));
        cr_expect(rs_options_help(o) && rs_options_argc(o) == 1);
        rs_options_free(o);
    }
    struct rs_options *o = good(WORDS("--", "--help"));
    cr_expect(!rs_options_help(o));
    rs_options_free(o);
}

Test(options, suggest_a_name_for_a_misspelt_one)
{
    static const struct {
        const char *word, *why;
    } cases[] = {
        {"--batch-row=5", "command line: unknown option \"batch-row\"; did you mean \"batch-rows\"?"},
        {"--broker", "command line: unknown option \"broker\"; did you mean \"brokers\"?"},
        {"--zzzzzzzz", "command line: unknown option \"zzzzzzzz\""},
        {"--", NULL},
        {"-q", "unknown option \"-q\""},
        {"--=x", "command line: unknown option \"\""},
        {"--limit", "--limit needs N"},
        {"--group", "--group needs NAME"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].why) cr_expect_str_eq(bad_for(ALL_GROUPS, WORDS(cases[i].word), RS_E_USAGE).text, cases[i].why);
    }
}

Test(options, belong_to_verbs)
{
    cr_expect_str_eq(bad_for(RS_GROUP_FORMAT, WORDS("--workers=2"), RS_E_USAGE).text, "--workers is not for this verb");
    struct rs_options *o = rs_options_new();
    struct rs_diag diag;
    cr_expect(read_as(o, RS_GROUP_FORMAT, WORDS("--format=json", "--log-level", "debug"), &diag) == RS_OK, "%s",
              diag.text);
    rs_options_free(o);
    /* The environment and a file serve all verbs. */
    setenv("RASTRO_WORKERS", "3", 1);
    o = rs_options_new();
    cr_expect(read_as(o, RS_GROUP_FORMAT, WORDS(), &diag) == RS_OK, "%s", diag.text);
    rs_options_free(o);
}

Test(options, collect_a_list)
{
    struct rs_options *o = good(
        WORDS("--topic", "a", "--topic=b=usps", "-Xclient.id=x", "-X", "linger.ms=5", "--topic="));
    cr_assert(rs_opt_count(o, RS_OPT_TOPIC) == 2 && rs_opt_count(o, RS_OPT_KAFKA) == 2);
    cr_expect_str_eq(rs_opt_item(o, RS_OPT_TOPIC, 0), "a");
    cr_expect_str_eq(rs_opt_item(o, RS_OPT_TOPIC, 1), "b=usps");
    cr_expect_str_eq(rs_opt_item(o, RS_OPT_KAFKA, 0), "client.id=x");
    cr_expect_str_eq(rs_opt_item(o, RS_OPT_KAFKA, 1), "linger.ms=5");
    rs_options_free(o);

    const char *many[66 + 1] = {0};
    for (int i = 0; i < 65; i++) many[i] = "--topic=t";
    cr_expect_str_eq(bad_for(ALL_GROUPS, many, RS_E_USAGE).text, "--topic: more than 64");
}

/* ---- precedence -------------------------------------------------------------------------------- */

Test(options, come_from_flag_then_environment_then_file_then_default)
{
    const char *file = file_of("group = of-file\nworkers = 3\nbatch-rows = 30\n");
    static const struct {
        bool flag, environment, file;
        const char *group;
    } cases[] = {
        {false, false, false, "rastro"}, {false, false, true, "of-file"}, {false, true, true, "of-environment"},
        {true, true, true, "of-flag"},   {true, false, true, "of-flag"},  {false, true, false, "of-environment"},
        {true, false, false, "of-flag"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *words[4] = {0};
        int n = 0;
        if (cases[i].flag) words[n++] = "--group=of-flag";
        if (cases[i].file) words[n++] = rs_test_say("--config=%s", file).p;
        if (cases[i].environment) setenv("RASTRO_GROUP", "of-environment", 1);
        else unsetenv("RASTRO_GROUP");
        struct rs_options *o = good(words);
        cr_expect_str_eq(rs_opt_text(o, RS_OPT_GROUP), cases[i].group, "case %zu", i);
        cr_expect(rs_opt_number(o, RS_OPT_WORKERS) == (cases[i].file ? 3 : 2), "the rest of the file counts");
        rs_options_free(o);
    }
    unlink(file);
}

Test(options, say_where_a_value_came_from)
{
    const char *file = file_of("# comment\n\n  workers  =  3  \n");
    setenv("RASTRO_CONFIG", file, 1);
    setenv("RASTRO_BATCH_ROWS", "7", 1);
    struct rs_options *o = good(WORDS("--group", "g"));
    cr_expect_str_eq(rs_opt_where(o, RS_OPT_GROUP), "--group");
    cr_expect_str_eq(rs_opt_where(o, RS_OPT_BATCH_ROWS), "RASTRO_BATCH_ROWS");
    cr_expect_str_eq(rs_opt_where(o, RS_OPT_WORKERS), rs_test_say("%s:3", file).p);
    cr_expect_str_eq(rs_opt_where(o, RS_OPT_RAW), "default");
    cr_expect(rs_opt_number(o, RS_OPT_BATCH_ROWS) == 7 && rs_opt_number(o, RS_OPT_WORKERS) == 3);
    rs_options_free(o);
    unlink(file);
}

Test(options, replace_a_list_by_that_of_a_higher_origin)
{
    const char *file = file_of("topic = f1\ntopic = f2\n");
    const char *config = rs_test_say("--config=%s", file).p;
    struct rs_options *o = good(WORDS(config));
    cr_expect(rs_opt_count(o, RS_OPT_TOPIC) == 2);
    rs_options_free(o);
    setenv("RASTRO_TOPIC", " e1\te2  e3\n", 1);
    o = good(WORDS(config));
    cr_assert(rs_opt_count(o, RS_OPT_TOPIC) == 3);
    cr_expect_str_eq(rs_opt_item(o, RS_OPT_TOPIC, 2), "e3");
    rs_options_free(o);
    o = good(WORDS(config, "--topic=g1"));
    cr_assert(rs_opt_count(o, RS_OPT_TOPIC) == 1);
    cr_expect_str_eq(rs_opt_item(o, RS_OPT_TOPIC, 0), "g1");
    rs_options_free(o);
    unlink(file);
}

Test(options, say_which_line_of_a_file_is_wrong)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"workers = 3\nbatch-row = 5\n", ":2: unknown option \"batch-row\"; did you mean \"batch-rows\"?"},
        {"workers\n", ":1: expected key = value"},
        {"\n\nworkers = 0", ":3: \"0\" is no number from 1 to 64"},
        {"workers =\n", ":1: \"\" is no number from 1 to 64"},
        {"= 5\n", ":1: unknown option \"\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *file = file_of(cases[i].text);
        struct rs_diag diag = bad_for(ALL_GROUPS, WORDS("--config", file), RS_E_CONFIG);
        cr_expect_str_eq(diag.text, rs_test_say("%s%s", file, cases[i].why).p);
        unlink(file);
    }
    assert_has(bad_for(ALL_GROUPS, WORDS("--config=/nowhere/x"), RS_E_CONFIG).text, "/nowhere/x: cannot be read");
    char line[5000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    const char *file = file_of(line);
    assert_has(bad_for(ALL_GROUPS, WORDS("--config", file), RS_E_CONFIG).text, ":1: the line is too long");
    unlink(file);
}

Test(options, say_which_variable_is_wrong)
{
    setenv("RASTRO_WORKERS", "", 1);
    cr_expect_str_eq(bad_for(ALL_GROUPS, WORDS(), RS_E_USAGE).text, "RASTRO_WORKERS: \"\" is no number from 1 to 64");
    unsetenv("RASTRO_WORKERS");
    setenv("RASTRO_LOG_LEVEL", "loud", 1);
    cr_expect_str_eq(bad_for(ALL_GROUPS, WORDS(), RS_E_USAGE).text,
                     "RASTRO_LOG_LEVEL: \"loud\" is none of: error warn info debug");
    unsetenv("RASTRO_LOG_LEVEL");
    char list[5000];
    memset(list, 'x', sizeof list - 1);
    list[sizeof list - 1] = '\0';
    setenv("RASTRO_TOPIC", list, 1);
    cr_expect_str_eq(bad_for(ALL_GROUPS, WORDS(), RS_E_USAGE).text, "RASTRO_TOPIC: too long");
}

/* ---- secrets --------------------------------------------------------------------------------------- */

Test(options, refuse_a_secret_in_argv)
{
    static const char *const secrets[] = {
        "--postgres=host=db password=hunter2",
        "--postgres=host=db PASSWORD = hunter2",
        "--postgres=host=db password\t=\thunter2",
        "--postgres=sslpassword=hunter2",
        "--postgres=postgresql://me:hunter2@db/x",
        "--postgres=postgresql://me@db/x?password=hunter2",
        "-Xsasl.password=hunter2",
        "--kafka=ssl.key.password=hunter2",
        "--kafka=sasl.oauthbearer.client.secret=hunter2",
        "--kafka=ssl.key.pem=hunter2",
    };
    for (size_t i = 0; i < COUNT(secrets); i++) {
        struct rs_diag diag = bad_for(ALL_GROUPS, WORDS(secrets[i]), RS_E_USAGE);
        assert_has(diag.text, "a password on the command line can be read by every user");
        cr_expect(diag.next[0] && !strstr(diag.text, "hunter2") && !strstr(diag.next, "hunter2"), "%s", secrets[i]);
    }
    static const char *const open[] = {
        "--postgres=host=db user=me passfile=/run/pass",
        "--postgres=postgresql://me@db:5432/x",
        "--postgres=postgresql://db:5432/x",
        "-Xsecurity.protocol=ssl",
        "-Xssl.key.location=/run/key",
        "-Xsasl.username=me",
    };
    for (size_t i = 0; i < COUNT(open); i++) rs_options_free(good(WORDS(open[i])));
}

Test(options, take_a_secret_from_a_file_or_the_environment)
{
    const char *file = file_of("postgres = host=db password=hunter2\n");
    struct rs_options *o = good(WORDS("--config", file));
    cr_expect_str_eq(rs_opt_text(o, RS_OPT_POSTGRES), "host=db password=hunter2");
    rs_options_free(o);
    setenv("RASTRO_KAFKA", "sasl.password=hunter2", 1);
    o = good(WORDS());
    cr_expect_str_eq(rs_opt_item(o, RS_OPT_KAFKA, 0), "sasl.password=hunter2");
    rs_options_free(o);
    unlink(file);
}

Test(options, mask_secrets)
{
    static const struct {
        const char *text, *masked;
    } cases[] = {
        {"", ""},
        {"host=db user=me", "host=db user=me"},
        {"host=db password=hunter2 user=me", "host=db password=*** user=me"},
        {"password=hunter2", "password=***"},
        {"PassWord=hunter2", "PassWord=***"},
        {"password = hunter2 user=me", "password = *** user=me"},
        {"password =hunter2", "password =***"},
        {"password= hunter2", "password= ***"},
        {"password\t=\thunter2", "password\t=\t***"},
        {"password='hunter2 and more' user=me", "password=*** user=me"},
        {"password = 'hunter2 and more' user=me", "password = *** user=me"},
        {"password='hunter2 isn\\'t it' user=me", "password=*** user=me"},
        {"password=hunter2\\ more user=me", "password=*** user=me"},
        {"password='hunter2", "password=***"},
        {"password=", "password=***"},
        {"sslpassword=hunter2 x=1", "sslpassword=*** x=1"},
        {"passfile=/run/pass", "passfile=/run/pass"},
        {"postgresql://me:hunter2@db/x", "postgresql://me:***@db/x"},
        {"postgresql://me@db:5432/x", "postgresql://me@db:5432/x"},
        {"postgresql://db:5432/x", "postgresql://db:5432/x"},
        {"postgresql://me:hunter2@db.example.org/x?password=hunter2&sslmode=require",
         "postgresql://me:***@db.example.org/x?password=***&sslmode=require"},
        {"sasl.password=hunter2 and more", "sasl.password=***"},
        {"ssl.key.pem=-----BEGIN hunter2 KEY-----", "ssl.key.pem=***"},
        {"sasl.oauthbearer.client.secret=hunter2", "sasl.oauthbearer.client.secret=***"},
        {"ssl.key.passphrase=hunter2", "ssl.key.passphrase=***"},
        {"client.id=x", "client.id=x"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_buf out = {0};
        rs_buf_puts(&out, RS_LIT("> "));
        rs_mask_secrets(cases[i].text, &out);
        cr_expect_str_eq(rs_buf_cstr(&out) + 2, cases[i].masked, "%s: %s", cases[i].text, rs_buf_cstr(&out));
        rs_buf_free(&out);
    }
}

static const char *printed(void (*print)(FILE *, const void *), const void *self)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    cr_assert(out);
    print(out, self);
    fclose(out);
    const char *copy = rs_arena_str(rs_test_arena(), (struct rs_str){text, (uint32_t)n + 1}).p;
    free(text);
    return copy;
}

static void effective(FILE *out, const void *options)
{
    rs_options_print_effective(options, out, ALL_GROUPS);
}

Test(options, print_what_counts_without_secrets)
{
    setenv("RASTRO_POSTGRES", "host=db password='hunter2 x'", 1);
    setenv("RASTRO_KAFKA", "sasl.password=hunter2 client.id=me", 1);
    struct rs_options *o = good(WORDS("--group=g", "--topic=a", "--topic=b"));
    const char *text = printed(effective, o);
    cr_expect(!strstr(text, "hunter2"), "%s", text);
    assert_has(text, "password=***");
    assert_has(text, "sasl.password=*** client.id=me");
    assert_has(text, "= a b");
    assert_has(text, "# RASTRO_POSTGRES\n");
    assert_has(text, "# --group\n");
    assert_has(text, "# default\n");
    rs_options_free(o);
}

/* ---- the pages -------------------------------------------------------------------------------------------- */

static void help_of_ingest(FILE *out, const void *self)
{
    (void)self;
    rs_options_print_help(out, RS_GROUP_INGEST);
}

static void reference(FILE *out, const void *self)
{
    (void)self;
    rs_options_print_reference(out);
}

Test(options, show_a_verbs_own_in_its_help)
{
    const char *text = printed(help_of_ingest, NULL);
    assert_has(text, "  --workers N");
    assert_has(text, "(default 2)");
    assert_has(text, ": none new all (default new)");
    assert_has(text, "  --config FILE");
    cr_expect(!strstr(text, "--postgres"), "of another group");
}

Test(options, are_all_in_the_reference)
{
    const char *text = printed(reference, NULL);
    int lines = 0;
    for (const char *p = text; (p = strstr(p, "\n| `--")); p++) lines++;
    cr_expect(lines == RS_OPT__COUNT, "%d of %d", lines, RS_OPT__COUNT);
    assert_has(text, "| `--batch-age TIME` | time | `1s` | 1 ms to 60 s |");
    assert_has(text, "| `--workers N` | number | `2` | 1 to 64 |");
}
