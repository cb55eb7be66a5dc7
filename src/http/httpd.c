#include "rastro/httpd.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

struct rs_httpd {
    struct MHD_Daemon *daemon;
    void (*print)(void *self, struct rs_buf *out);
    void *self;
};

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, struct rs_buf *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(text->n, text->p, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        rs_buf_free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state)
{
    struct rs_httpd *httpd = cls;
    (void)version, (void)upload, (void)upload_size, (void)state;
    struct rs_buf text = {0};
    if (strcmp(method, "GET")) {
        rs_buf_puts(&text, RS_LIT("only GET\n"));
        return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, &text);
    }
    if (strcmp(url, "/metrics")) {
        rs_buf_puts(&text, RS_LIT("only /metrics\n"));
        return send_text(connection, MHD_HTTP_NOT_FOUND, &text);
    }
    httpd->print(httpd->self, &text);
    return send_text(connection, MHD_HTTP_OK, &text);
}

static int parse(const char *where, struct sockaddr_in *ret, struct rs_diag *diag)
{
    char host[64];
    const char *colon = strrchr(where, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || *end || port < 1 || port > 65535 || (size_t)(colon - where) >= sizeof host) {
        return rs_fail(diag, RS_E_USAGE, "--metrics %s: expected HOST:PORT, such as 127.0.0.1:9464", where);
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - where), where);
    const char *number = !*host || !strcmp(host, "localhost") ? "127.0.0.1" : host;
    *ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, number, &ret->sin_addr) != 1) {
        return rs_fail(diag, RS_E_USAGE, "--metrics %s: not an IPv4 address", where);
    }
    if ((ntohl(ret->sin_addr.s_addr) >> 24) != 127) {
        rs_fail(diag, RS_E_USAGE, "--metrics %s: only loopback addresses, it has neither TLS nor passwords", where);
        return rs_fail_next(diag, "put a proxy in front of it");
    }
    return RS_OK;
}

int rs_httpd_check(const char *where, struct rs_diag *diag)
{
    struct sockaddr_in ignored;
    return parse(where, &ignored, diag);
}

int rs_httpd_open(const char *where, void (*print)(void *self, struct rs_buf *out), void *self, struct rs_httpd **ret,
                  struct rs_diag *diag)
{
    struct sockaddr_in address;
    int err = parse(where, &address, diag);
    if (err) return err;
    struct rs_httpd *httpd = rs_calloc(1, sizeof *httpd);
    httpd->print = print;
    httpd->self = self;
    httpd->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, httpd,
                                     MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, 16u,
                                     MHD_OPTION_CONNECTION_TIMEOUT, 10u, MHD_OPTION_END);
    if (!httpd->daemon) {
        free(httpd);
        return rs_fail(diag, RS_E_CONFIG, "--metrics %s: the address is taken or not ours", where);
    }
    *ret = httpd;
    return RS_OK;
}

void rs_httpd_close(struct rs_httpd *httpd)
{
    if (!httpd) return;
    MHD_stop_daemon(httpd->daemon);
    free(httpd);
}
