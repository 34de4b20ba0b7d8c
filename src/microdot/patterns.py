"""What patterns of routes have beside the usual: the types ``uuid``, ``date``,
``any(a,b)``, expressions, types of a program's own, and several parameters in
a segment.

An application that uses these loads this module. On a board it has to be there
only then.
"""
import re

from .microdot import URLPattern


class Expression:
    """The parser of a type that has a regular expression. Boards run out of
    stack when that meets a long text, hence ``URLPattern.max_regex_length``.
    """
    # (an object, since a nested function cannot be sent to another process)
    def __init__(self, pattern, parser=None):
        self.regex = re.compile('^(?:' + pattern + ')$')
        self.parser = parser

    def __call__(self, value):
        if len(value) <= URLPattern.max_regex_length:
            match = self.regex.match(value)
            # CPython: $ also matches before a last newline
            if match and match.group(0) == value:
                return self.parser(value) if self.parser else value


def register_type(cls, type_name, pattern='[^/]+', parser=None):
    """Register a type, see :meth:`URLPattern.register_type`."""
    if pattern == '[^/]+':
        parser = parser or str  # any text
    else:
        parser = Expression(pattern, parser)
    cls.segment_parsers[type_name] = parser


class Several:
    """The parser of a segment with several parameters, such as
    ``<a>-<b>``: all but the last match the shortest text that their type
    takes."""
    def __init__(self, parts):
        self.parts = parts  # (name, parser, text behind it)

    def __call__(self, value):
        args = {}
        for name, parser, text in self.parts:
            found = None
            end = 0
            while found is None:
                end = value.find(text, end + 1) if text else len(value)
                if end < 0:
                    return None
                try:
                    found = parser(value[:end]) if value else None
                except ValueError:
                    pass
                if found is None and not text:
                    return None
            args[name] = found
            value = value[end + len(text):]
        return args

    def join(self, args, text_of):
        """Return the text for some arguments.

        :param text_of: makes that of each, of *args*, its name and parser.
        :raises ValueError: one is missing, or they would not be found again.
        """
        joined = ''
        for name, parser, text in self.parts:
            joined += text_of(args, name, parser) + text
        found = self(joined)
        for name, parser, _ in self.parts:
            if not found or found[name] != parser(str(args[name])):
                raise ValueError('%r would be read otherwise' % joined)
        return joined


def check_uuid(text):
    """Return the text of a UUID (RFC 9562, section 4); ``None`` for any
    other."""
    parts = text.split('-')
    if list(map(len, parts)) == [8, 4, 4, 4, 12] and \
            not ''.join(parts).strip('0123456789abcdefABCDEF'):
        return text


def check_date(text):
    """Return a date as ``YYYY-MM-DD``; ``None`` for any other text."""
    if len(text) == 10 and text[4] == text[7] == '-' and \
            not (text[:4] + text[5:7] + text[8:]).strip('0123456789'):
        year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
        leap = not year % 4 and (year % 100 or not year % 400)
        if year and 0 < month < 13 and 0 < day <= (
                31 - (month in (4, 6, 9, 11)) -
                (month == 2) * (2 if leap else 3)):
            return text


def _choice(texts):
    # The parser of any(a,b).
    texts = list(map(str.strip, texts.split(',')))
    return lambda value: value if value in texts else None


def _find_end(text):
    # The end of a parameter: a regular expression may have a ">".
    end = text.find('>')
    if text[:3] == 're:':
        while 0 <= end and ':' not in text[3:end]:
            end = text.find('>', end + 1)
    return end


def parse_segment(pattern, segment, names):
    """Parse a segment of a pattern that has several parameters, or one of a
    type that the core does not know. :class:`URLPattern` calls it.

    :param names: of the parameters so far; those of the segment are added.
    :return: text, name, parser, and text. For several parameters a tuple of
             names, and a parser that returns a dict.
    :raises ValueError: it is malformed.
    """
    before, _, rest = segment.partition('<')
    parts = []
    while rest:
        end = _find_end(rest)
        kind = rest[:end]
        colon = kind.rfind(':')
        name = kind[colon + 1:]
        kind = kind[:colon] if colon >= 0 else 'string'
        parser = pattern.segment_parsers.get(kind)
        if kind[:4] == 'any(' and kind[-1] == ')':
            parser = _choice(kind[4:-1])
        elif kind[:3] == 're:':
            parser = Expression(kind[3:])
        elif not parser:
            parser = {'uuid': check_uuid, 'date': check_date}.get(kind)
        text, more, following = rest[end + 1:].partition('<')
        if end < 0 or not name or name in names or not parser or \
                '>' in text or more and (not text or not following) or \
                kind == 'path':
            raise ValueError('URL pattern ' + pattern.url_pattern)
        names.append(name)
        parts.append((name, parser, text))
        rest = following
    if len(parts) == 1:
        return before, name, parser, text
    parts[-1] = name, parser, ''
    return before, tuple([part[0] for part in parts]), Several(parts), text
