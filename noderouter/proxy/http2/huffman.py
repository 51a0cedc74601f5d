"""The Huffman code of RFC 7541 section 5.2, read in Python; `_huffman.h` is its twin. We send none (`hpack`)."""

from functools import cache
from typing import Final

from noderouter.proxy.http2.field_rules import HpackError
from noderouter.proxy.http2.hpack_tables import CODE_LENGTHS, codes

_END: Final = 256
_REFUSED: Final = -1
_BYTE: Final = 0x100


@cache
def _machine() -> tuple[list[int], frozenset[int]]:
    """A machine that takes four bits at a time, and the states in which a string may end.

    A state is the beginning of a code. Each of its 16 steps is `_REFUSED`, or `next << 9` with `_BYTE | byte` where a
    byte is complete: at most one is, since no code has less than five bits. A string ends behind a whole code and up
    to seven ones.
    """
    words = [f"{code:0{length}b}" for code, length in zip(codes(), CODE_LENGTHS, strict=True)]
    states = {"": 0}
    for code in words:
        for end in range(1, len(code)):
            states.setdefault(code[:end], len(states))
    symbols = {code: symbol for symbol, code in enumerate(words)}
    steps = []
    for prefix in states:
        for bits in range(16):
            rest, step = prefix, 0
            for bit in f"{bits:04b}":
                rest += bit
                symbol = symbols.get(rest)
                if symbol is not None:
                    rest, step = "", _REFUSED if symbol == _END else _BYTE | symbol
            steps.append(step if step == _REFUSED else states[rest] << 9 | step)
    return steps, frozenset(states["1" * ones] for ones in range(8))


def decode(data: bytes) -> bytes:
    """What `data` is the code of.

    Raises:
        HpackError: it is not the code of anything.
    """
    steps, ends = _machine()
    out = bytearray()
    state = 0
    for byte in data:
        for bits in (byte >> 4, byte & 15):
            step = steps[state << 4 | bits]
            if step < 0:
                raise HpackError("a string of a header block is not in the Huffman code")
            if step & _BYTE:
                out.append(step & 0xFF)
            state = step >> 9
    if state not in ends:
        raise HpackError("a string of a header block is not in the Huffman code")
    return bytes(out)
