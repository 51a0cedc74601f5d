/* The scan: one pass from left to right over a head, which records where its fields are. No Python objects: the fuzz
 * harness includes this file alone. Part of the compiled head parser; see _head.c. */
#ifndef NODEROUTER_SCAN_H
#define NODEROUTER_SCAN_H
#include "_grammar.h"

#define MAX_FIELDS 512
#define MAX_OPTIONS 32
#define SAFE_DIGITS 18 /* of a length that fits into 64 bits */
#define MAX_DIGITS 32  /* of the length of a response */
#define VAST INT64_MAX
#define MAX_SIZE 0x3fffffff /* heads are shorter than 1 GB, whatever the limits say: offsets have 32 bits */

typedef struct { uint32_t name, name_len, value, value_len, end, kind; } field; /* offsets into the data */

typedef struct {
    const uint8_t *data;
    uint32_t method, method_len, target, target_len; /* request */
    uint32_t reason, reason_len;                     /* response */
    uint32_t end;                                    /* behind the empty line */
    uint32_t count, options, specials, block_size;
    int status, minor, host; /* `host`: index of the field, or -1 */
    int64_t length;          /* -1 chunked, -2 neither, VAST */
    uint32_t vast, vast_len; /* the digits of a length that is VAST */
    bool response, close, keep_alive, upgrade, persist;
    struct { uint32_t at, len; } option[MAX_OPTIONS]; /* what Connection names and `kind_of` does not know */
    field fields[MAX_FIELDS];
} head;

/* Scanners advance *at over what they expect. */

static enum error scan_version(const uint8_t **at, const uint8_t *stop)
{
    const uint8_t *p = *at;
    for (int i = 0; i < 8; i++, p++) {
        if (p == stop)
            return MORE;
        if (i == 5 || i == 7 ? !is_digit(*p) : *p != (uint8_t)"HTTP/ . "[i])
            return wrong(*p, E_VERSION);
    }
    *at = p;
    return p[-3] == '1' && p[-1] <= '1' ? OK : E_OTHER_VERSION;
}

/* CRLF; `error` if there is something else. */
static inline enum error scan_crlf(const uint8_t **at, const uint8_t *stop, enum error error)
{
    const uint8_t *p = *at;
    if (p == stop)
        return MORE;
    if (*p != '\r')
        return wrong(*p, error);
    if (stop - p < 2)
        return MORE;
    *at = p + 2;
    return p[1] == '\n' ? OK : E_CR;
}

static enum error judge_target(const head *h)
{
    const uint8_t *method = h->data + h->method, *target = h->data + h->target;
    size_t len = h->target_len;
    if (h->method_len == 7 && memcmp(method, "CONNECT", 7) == 0)
        return is_authority(target, len, true) ? OK : E_CONNECT;
    if (target[0] == '/')
        return OK;
    if (len == 1 && target[0] == '*')
        return h->method_len == 7 && memcmp(method, "OPTIONS", 7) == 0 ? OK : E_ASTERISK;
    size_t from = BEGINS(target, len, "http://") ? 7 : BEGINS(target, len, "https://") ? 8 : 0;
    if (from == 0)
        return E_FORM;
    size_t to = from;
    while (to < len && target[to] != '/' && target[to] != '?')
        to++;
    return is_authority(target + from, to - from, false) ? OK : E_AUTHORITY;
}

static enum error scan_request_line(head *h, const uint8_t **at, const uint8_t *stop)
{
    const uint8_t *p = *at, *from = p;
    enum error error;
    while (p < stop && CLASS[*p] & TOKEN)
        p++;
    if (p == stop)
        return MORE;
    if (p == from || *p != ' ')
        return wrong(*p, E_METHOD);
    h->method = (uint32_t)(from - h->data);
    h->method_len = (uint32_t)(p - from);
    from = ++p;
    while (p < stop && CLASS[*p] & PATH)
        p++;
    if (p < stop && *p == '?')
        while (p < stop && CLASS[*p] & QUERY)
            p++;
    if (p == stop)
        return MORE;
    if (p == from || *p != ' ')
        return wrong(*p, E_TARGET);
    h->target = (uint32_t)(from - h->data);
    h->target_len = (uint32_t)(p - from);
    p++;
    if ((error = scan_version(&p, stop)))
        return error;
    h->minor = p[-1] - '0';
    if ((error = scan_crlf(&p, stop, E_VERSION)))
        return error;
    *at = p;
    return judge_target(h);
}

