#include "world.h"

/* ---- canonical statuses ------------------------------------------------------------ */

static const struct status_info statuses[] = {
#define X(id, stage, detail, moves) {stage, detail, moves},
    STATUSES(X)
#undef X
};

const struct status_info *status_at(int status)
{
    return &statuses[status];
}

bool same_stage(int a, int b)
{
    return strcmp(statuses[a].stage, statuses[b].stage) == 0;
}

/* ---- places ---------------------------------------------------------------------------- */

static const struct country_info countries[COUNTRIES] = {
    [CN] = {"CN", "CHN", "China"},         [BR] = {"BR", "BRA", "Brazil"},   [DE] = {"DE", "DEU", "Germany"},
    [FR] = {"FR", "FRA", "France"},        [PT] = {"PT", "PRT", "Portugal"}, [ES] = {"ES", "ESP", "Spain"},
    [US] = {"US", "USA", "United States"},
};

/* clang-format off */
/* The first two of a country are its gateways. */
static const struct place places[] = {
    {CN, ZONE_SHANGHAI, "GD", "Guangzhou", "GUANGZHOU", "广州国际处理中心", "510000"},
    {CN, ZONE_SHANGHAI, "SH", "Shanghai", "SHANGHAI", "上海互换局", "200000"},
    {CN, ZONE_SHANGHAI, "GD", "Shenzhen", "SHENZHEN", "深圳宝安集散中心", "518000"},
    {CN, ZONE_SHANGHAI, "ZJ", "Yiwu", "YIWU", "义乌分拣中心", "322000"},
    {CN, ZONE_SHANGHAI, "FJ", "Quanzhou", "QUANZHOU", "泉州营业部", "362000"},
    {CN, ZONE_SHANGHAI, "HA", "Zhengzhou", "ZHENGZHOU", "郑州仓库", "450000"},

    {BR, ZONE_SAO_PAULO, "PR", "Curitiba", "CURITIBA", "Unidade Internacional", "80000-000"},
    {BR, ZONE_SAO_PAULO, "SP", "São Paulo", "SAO PAULO", "Unidade de Tratamento", "01000-000"},
    {BR, ZONE_FORTALEZA, "CE", "Fortaleza", "FORTALEZA", "Unidade de Distribuição", "60000-000"},
    {BR, ZONE_RECIFE, "PE", "Recife", "RECIFE", "Agência dos Correios", "50000-000"},
    {BR, ZONE_MANAUS, "AM", "Manaus", "MANAUS", "Unidade de Distribuição", "69000-000"},
    {BR, ZONE_SAO_PAULO, "RS", "Pelotas", "PELOTAS", "Unidade de Distribuição", "96000-000"},
    {BR, ZONE_FORTALEZA, "MA", "Imperatriz", "IMPERATRIZ", "Agência dos Correios", "65900-000"},
    {BR, ZONE_SAO_PAULO, "MG", "Uberlândia", "UBERLANDIA", "Unidade de Tratamento", "38400-000"},

    {DE, ZONE_BERLIN, "HE", "Frankfurt", "FRANKFURT", "Internationales Zentrum", "60306"},
    {DE, ZONE_BERLIN, "SN", "Leipzig", "LEIPZIG", "Drehkreuz", "04103"},
    {DE, ZONE_BERLIN, "HB", "Bremen", "BREMEN", "Paketzentrum", "28195"},
    {DE, ZONE_BERLIN, "BY", "Würzburg", "WURZBURG", "Zustellbasis", "97070"},
    {DE, ZONE_BERLIN, "NW", "Köln", "KOLN", "Paketzentrum", "50667"},

    {FR, ZONE_PARIS, "IDF", "Roissy", "ROISSY", "Centre international", "95700"},
    {FR, ZONE_PARIS, "ARA", "Lyon", "LYON", "Plateforme colis", "69001"},
    {FR, ZONE_PARIS, "OCC", "Nîmes", "NIMES", "Agence de distribution", "30000"},
    {FR, ZONE_PARIS, "BRE", "Brest", "BREST", "Agence de distribution", "29200"},

    {PT, ZONE_LISBON, "11", "Lisboa", "LISBOA", "Centro internacional", "1000-001"},
    {PT, ZONE_LISBON, "13", "Porto", "PORTO", "Centro operacional", "4000-001"},
    {PT, ZONE_LISBON, "07", "Évora", "EVORA", "Centro de distribuição", "7000-001"},

    {ES, ZONE_MADRID, "MD", "Madrid", "MADRID", "Centro internacional", "28001"},
    {ES, ZONE_MADRID, "VC", "Valencia", "VALENCIA", "Centro de tratamiento", "46001"},
    {ES, ZONE_MADRID, "AN", "Cádiz", "CADIZ", "Unidad de reparto", "11001"},

    {US, ZONE_NEW_YORK, "NJ", "Newark", "NEWARK", "Network Center", "07102"},
    {US, ZONE_LOS_ANGELES, "CA", "Fresno", "FRESNO", "Network Center", "93701"},
    {US, ZONE_CHICAGO, "IL", "Peoria", "PEORIA", "Regional Facility", "61602"},
    {US, ZONE_DENVER, "CO", "Pueblo", "PUEBLO", "Post Office", "81003"},
    {US, ZONE_PHOENIX, "AZ", "Tucson", "TUCSON", "Post Office", "85701"},
    {US, ZONE_NEW_YORK, "GA", "Macon", "MACON", "Regional Facility", "31201"},
    {US, ZONE_CHICAGO, "TX", "Waco", "WACO", "Post Office", "76701"},
};
/* clang-format on */

