/* A shipment: its lane, its numbers, who tells of it, its order, and from all
 * that its messages. */
#include "plan.h"

#include <stdlib.h>

#include "hostile.h"
#include "sources.h"

/* ---- when it starts ------------------------------------------------------------------ */

/* Shipments start evenly over the days, in the order of their numbers. */
static int64_t start_of(const struct options *o, uint32_t shipment, uint32_t shipments)
{
    int64_t span = o->days * (int64_t)DAY, room = 2 * HOUR;
    if (o->kind != KIND_MIXED) room = span / 2 < 20 * DAY ? span / 2 : 20 * DAY;
    return o->until - span + (int64_t)((double)(span - room) * shipment / shipments);
}

int64_t plan_earliest_ms(const struct options *o, uint32_t shipment, uint32_t shipments)
{
    return start_of(o, shipment, shipments) * 1000;
}

/* ---- numbers --------------------------------------------------------------------------- */

static void set_own(struct plan *plan, int i, enum carrier carrier, uint64_t serial)
{
    plan->carrier[i] = (uint8_t)carrier;
    make_own(plan->number[i], (int)carrier, serial);
}

static void set_s10(struct plan *plan, int i, enum carrier carrier, uint64_t serial, struct dice *dice)
{
    static const char *const services[] = {"LB", "LX", "RB", "CX", "EE"};
    const char *country = carrier == CARRIER_CHINA_POST ? "CN" : "BR";
    bool spoil = dice_percent(dice, 3);
    plan->carrier[i] = (uint8_t)carrier;
    plan->looks_s10[i] = true;
    plan->valid_s10[i] = !spoil;
    make_s10(plan->number[i], services[dice_below(dice, 5)], (uint32_t)(serial % 100000000), country, spoil);
}

/* The step shares no divisor with the room, so no number comes twice. */
static uint64_t serial_of(const struct plan *plan)
{
    return (plan->shipment * UINT64_C(7919) + mix(plan->seed, 'N') % 100000000) % UINT64_C(1000000000000);
}

static void set_numbers(struct plan *plan, enum lane lane, struct dice *dice)
{
    uint64_t serial = serial_of(plan);
    plan->numbers = 1;
    switch (lane) {
    case LANE_CN_BR: set_s10(plan, 0, CARRIER_CHINA_POST, serial, dice); break;
    case LANE_CN_BR_HANDED:
        set_own(plan, 0, CARRIER_CAINIAO, serial);
        set_s10(plan, 1, CARRIER_CORREIOS, serial, dice);
        plan->numbers = 2;
        break;
    case LANE_CN_EU:
        if (dice_percent(dice, 50)) set_s10(plan, 0, CARRIER_CHINA_POST, serial, dice);
        else set_own(plan, 0, CARRIER_YANWEN, serial);
        break;
    case LANE_CN_EU_HANDED:
        set_own(plan, 0, dice_percent(dice, 15) ? CARRIER_NOBODY : CARRIER_YUNEXPRESS, serial);
        set_own(plan, 1, plan->destination == FR ? CARRIER_LA_POSTE : CARRIER_DHL_PAKET, serial);
        plan->numbers = 2;
        break;
    case LANE_BR: set_s10(plan, 0, CARRIER_CORREIOS, serial, dice); break;
    case LANE_US: set_own(plan, 0, CARRIER_USPS, serial); break;
    default: set_own(plan, 0, CARRIER_DHL_PAKET, serial); break;
    }
}

/* ---- who tells ---------------------------------------------------------------------------- */

#define BIT(source) (1u << SOURCE_##source)

/* clang-format off */
/* Of each number: who tells on the topic of scans, and on that of the posts. */
static const struct {
    int weight;
    unsigned scans[2], posts[2];
} tellers[LANES] = {
    [LANE_CN_BR] = {25, {BIT(SEVENTEEN) | BIT(AFTERSHIP) | BIT(RASTRO) | BIT(LINKETRACK)},
                    {BIT(CORREIOS) | BIT(LINKETRACK)}},
    [LANE_CN_BR_HANDED] = {20, {BIT(SEVENTEEN) | BIT(AFTERSHIP), BIT(LINKETRACK) | BIT(SEVENTEEN)},
                           {BIT(CAINIAO), BIT(CORREIOS)}},
    [LANE_CN_EU] = {12, {BIT(SEVENTEEN) | BIT(AFTERSHIP)}, {BIT(RASTRO)}},
    [LANE_CN_EU_HANDED] = {10, {BIT(SEVENTEEN) | BIT(AFTERSHIP), BIT(SEVENTEEN) | BIT(AFTERSHIP)},
                           {BIT(RASTRO), BIT(RASTRO)}},
    [LANE_BR] = {15, {BIT(SEVENTEEN) | BIT(AFTERSHIP) | BIT(LINKETRACK)}, {BIT(CORREIOS)}},
    [LANE_US] = {12, {BIT(SEVENTEEN) | BIT(AFTERSHIP) | BIT(RASTRO)}, {BIT(USPS)}},
    [LANE_DE] = {6, {BIT(SEVENTEEN) | BIT(AFTERSHIP)}, {BIT(RASTRO)}},
};
/* clang-format on */

