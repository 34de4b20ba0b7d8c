"""Tell what another order of names would take off the compiled core.

An ``.mpy`` has its names in a list, in the order in which the compiler meets
them, and refers to the first 128 in one byte, to others in two. Lines at the
top of the core, which are never run, name those that are used most.

``python3 tools/boards/names.py`` prints how many bytes new lines would take
off the ``.mpy``, ``--write`` writes them where they take off any.
"""

import argparse
import collections
import keyword
import pathlib
import re
import sys
import tempfile
import textwrap

import size

#: So many names a reference of one byte tells apart.
SHORT = 128
#: What the compiler interns of a text: longer ones become constants.
TEXT = 10
#: Names that are not words of the source.
ODD = ['', '*', '/', '__module__', '__qualname__']
#: The lines, after what leads to them.
LINES = re.compile(r'(?<=\nwhile True:\n    break\n)(?:    .*\n)+')


class Names:
    """The names of an ``.mpy`` (MicroPython's docs, "MicroPython .mpy
    files"), and how often its bytecode refers to each.

    :attr:`texts` is a list of names: those that each firmware has are there
    as numbers. :attr:`uses` counts by the index in that list.
    """

    def __init__(self, data):
        self._data = data
        self._pos = 4
        count, constants = self._number(), self._number()
        self.texts = [self._name() for _ in range(count)]
        self.uses = collections.Counter()
        for _ in range(constants):
            self._skip_constant()
        self._read_code()

    def _number(self, data=None, pos=0):
        # Read one that has seven bits in each byte.
        value = 0
        while True:
            if data is None:
                byte = self._data[self._pos]
                self._pos += 1
            else:
                byte = data[pos]
                pos += 1
            value = value << 7 | byte & 127
            if byte < 128:
                return value if data is None else (value, pos)

    def _name(self):
        length = self._number()
        if length & 1:
            return length >> 1
        start = self._pos
        self._pos += (length >> 1) + 1
        return self._data[start:self._pos - 1].decode()

    def _skip_constant(self):
        kind = self._data[self._pos]
        self._pos += 1
        if kind == 10:
            for _ in range(self._number()):
                self._skip_constant()
        elif kind >= 5:
            length = self._number()
            self._pos += length + (kind < 7)

    def _read_code(self):
        # Read a function, and those that are in it.
        head = self._number()
        code = self._data[self._pos:self._pos + (head >> 3)]
        self._pos += head >> 3
        self._count(code)
        if head & 4:
            for _ in range(self._number()):
                self._read_code()

    def _count(self, code):
        # Its own name and those of its arguments come first.
        arguments = code[0] & 3
        pos = 0
        while code[pos] & 128:
            shift = pos
            pos += 1
            arguments += (code[pos] & 4) << shift
            arguments += (code[pos] >> 3 & 1) << shift
        pos += 1
        skipped = shift = 0
        while True:
            byte = code[pos]
            pos += 1
            skipped += (byte >> 1 & 63) << 6 * shift
            skipped += (byte & 1) << shift
            shift += 1
            if byte < 128:
                break
        end = pos + skipped
        for _ in range(1 + arguments):
            index, pos = self._number(code, pos)
            self.uses[index] += 1
        pos = end
        while pos < len(code):
            pos = self._count_instruction(code, pos)

    def _count_instruction(self, code, pos):
        # Return where the next one is.
        opcode = code[pos]
        pos += 1
        # nothing, a name, a number, or a place to go to; for each 16 of them
        kind = 0x3a4 >> 2 * (opcode >> 4) & 3
        if kind == 1:
            index, pos = self._number(code, pos)
            self.uses[index] += 1
            return pos
        if kind == 2:
            _, pos = self._number(code, pos)
        elif kind == 3:
            pos += 1 + (code[pos] > 127)
        return pos + (opcode & 0x9e == 0)


def compiled(source):
    """Return what the compiler makes of a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, 'microdot.py')
        path.write_text(source)
        target = path.with_suffix('.mpy')
        size.compile_module(path, target, 3)
        return target.read_bytes()


def lines(words):
    """Return lines that name *words*, and compile to nothing."""
    rows = textwrap.wrap(
        ', '.join(repr(word) for word in words if len(word) <= TEXT), 74)
    chain = ['asyncio']
    for word in words:
        if len(word) > TEXT:
            if len(chain[-1]) + len(word) > 72:
                chain.append('')
            chain[-1] += '.' + word
    return '    [%s]\n    (%s)\n' % (
        '\n     '.join(rows), '\n     '.join(chain))


def used_most(source):
    """Return the names that *source* uses most, in order, but for those that
    come before the lines anyway."""
    words = sorted({'asyncio', *re.findall(r'[A-Za-z_]\w*', source)}
                   - set(keyword.kwlist) - set(ODD)) + ODD[3:]
    known = Names(compiled('while True:\n    break\n    %s\n%s' % (
        ODD[:3], ''.join('    asyncio.%s\n' % word for word in words))))
    # (the file's own name and that of the module come first)
    by_number = dict(zip(
        [text for text in known.texts if text != 'microdot.py'][1:],
        ODD[:3] + words, strict=True))
    before = source[:LINES.search(source).start()]
    met = set(re.findall(r'[A-Za-z_]\w*', ''.join(
        re.findall(r'\n(?:from|import) .*', before))))
    found = Names(compiled(LINES.sub('', source)))
    names = [by_number.get(text, text) for text in found.texts]
    order = sorted(range(len(names)),
                   key=lambda i: (-found.uses[i], str(names[i])))
    most = [names[i] for i in order if names[i] not in met][:SHORT]
    return [name for name in most if isinstance(name, str)]


def improve(source):
    """Return *source* with the lines that make the smallest ``.mpy``."""
    most = used_most(source)
    return min((
        LINES.sub(lambda _: lines(sorted(most[:count])), source)
        for count in range(SHORT - 20, SHORT)),
        key=lambda text: len(compiled(text)))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description='Tell what another order of names would save.')
    parser.add_argument('--write', action='store_true')
    options = parser.parse_args(arguments)
    core = size.PACKAGE / 'microdot.py'
    try:
        source = core.read_text()
        better = improve(source)
        now, then = len(compiled(source)), len(compiled(better))
    except size.Failure as error:
        print('names: %s' % error, file=sys.stderr)
        return 1
    print('%d bytes of .mpy; %d with new lines, %d without any' % (
        now, then, len(compiled(LINES.sub('', source)))))
    if options.write and then < now:
        core.write_text(better)
    return 0


if __name__ == '__main__':
    sys.exit(main())