#define PLACES ((int)(sizeof places / sizeof *places))

const struct country_info *country_at(int country)
{
    return &countries[country];
}

const struct place *place_at(int place)
{
    return &places[place];
}

static int first_of(int country)
{
    int i = 0;
    while (places[i].country != country) i++;
    return i;
}

int some_gateway(int country, struct dice *dice)
{
    return first_of(country) + (int)dice_below(dice, 2);
}

int some_place(int country, struct dice *dice)
{
    int first = first_of(country), n = 0;
    while (first + n < PLACES && places[first + n].country == country) n++;
    return first + (int)dice_below(dice, (uint32_t)n);
}

/* ---- carriers ---------------------------------------------------------------------------- */

static const struct carrier_info carriers[CARRIERS] = {
    [CARRIER_CHINA_POST] = {"china-post", "3011", "china-post"},
    [CARRIER_CAINIAO] = {"cainiao", "190271", "cainiao"},
    [CARRIER_CORREIOS] = {"correios", "2151", "brazil-correios"},
    [CARRIER_DHL_PAKET] = {"dhl-paket", "7041", "dhl-germany"},
    [CARRIER_LA_POSTE] = {"la-poste", "6051", "la-poste-colissimo"},
    [CARRIER_USPS] = {"usps", "21051", "usps"},
    [CARRIER_YANWEN] = {"yanwen", "190012", "yanwen"},
    [CARRIER_YUNEXPRESS] = {"yunexpress", "190008", "yunexpress"},
    [CARRIER_NOBODY] = {"", "999901", "pigeon-express"},
};

const struct carrier_info *carrier_at(int carrier)
{
    return &carriers[carrier];
}

/* ---- numbers ------------------------------------------------------------------------------- */

int s10_digit(const char *digits)
{
    static const char weight[] = "86423597";
    int sum = 0;
    for (int i = 0; i < 8; i++) sum += (weight[i] - '0') * (digits[i] - '0');
    int rest = sum % 11;
    return rest == 0 ? 5 : rest == 1 ? 0 : 11 - rest;
}

static int put_number(char *out, uint64_t v, int width)
{
    for (int i = width - 1; i >= 0; i--, v /= 10) out[i] = (char)('0' + v % 10);
    return width;
}

void make_s10(char out[NUMBER_ROOM], const char *service, uint32_t serial, const char *country, bool spoil)
{
    memcpy(out, service, 2);
    put_number(out + 2, serial, 8);
    int digit = s10_digit(out + 2);
    out[10] = (char)('0' + (spoil ? (digit + 3) % 10 : digit));
    memcpy(out + 11, country, 2);
    out[13] = '\0';
}

/* Weights 3 and 1 in turn from the left, as on the labels of USPS. */
static char usps_digit(const char *digits, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) sum += (i % 2 ? 1 : 3) * (digits[i] - '0');
    return (char)('0' + (10 - sum % 10) % 10);
}

void make_own(char out[NUMBER_ROOM], int carrier, uint64_t serial)
{
    static const char *const prefix[CARRIERS] = {
        [CARRIER_CHINA_POST] = "99",  [CARRIER_CAINIAO] = "LP00",  [CARRIER_CORREIOS] = "BRX",
        [CARRIER_DHL_PAKET] = "0034", [CARRIER_LA_POSTE] = "6A",   [CARRIER_USPS] = "9205590",
        [CARRIER_YANWEN] = "YW",      [CARRIER_YUNEXPRESS] = "YT", [CARRIER_NOBODY] = "PX",
    };
    size_t n = strlen(prefix[carrier]);
    memcpy(out, prefix[carrier], n);
    if (carrier == CARRIER_USPS) {
        n += (size_t)put_number(out + n, serial, 14);
        out[n] = usps_digit(out, (int)n);
        n++;
    } else {
        n += (size_t)put_number(out + n, serial, 12);
    }
    out[n] = '\0';
}
