/* The scan: one pass from left to right over a head, which records where its fields are. No Python objects: the fuzz
 * harness includes this file alone. Part of the compiled head parser; see _head.c. */
#ifndef NODEROUTER_SCAN_H
#define NODEROUTER_SCAN_H
#include "_judge.h"

/* Scanners advance *at over what they expect. */

static enum error scan_version(const head *h, const uint8_t **at, const uint8_t *stop)
{
    const uint8_t *p = *at;
    for (int i = 0; i < 8; i++, p++) {
        if (p == stop)
            return MORE;
        if (i == 5 || i == 7 ? !is_digit(*p) : *p != (uint8_t)"HTTP/ . "[i])
            return wrong(h, *p, E_VERSION);
    }
    *at = p;
    return p[-3] == '1' && p[-1] <= '1' ? OK : E_OTHER_VERSION;
}

/* CRLF, or where that may be repaired LF; `error` if there is something else. */
static inline enum error scan_crlf(head *h, const uint8_t **at, const uint8_t *stop, enum error error)
{
    const uint8_t *p = *at;
    if (p == stop)
        return MORE;
    if (*p == '\n' && h->lenient) {
        h->repaired = true;
        *at = p + 1;
        return OK;
    }
    if (*p != '\r')
        return wrong(h, *p, error);
    if (stop - p < 2)
        return MORE;
    *at = p + 2;
    return p[1] == '\n' ? OK : E_CR;
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
        return wrong(h, *p, E_METHOD);
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
        return wrong(h, *p, E_TARGET);
    h->target = (uint32_t)(from - h->data);
    h->target_len = (uint32_t)(p - from);
    p++;
    if ((error = scan_version(h, &p, stop)))
        return error;
    h->minor = p[-1] - '0';
    if ((error = scan_crlf(h, &p, stop, E_VERSION)))
        return error;
    *at = p;
    return judge_target(h);
}

static enum error scan_status_line(head *h, const uint8_t **at, const uint8_t *stop)
{
    const uint8_t *p = *at, *from;
    enum error error = scan_version(h, &p, stop);
    if (error)
        return error;
    h->minor = p[-1] - '0';
    if (p == stop)
        return MORE;
    if (*p != ' ')
        return wrong(h, *p, E_VERSION);
    p++;
    const enum error no_status = h->lenient ? E_ANY_STATUS : E_STATUS;
    for (int i = 0; i < 3; i++, p++) {
        if (p == stop)
            return MORE;
        if (!is_digit(*p) || (i == 0 && (*p < '1' || (*p > '5' && !h->lenient))))
            return wrong(h, *p, no_status);
        h->status = h->status * 10 + (*p - '0');
    }
    error = no_status;
    if (p < stop && *p == ' ') {
        from = ++p;
        p = skip_value(p, stop);
        h->reason = (uint32_t)(from - h->data);
        h->reason_len = (uint32_t)(p - from);
        error = E_REASON;
    }
    if ((error = scan_crlf(h, &p, stop, error)))
        return error;
    *at = p;
    return OK;
}

/* A line that begins with white space goes on with the value before it, which is obsolete and may be repaired (RFC 9112
 * section 5.2); never one that frames the message, and never a line of nothing else, which some take for its end. */