static unsigned allowed(const struct options *o)
{
    unsigned sources = 0;
    for (int i = 0; i < SOURCES; i++) sources |= o->source[i] ? 1u << i : 0;
    if (o->kind == KIND_HISTORY) sources &= ~BIT(RASTRO);
    return sources;
}

/* Who may tell of a lane at all.  Where each parcel has but one source, and
 * nothing is handed over, Cainiao follows what comes from China to its end. */
static unsigned tellers_of(const struct options *o, int lane)
{
    unsigned sources = tellers[lane].scans[0] | tellers[lane].posts[0];
    if (o->kind == KIND_HISTORY && lane <= LANE_CN_EU_HANDED) sources |= BIT(CAINIAO);
    return sources & allowed(o);
}

static enum lane some_lane(const struct options *o, struct dice *dice)
{
    int total = 0, lane = 0;
    int weight[LANES];
    for (int i = 0; i < LANES; i++) {
        weight[i] = tellers_of(o, i) || o->kind == KIND_ONE_EVENT ? tellers[i].weight : 0;
        total += weight[i];
    }
    if (!total) return (enum lane)dice_below(dice, LANES);
    int at = (int)dice_below(dice, (uint32_t)total);
    while (at >= weight[lane]) at -= weight[lane++];
    return (enum lane)lane;
}

static int pick(unsigned sources, struct dice *dice)
{
    int n = __builtin_popcount(sources);
    if (!n) return 0;
    for (int at = (int)dice_below(dice, (uint32_t)n), i = 0;; i++) {
        if (sources >> i & 1 && at-- == 0) return i;
    }
}

/* A valid S10 number is one parcel, whoever reports it; any other belongs to
 * its carrier, and one whom nobody knows is known by the source that names it. */
static void set_issuer(const struct plan *plan, struct telling *t)
{
    const struct carrier_info *carrier = carrier_at(t->carrier);
    const char *alias = t->source == SOURCE_SEVENTEEN ? carrier->seventeen : carrier->aftership;
    if (plan->valid_s10[t->number]) return;
    switch (t->source) {
    case SOURCE_CAINIAO: copy_text(t->issuer, sizeof t->issuer, "cainiao"); return;
    case SOURCE_USPS: copy_text(t->issuer, sizeof t->issuer, "usps"); return;
    case SOURCE_CORREIOS:
    case SOURCE_LINKETRACK: copy_text(t->issuer, sizeof t->issuer, "correios"); return;
    default: break;
    }
    if (*carrier->id) {
        copy_text(t->issuer, sizeof t->issuer, carrier->id);
        return;
    }
    const char *source = source_name(t->source);
    size_t n = strlen(source);
    memcpy(t->issuer, source, n);
    t->issuer[n] = ':';
    copy_text(t->issuer + n + 1, sizeof t->issuer - n - 1, alias);
}

static void add_telling(struct plan *plan, int source, int number, enum role role, const char *feed)
{
    if (!source) return;
    struct telling *t = &plan->telling[plan->tellings++];
    t->polls = t->lines = 0;
    t->source = (uint8_t)source;
    t->number = (uint8_t)number;
    t->carrier = plan->carrier[number];
    t->role = (uint8_t)role;
    t->feed = source == SOURCE_RASTRO ? feed : NULL;
    t->issuer[0] = '\0';
    t->link_from = t->newest = t->stop = -1;
    set_issuer(plan, t);
}

static const char *feed_of(const struct plan *plan, int number)
{
    static const char *const feeds[CARRIERS] = {
        [CARRIER_CHINA_POST] = "china-post", [CARRIER_DHL_PAKET] = "dhl-paket", [CARRIER_LA_POSTE] = "la-poste",
        [CARRIER_YANWEN] = "hub-7",          [CARRIER_YUNEXPRESS] = "hub-7",
    };
    return feeds[plan->carrier[number]];
}