static enum error scan_status_line(head *h, const uint8_t **at, const uint8_t *stop)
{
    const uint8_t *p = *at, *from;
    enum error error = scan_version(&p, stop);
    if (error)
        return error;
    h->minor = p[-1] - '0';
    if (p == stop)
        return MORE;
    if (*p != ' ')
        return wrong(*p, E_VERSION);
    p++;
    for (int i = 0; i < 3; i++, p++) {
        if (p == stop)
            return MORE;
        if (!is_digit(*p) || (i == 0 && (*p < '1' || *p > '5')))
            return wrong(*p, E_STATUS);
        h->status = h->status * 10 + (*p - '0');
    }
    error = E_STATUS;
    if (p < stop && *p == ' ') {
        from = ++p;
        p = skip_value(p, stop);
        h->reason = (uint32_t)(from - h->data);
        h->reason_len = (uint32_t)(p - from);
        error = E_REASON;
    }
    if ((error = scan_crlf(&p, stop, error)))
        return error;
    *at = p;
    return OK;
}

/* RFC 9112 section 6.3, with no leave to merge equal ones. How long a response will be is for its client to judge, so what
 * does not fit into 64 bits is kept as it is written (RFC 9110 section 8.6). */
static enum error judge_length(head *h, const uint8_t *value, size_t len)
{
    if (h->length != -2)
        return h->length == -1 ? E_BOTH : E_LENGTHS;
    if (len < 1 || len > (h->response ? MAX_DIGITS : SAFE_DIGITS))
        return E_LENGTH;
    int64_t length = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(value[i]))
            return E_LENGTH;
        if (len <= SAFE_DIGITS)
            length = length * 10 + (value[i] - '0');
    }
    h->length = len <= SAFE_DIGITS ? length : VAST;
    h->vast = (uint32_t)(value - h->data);
    h->vast_len = (uint32_t)len;
    return OK;
}

/* RFC 9112 sections 6.1 and 7: chunked, once and alone. In HTTP/1.0 a response with it is the last. */
static enum error judge_coding(head *h, const uint8_t *value, size_t len)
{
    if (h->minor == 0 && !h->response)
        return E_CODING_10;
    h->close = h->close || h->minor == 0;
    if (h->length != -2)
        return h->length == -1 ? E_CODINGS : E_BOTH;
    if (IS(value, len, "chunked")) {
        h->length = -1;
        return OK;
    }
    bool chunked = false;
    for (const uint8_t *at = value, *text; at;) {
        size_t n = element(&at, value + len, &text);
        if (!is_token(text, n))
            return E_CODING;
        if (chunked)
            return E_CHUNKED;
        chunked = IS(text, n, "chunked");
    }
    return E_UNKNOWN;
}

/* What Connection must not name (RFC 9110 section 7.6.1): fields that are meant for everybody. */
static bool is_end_to_end(const uint8_t *name, size_t len)
{
    return IS(name, len, "host") || IS(name, len, "via") || IS(name, len, "forwarded") || IS(name, len, "expect")
        || IS(name, len, "authorization") || IS(name, len, "cookie") || IS(name, len, "set-cookie")
        || IS(name, len, "cache-control") || IS(name, len, "max-forwards") || BEGINS(name, len, "l5d-")
        || BEGINS(name, len, "x-forwarded-") || BEGINS(name, len, "content-");
}

static enum error judge_connection(head *h, const uint8_t *value, size_t len)
{
    for (const uint8_t *at = value, *text; at;) {
        size_t n = element(&at, value + len, &text);
        if (n == 0)
            continue;
        if (!is_token(text, n))
            return E_TOKENS;
        if (IS(text, n, "close"))
            h->close = true;
        else if (IS(text, n, "keep-alive"))
            h->keep_alive = true;
        else if (IS(text, n, "upgrade"))
            h->upgrade = true;
        else if (is_end_to_end(text, n) || (!h->response && IS(text, n, "transfer-encoding")))
            return E_END_TO_END;
        else if (kind_of(text, n) == PLAIN) {
            if (h->options == MAX_OPTIONS)
                return E_OPTIONS;
            h->option[h->options].at = (uint32_t)(text - h->data);
            h->option[h->options++].len = (uint32_t)n;
        }
    }
    return OK;
}

static inline enum error judge_field(head *h, field *f)
{
    const uint8_t *value = h->data + f->value;
    switch (f->kind) {
    case HOST_FIELD:
        if (h->response)
            return OK;
        if (h->host >= 0)
            return E_HOSTS;
        h->host = (int)h->count;
        return f->value_len == 0 || is_authority(value, f->value_len, false) ? OK : E_HOST;
    case LENGTH: return judge_length(h, value, f->value_len);
    case CODING: return judge_coding(h, value, f->value_len);
    case CONNECTION: return judge_connection(h, value, f->value_len);
    default: return OK;
    }
}

