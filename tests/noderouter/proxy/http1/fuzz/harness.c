/* libFuzzer harness for the scan of the compiled head parser: no Python, with AddressSanitizer and UBSan.
 *
 * The first two bytes of an input choose kind, limits and a place to cut; the rest is the head. Copies have their exact
 * size, so that one byte read or written too far is seen. Beyond that, what must always hold is checked here. */
#include "_scan.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

enum { RESPONSE = 1, LENIENT = 2 };

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static enum error scan_copy(head *h, const uint8_t *data, size_t size, size_t max_line, size_t max_head, int kind)
{
    uint8_t *copy = copy_of(data, size);
    enum error error = scan(h, copy, size, max_line, max_head, kind & RESPONSE, kind & LENIENT);
    h->data = NULL;
    free(copy);
    return error;
}

/* Every line is `name: value CRLF` with a name that may be forwarded. */
static void check_block(const uint8_t *block, size_t size)
{
    const uint8_t *p = block, *end = block + size;
    while (p < end) {
        const uint8_t *name = p;
        while (p < end && CLASS[*p] & TOKEN)
            p++;
        CHECK(p > name && end - p >= 4 && p[0] == ':' && p[1] == ' ');
        enum kind kind = kind_of(name, (size_t)(p - name));
        CHECK(kind == PLAIN || kind == HOST_FIELD);
        const uint8_t *value = p += 2;
        while (p < end && CLASS[*p] & VALUE)
            p++;
        CHECK(p == value || (*value != ' ' && *value != '\t' && p[-1] != ' ' && p[-1] != '\t'));
        CHECK(end - p >= 2 && p[0] == '\r' && p[1] == '\n');
        p += 2;
    }
}

static void check_offsets(const head *h, size_t size)
{
    CHECK(h->end >= 4 && h->end <= size && h->data[h->end - 1] == '\n');
    CHECK(h->repaired || memcmp(h->data + h->end - 4, "\r\n\r\n", 4) == 0);
    CHECK(!h->repaired || (h->lenient && !h->persist));
    CHECK(h->count <= MAX_FIELDS && h->options <= MAX_OPTIONS && h->reserved <= h->count);
    CHECK(h->length >= -2 && (h->length <= 999999999999999999 || h->length == VAST) && (h->minor == 0 || h->minor == 1));
    CHECK(h->response || (h->length >= -1 && h->method_len && h->target_len));
    CHECK(h->length != VAST || (h->response && h->vast_len > SAFE_DIGITS && h->vast_len <= MAX_DIGITS));
    CHECK(!h->response || (h->status >= 100 && h->status <= (h->lenient ? 999 : 599)));
    CHECK((size_t)h->target + h->target_len <= h->end && (size_t)h->reason + h->reason_len <= h->end);
    CHECK(h->host < (int)h->count);
    uint32_t before = 0;
    for (uint32_t i = 0; i < h->count; i++) {
        const field *f = &h->fields[i];
        CHECK(f->name > before && f->name_len > 0 && f->name + f->name_len < f->value);
        CHECK(f->value + f->value_len + (h->repaired ? 1 : 2) <= f->end && f->end <= h->end);
        before = f->end - 1;
    }
}

/* What we forward, we would take ourselves, and forward as it is. */
static void check_again(const head *h, const uint8_t *block)
{
    static head again;
    uint32_t from = h->response ? 0 : h->method, line = 0;
    while (h->data[from + line] != '\r' && h->data[from + line] != '\n')
        line++;
    size_t size = line + h->block_size + 4;
    uint8_t *data = malloc(size), *second;
    memcpy(data, h->data + from, line);
    memcpy(data + line, "\r\n", 2);
    memcpy(data + line + 2, block, h->block_size);
    memcpy(data + size - 2, "\r\n", 2);
    CHECK(scan(&again, data, size, size, size, h->response, h->lenient) == OK && !again.repaired);
    CHECK(again.end == size && again.block_size == h->block_size && again.reserved == 0);
    CHECK(again.length == (h->response ? -2 : 0) && again.host == (h->host < 0 ? -1 : again.host));
    second = malloc(again.block_size ? again.block_size : 1);
    write_block(&again, second);
    CHECK(memcmp(second, block, h->block_size) == 0);
    free(second);
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_size)
{
    static head h, part;
    static const size_t LIMITS[] = {65536, 65536, 8192, 64, 20, 5, 1, 0};
    if (input_size < 2)
        return 0;
    const int kind = input[0] & RESPONSE ? RESPONSE | (input[0] & 0x80 ? LENIENT : 0) : 0;
    const size_t size = input_size - 2, cut = size ? (size_t)input[1] * size / 256 : 0;
    const size_t max_line = LIMITS[input[0] >> 1 & 7], max_head = LIMITS[input[0] >> 4 & 7];
    uint8_t *data = copy_of(input + 2, size);

    const enum error error = scan(&h, data, size, max_line, max_head, kind & RESPONSE, kind & LENIENT);
    const enum error early = scan_copy(&part, data, cut, max_line, max_head, kind);
    CHECK(error == OK || error == MORE || (error <= E_CONNECT_BODY && ANSWERS[error].status >= 400));
    CHECK(error != MORE || size < max_head);
    if (error == OK) {
        check_offsets(&h, size);
        if (kind == RESPONSE) { /* what needs no repair is read the same */
            CHECK(scan_copy(&part, data, size, max_line, max_head, RESPONSE | LENIENT) == OK && !part.repaired);
            CHECK(part.end == h.end && part.block_size == h.block_size && part.persist == h.persist);
        }
        CHECK(h.end <= max_head);
        CHECK(cut < h.end ? early == MORE : early == OK);
        CHECK(scan_copy(&part, data, h.end, max_line, max_head, kind) == OK && part.end == h.end);
        uint8_t *block = malloc(h.block_size ? h.block_size : 1);
        write_block(&h, block);
        check_block(block, h.block_size);
        check_again(&h, block);
        free(block);
    } else
        CHECK(early == MORE || early == error); /* a verdict never changes as more comes in */
    free(data);
    return 0;
}
