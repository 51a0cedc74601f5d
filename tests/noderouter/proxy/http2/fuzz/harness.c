/* libFuzzer harness for the compiled HPACK: no Python, with AddressSanitizer and UBSan.
 *
 * An input is a history of one connection: two bytes of settings, then steps. A step has a byte of what to do, two of
 * how long its block is, and the block. Copies have their exact size, so that one byte read too far is seen; objects are
 * counted, so that one that is forgotten or dropped twice is, too; and now and then there is no memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

typedef struct object { int holders; size_t len; unsigned char text[]; } object;

static int memory_left; /* that many times, if it is positive */
static long objects;

static void *get_memory(size_t size)
{
    if (memory_left > 0 && --memory_left == 0)
        return NULL;
    CHECK(size > 0 && size < 1 << 20);
    return malloc(size);
}

static void free_memory(void *memory) { free(memory); }

static object *hold(object *o)
{
    o->holders++;
    return o;
}

static void drop(object *o)
{
    CHECK(o->holders > 0);
    if (--o->holders == 0) {
        objects--;
        free(o);
    }
}

static object *bytes_of(const unsigned char *text, size_t len)
{
    object *o = get_memory(sizeof *o + len + 1);
    if (!o)
        return NULL;
    o->holders = 1;
    o->len = len;
    memcpy(o->text, text, len);
    objects++;
    return o;
}

static object *pair_of(const unsigned char *name, size_t name_len, const unsigned char *value, size_t len)
{
    object *o = bytes_of(value, len);
    for (size_t i = 0; i < name_len; i++)
        CHECK(name[i] != '\n');
    return o;
}

static const unsigned char *text_of(object *o, size_t *len)
{
    *len = o->len;
    return o->text;
}

#include "_decode.h"
#include "_message.h"

static void check_table(const table *t, bool decodes)
{
    uint32_t size = 0, place = t->count ? oldest(t)->place : t->end;
    CHECK(t->count <= t->slots && (t->slots & (t->slots - 1)) == 0 && t->room < 4 * LARGEST_SIZE);
    for (uint32_t number = t->added - t->count; number != t->added; number++) {
        const entry *e = entry_at(t, number);
        const uint8_t *line = line_of(t, e);
        size += entry_size(e);
        CHECK(e->place == place && line >= t->text && line + line_size(e) <= t->text + t->room);
        CHECK(memcmp(line + e->name_len, ": ", 2) == 0 && memcmp(line + line_size(e) - 2, "\r\n", 2) == 0);
        CHECK(!decodes || !e->known || e->known->holders > 0);
        place = (place + line_size(e)) & PLACES;
    }
    CHECK(size == t->size && size <= t->max && t->max <= LARGEST_SIZE && place == (t->end & PLACES));
}

/* Every line is `name: value CRLF` with a name that may be forwarded. */
static void check_block(const uint8_t *block, size_t size)
{
    const uint8_t *p = block, *end = block + size;
    while (p < end) {
        const uint8_t *name = p;
        while (p < end && CLASS[*p] & TOKEN && *p != ':')
            p++;
        CHECK(is_lower_token(name, (size_t)(p - name)) && end - p >= 4 && p[0] == ':' && p[1] == ' ');
        const enum kind kind = kind_of(name, (size_t)(p - name));
        CHECK(kind == PLAIN || kind == HOST_FIELD);
        const uint8_t *value = p += 2;
        while (p < end && CLASS[*p] & VALUE)
            p++;
        CHECK(p == value || (!is_blank(*value) && !is_blank(p[-1])));
        CHECK(end - p >= 2 && p[0] == '\r' && p[1] == '\n');
        p += 2;
    }
}

static void check_message(const decoder *d, const message *m)
{
    CHECK(m->error < ERRORS_END && (m->error == OK || ANSWERS[m->error].status >= 400));
    if (m->error) {
        CHECK(m->out.len == 0 && m->reserved_count == 0);
        for (int i = 0; i < PSEUDO; i++)
            CHECK(!m->pseudo[i]);
        return;
    }
    CHECK(m->list <= d->max_list && m->taken <= d->max_fields && m->taken == m->fields);
    CHECK(m->length >= -1 && (m->length <= 999999999999999999 || (m->length == INT64_MAX && m->kind == RESPONSE)));
    CHECK(m->kind != RESPONSE || (m->status >= 100 && m->status <= 999 && m->status != 101));
    CHECK(m->kind != REQUEST || (m->pseudo[AT_METHOD] && m->pseudo[AT_AUTHORITY]));
    check_block(m->out.text, m->out.len);
}