static inline enum error scan_field(head *h, const uint8_t **at, const uint8_t *stop)
{
    const uint8_t *p = *at, *name = p, *value, *end;
    enum error error;
    while (p < stop && CLASS[*p] & TOKEN)
        p++;
    if (p == stop)
        return MORE;
    const uint8_t *colon = p;
    if (p == name || *p != ':') {
        bool space = *p == ' ' || *p == '\t';
        return wrong(*p, !space ? E_NAME : p == name ? E_FOLD : E_SPACE);
    }
    value = p + 1;
    p = end = skip_value(value, stop);
    if ((error = scan_crlf(&p, stop, E_VALUE)))
        return error;
    *at = p;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    field *f = &h->fields[h->count];
    f->name = (uint32_t)(name - h->data);
    f->value = (uint32_t)(value - h->data);
    f->value_len = (uint32_t)(end - value);
    f->end = (uint32_t)(p - h->data);
    f->name_len = (uint32_t)(colon - name);
    f->kind = kind_of(name, f->name_len);
    error = judge_field(h, f);
    h->count++;
    return error;
}

/* Drops the fields that Connection names, and measures what is left. */
static enum error finish(head *h)
{
    h->upgrade = h->upgrade && h->minor == 1; /* RFC 9110 section 7.8 */
    h->persist = !h->close && (h->minor == 1 || h->keep_alive); /* RFC 9112 section 9.3 */
    for (uint32_t i = 0; i < h->count; i++) {
        field *f = &h->fields[i];
        const uint8_t *name = h->data + f->name;
        if (f->kind == UPGRADE && h->upgrade)
            f->kind = SPECIAL;
        for (uint32_t k = 0; k < h->options && f->kind == PLAIN; k++)
            if (f->name_len == h->option[k].len) {
                const uint8_t *option = h->data + h->option[k].at;
                uint32_t n = 0;
                while (n < f->name_len && lower(name[n]) == lower(option[n]))
                    n++;
                if (n == f->name_len)
                    f->kind = DROPPED;
            }
        if (f->kind == SPECIAL)
            h->specials++;
        else if (f->kind <= HOST_FIELD)
            h->block_size += f->name_len + f->value_len + 4;
    }
    if (h->response)
        return OK;
    if (h->host < 0 && h->minor == 1)
        return E_NO_HOST;
    if (h->length == -2)
        h->length = 0;
    return h->length && h->method_len == 7 && memcmp(h->data + h->method, "CONNECT", 7) == 0 ? E_CONNECT_BODY : OK;
}

/* Parses data[:size] within the limits. `h` need not be cleared; only what is said here to be set may be read. */
static enum error scan(head *h, const uint8_t *data, size_t size, size_t max_line, size_t max_head, bool response)
{
    max_head = max_head < MAX_SIZE ? max_head : MAX_SIZE;
    const size_t limit = size < max_head ? size : max_head;
    const uint8_t *p = data, *stop = data + limit;
    const enum error more = limit == max_head ? E_LONG_HEAD : MORE;
    enum error error;
    memset(h, 0, offsetof(head, option));
    h->data = data;
    h->response = response;
    h->host = -1;
    h->length = -2;
    if (!response)
        while (p < stop && *p == '\r' && p < data + 4) /* two empty lines */
            if ((error = scan_crlf(&p, stop, E_CR)))
                return error == MORE ? more : error;
    bool short_line = (size_t)(stop - p) >= 2 && max_line <= (size_t)(stop - p) - 2;
    const uint8_t *line_stop = short_line ? p + max_line + 2 : stop;
    error = response ? scan_status_line(h, &p, line_stop) : scan_request_line(h, &p, line_stop);
    if (error)
        return error != MORE ? error : !short_line ? more : response ? E_LONG_STATUS : E_LONG_REQUEST;
    for (;;) {
        if (p == stop)
            return more;
        if (*p == '\r')
            break;
        error = h->count == MAX_FIELDS ? E_FIELDS : scan_field(h, &p, stop);
        if (error)
            return error == MORE ? more : error;
    }
    if ((error = scan_crlf(&p, stop, E_CR)))
        return error == MORE ? more : error;
    h->end = (uint32_t)(p - data);
    return finish(h);
}

/* Writes the field lines to forward: h->block_size bytes. A line in normal form has one space behind the colon and
 * none behind the value; runs of such lines are copied as they are. */
static void write_block(const head *h, uint8_t *out)
{
    uint32_t run = 0, run_end = 0; /* the run of lines not yet written */
    for (uint32_t i = 0; i < h->count; i++) {
        const field *f = &h->fields[i];
        if (f->kind > HOST_FIELD)
            continue;
        bool normal = f->value == f->name + f->name_len + 2 && h->data[f->value - 1] == ' '
            && f->end == f->value + f->value_len + 2;
        if (normal && f->name == run_end) {
            run_end = f->end;
            continue;
        }
        memcpy(out, h->data + run, run_end - run);
        out += run_end - run;
        run = f->name;
        run_end = normal ? f->end : run;
        if (!normal) {
            memcpy(out, h->data + f->name, f->name_len + 1);
            out += f->name_len + 1;
            *out++ = ' ';
            memcpy(out, h->data + f->value, f->value_len);
            out += f->value_len;
            *out++ = '\r';
            *out++ = '\n';
        }
    }
    memcpy(out, h->data + run, run_end - run);
}
#endif