static void choose_tellers(struct plan *plan, const struct options *o, enum lane lane, struct dice *dice)
{
    unsigned sources = allowed(o);
    for (int i = 0; i < plan->numbers; i++) {
        bool both = dice_percent(dice, o->both), first = dice_percent(dice, 50);
        int a = pick(tellers[lane].scans[i] & sources, dice);
        int b = pick(tellers[lane].posts[i] & sources & ~(1u << a), dice);
        add_telling(plan, both || first || !b ? a : 0, i, ROLE_SCANS, feed_of(plan, i));
        add_telling(plan, both || !first || !a ? b : 0, i, ROLE_POSTS, feed_of(plan, i));
    }
}

/* A source that has both numbers may tell them in one message. */
static bool may_pair(const struct plan *plan)
{
    return plan->tellings == 2 && plan->numbers == 2 && plan->telling[0].source == SOURCE_SEVENTEEN &&
           plan->telling[1].source == SOURCE_SEVENTEEN;
}

static void tell(struct plan *plan, const struct options *o, enum lane lane, struct dice *dice)
{
    if (o->kind == KIND_ONE_EVENT) {
        add_telling(plan, SOURCE_RASTRO, 0, ROLE_SCANS, "network");
        if (dice_percent(dice, o->both)) add_telling(plan, SOURCE_RASTRO, 0, ROLE_POSTS, "last-mile");
    } else if (o->kind == KIND_HISTORY) {
        add_telling(plan, pick(tellers_of(o, lane), dice), 0, ROLE_SCANS, NULL);
    } else {
        choose_tellers(plan, o, lane, dice);
    }
    for (int i = 0; i < plan->tellings; i++) {
        struct telling *t = &plan->telling[i];
        t->alone = true;
        for (int k = 0; k < plan->tellings; k++) t->alone &= k == i || plan->telling[k].number != t->number;
    }
    plan->paired = may_pair(plan) && dice_percent(dice, 50);
    if (plan->paired) {
        telling_pair(plan, o, dice);
        return;
    }
    for (int i = 0; i < plan->tellings; i++) telling_make(plan, &plan->telling[i], o, dice);
}

/* ---- the order ------------------------------------------------------------------------------ */

static void add_update(struct plan *plan, int64_t at, unsigned numbers, int days, bool cancelled, struct dice *dice)
{
    int64_t published = at + dice_between(dice, 1, 2 * MINUTE);
    if (published >= plan->until || plan->updates == UPDATES_MAX) return;
    plan->update[plan->updates++] = (struct update){
        .at = at,
        .published_ms = published * 1000 + dice_between(dice, 0, 999),
        .cancelled = cancelled,
        .numbers = (uint8_t)numbers,
        .promised_days = days,
        .salt = dice_next(dice),
    };
}

static void make_order(struct plan *plan, const struct options *o, struct dice *dice)
{
    static const char *const markets[] = {"aliexpress", "shopee", "temu", "own-shop"};
    static struct text t;
    if (!o->source[SOURCE_ORDERS] || o->kind != KIND_MIXED || !dice_percent(dice, 65)) return;
    if (plan->carrier[0] == CARRIER_NOBODY) return; /* an order names a carrier that there is */
    plan->ordered = true;
    copy_text(plan->marketplace, sizeof plan->marketplace, markets[dice_below(dice, 4)]);
    text_digits(&t, dice_below(dice, 10000), 4);
    text_char(&t, '-');
    text_digits(&t, plan->shipment, 8);
    spell(plan->order, sizeof plan->order, &t);
    int days = 20 + (int)dice_below(dice, 30);
    bool late_number = plan->numbers == 2 && dice_percent(dice, 60);
    unsigned all = (1u << plan->numbers) - 1;
    int64_t at = plan->start + dice_between(dice, 0, HOUR);
    add_update(plan, at, late_number ? 1 : all, days, false, dice);
    if (late_number) add_update(plan, at += dice_between(dice, DAY, 9 * DAY), all, days, false, dice);
    if (dice_percent(dice, 25)) add_update(plan, at += dice_between(dice, DAY, 20 * DAY), all, days + 15, false, dice);
    if (dice_percent(dice, 4)) add_update(plan, at + dice_between(dice, HOUR, 5 * DAY), all, days, true, dice);
}

/* ---- messages ---------------------------------------------------------------------------------- */

static struct message *add_message(struct plan *plan, struct message message)
{
    if (plan->messages == MESSAGES_MAX) return NULL;
    plan->message[plan->messages] = message;
    return &plan->message[plan->messages++];
}

