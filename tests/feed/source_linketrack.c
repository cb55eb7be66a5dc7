/* Correios as a service between tells it: sentences without codes, a date and
 * an hour apart, the clock of Brasilia. */
#include "sources.h"

/* The sentence is all there is, so these are the post's own. */
static const struct code_row table[ACTS] = {
    [ACT_ANNOUNCED] = {NULL, "Objeto coletado", ST_ACCEPTED, false},
    [ACT_ACCEPTED] = {NULL, "Objeto postado", ST_ACCEPTED, false},
    [ACT_MOVING] = {NULL, "Objeto em trânsito - por favor aguarde", ST_MOVING, false},
    [ACT_ARRIVED] = {NULL, "Objeto recebido na unidade de distribuição", ST_ARRIVED, false},
    [ACT_DEPARTED] = {NULL, "Objeto encaminhado", ST_DEPARTED, false},
    [ACT_DEST_ARRIVED] = {NULL, "Objeto recebido pelos Correios do Brasil", ST_DEST_ARRIVED, false},
    [ACT_CUSTOMS] = {NULL, "Encaminhado para fiscalização aduaneira", ST_CUSTOMS_STARTED, false},
    [ACT_HELD] = {NULL, "Aguardando pagamento", ST_CUSTOMS_HELD, false},
    [ACT_RELEASED] = {NULL, "Fiscalização aduaneira finalizada", ST_CUSTOMS_RELEASED, false},
    [ACT_OUT] = {NULL, "Objeto saiu para entrega ao destinatário", ST_OUT, false},
    [ACT_ABSENT] = {NULL, "A entrega não pode ser efetuada - Carteiro não atendido", ST_ABSENT, false},
    [ACT_BAD_ADDRESS] = {NULL, "A entrega não pode ser efetuada - Endereço incorreto", ST_BAD_ADDRESS, false},
    [ACT_PICKUP] = {NULL, "Objeto aguardando retirada no endereço indicado", ST_PICKUP, false},
    [ACT_DELAYED] = {NULL, "Objeto mal encaminhado", ST_DELAYED, false},
    [ACT_DAMAGED] = {NULL, "Objeto e/ou conteúdo avariado", ST_DAMAGED, false},
    [ACT_LOST] = {NULL, "Objeto não localizado", ST_LOST, false},
    [ACT_RETURNING] = {NULL, "Objeto saiu para entrega ao remetente", ST_RETURNING, false},
    [ACT_RETURNED] = {NULL, "Objeto entregue ao remetente", ST_RETURNED, false},
    [ACT_DELIVERED] = {NULL, "Objeto entregue ao destinatário", ST_DELIVERED, false},
    [ACT_COLLECTED] = {NULL, "Objeto entregue ao destinatário", ST_DELIVERED, false},
    [ACT_ODD] = {NULL, "Objeto fotografado na esteira", ST_UNMAPPED, false},
};

enum { CLOCK_MINUTE, CLOCK_SECOND, CLOCK_DAY };

enum { FIELD_DATE, FIELD_HOUR };

static bool knows(int act)
{
    return table[act].text != NULL;
}

static int variants(const struct telling *telling, const struct line *line)
{
    (void)telling;
    return line->varies && place_at(line->place)->country == BR ? 2 : 1;
}

static void put_date_slashed(struct text *t, int64_t local)
{
    struct civil c = civil_of(local);
    text_digits(t, (uint64_t)c.day, 2);
    text_char(t, '/');
    text_digits(t, (uint64_t)c.month, 2);
    text_char(t, '/');
    text_digits(t, (uint64_t)c.year, 4);
}

static void put_hour(struct text *t, int64_t local, bool seconds)
{
    struct civil c = civil_of(local);
    text_digits(t, (uint64_t)c.hour, 2);
    text_char(t, ':');
    text_digits(t, (uint64_t)c.minute, 2);
    if (!seconds) return;
    text_char(t, ':');
    text_digits(t, (uint64_t)c.second, 2);
}