static enum error scan_fold(head *h, const uint8_t **at, const uint8_t *stop)
{
    field *f = &h->fields[h->count - 1];
    if (f->kind == LENGTH || f->kind == CODING || f->kind == CONNECTION || f->kind == UPGRADE)
        return E_FOLD;
    const uint8_t *from = *at, *p = skip_value(from, stop), *to = p;
    enum error error = scan_crlf(h, &p, stop, E_VALUE);
    if (error)
        return error;
    while (from < to && is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    if (from == to)
        return E_FOLD;
    *at = p;
    h->repaired = true;
    f->end = (uint32_t)(p - h->data);
    f->folded = f->value_len > 0;
    if (f->folded)
        f->value_len += 1;
    else
        f->value = (uint32_t)(from - h->data);
    f->value_len += (uint32_t)(to - from);
    return OK;
}

/* Writes the value of a field that is folded: a space in place of each fold and the white space around it. */
static void unfold(const head *h, const field *f, uint8_t *out)
{
    const uint8_t *p = h->data + f->value;
    for (uint8_t *end = out + f->value_len; out < end;) {
        const uint8_t *q = p;
        while (is_blank(*q))
            q++;
        if (*q == '\r' || *q == '\n') {
            while (is_blank(*q) || *q == '\r' || *q == '\n')
                q++;
            *out++ = ' ';
            p = q;
        } else
            while (p <= q)
                *out++ = *p++;
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
        const bool space = is_blank(*p);
        if (p == name)
            return space && h->lenient && h->count ? scan_fold(h, at, stop) : wrong(h, *p, space ? E_FOLD : E_NAME);
        while (h->lenient && p < stop && is_blank(*p))
            p++;
        if (p == stop)
            return MORE;
        if (*p != ':')
            return wrong(h, *p, space ? E_SPACE : E_NAME);
        h->repaired = true; /* RFC 9112 section 5.1 */
    }
    value = p + 1;
    p = end = skip_value(value, stop);
    if ((error = scan_crlf(h, &p, stop, E_VALUE)))
        return error;
    *at = p;
    while (value < end && is_blank(*value))
        value++;
    while (end > value && is_blank(end[-1]))
        end--;
    field *f = &h->fields[h->count];
    f->name = (uint32_t)(name - h->data);
    f->value = (uint32_t)(value - h->data);
    f->value_len = (uint32_t)(end - value);
    f->end = (uint32_t)(p - h->data);
    f->name_len = (uint32_t)(colon - name);
    f->kind = kind_of(name, f->name_len);
    f->folded = false;
    error = judge_field(h, f);
    h->count++;
    return error;
}

/* Drops the fields that Connection names, and measures what is left. */
static enum error finish(head *h)
{
    h->upgrade = h->upgrade && h->minor == 1; /* RFC 9110 section 7.8 */
    h->persist = !h->close && !h->repaired && (h->minor == 1 || h->keep_alive); /* RFC 9112 section 9.3 */
    for (uint32_t i = 0; i < h->count; i++) {
        field *f = &h->fields[i];
        const uint8_t *name = h->data + f->name;
        if (f->kind == UPGRADE && h->upgrade)
            f->kind = RESERVED;
        for (uint32_t k = 0; k < h->options && f->kind == PLAIN; k++)
            if (f->name_len == h->option[k].len) {
                const uint8_t *option = h->data + h->option[k].at;
                uint32_t n = 0;
                while (n < f->name_len && lower(name[n]) == lower(option[n]))
                    n++;
                if (n == f->name_len)
                    f->kind = DROPPED;
            }
        if (f->kind == RESERVED)
            h->reserved++;
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
static enum error scan(
    head *h, const uint8_t *data, size_t size, size_t max_line, size_t max_head, bool response, bool lenient)
{
    max_head = max_head < MAX_SIZE ? max_head : MAX_SIZE;
    const size_t limit = size < max_head ? size : max_head;
    const uint8_t *p = data, *stop = data + limit;
    const enum error more = limit == max_head ? E_LONG_HEAD : MORE;
    enum error error;
    memset(h, 0, offsetof(head, option));
    h->data = data;
    h->response = response;
    h->lenient = lenient;
    h->host = -1;
    h->length = -2;
    if (!response)
        while (p < stop && *p == '\r' && p < data + 4) /* two empty lines */
            if ((error = scan_crlf(h, &p, stop, E_CR)))
                return error == MORE ? more : error;
    bool short_line = (size_t)(stop - p) >= 2 && max_line <= (size_t)(stop - p) - 2;
    const uint8_t *line_stop = short_line ? p + max_line + 2 : stop;
    error = response ? scan_status_line(h, &p, line_stop) : scan_request_line(h, &p, line_stop);
    if (error)
        return error != MORE ? error : !short_line ? more : response ? E_LONG_STATUS : E_LONG_REQUEST;
    for (;;) {
        if (p == stop)
            return more;
        if (*p == '\r' || (*p == '\n' && lenient))
            break;
        error = h->count == MAX_FIELDS ? E_FIELDS : scan_field(h, &p, stop);
        if (error)
            return error == MORE ? more : error;
    }
    if ((error = scan_crlf(h, &p, stop, E_CR)))
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
        bool normal = !h->repaired && f->value == f->name + f->name_len + 2 && h->data[f->value - 1] == ' '
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
            memcpy(out, h->data + f->name, f->name_len);
            out += f->name_len;
            *out++ = ':';
            *out++ = ' ';
            if (f->folded)
                unfold(h, f, out);
            else
                memcpy(out, h->data + f->value, f->value_len);
            out += f->value_len;
            *out++ = '\r';
            *out++ = '\n';
        }
    }
    memcpy(out, h->data + run, run_end - run);
}
#endif
