/* Correios: the tracking API and the tracking site.  Every time is that of
 * Brasilia, in three spellings; a code is two fields. */
#include "sources.h"

static const struct code_row table[ACTS] = {
    [ACT_ANNOUNCED] = {"PO-09", "Objeto postado após o horário limite da unidade", ST_ACCEPTED, false},
    [ACT_ACCEPTED] = {"PO-01", "Objeto postado", ST_ACCEPTED, false},
    [ACT_MOVING] = {"TRI-00", "Objeto em triagem", ST_MOVING, false},
    [ACT_ARRIVED] = {"CD-01", "Objeto chegou na unidade", ST_ARRIVED, false},
    [ACT_DEPARTED] = {"RO-01", "Objeto saiu da unidade", ST_DEPARTED, false},
    [ACT_DEST_ARRIVED] = {"PAR-16", "Objeto recebido pelos Correios do Brasil", ST_DEST_ARRIVED, false},
    /* These types have no rule of their own: the sentence tells, see by_text. */
    [ACT_CUSTOMS] = {"PAR-21", "Encaminhado para fiscalização aduaneira", ST_CUSTOMS_STARTED, false},
    [ACT_HELD] = {"PAR-17", "Aguardando pagamento", ST_CUSTOMS_HELD, false},
    [ACT_RELEASED] = {"PAR-31", "Fiscalização aduaneira finalizada", ST_CUSTOMS_RELEASED, false},
    [ACT_OUT] = {"OEC-01", "Objeto saiu para entrega ao destinatário", ST_OUT, false},
    [ACT_ABSENT] = {"BDE-20", "Carteiro não atendido", ST_ABSENT, false},
    [ACT_BAD_ADDRESS] = {"BDE-08", "Endereço incorreto", ST_BAD_ADDRESS, false},
    [ACT_PICKUP] = {"LDI-01", "Objeto aguardando retirada", ST_PICKUP, false},
    [ACT_DELAYED] = {"FC-03", "Objeto fora da rota", ST_DELAYED, false},
    [ACT_DAMAGED] = {"BDE-28", "Objeto avariado", ST_DAMAGED, false},
    [ACT_LOST] = {"BDE-09", "Objeto não localizado", ST_LOST, false},
    [ACT_RETURNING] = {"LDE-00", "Objeto em devolução", ST_RETURNING, false},
    [ACT_RETURNED] = {"BDE-23", "Objeto devolvido ao remetente", ST_RETURNED, false},
    [ACT_DELIVERED] = {"BDE-01", "Objeto entregue ao destinatário", ST_DELIVERED, false},
    [ACT_COLLECTED] = {"BDI-01", "Objeto retirado", ST_DELIVERED, false},
    [ACT_ODD] = {"XZ-42", "Objeto conferido", ST_UNMAPPED, false},
};

enum { CLOCK_ISO, CLOCK_SPACE, CLOCK_OBJECT };

enum { FORM_OBJECTS, FORM_SITE, FORM_LAST };

static bool knows(int act)
{
    return table[act].text != NULL;
}

static int variants(const struct telling *telling, const struct line *line)
{
    (void)telling;
    return line->varies && line->clock == CLOCK_ISO ? 2 : 1;
}

static void word(const struct plan *plan, const struct telling *telling, const struct line *line, int variant,
                 struct wording *w)
{
    static struct text t;
    (void)telling;
    word_from_table(table, line, w);
    bool by_text = line->act == ACT_CUSTOMS || line->act == ACT_HELD || line->act == ACT_RELEASED;
    if (by_text && (line->flaw == FLAW_NUL || line->flaw == FLAW_LONG)) {
        w->status = ST_UNMAPPED;
        w->marks |= MARK_unmapped_code;
    }
    if (w->place->country == BR) {
        copy_text(w->region, sizeof w->region, w->place->region);
        copy_text(w->city, sizeof w->city, w->place->upper);
        copy_text(w->name, sizeof w->name, w->place->name);
    } else {
        copy_text(w->name, sizeof w->name, country_at(w->place->country)->name);
    }
    int64_t at = strange_instant(plan, line);
    bool object = line->clock == CLOCK_OBJECT;
    int64_t local = at + offset_at(ZONE_SAO_PAULO, at) * MINUTE;
    read_local(w, ZONE_SAO_PAULO, local, object ? 'g' : 'r');
    put_time(&t, local, object || line->clock == CLOCK_SPACE || variant ? ' ' : 'T', true);
    if (object) {
        text_put(&t, ".000000");
        w->precision = 'f';
        copy_text(w->zone, sizeof w->zone, "America/Sao_Paulo");
    }
    spell(w->time, sizeof w->time, &t);
    copy_text(w->spelled[0], sizeof w->spelled[0], w->time);
    spoil_time(plan, line, w->spelled[0], sizeof w->spelled[0]);
}