static void put_clock(struct wording *w, int64_t at, int clock)
{
    static struct text t;
    int64_t local = at + offset_at(ZONE_SAO_PAULO, at) * MINUTE;
    put_date_slashed(&t, local);
    spell(w->spelled[FIELD_DATE], sizeof w->spelled[0], &t);
    w->spelled[FIELD_HOUR][0] = '\0';
    if (clock == CLOCK_DAY) {
        read_local(w, ZONE_SAO_PAULO, local - (local % DAY + DAY) % DAY, 'r');
        w->precision = 'd';
        copy_text(w->time, sizeof w->time, w->spelled[FIELD_DATE]);
        return;
    }
    bool seconds = clock == CLOCK_SECOND;
    read_local(w, ZONE_SAO_PAULO, seconds ? local : local - (local % MINUTE + MINUTE) % MINUTE, 'r');
    if (!seconds) w->precision = 'm';
    put_hour(&t, local, seconds);
    spell(w->spelled[FIELD_HOUR], sizeof w->spelled[0], &t);
    copy_text(w->time, sizeof w->time, w->spelled[FIELD_DATE]);
    w->time[10] = ' ';
    copy_text(w->time + 11, sizeof w->time - 11, w->spelled[FIELD_HOUR]);
}

static void word(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *w)
{
    static struct text t;
    (void)telling;
    word_from_table(table, line, w);
    if (line->flaw == FLAW_NUL || line->flaw == FLAW_LONG) {
        /* Another sentence than the one that has a meaning. */
        w->status = ST_UNMAPPED;
        w->marks |= MARK_unmapped_code;
    }
    if (w->place->country == BR) {
        /* Now and then with another number of spaces, which is the same place. */
        text_put(&t, w->place->upper);
        text_put(&t, variant ? "  -  " : " - ");
        text_put(&t, w->place->region);
        spell(w->name, sizeof w->name, &t);
    } else {
        copy_text(w->name, sizeof w->name, country_at(w->place->country)->name);
    }
    put_clock(w, strange_instant(plan, line), line->clock);
    if (line->flaw == FLAW_TIME_MISSING) w->spelled[FIELD_HOUR][0] = '\0';
    spoil_time(plan, line, w->spelled[FIELD_DATE], sizeof w->spelled[0]);
}

static void write_event(struct json *j, const char *key, const struct wording *w)
{
    if (w->flaw == FLAW_NO_OBJECT) {
        json_must(j, key, "<html>");
        return;
    }
    bool mute = w->flaw == FLAW_NO_WORDS;
    json_open(j, key, '{');
    json_text(j, "data", w->spelled[FIELD_DATE]);
    json_text(j, "hora", w->spelled[FIELD_HOUR]);
    if (w->flaw == FLAW_TWICE) json_must(j, "hora", "03:33");
    json_text(j, "local", w->name);
    json_text(j, "status", mute ? "" : w->text);
    json_raw(j, "subStatus", "[\"De: ponto anterior -> Para: ponto seguinte\"]");
    json_close(j, '}');
}

static void write(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *j)
{
    static struct wording w;
    uint64_t salt = telling->poll[poll].salt;
    int lines[2 * LINES_MAX];
    int n = lines_of(plan, telling, poll, lines);
    bool single = n == 1 && !flaw_is_bad(telling->line[lines[0]].flaw) && choice(salt, 's', 3) == 0;
    (void)other;
    char number[2 * NUMBER_ROOM];
    spell_number(plan->number[telling->number], salt, number);
    json_open(j, NULL, '{');
    json_must(j, "codigo", number);
    json_must(j, "host", "lt");
    json_int(j, "quantidade", n);
    json_text(j, "servico", "");
    if (!single) json_open(j, "eventos", '[');
    for (int i = 0; i < n; i++) {
        const struct line *line = &telling->line[lines[i]];
        word(plan, telling, line, variant_of(&source_linketrack, telling, line, poll), &w);
        write_event(j, single ? "eventos" : NULL, &w);
    }
    if (!single) json_close(j, ']');
    json_close(j, '}');
}

const struct source source_linketrack = {
    .name = "linketrack",
    .identity = BY_TEXT,
    .knows = knows,
    .variants = variants,
    .word = word,
    .write = write,
    .full_forms = 1,
    .part_forms = 0,
};
