/* The part of zone.h that speaks the project's errors. */
#include "rastro/zone.h"

int rs_zones_missing(struct rs_diag *diag);

int rs_zones_missing(struct rs_diag *diag)
{
    rs_fail(diag, RS_E_CONFIG, "/usr/share/zoneinfo/tzdata.zi: no IANA time zone data here");
    return rs_fail_next(diag, "install the package tzdata");
}