static void write_time(struct json *j, const struct wording *w)
{
    if (!w->zone[0]) {
        json_text(j, "dtHrCriado", w->spelled[0]);
        return;
    }
    json_open(j, "dtHrCriado", '{');
    json_text(j, "date", w->spelled[0]);
    json_int(j, "timezone_type", 3);
    json_must(j, "timezone", w->zone);
    json_close(j, '}');
}

static void write_unit(struct json *j, const struct wording *w)
{
    bool abroad = w->place->country != BR;
    json_open(j, "unidade", '{');
    if (abroad) json_must(j, "nome", w->name);
    json_text(j, "tipo", abroad ? "País" : w->name);
    json_open(j, "endereco", '{');
    json_text(j, "cidade", w->city);
    json_text(j, "uf", w->region);
    json_close(j, '}');
    json_close(j, '}');
}

static void write_event(struct json *j, const char *key, const struct wording *w)
{
    if (w->flaw == FLAW_NO_OBJECT) {
        json_raw(j, key, "false");
        return;
    }
    bool mute = w->flaw == FLAW_NO_WORDS;
    char family[16];
    copy_text(family, sizeof family, w->code);
    char *type = strchr(family, '-');
    *type++ = '\0';
    json_open(j, key, '{');
    json_text(j, "codigo", mute ? "" : family);
    json_text(j, "tipo", mute ? "" : type);
    if (w->flaw == FLAW_TWICE) json_must(j, "tipo", "77");
    json_text(j, "descricao", mute ? "" : w->text);
    json_nothing(j, "detalhe");
    write_time(j, w);
    write_unit(j, w);
    json_must(j, "urlIcone", "/rastreamento/icones/passo.png");
    json_close(j, '}');
}

static void write_parcel(const struct plan *plan, const struct telling *telling, int poll, struct json *j)
{
    static struct wording w;
    int lines[2 * LINES_MAX];
    int n = lines_of(plan, telling, poll, lines);
    bool single = n == 1 && !flaw_is_bad(telling->line[lines[0]].flaw) && choice(telling->poll[poll].salt, 's', 3) == 0;
    json_must(j, "codObjeto", plan->number[telling->number]);
    json_text(j, "dtPrevista", "");
    if (choice(telling->poll[poll].salt, 'h', 9) == 0) json_raw(j, "peso", "100000000000000000000000000000000001");
    if (!single) json_open(j, "eventos", '[');
    for (int i = 0; i < n; i++) {
        const struct line *line = &telling->line[lines[i]];
        word(plan, telling, line, variant_of(&source_correios, telling, line, poll), &w);
        write_event(j, single ? "eventos" : NULL, &w);
    }
    if (!single) json_close(j, ']');
}

static void write(const struct plan *plan, const struct telling *telling, const struct telling *other, int poll,
                  struct json *j)
{
    const struct poll *p = &telling->poll[poll];
    (void)other;
    json_open(j, NULL, '{');
    if (p->form == FORM_SITE) {
        write_parcel(plan, telling, poll, j);
    } else {
        json_open(j, "objetos", '[');
        json_open(j, NULL, '{');
        write_parcel(plan, telling, poll, j);
        json_close(j, '}');
        json_close(j, ']');
        json_int(j, "quantidade", 1);
        json_must(j, "resultado", p->full ? "Todos os Eventos" : "Último Evento");
    }
    json_close(j, '}');
}

const struct source source_correios = {
    .name = "correios",
    .identity = BY_CODE,
    .knows = knows,
    .variants = variants,
    .word = word,
    .write = write,
    .full_forms = 2,
    .part_forms = 1,
};
