/* verbs.h - one file a verb.
 *
 * To add a verb: its function in a file of its own, its line in the table of
 * main.c.  A verb prints data on standard output and returns RS_OK, or an error
 * with its sentence in `diag`; main prints that and picks the exit status.
 */
#ifndef RASTRO_VERBS_H
#define RASTRO_VERBS_H

#include "rastro/error.h"
#include "rastro/options.h"

struct rs_verb {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;
    unsigned groups; /* of options */
    int (*run)(const struct rs_options *options, struct rs_diag *diag);
    const char *example;
};

extern const struct rs_verb rs_verbs[]; /* ends with a NULL name */

int rs_verb_check(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_config(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_explain(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_ingest(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_migrate(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_offsets(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_quarantine(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_rules(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_stalled(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_status(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_timeline(const struct rs_options *options, struct rs_diag *diag);
int rs_verb_why(const struct rs_options *options, struct rs_diag *diag);

#endif
