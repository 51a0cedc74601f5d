/* The Huffman code of RFC 7541 section 5.2, made from the lengths in _tables.h. No Python objects.
 * Part of the compiled HPACK; see _hpack.c. */
#ifndef NODEROUTER_HUFFMAN_H
#define NODEROUTER_HUFFMAN_H
#include "_tables.h"
#include <stddef.h>
#include <string.h>

#define LONGEST_CODE 30
#define END_OF_STRING 256

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
            for (uint32_t i = 0; bits <= 8 && i < 1u << (8 - bits); i++) {
                STEPS[(code >> 24) + i].symbol = (uint8_t)symbol;
                STEPS[(code >> 24) + i].bits = (uint8_t)bits;
            }
            code += (uint64_t)1 << (32 - bits);
        }
        LIMIT[bits] = code;
    }
}

/* The most that decoding `size` bytes writes: no code has less than five bits, and what the padding seems to be is taken
 * off again. */
static inline size_t huffman_most(size_t size) { return size * 8 / 5 + 1; }

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

static inline uint64_t big_endian(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Eight bytes from `at` on; ones behind the end, as in the padding, which go on for ever. */
static inline uint64_t bits_at(const uint8_t *text, size_t size, size_t at)
{
    if (at + 8 <= size)
        return big_endian(text + at);
    if (at >= size)
        return UINT64_MAX;
    const uint32_t there = (uint32_t)(size - at) * 8;
    if (size >= 8)
        return big_endian(text + size - 8) << (64 - there) | UINT64_MAX >> there;
    uint64_t word = UINT64_MAX;
    for (size_t i = size; i > at; i--)
        word = word >> 8 | (uint64_t)text[i - 1] << 56;
    return word;
}

/* Decodes into `to`, which has room for `huffman_most`; the end there, or NULL if this is not the code of anything.
 * The string ends where nothing but ones comes any more: those that are there have to be less than a byte, and none may
 * have been taken for a part of the last code. */
static uint8_t *huffman_decode(const uint8_t *text, size_t size, uint8_t *to)
{
    uint64_t word = 0; /* what is not decoded yet, from the top; below `have`, what comes next, or zeros */
    uint32_t have = 0; /* bits of it */
    size_t at = 0;     /* the byte that they reach to */
    int64_t left = (int64_t)size * 8;
    for (;;) {
        word |= bits_at(text, size, at) >> have;
        at += (63 - have) >> 3;
        have |= 56;
        if (at <= size) { /* all of them are there */
            left -= have;
            for (; have >= LONGEST_CODE; to++) {
                uint32_t bits = STEPS[word >> 56].bits;
                *to = STEPS[word >> 56].symbol;
                if (!bits && !(bits = long_code(word, to)))
                    return NULL;
                word <<= bits;
                have -= bits;
            }
            left += have;
            continue;
        }
        while (have >= LONGEST_CODE) {
            uint32_t bits = STEPS[word >> 56].bits;
            *to = STEPS[word >> 56].symbol;
            if (left < 8 && !bits) /* no longer code fits: padding */
                return left >= 0 && word >> 56 >= (uint64_t)(0xff00 >> left & 0xff) ? to : NULL;
            if (left < 0 || (!bits && !(bits = long_code(word, to))))
                return NULL;
            to++;
            word <<= bits;
            have -= bits;
            left -= bits;
        }
    }
}
#endif
