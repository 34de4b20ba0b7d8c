"""QR codes for links, to be read from a terminal by a phone.

Of ISO/IEC 18004 this is what a link needs: bytes, versions 1 to 5, the lowest
level of error correction (L). Such a code has its error correction in one
piece.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator

#: Bytes of data, and of error correction, by version.
SIZES = {1: (19, 7), 2: (34, 10), 3: (55, 15), 4: (80, 20), 5: (108, 26)}
#: Bytes of text that fit: the mode and the length take 12 bits.
MAX_BYTES = SIZES[5][0] - 2

Matrix = list[list[int]]

MASKS: tuple[Callable[[int, int], int], ...] = (
    lambda y, x: (y + x) % 2, lambda y, x: y % 2, lambda y, x: x % 3,
    lambda y, x: (y + x) % 3, lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2)


def multiply(a: int, b: int) -> int:
    """Return a product in the field of 256 elements."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11d
        b >>= 1
    return product


def correction(data: bytes, count: int) -> bytes:
    """Return the bytes of error correction (Reed and Solomon) of some
    data."""
    generator = [1]
    root = 1
    for _ in range(count):
        generator = [a ^ b for a, b in zip(
            generator + [0], [0] + [multiply(root, each)
                                    for each in generator])]
        root = multiply(root, 2)
    rest = list(data) + [0] * count
    for i in range(len(data)):
        factor = rest[i]
        for j, each in enumerate(generator):
            rest[i + j] ^= multiply(each, factor)
    return bytes(rest[len(data):])


def codewords(text: bytes, version: int) -> bytes:
    """Return text as the bytes that a code has."""
    size, count = SIZES[version]
    # the mode (bytes), the length, the text, the end
    bits = '0100{:08b}'.format(len(text)) + ''.join(
        map('{:08b}'.format, text)) + '0000'
    bits = bits[:size * 8]
    bits += '0' * (-len(bits) % 8)
    data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    data += (b'\xec\x11' * size)[:size - len(data)]
    return data + correction(data, count)


def frame(version: int) -> tuple[Matrix, Matrix]:
    """Return what every code of a version has, and where that is."""
    size = 17 + 4 * version
    dark = [[0] * size for _ in range(size)]
    fixed = [[0] * size for _ in range(size)]

    def put(y: int, x: int, value: int) -> None:
        if 0 <= y < size and 0 <= x < size:
            dark[y][x] = value
            fixed[y][x] = 1

    for i in range(size):
        put(6, i, 1 - i % 2)
        put(i, 6, 1 - i % 2)
    squares = [(3, 3, 4), (3, size - 4, 4), (size - 4, 3, 4)]
    if version > 1:
        squares.append((size - 7, size - 7, 2))
    for y, x, reach in squares:
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                ring = max(abs(dy), abs(dx))
                put(y + dy, x + dx, int(ring not in (
                    (2, 4) if reach == 4 else (1,))))
    for i in range(9):  # where the format goes
        put(8, i, dark[8][i])
        put(i, 8, dark[i][8])
        if i < 8:
            put(8, size - 1 - i, 0)
            put(size - 1 - i, 8, 0)
    put(size - 8, 8, 1)
    return dark, fixed


def path(size: int, fixed: Matrix) -> Iterator[tuple[int, int]]:
    """Yield the places of the data, in their order."""
    up = True
    for right in range(size - 1, 0, -2):
        if right <= 6:
            right -= 1  # the column of the clock has none
        for i in range(size):
            y = size - 1 - i if up else i
            for x in (right, right - 1):
                if not fixed[y][x]:
                    yield y, x
        up = not up


def put_format(dark: Matrix, mask: int) -> None:
    """Write level and mask, twice."""
    size = len(dark)
    value = 0b01 << 3 | mask
    rest = value << 10
    for i in range(4, -1, -1):
        if rest >> i + 10 & 1:
            rest ^= 0x537 << i
    bits = (value << 10 | rest) ^ 0x5412
    around = [*((8, x) for x in (0, 1, 2, 3, 4, 5, 7, 8)),
              *((y, 8) for y in (7, 5, 4, 3, 2, 1, 0))]
    apart = [*((size - 1 - i, 8) for i in range(7)),
             *((8, size - 8 + i) for i in range(8))]
    for i in range(15):
        for y, x in (around[i], apart[i]):
            dark[y][x] = bits >> 14 - i & 1


def penalty(dark: Matrix) -> int:
    """Return how hard a code is to read: runs, blocks, what looks like a
    corner, too much of one colour."""
    size = len(dark)
    found = 0
    lines = [''.join(map(str, line)) for line in dark]
    lines += [''.join(map(str, line)) for line in zip(*dark)]
    for line in lines:
        for run in line.replace('01', '0 1').replace('10', '1 0').split():
            if len(run) >= 5:
                found += len(run) - 2
        for i in range(size - 10):
            if line[i:i + 11] in ('10111010000', '00001011101'):
                found += 40
    for y in range(size - 1):
        for x in range(size - 1):
            if dark[y][x] == dark[y][x + 1] == dark[y + 1][x] == \
                    dark[y + 1][x + 1]:
                found += 3
    share = 100 * sum(map(sum, dark)) // (size * size)
    return found + abs(share - 50) // 5 * 10


def encode(text: str) -> Matrix:
    """Return a code as rows of 1 (dark) and 0.

    :raises ValueError: the text is over ``MAX_BYTES``.
    """
    data = text.encode()
    version = next((version for version, (size, _) in SIZES.items()
                    if len(data) + 2 <= size), 0)
    if not version:
        raise ValueError('over %d bytes' % MAX_BYTES)
    empty, fixed = frame(version)
    size = len(empty)
    bits = ''.join(map('{:08b}'.format, codewords(data, version)))
    candidates = []
    for mask, masked in enumerate(MASKS):
        dark = [list(row) for row in empty]
        for i, (y, x) in enumerate(path(size, fixed)):
            # (some bits are left over)
            bit = int(bits[i]) if i < len(bits) else 0
            dark[y][x] = bit ^ (masked(y, x) == 0)
        put_format(dark, mask)
        candidates.append((penalty(dark), mask, dark))
    return min(candidates)[2]


def draw(text: str, colours: bool = True) -> str:
    """Return a code as lines for a terminal, two rows in each.

    :param colours: whether the terminal can be told to show dark on white.
                    Without, what is written is taken to be light on dark.
    """
    dark = encode(text)
    size = len(dark) + 8
    edge = [[0] * size] * 4
    rows = edge + [[0] * 4 + row + [0] * 4 for row in dark] + edge
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2] + [[0] * size]):
        blocks = ' \u2584\u2580\u2588' if colours else '\u2588\u2580\u2584 '
        line = ''.join(blocks[2 * a + b] for a, b in zip(upper, lower))
        lines.append('\x1b[30;107m%s\x1b[0m' % line if colours else line)
    return '\n'.join(lines)
