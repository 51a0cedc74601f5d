/* Strings in the Huffman code that come again and again are decoded once: what is never indexed, as a secret or a date, is
 * sent whole each time. No Python objects. Part of the compiled HPACK; see _hpack.c. The twin decodes each, to the same. */
#ifndef NODEROUTER_KNOWN_H
#define NODEROUTER_KNOWN_H
#include "_huffman.h"

#define KNOWN_SLOTS 8
#define KNOWN_BYTES 4096u /* of all of them; a connection that sends others has none */
#define KNOWN_LEAST 8u    /* shorter ones are decoded as quickly */

/* `sample` is of the last string that came here; `text` is the code of one that came twice, and behind it what it says. */
typedef struct { uint8_t *text; uint64_t sample; uint32_t coded, plain; } known_code;
typedef struct { known_code slots[KNOWN_SLOTS]; uint32_t bytes; } known_codes;

static inline uint64_t sample_of(const uint8_t *text, size_t size)
{
    return (big_endian(text) * 0x9e3779b97f4a7c15u ^ big_endian(text + size - 8)) + size;
}

static void remember(known_codes *known, known_code *k, const uint8_t *text, uint32_t size, const uint8_t *plain, uint32_t len)
{
    known->bytes -= k->coded + k->plain;
    free_memory(k->text);
    k->text = NULL;
    k->coded = k->plain = 0;
    if (size + len > KNOWN_BYTES - known->bytes || !(k->text = get_memory(size + len)))
        return; /* it is decoded each time */
    memcpy(k->text, text, size);
    memcpy(k->text + size, plain, len);
    k->coded = size;
    k->plain = len;
    known->bytes += size + len;
}

/* As `huffman_decode`; `slot`: strings of one field have the same. What is known has its memory with the first string. */
static uint8_t *known_decode(known_codes **known, uint32_t slot, const uint8_t *text, uint32_t size, uint8_t *to)
{
    if (size < KNOWN_LEAST || size > KNOWN_BYTES / 2)
        return huffman_decode(text, size, to);
    if (!*known) {
        if (!(*known = get_memory(sizeof **known)))
            return huffman_decode(text, size, to);
        memset(*known, 0, sizeof **known);
    }
    known_code *k = &(*known)->slots[slot % KNOWN_SLOTS];
    if (k->coded == size && memcmp(k->text, text, size) == 0) {
        memcpy(to, k->text + size, k->plain);
        return to + k->plain;
    }
    uint8_t *stop = huffman_decode(text, size, to);
    const uint64_t sample = sample_of(text, size);
    if (stop && k->sample == sample)
        remember(*known, k, text, size, to, (uint32_t)(stop - to));
    k->sample = sample;
    return stop;
}

static inline size_t known_memory(const known_codes *known) { return known ? sizeof *known + known->bytes : 0; }

static void known_free(known_codes *known)
{
    for (int i = 0; known && i < KNOWN_SLOTS; i++)
        free_memory(known->slots[i].text);
    free_memory(known);
}
#endif
