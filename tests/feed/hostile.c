#include "hostile.h"

#include "random.h"

/* clang-format off */
/* In a body, # stands for eight digits, so that bodies differ. */
static const struct {
    const char *name;
    bool ignored;
    const char *body; /* NULL: made below */
} all[HOSTILES] = {
    {"cut short", false,
     "{\"rastro\":\"event/1\",\"number\":\"HX#CN\",\"event\":{\"code\":\"A\",\"time\":\"2026-0"},
    {"cut in a literal", false, "{\"objetos\":[{\"codObjeto\":\"HX#BR\",\"eventos\":[]}],\"resultado\":tr"},
    {"not UTF-8", false,
     "{\"codigo\":\"HX#BR\",\"quantidade\":1,\"eventos\":[{\"status\":\"Encomenda n\xe3o entregue\"}]}"},
    {"half a UTF-8 character", false, "{\"mailNo\":\"LP#\",\"detailList\":[],\"x\":\"\xe6\xb7\"}"},
    {"an overlong UTF-8 form", false, "{\"mailNo\":\"LP#\",\"detailList\":[],\"x\":\"\xc0\xaf\"}"},
    {"nested too deeply", false, NULL},
    {"of no known shape", false, "{\"hello\":\"world\",\"id\":#}"},
    {"almost of a known shape", false, "{\"msg\":{\"tracking\":\"HX#CN\",\"checkpoints\":[]}}"},
    {"empty", false, ""},
    {"a tombstone", true, NULL},
    {"a list", false, "[{\"rastro\":\"event/1\",\"number\":\"HX#CN\"}]"},
    {"a number", false, "#"},
    {"no number", false,
     "{\"rastro\":\"event/1\",\"number\":null,\"event\":{\"code\":\"A\",\"time\":\"2026-01-01T00:00:00Z\",\"x\":#}}"},
    {"a number without a digit", false, "{\"codigo\":\"string\",\"quantidade\":0,\"eventos\":[],\"time\":#}"},
    {"a number too long", false,
     "{\"trackingNumber\":\"##################\",\"statusCategory\":\"x\",\"trackingEvents\":[]}"},
    {"a key twice", false, "{\"rastro\":\"event/1\",\"number\":\"HX#CN\",\"number\":\"HY#CN\"}"},
    {"a feed of no good name", false, "{\"rastro\":\"event/1\",\"feed\":\"no such; feed\",\"number\":\"HX#CN\"}"},
    {"an order without parcels", false,
     "{\"rastro\":\"shipment/1\",\"marketplace\":\"m\",\"order\":\"#\","
     "\"updated\":\"2026-01-01T00:00:00Z\",\"parcels\":[]}"},
    {"an order of no date", false,
     "{\"rastro\":\"shipment/1\",\"marketplace\":\"m\",\"order\":\"#\",\"updated\":\"string\","
     "\"parcels\":[{\"number\":\"HX1CN\"}]}"},
    {"an order to nowhere", false,
     "{\"rastro\":\"shipment/1\",\"marketplace\":\"m\",\"order\":\"#\",\"updated\":\"2026-01-01T00:00:00Z\","
     "\"destination\":{\"country\":\"Atlantis\"},\"parcels\":[{\"number\":\"HX1CN\",\"carrier\":\"correios\"}]}"},
    {"a raw control character", false, "{\"rastro\":\"event/1\",\"number\":\"HX#\x02\"}"},
    {"an error reply", true, "{\"codigo\":\"HX#BR\",\"erro\":\"objeto nao encontrado\"}"},
    {"an empty module", true, "{\"success\":true,\"module\":[],\"t\":#}"},
    {"an empty page", true, "{\"meta\":{\"code\":200},\"data\":{\"page\":1,\"trackings\":[],\"keyword\":\"#\"}}"},
};
/* clang-format on */

bool hostile_is_quarantined(int hostile)
{
    return !all[hostile].ignored;
}

bool hostile_is_null(int hostile)
{
    return strcmp(all[hostile].name, "a tombstone") == 0;
}

const char *hostile_name(int hostile)
{
    return all[hostile].name;
}

static void write_deep(struct text *t)
{
    text_put(t, "{\"rastro\":\"event/1\",\"number\":\"HX00000000CN\",\"x\":");
    for (int i = 0; i < 300; i++) text_char(t, '[');
    for (int i = 0; i < 300; i++) text_char(t, ']');
    text_char(t, '}');
}

void hostile_write(int hostile, uint64_t salt, struct text *t)
{
    const char *body = all[hostile].body;
    t->n = 0;
    if (!body) {
        if (!hostile_is_null(hostile)) write_deep(t);
        return;
    }
    uint64_t digits = 10000000 + mix(salt, 'h') % 90000000;
    for (; *body; body++) {
        if (*body == '#') text_digits(t, digits, 8);
        else text_char(t, *body);
    }
}
