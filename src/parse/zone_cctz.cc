/* No C library in Debian converts in several zones at once from several
 * threads (localtime_r follows the one TZ of the process).  cctz does, reads
 * the system's IANA files and needs nothing else; this is the only file that
 * knows it. */
#include <cctz/civil_time.h>
#include <cctz/time_zone.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rastro/zone.h"

extern "C" int rs_zones_missing(struct rs_diag *diag);

struct rs_zone {
    std::string name;
    std::atomic<const cctz::time_zone *> loaded{nullptr};
    explicit rs_zone(std::string n) : name(std::move(n)) {}
};

struct rs_zones {
    std::vector<std::unique_ptr<rs_zone>> all;
    std::vector<rs_zone *> by_name; /* a hash table; its size is a power of two, half of it free */
    std::vector<std::unique_ptr<cctz::time_zone>> loaded;
    std::mutex loading;
    std::string release_text;
    uint32_t release = 0;
};

static const char index_file[] = "/usr/share/zoneinfo/tzdata.zi";

/* "2025b" is 202502; a release without a letter (2025) does not exist. */
static uint32_t release_number(const std::string &text)
{
    char *letter;
    unsigned long year = strtoul(text.c_str(), &letter, 10);
    if (year < 1000 || year > 9999 || *letter < 'a' || *letter > 'z') return 0;
    return static_cast<uint32_t>(year * 100 + static_cast<unsigned long>(*letter - 'a' + 1));
}

/* Where the zone of this name is, or would be. */
static rs_zone **place_of(rs_zones *zones, const char *name, uint32_t n)
{
    uint64_t h = n;
    for (uint32_t i = 0; i < n; i++) h = (h ^ static_cast<unsigned char>(name[i])) * UINT64_C(0x100000001b3);
    for (size_t i = h ^ h >> 32;; i++) {
        rs_zone **place = &zones->by_name[i & (zones->by_name.size() - 1)];
        if (!*place) return place;
        if ((*place)->name.size() == n && memcmp((*place)->name.data(), name, n) == 0) return place;
    }
}

/* The compact source lists each zone once ("Z name ...") and each alias once
 * ("L target name"), after a first line "# version 2025b". */
static bool read_index(rs_zones *zones)
{
    std::ifstream in(index_file);
    std::string line;
    while (std::getline(in, line)) {
        if (line.rfind("# version ", 0) == 0) {
            zones->release_text = line.substr(10);
            zones->release = release_number(zones->release_text);
        } else if (line.rfind("Z ", 0) == 0) {
            size_t end = line.find(' ', 2);
            zones->all.push_back(std::make_unique<rs_zone>(line.substr(2, end - 2)));
        } else if (line.rfind("L ", 0) == 0) {
            size_t name = line.find(' ', 2) + 1;
            zones->all.push_back(std::make_unique<rs_zone>(line.substr(name)));
        }
    }
    size_t places = 64;
    while (places < 2 * zones->all.size()) places *= 2;
    zones->by_name.resize(places);
    for (const auto &zone : zones->all) {
        *place_of(zones, zone->name.data(), static_cast<uint32_t>(zone->name.size())) = zone.get();
    }
    return zones->release != 0 && !zones->by_name.empty();
}

extern "C" int rs_zones_open(rs_zones **ret, rs_diag *diag)
{
    auto zones = std::make_unique<rs_zones>();
    if (!read_index(zones.get())) return rs_zones_missing(diag);
    *ret = zones.release();
    return 0;
}

extern "C" void rs_zones_free(rs_zones *zones)
{
    delete zones;
}

extern "C" uint32_t rs_zones_release(const rs_zones *zones)
{
    return zones->release;
}

extern "C" const char *rs_zones_release_text(const rs_zones *zones)
{
    return zones->release_text.c_str();
}

static bool load(rs_zones *zones, rs_zone *zone)
{
    std::lock_guard<std::mutex> lock(zones->loading);
    if (zone->loaded.load(std::memory_order_relaxed)) return true;
    auto tz = std::make_unique<cctz::time_zone>();
    if (!cctz::load_time_zone(zone->name, tz.get())) return false;
    zone->loaded.store(tz.get(), std::memory_order_release); /* pairs with find's acquire */
    zones->loaded.push_back(std::move(tz));
    return true;
}

extern "C" const rs_zone *rs_zones_find(rs_zones *zones, const char *name, uint32_t n)
{
    rs_zone *zone = n ? *place_of(zones, name, n) : nullptr;
    if (!zone) return nullptr;
    if (!zone->loaded.load(std::memory_order_acquire) && !load(zones, zone)) return nullptr;
    return zone;
}

extern "C" const char *rs_zone_name(const rs_zone *zone)
{
    return zone->name.c_str();
}

static const cctz::time_zone &of(const rs_zone *zone)
{
    return *zone->loaded.load(std::memory_order_acquire);
}

static int64_t seconds(const cctz::time_point<cctz::seconds> &t)
{
    return t.time_since_epoch().count();
}

extern "C" int64_t rs_zone_to_utc(const rs_zone *zone, int64_t local_s, rs_zone_fit *ret_fit)
{
    cctz::civil_second local = cctz::civil_second(1970, 1, 1) + local_s;
    auto found = of(zone).lookup(local);
    switch (found.kind) {
    case cctz::time_zone::civil_lookup::SKIPPED: *ret_fit = RS_ZONE_SKIPPED; break;
    case cctz::time_zone::civil_lookup::REPEATED: *ret_fit = RS_ZONE_REPEATED; break;
    default: *ret_fit = RS_ZONE_UNIQUE;
    }
    return seconds(found.pre);
}

extern "C" int32_t rs_zone_offset(const rs_zone *zone, int64_t utc_s)
{
    cctz::time_point<cctz::seconds> t{cctz::seconds(utc_s)};
    return of(zone).lookup(t).offset;
}
