#include "rastro/alert.h"

#include "rastro/json.h"

static const char *const types[RS_ALERT__COUNT] = {
#define X(name, type) [RS_ALERT_##name] = type,
    RS_ALERTS(X)
#undef X
};

static bool is_of_feed(const struct rs_alert *alert)
{
    return alert->type == RS_ALERT_feed_silent || alert->type == RS_ALERT_feed_back;
}

struct rs_str rs_alert_key(const struct rs_alert *alert)
{
    if (is_of_feed(alert)) return alert->source;
    return alert->type == RS_ALERT_storm ? alert->storm : alert->number;
}

/* ---- members ------------------------------------------------------------------------ */

/* The first of an object's needs no comma. */
static void put_name(struct rs_buf *out, const char *name)
{
    if (out->p[out->n - 1] != '{') rs_buf_putc(out, ',');
    rs_buf_printf(out, "\"%s\":", name);
}

static void put_str(struct rs_buf *out, const char *name, struct rs_str s)
{
    put_name(out, name);
    if (s.n) rs_json_quote(out, s);
    else rs_buf_puts(out, RS_LIT("null"));
}

static void put_int(struct rs_buf *out, const char *name, int64_t n)
{
    put_name(out, name);
    rs_buf_printf(out, "%lld", (long long)n);
}

static void put_bool(struct rs_buf *out, const char *name, bool yes)
{
    put_name(out, name);
    rs_buf_puts(out, yes ? RS_LIT("true") : RS_LIT("false"));
}

static void put_time(struct rs_buf *out, const char *name, int64_t us)
{
    char text[RS_TIME_TEXT_MAX];
    put_str(out, name, us == RS_INSTANT_NONE ? RS_STR_NONE : rs_str_of(rs_time_text(us, text)));
}

static void put_event(struct rs_buf *out, const char *name, const struct rs_alert_event *event)
{
    put_name(out, name);
    if (event->instant_us == RS_INSTANT_NONE) {
        rs_buf_puts(out, RS_LIT("null"));
        return;
    }
    rs_buf_putc(out, '{');
    put_time(out, "instant", event->instant_us);
    put_str(out, "status", event->status);
    put_str(out, "source", event->source);
    put_str(out, "text", event->text);
    rs_buf_putc(out, '}');
}

/* ---- the event ------------------------------------------------------------------------ */

static void put_id(struct rs_buf *out, const struct rs_alert *alert)
{
    struct rs_buf id = {0};
    if (is_of_feed(alert)) {
        const char *word = alert->type == RS_ALERT_feed_silent ? "silent" : "back";
        rs_buf_printf(&id, "feed-%s-%lld-", word, (long long)alert->from_us);
        rs_buf_puts(&id, alert->source);
    } else if (alert->type == RS_ALERT_storm) {
        rs_buf_puts(&id, alert->storm);
    } else if (alert->type == RS_ALERT_stage) {
        rs_buf_printf(&id, "stage-%lld-", (long long)alert->parcel_id);
        for (size_t i = 0; i < sizeof alert->fp.b; i++) rs_buf_printf(&id, "%02x", alert->fp.b[i]);
    } else {
        rs_buf_printf(&id, "episode-%lld-%u", (long long)alert->episode, alert->revision);
    }
    put_str(out, "id", (struct rs_str){id.p, (uint32_t)id.n});
    rs_buf_free(&id);
}

static void put_episode(struct rs_buf *out, const struct rs_alert *alert)
{
    put_int(out, "episode", alert->episode);
    put_int(out, "revision", alert->revision);
    put_str(out, "kind", rs_str_of(rs_stall_kind_name(alert->kind)));
    put_str(out, "rule", alert->rule);
    put_int(out, "rules_version", alert->rules_version);
    put_str(out, "number", alert->number);
    put_str(out, "carrier", alert->carrier);
    put_str(out, "seller", alert->seller);
    put_str(out, "stage", alert->stage);
    put_str(out, "leg", alert->leg);
    put_str(out, "origin", alert->origin);
    put_str(out, "destination", alert->destination);
    put_time(out, "started", alert->started_us);
    put_time(out, "since", alert->since_us);
    put_time(out, "until", alert->until_us);
    put_time(out, "silent_since", alert->silent_us);
    put_time(out, "promised_to", alert->promised_us);
    put_time(out, "feed_at", alert->feed_us);
    put_event(out, "last", &alert->last);
    put_event(out, "ended_by", &alert->ended);
    put_str(out, "storm", alert->storm);
}

static void put_data(struct rs_buf *out, const struct rs_alert *alert)
{
    put_name(out, "data");
    rs_buf_putc(out, '{');
    if (is_of_feed(alert)) {
        put_str(out, "source", alert->source);
        put_time(out, "silent_since", alert->from_us);
    } else if (alert->type == RS_ALERT_storm) {
        put_str(out, "storm", alert->storm);
        put_time(out, "since", alert->from_us);
        put_int(out, "count", alert->count);
    } else if (alert->type == RS_ALERT_stage) {
        put_str(out, "number", alert->number);
        put_str(out, "stage", alert->stage);
        put_str(out, "was", alert->was);
        put_event(out, "by", &alert->last);
    } else {
        put_episode(out, alert);
    }
    put_bool(out, "replayed", alert->replayed);
    rs_buf_putc(out, '}');
}

void rs_alert_put(const struct rs_alert *alert, struct rs_buf *out)
{
    rs_buf_putc(out, '{');
    put_str(out, "specversion", RS_LIT("1.0"));
    put_id(out, alert);
    put_str(out, "source", RS_LIT("rastro"));
    put_str(out, "type", rs_str_of(types[alert->type]));
    put_str(out, "subject", rs_alert_key(alert));
    put_time(out, "time", alert->recorded_us);
    put_str(out, "datacontenttype", RS_LIT("application/json"));
    put_data(out, alert);
    rs_buf_putc(out, '}');
}
