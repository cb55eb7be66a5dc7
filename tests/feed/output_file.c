/* Messages in a file, a line each; README.md describes it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sink.h"

#define MAGIC "rastro-feed 1"
#define FLUSH_BYTES (1 << 20)

/* ---- which one ----------------------------------------------------------------------- */

struct sink {
    struct kafka_sink *kafka;
    struct file_sink *file;
};

struct sink *sink_open(const struct options *options)
{
    struct sink *sink = calloc(1, sizeof *sink);
    if (!sink) abort();
    if (options->brokers) sink->kafka = kafka_open(options);
    else if (options->out) sink->file = file_open(options);
    if ((options->brokers && !sink->kafka) || (!options->brokers && options->out && !sink->file)) {
        free(sink);
        return NULL;
    }
    return sink;
}

bool sink_send(struct sink *sink, const struct record *record)
{
    if (sink->kafka) return kafka_send(sink->kafka, record);
    return !sink->file || file_send(sink->file, record);
}

bool sink_close(struct sink *sink)
{
    bool fine = sink->kafka ? kafka_close(sink->kafka) : !sink->file || file_close(sink->file);
    free(sink);
    return fine;
}

/* ---- writing ---------------------------------------------------------------------------- */

struct file_sink {
    FILE *out;
    const struct options *options;
    struct text text;
};

static bool complain(const char *path)
{
    fprintf(stderr, "rastro-feed: %s: %s\n", path, strerror(errno));
    return false;
}

struct file_sink *file_open(const struct options *options)
{
    struct file_sink *file = calloc(1, sizeof *file);
    if (!file) abort();
    file->options = options;
    file->out = fopen(options->out, "we");
    if (!file->out) {
        complain(options->out);
        free(file);
        return NULL;
    }
    text_put(&file->text, MAGIC);
    for (int i = 0; i < options->topics; i++) {
        text_char(&file->text, '\t');
        text_put(&file->text, options->topic[i].name);
        text_char(&file->text, ':');
        text_int(&file->text, options->topic[i].partitions);
    }
    text_char(&file->text, '\n');
    return file;
}

static bool flush(struct file_sink *file)
{
    bool fine = fwrite(file->text.p, 1, file->text.n, file->out) == file->text.n;
    file->text.n = 0;
    return fine || complain(file->options->out);
}

static void put_field(struct text *t, const char *p, size_t n)
{
    text_char(t, '\t');
    if (p) text_escaped(t, p, n);
    else text_put(t, "\\N");
}

bool file_send(struct file_sink *file, const struct record *r)
{
    struct text *t = &file->text;
    text_put(t, file->options->topic[r->topic].name);
    text_char(t, '\t');
    text_int(t, r->partition);
    text_char(t, '\t');
    text_int(t, r->stamp_ms);
    put_field(t, r->key, r->key_n);
    put_field(t, r->value, r->value_n);
    text_char(t, '\n');
    return t->n < FLUSH_BYTES || flush(file);
}

bool file_close(struct file_sink *file)
{
    bool fine = flush(file);
    if (fclose(file->out)) fine = complain(file->options->out);
    text_free(&file->text);
    free(file);
    return fine;
}

/* ---- publishing one ------------------------------------------------------------------------ */

/* Undoes text_escaped in place; false for \N. */
static bool unescape(char *p, size_t *n)
{
    if (*n == 2 && p[0] == '\\' && p[1] == 'N') return false;
    size_t out = 0;
    for (size_t i = 0; i < *n; i++) {
        char c = p[i];
        if (c == '\\' && i + 1 < *n) {
            c = p[++i];
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        }
        p[out++] = c;
    }
    *n = out;
    return true;
}

static bool read_head(char *line, struct options *options)
{
    char *rest;
    char *word = strtok_r(line, "\t\n", &rest);
    if (!word || strcmp(word, MAGIC) != 0) return false;
    options->topics = 0;
    while ((word = strtok_r(NULL, "\t\n", &rest))) {
        char *colon = strrchr(word, ':');
        if (!colon || options->topics == TOPICS_MAX) return false;
        struct topic *topic = &options->topic[options->topics++];
        *colon = '\0';
        copy_text(topic->name, sizeof topic->name, word);
        topic->partitions = (int)strtol(colon + 1, NULL, 10);
        if (topic->partitions < 1 || topic->partitions > PARTITIONS_MAX) return false;
    }
    return options->topics > 0;
}

static bool read_record(char *line, size_t n, const struct options *options, struct record *r)
{
    char *field[5];
    size_t length[5];
    for (int i = 0; i < 5; i++) {
        char *end = i < 4 ? memchr(line, '\t', n) : line + n;
        if (!end) return false;
        field[i] = line;
        length[i] = (size_t)(end - line);
        n -= i < 4 ? length[i] + 1 : length[i];
        line = end + (i < 4);
    }
    for (r->topic = 0; r->topic < options->topics; r->topic++) {
        const char *name = options->topic[r->topic].name;
        if (strlen(name) == length[0] && memcmp(name, field[0], length[0]) == 0) break;
    }
    if (r->topic == options->topics) return false;
    r->partition = (int)strtol(field[1], NULL, 10);
    r->stamp_ms = strtoll(field[2], NULL, 10);
    r->key = unescape(field[3], &length[3]) ? field[3] : NULL;
    r->key_n = length[3];
    r->value = unescape(field[4], &length[4]) ? field[4] : NULL;
    r->value_n = length[4];
    return r->partition >= 0 && r->partition < options->topic[r->topic].partitions;
}

static bool replay(FILE *in, struct options *options)
{
    static int64_t next[TOPICS_MAX][PARTITIONS_MAX];
    char *line = NULL;
    size_t room = 0;
    ssize_t n = getline(&line, &room, in);
    bool fine = n > 0 && read_head(line, options);
    if (!fine) fprintf(stderr, "rastro-feed: %s: not a feed's file\n", options->from);
    struct sink *sink = fine ? sink_open(options) : NULL;
    fine = sink != NULL;
    uint64_t number = 0;
    while (fine && (n = getline(&line, &room, in)) > 0) {
        struct record record;
        number++;
        fine = read_record(line, (size_t)(n - 1), options, &record);
        if (!fine) {
            fprintf(stderr, "rastro-feed: %s: line %llu is no message\n", options->from,
                    (unsigned long long)number + 1);
            break;
        }
        record.offset = next[record.topic][record.partition]++;
        fine = sink_send(sink, &record);
    }
    free(line);
    if (sink) fine &= sink_close(sink);
    if (fine) printf("messages %llu\n", (unsigned long long)number);
    return fine;
}

bool file_replay(struct options *options)
{
    FILE *in = fopen(options->from, "re");
    if (!in) return complain(options->from);
    bool fine = replay(in, options);
    fclose(in);
    return fine;
}
