"""An index of routes, and patterns that know more types."""
from typing import Any

from .. import microdot as core
from .._mistakes import check_pattern, check_text


class RouteIndex:
    """Finds the routes that may match a path, whatever their number: by the
    whole path, or by the segments before the first parameter."""

    def __init__(self, routes):
        self.count = len(routes)
        self.static: dict[str, Any] = {}
        self.dynamic: dict[str, Any] = {}
        depths = set()
        for order, route in enumerate(routes):
            pattern = route.pattern
            if pattern.static:
                table, key = self.static, pattern.static
            else:
                table, key = self.dynamic, '/'
                for segment in pattern.segments:
                    if not isinstance(segment, str):
                        break
                    key += segment + '/'
                depths.add(key.count('/'))
            table.setdefault(key, []).append((order, route))
        self.depths = sorted(depths)
        self.plain = {key: [route for _, route in found]
                      for key, found in self.static.items()}
        self.alone = {key: [route for _, route in found]
                      for key, found in self.dynamic.items()}
        #: For each static path its route, where no other matches before.
        self.first = {}
        for key in self.plain:
            route = self.find(key)[0]
            if route.pattern.static and not route.host:
                self.first[key] = route

    def find(self, path):
        found = only = None
        pos = depth = 0
        for wanted in self.depths:
            while depth < wanted:
                pos = path.find('/', pos) + 1
                if not pos:
                    break
                depth += 1
            if not pos:
                break
            more = self.dynamic.get(path[:pos])
            if more:
                only = None if found else path[:pos]
                found = found + more if found else more
        if not found:
            return self.plain.get(path, ())
        if only and path not in self.static:
            return self.alone[only]
        # the order of registration decides
        found = found + self.static.get(path, [])
        found.sort()
        return [route for _, route in found]


def parse_int(value):
    """Return the integer that a segment of a path is, or ``None``."""
    if value.isdigit() and value.isascii() and len(value) < 40:
        return int(value)
    return _core_parse_int(value)


_core_parse_int = core._parse_int


def parse_uuid(value):
    """Return the ``UUID`` that a segment of a path is, or ``None``."""
    import uuid

    from ..patterns import check_uuid
    return uuid.UUID(value) if check_uuid(value) else None


def parse_date(value):
    """Return the ``date`` that a segment of a path is, or ``None``."""
    import datetime

    from ..patterns import check_date
    return datetime.date.fromisoformat(value) if check_date(value) else None


class URLPattern(core.URLPattern):
    #: Expressions of the types, for programs that look: the parsers decide.
    segment_patterns = {
        'string': '[^/]+', 'path': '.+', 'int': '-?[0-9]+',
        'float': r'-?[0-9]+(?:\.[0-9]+)?',
        'uuid': '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
        'date': '[0-9]{4}-[0-9]{2}-[0-9]{2}'}
    max_regex_length = 1024
    # Goes straight to the parameters where these are whole segments.
    _plan = None  # tuples (index, name, parser), or (index, None, text)

    def __init__(self, url_pattern):
        check_text(url_pattern)
        super().__init__(url_pattern)

    @classmethod
    def register_type(cls, type_name, pattern='[^/]+', parser=None):
        """Add a type of parameter.

        :param pattern: a regular expression for the whole value.
        :param parser: converts the value; returns ``None`` or raises
                       ``ValueError`` for no match.
        """
        super().register_type(type_name, pattern, parser)
        cls.segment_patterns[type_name] = pattern

    def compile(self):
        """Parse the pattern, as the core does, and plan how it is matched.

        :raises ValueError: it is malformed or names an unknown type.
        """
        check_pattern(self.url_pattern, self.segment_parsers)
        super().compile()
        #: The names of the parameters.
        self.names = [
            name for segment in self.segments or ()
            if isinstance(segment, tuple) for name in
            (segment[1] if isinstance(segment[1], tuple) else segment[1:2])]
        self._plan = None if self.static is not None or \
            self.span is not None else self._make_plan()

    def _make_plan(self):
        plan = []
        for i, segment in enumerate(self.segments or (), 1):
            if isinstance(segment, str):
                plan.append((i, None, segment))
            elif segment[0] or segment[3] or isinstance(segment[1], tuple):
                return None  # has text around the parameter
            else:
                plan.append((i, segment[1], segment[2]))
        return plan

    def match(self, path):
        plan = self._plan
        if not plan:
            return super().match(path)
        parts = path.split('/')
        if len(parts) != len(plan) + 1 or parts[0]:
            return None
        args = {}
        for i, name, wanted in plan:
            value = parts[i]
            if name is None:
                if value != wanted:
                    return None
                continue
            if not value:
                return None
            if '\0' in value:
                value = value.replace('\0', '/')
            if wanted is not str:
                try:
                    value = wanted(value)
                except ValueError:
                    return None
                if value is None:
                    return None
            args[name] = value
        return args

    def __repr__(self):
        return '<URLPattern %r>' % self.url_pattern