static int partitions_of(const struct options *o, int role)
{
    return o->topic[role_topic(o, role)].partitions;
}

static uint8_t partition_of(const struct plan *plan, const struct options *o, int role, const char *key)
{
    uint64_t hash = plan->seed;
    for (; *key; key++) hash = mix(hash, (unsigned char)*key);
    return (uint8_t)(hash % (uint64_t)partitions_of(o, role));
}

/* Most messages arrive in the order of their publication; some late, a few of
 * them by hours.  One draw serves for all of it: a plan has many messages. */
static int64_t slot_of(const struct options *o, int64_t stamp_ms, struct dice *dice)
{
    uint64_t draw = dice_next(dice);
    int64_t range = 1500;
    if ((draw & 0xffff) * 100 >> 16 < (uint64_t)o->late)
        range = (draw >> 16 & 15) ? 45 * MINUTE * 1000 : 12 * HOUR * 1000;
    return stamp_ms + (int64_t)((draw >> 32) * (uint64_t)range >> 32);
}

static void add_tellings(struct plan *plan, const struct options *o, struct dice *dice)
{
    for (int i = 0; i < plan->tellings; i++) {
        const struct telling *t = &plan->telling[i];
        if (plan->paired && i == 1) break;
        uint8_t partition = partition_of(plan, o, t->role, plan->number[t->number]);
        for (int p = 0; p < t->polls; p++) {
            if (!t->poll[p].sent) continue;
            add_message(plan,
                        (struct message){
                            .kind = MESSAGE_TELLING,
                            .index = (uint8_t)i,
                            .poll = (uint8_t)p,
                            .role = t->role,
                            .stamp_ms = t->poll[p].published_ms,
                            .partition = plan->stray ? (uint8_t)dice_below(dice, (uint32_t)partitions_of(o, t->role))
                                                     : partition,
                        });
        }
    }
}

static void add_orders(struct plan *plan, const struct options *o)
{
    for (int i = 0; i < plan->updates; i++) {
        add_message(plan, (struct message){
                              .kind = MESSAGE_ORDER,
                              .index = (uint8_t)i,
                              .role = ROLE_ORDERS,
                              .stamp_ms = plan->update[i].published_ms,
                              .partition = partition_of(plan, o, ROLE_ORDERS, plan->order),
                          });
    }
}

static void add_hostile(struct plan *plan, const struct options *o, struct dice *dice)
{
    int n = plan->messages;
    for (int i = 0; i < n; i++) {
        if (!dice_permille(dice, o->bad)) continue;
        int kind = (int)dice_below(dice, HOSTILES);
        int role = o->kind == KIND_MIXED ? (int)dice_below(dice, ROLES) : plan->message[i].role;
        add_message(plan, (struct message){
                              .kind = MESSAGE_HOSTILE,
                              .index = (uint8_t)kind,
                              .role = (uint8_t)role,
                              .stamp_ms = plan->message[i].stamp_ms,
                              .partition = (uint8_t)dice_below(dice, (uint32_t)partitions_of(o, role)),
                              .salt = dice_next(dice),
                          });
    }
}

static void add_copies(struct plan *plan, const struct options *o, struct dice *dice)
{
    int n = plan->messages;
    for (int i = 0; i < n; i++) {
        if (!dice_percent(dice, o->redeliver)) continue;
        struct message copy = plan->message[i];
        int64_t latest = plan->until * 1000 - 1 - copy.stamp_ms;
        int64_t delay = dice_percent(dice, 70) ? dice_between(dice, 10000, HOUR * 1000)
                                               : dice_between(dice, 60000, 2 * DAY * 1000);
        if (latest < 1) continue;
        copy.stamp_ms += delay < latest ? delay : dice_between(dice, 1, latest);
        copy.copy = true;
        add_message(plan, copy);
    }
}

/* That a source has stopped looking is no part of its history: the next whole
 * one takes it back.  So it comes behind all of them. */
static void put_stops_last(struct plan *plan)
{
    int64_t last = 0;
    for (int i = 0; i < plan->messages; i++) {
        if (plan->message[i].slot_ms > last) last = plan->message[i].slot_ms;
    }
    for (int i = 0; i < plan->messages; i++) {
        struct message *m = &plan->message[i];
        if (m->kind == MESSAGE_TELLING && plan->telling[m->index].stop == (int8_t)m->poll) m->slot_ms = ++last;
    }
}

