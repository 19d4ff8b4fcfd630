# SPDX-License-Identifier: MPL-2.0
"""A gzip encoder whose output depends only on the input.

The result of `zlib.compress` depends on the library that Python uses: zlib and zlib-ng return different bytes for the
same data and level. The OS byte of `gzip.compress` depends on the release of Python (documentation of gzip.compress,
changes in 3.11 and 3.13). Other bytes would change the guestinfo of existing clones.

The formats are those of RFC 1952 (gzip) and RFC 1951 (deflate). The encoder uses one block with the fixed Huffman codes
of RFC 1951, 3.2.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from zlib import crc32

__all__ = ["gzip_bytes"]

_HEADER = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))
"""The magic number, the method deflate, no flags, no time, no extra flags, and an unknown operating system."""
_SHORTEST, _LONGEST = 3, 258
_WINDOW = 32768
_MOST_CANDIDATES = 16
"""The number of earlier positions that are compared for each position. More take more time and save few bytes."""
_FLUSHED_BYTES = 64

_Code = tuple[int, int]
"""The bits of a code, the first bit in the lowest place, and their number."""


def gzip_bytes(data: bytes) -> bytes:
    """Return `data` in the gzip format, without a file name and a time. The result is the same on every system."""
    return _HEADER + _deflated(data) + struct.pack("<II", crc32(data), len(data) & 0xFFFFFFFF)


def _deflated(data: bytes) -> bytes:
    output = bytearray()
    pending, width = 0b011, 3  # the last block, with the fixed codes
    for bits, count in _codes(data):
        pending |= bits << width
        width += count
        if width >= 8 * _FLUSHED_BYTES:
            output += (pending & ((1 << 8 * _FLUSHED_BYTES) - 1)).to_bytes(_FLUSHED_BYTES, "little")
            pending >>= 8 * _FLUSHED_BYTES
            width -= 8 * _FLUSHED_BYTES
    return bytes(output + pending.to_bytes((width + 7) // 8, "little"))


def _codes(data: bytes) -> Iterator[_Code]:
    """Yield the codes of all literals and matches, and of the end of the block."""
    earlier: dict[bytes, list[int]] = {}
    at, end = 0, len(data)
    while at < end:
        candidates = earlier.setdefault(data[at : at + _SHORTEST], [])
        length, distance = _longest_match(data, at, candidates) if candidates else (0, 0)
        candidates.append(at)
        if length < _SHORTEST:
            yield _LITERALS[data[at]]
            at += 1
            continue
        yield _LENGTHS[length]
        extra = max(0, (distance - 1).bit_length() - 2)
        bits, count = _DISTANCES[2 * extra + (distance - 1 >> extra)]
        yield bits | (distance - 1 & (1 << extra) - 1) << count, count + extra
        for position in range(at + 1, at + length):
            earlier.setdefault(data[position : position + _SHORTEST], []).append(position)
        at += length
    yield _LITERALS[256]


def _longest_match(data: bytes, at: int, candidates: list[int]) -> tuple[int, int]:
    """Return the length and the distance of the longest match at `at`. The length is 0 if there is none."""
    longest = distance = 0
    most = min(_LONGEST, len(data) - at)
    for candidate in candidates[: -_MOST_CANDIDATES - 1 : -1]:
        if at - candidate > _WINDOW or longest == most:
            break
        # A candidate is better only if its match is at least one byte longer.
        if data[candidate : candidate + longest + 1] != data[at : at + longest + 1]:
            continue
        longest, distance = longest + 1, at - candidate
        while longest < most and data[candidate + longest] == data[at + longest]:
            longest += 1
    return longest, distance


def _reversed(code: int, count: int) -> int:
    """Return the first `count` bits of a Huffman code in the bit order of the stream."""
    return int(f"{code:0{count}b}"[::-1], 2)


def _literals() -> tuple[_Code, ...]:
    """Return the fixed codes of the bytes, the end of the block and the lengths (RFC 1951, 3.2.6)."""
    ranges = ((0x30, 8, 144), (0x190, 9, 112), (0, 7, 24), (0xC0, 8, 8))
    return tuple((_reversed(first + number, bits), bits) for first, bits, count in ranges for number in range(count))


def _lengths() -> dict[int, _Code]:
    """Return the codes of the lengths of matches, including the extra bits (RFC 1951, 3.2.5)."""
    codes: dict[int, _Code] = {}
    base = _SHORTEST
    for symbol in range(257, 285):
        extra = max(0, (symbol - 261) // 4)
        bits, count = _LITERALS[symbol]
        codes |= {base + more: (bits | more << count, count + extra) for more in range(1 << extra)}
        base += 1 << extra
    return codes | {_LONGEST: _LITERALS[285]}


_LITERALS = _literals()
_LENGTHS = _lengths()
_DISTANCES = tuple((_reversed(symbol, 5), 5) for symbol in range(30))
"""The fixed codes of the distances of matches, without the extra bits (RFC 1951, 3.2.5 and 3.2.6)."""