/* What was decoded is encoded for the next hop, which decodes the same. */
static void check_next_hop(encoder *e, decoder *next, const message *m, const never *names)
{
    static message again;
    uint8_t fixed[64], status[3];
    buffer out;
    buffer_init(&out, fixed, sizeof fixed);
    CHECK(begin_block(e, &out));
    if (m->kind == RESPONSE) {
        snprintf((char *)fixed, 4, "%u", m->status);
        memcpy(status, fixed, 3);
        out.len = 0;
        CHECK(begin_block(e, &out));
        CHECK(put_field(e, &out, (bytes){(const uint8_t *)":status", 7}, (bytes){status, 3}, names) == ENCODED);
    }
    CHECK(put_block(e, &out, (bytes){m->out.text, m->out.len}, names, false) == ENCODED);
    check_table(&e->t, false);
    uint8_t *copy = malloc(out.len ? out.len : 1);
    memcpy(copy, out.text, out.len);
    message_init(&again, m->kind);
    CHECK(decode(next, &again, copy, copy + out.len) == DONE && again.error == OK && again.status == m->status);
    CHECK(again.out.len == m->out.len && memcmp(again.out.text, m->out.text, m->out.len) == 0);
    CHECK(again.reserved_count >= (m->kind == RESPONSE ? 0 : again.reserved_count));
    uint8_t *frames = malloc(frames_size(e, out.len, 5));
    put_frames(e, frames, 1, true, (bytes){out.text, out.len}, (bytes){(const uint8_t *)"12345", 5});
    free(frames);
    free(copy);
    message_free(&again);
    buffer_free(&out);
    check_table(&next->t, true);
}

/* Any bytes as a block of lines: refused, or encoded. */
static bool encode_any(encoder *e, const uint8_t *lines, size_t size, const never *names, bool request)
{
    uint8_t fixed[64];
    buffer out;
    buffer_init(&out, fixed, sizeof fixed);
    const bool well = begin_block(e, &out) && put_block(e, &out, (bytes){lines, size}, names, request) == ENCODED;
    buffer_free(&out);
    check_table(&e->t, false);
    return well;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const uint32_t SIZES[] = {4096, 0, 60, 300, 1000, 8192, 65535, 65536};
    static bool ready;
    static message m;
    if (!ready) {
        huffman_init();
        decode_init();
        encode_init();
        ready = true;
    }
    if (size < 2)
        return 0;
    decoder d, next;
    encoder e, other;
    const bytes name = {(const uint8_t *)"x", 1};
    const never none = {NULL, 0}, some = {&name, 1};
    decoder_init(&d, SIZES[input[0] & 7]);
    decoder_init(&next, LARGEST_SIZE);
    encoder_init(&e, SIZES[input[0] >> 3 & 7]);
    encoder_init(&other, 4096);
    d.max_list = input[1] & 1 ? 61440 : 500;
    d.max_fields = input[1] & 2 ? 512 : 6;
    d.extended = input[1] & 4;
    next.max_list = UINT32_MAX;
    next.max_fields = UINT32_MAX;
    bool goes_on = true;
    for (const uint8_t *p = input + 2, *end = input + size; goes_on && end - p >= 3;) {
        const uint8_t what = p[0];
        size_t len = (size_t)p[1] << 8 | p[2];
        p += 3;
        len = len < (size_t)(end - p) ? len : (size_t)(end - p);
        uint8_t *copy = malloc(len ? len : 1);
        if (len)
            memcpy(copy, p, len);
        p += len;
        memory_left = what & 0x80 ? 1 + (what >> 3 & 15) : 0;
        switch (what & 7) {
        case 0:
        case 1:
        case 2:
            message_init(&m, what & 3);
            const enum outcome outcome = decode(&d, &m, copy, copy + len);
            goes_on = outcome == DONE;
            memory_left = 0;
            check_table(&d.t, true);
            if (goes_on) {
                check_message(&d, &m);
                if (!m.error && m.kind != REQUEST)
                    check_next_hop(&e, &next, &m, what & 8 ? &some : &none);
            }
            message_free(&m);
            break;
        case 3: acknowledged(&d); break;
        case 4: resize(what & 8 ? &e : &other, len > 1 ? (uint32_t)copy[0] << 8 | copy[1] : 0); break;
        default: goes_on = encode_any(&other, copy, len, what & 8 ? &some : &none, what & 16);
        }
        memory_left = 0;
        free(copy);
    }
    decoder_free(&d);
    decoder_free(&next);
    encoder_free(&e);
    encoder_free(&other);
    for (int i = 0; i < STATIC_COUNT; i++)
        if (STATIC_ENTRIES[i].known) {
            drop(STATIC_ENTRIES[i].known);
            STATIC_ENTRIES[i].known = NULL;
        }
    CHECK(objects == 0);
    return 0;
}
