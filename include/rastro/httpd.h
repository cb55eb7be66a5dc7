/* httpd.h - one page of text over HTTP, for a scraper on this machine. */
#ifndef RASTRO_HTTPD_H
#define RASTRO_HTTPD_H

#include "rastro/error.h"
#include "rastro/str.h"

struct rs_httpd;

/* RS_E_USAGE when `where` is no "HOST:PORT" on loopback. */
int rs_httpd_check(const char *where, struct rs_diag *diag);

/* Serves GET /metrics at "HOST:PORT" from a thread of its own; HOST must be a
 * loopback address.  `print` is called for each request, from that thread. */
int rs_httpd_open(const char *where, void (*print)(void *self, struct rs_buf *out), void *self, struct rs_httpd **ret,
                  struct rs_diag *diag);
void rs_httpd_close(struct rs_httpd *httpd); /* NULL is fine */

#endif