static void sort_messages(struct plan *plan)
{
    for (int i = 1; i < plan->messages; i++) {
        int k = i;
        if (plan->message[i - 1].slot_ms <= plan->message[i].slot_ms) continue;
        struct message v = plan->message[i];
        for (; k > 0 && v.slot_ms < plan->message[k - 1].slot_ms; k--) plan->message[k] = plan->message[k - 1];
        plan->message[k] = v;
    }
}

const struct plan *plan_make(struct plan_room *room, const struct options *o, uint32_t shipment, uint32_t shipments)
{
    struct plan *plan = &room->plan;
    struct dice dice = dice_of(o->seed, shipment, 'P');
    int64_t step = (o->days * (int64_t)DAY) / (2 * (int64_t)shipments + 1);
    plan->scan = room->scan;
    plan->telling = room->telling;
    plan->message = room->message;
    for (int i = 0; i < TELLINGS_MAX; i++) {
        plan->telling[i].poll = room->poll[i];
        plan->telling[i].line = room->line[i];
    }
    plan->seed = o->seed;
    plan->shipment = shipment;
    plan->until = o->until;
    plan->start = start_of(o, shipment, shipments) + dice_between(&dice, 0, step);
    plan->scans = plan->tellings = plan->updates = plan->numbers = 0;
    plan->messages = 0;
    plan->ordered = plan->paired = false;
    plan->order[0] = plan->marketplace[0] = '\0';
    plan->valid_s10[0] = plan->valid_s10[1] = plan->looks_s10[0] = plan->looks_s10[1] = false;
    enum lane lane = some_lane(o, &dice);
    life_make(plan, o, lane, &dice);
    set_numbers(plan, lane, &dice);
    if (o->kind != KIND_MIXED) plan->numbers = 1;
    make_order(plan, o, &dice);
    plan->steady = o->kind == KIND_HISTORY;
    /* As from a producer that does not use the number as the key. */
    plan->stray = o->kind == KIND_MIXED && dice_percent(&dice, 3);
    tell(plan, o, lane, &dice);
    add_orders(plan, o);
    add_tellings(plan, o, &dice);
    if (o->bad) add_hostile(plan, o, &dice);
    if (o->redeliver) add_copies(plan, o, &dice);
    for (int i = 0; i < plan->messages; i++) plan->message[i].slot_ms = slot_of(o, plan->message[i].stamp_ms, &dice);
    put_stops_last(plan);
    sort_messages(plan);
    return plan;
}

static void *place(char **at, const void *from, size_t bytes)
{
    void *to = *at;
    if (bytes) memcpy(to, from, bytes);
    *at += (bytes + 15) & ~(size_t)15;
    return to;
}

struct plan *plan_pack(const struct plan *plan, size_t *ret_bytes)
{
    size_t bytes = sizeof *plan + plan->tellings * sizeof *plan->telling + plan->messages * sizeof *plan->message + 64;
    for (int i = 0; i < plan->tellings; i++) {
        const struct telling *t = &plan->telling[i];
        bytes += t->polls * sizeof *t->poll + t->lines * sizeof *t->line + 32;
    }
    char *at = malloc(bytes);
    if (!at) abort();
    struct plan *packed = place(&at, plan, sizeof *plan);
    packed->scan = NULL;
    packed->scans = 0;
    packed->telling = place(&at, plan->telling, plan->tellings * sizeof *plan->telling);
    packed->message = place(&at, plan->message, plan->messages * sizeof *plan->message);
    for (int i = 0; i < plan->tellings; i++) {
        struct telling *t = &packed->telling[i];
        t->poll = place(&at, t->poll, t->polls * sizeof *t->poll);
        t->line = place(&at, t->line, t->lines * sizeof *t->line);
    }
    *ret_bytes = bytes;
    return packed;
}

/* ---- bodies ------------------------------------------------------------------------------------------ */

void body_make(const struct plan *plan, const struct message *m, struct text *ret)
{
    ret->n = 0;
    if (m->kind == MESSAGE_HOSTILE) {
        hostile_write(m->index, m->salt, ret);
        return;
    }
    if (m->kind == MESSAGE_ORDER) {
        struct json json = json_of(ret, plan->update[m->index].salt);
        order_write(plan, m->index, &json);
        return;
    }
    const struct telling *t = &plan->telling[m->index];
    struct json json = json_of(ret, plan->steady ? mix(plan->seed, plan->shipment) : t->poll[m->poll].salt);
    const struct telling *other = plan->paired ? &plan->telling[1] : NULL;
    source_at(t->source)->write(plan, t, other, m->poll, &json);
}
