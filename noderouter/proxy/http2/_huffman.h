/* The Huffman code of RFC 7541 section 5.2, made from the lengths in _tables.h. No Python objects.
 * Part of the compiled HPACK; see _hpack.c. */
#ifndef NODEROUTER_HUFFMAN_H
#define NODEROUTER_HUFFMAN_H
#include "_tables.h"
#include <stddef.h>
#include <string.h>

#define LONGEST_CODE 30
#define END_OF_STRING 256

static uint32_t CODES[END_OF_STRING];
/* What eight bits begin with: a byte and the bits of its code, 0 where that is longer than eight. */
static struct { uint8_t symbol, bits; } STEPS[256];
/* Codes of one length are consecutive. Aligned to the left in 32 bits: the first one of each length, and what the
 * lengths up to this one end at; and where its symbols are among all, in the order of codes. */
static uint32_t FIRST[LONGEST_CODE + 1];
static uint64_t LIMIT[LONGEST_CODE + 1];
static uint16_t PLACE[LONGEST_CODE + 1], SYMBOLS[END_OF_STRING + 1];

static void huffman_init(void)
{
    uint64_t code = 0;
    uint16_t place = 0;
    for (uint32_t bits = 1; bits <= LONGEST_CODE; bits++) {
        FIRST[bits] = (uint32_t)code;
        PLACE[bits] = place;
        for (uint32_t symbol = 0; symbol <= END_OF_STRING; symbol++) {
            if (CODE_LENGTHS[symbol] != bits)
                continue;
            SYMBOLS[place++] = (uint16_t)symbol;
            if (symbol < END_OF_STRING)
                CODES[symbol] = (uint32_t)(code >> (32 - bits));
            for (uint32_t i = 0; bits <= 8 && i < 1u << (8 - bits); i++) {
                STEPS[(code >> 24) + i].symbol = (uint8_t)symbol;
                STEPS[(code >> 24) + i].bits = (uint8_t)bits;
            }
            code += (uint64_t)1 << (32 - bits);
        }
        LIMIT[bits] = code;
    }
}

/* The most that `size` bytes can be the code of: no code has less than five bits. */
static inline size_t huffman_most(size_t size) { return size * 8 / 5; }

/* A symbol of more than eight bits at the top of `word`; its length, 0 if it is the end of a string. */
static inline uint32_t long_code(uint64_t word, uint8_t *symbol)
{
    const uint64_t top = word >> 32;
    uint32_t bits = 9;
    while (bits < LONGEST_CODE && top >= LIMIT[bits])
        bits++;
    const uint16_t found = SYMBOLS[PLACE[bits] + ((top - FIRST[bits]) >> (32 - bits))];
    *symbol = (uint8_t)found;
    return found == END_OF_STRING ? 0 : bits;
}

/* Decodes into `to`, which has room for `huffman_most`; the end there, or NULL if this is not the code of anything. */
static uint8_t *huffman_decode(const uint8_t *from, size_t size, uint8_t *to)
{
    const uint8_t *end = from + size;
    uint64_t word = 0; /* what is not decoded yet, from the top */
    uint32_t have = 0; /* bits of it */
    for (;;) {
        while (have <= 56 && from < end) {
            word |= (uint64_t)*from++ << (56 - have);
            have += 8;
        }
        if (have < LONGEST_CODE)
            break;
        while (have >= LONGEST_CODE) {
            uint32_t bits = STEPS[word >> 56].bits;
            *to = STEPS[word >> 56].symbol;
            if (!bits && !(bits = long_code(word, to)))
                return NULL;
            to++;
            word <<= bits;
            have -= bits;
        }
    }
    while (have) { /* nothing comes behind this: zeros, which are no bits of it */
        uint32_t bits = STEPS[word >> 56].bits;
        uint8_t symbol = STEPS[word >> 56].symbol;
        if (!bits && !(bits = long_code(word, &symbol)))
            return NULL;
        if (bits > have) /* padding: less than a byte, and ones */
            return have < 8 && word >> (64 - have) == (1u << have) - 1 ? to : NULL;
        *to++ = symbol;
        word <<= bits;
        have -= bits;
    }
    return to;
}

/* How many bytes the code of these takes. */
static inline size_t huffman_size(const uint8_t *from, size_t size)
{
    size_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits += CODE_LENGTHS[from[i]];
    return (bits + 7) / 8;
}

/* Encodes into `to`, which has room for `huffman_size`. */
static void huffman_encode(const uint8_t *from, size_t size, uint8_t *to)
{
    uint64_t word = 0;
    uint32_t have = 0; /* bits at the bottom of it */
    for (size_t i = 0; i < size; i++) {
        word = word << CODE_LENGTHS[from[i]] | CODES[from[i]];
        have += CODE_LENGTHS[from[i]];
        for (; have >= 8; have -= 8)
            *to++ = (uint8_t)(word >> (have - 8));
    }
    if (have)
        *to = (uint8_t)(word << (8 - have) | ((1u << (8 - have)) - 1));
}
#endif
