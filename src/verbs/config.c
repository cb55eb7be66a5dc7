#include "verbs.h"

int rs_verb_config(const struct rs_options *options, struct rs_diag *diag)
{
    (void)diag;
    if (rs_opt_flag(options, RS_OPT_REFERENCE)) {
        rs_options_print_reference(stdout);
    } else {
        rs_options_print_effective(options, stdout, ~0u);
    }
    return RS_OK;
}
