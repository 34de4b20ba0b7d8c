"""The document that describes an application (OpenAPI 3.1), and a page that
shows it.

All of it is found in what a program says anyway: routes, the types of their
parameters, the rules of ``validation``, docstrings, return types, and the
decorators around a handler. :func:`describe` says the rest. CPython only; a
board serves the file that ``microdot openapi`` writes.
"""
from __future__ import annotations

import base64
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import functools
import hashlib
import http
import inspect
import json
import pathlib
import re
import sys
import types
import typing
import uuid
import weakref

from . import _mistakes, _models
from .auth import BaseAuth, BasicAuth, TokenAuth
from .microdot import Response
from .validation import spec_of

METHODS = ('get', 'put', 'post', 'delete', 'options', 'head', 'patch',
           'trace')
_PACKAGE = __name__.rpartition('.')[0]
_PAGES = pathlib.Path(__file__).parent / 'pages'
_REF = '#/components/schemas/'

JSON = 'application/json'
_FAULTS = {
    'type': 'object', 'required': ['errors'],
    'properties': {'errors': {'type': 'array', 'items': {
        'type': 'object', 'required': ['at', 'error'],
        'properties': {
            'at': {'type': 'array', 'description':
                   'Where: body, query or form, then names and indexes.',
                   'items': {'type': ['string', 'integer']}},
            'error': {'type': 'string'}}}}}}
_PROBLEM = {
    'type': 'object', 'description': 'RFC 9457',
    'properties': {'type': {'type': 'string'}, 'title': {'type': 'string'},
                   'status': {'type': 'integer'},
                   'detail': {'type': 'string'}}}


# --- What programs say ------------------------------------------------------

class Description(typing.NamedTuple):
    """What :func:`describe` was given for a handler."""

    summary: str | None = None
    description: str | None = None
    responses: dict[int | str, object] | None = None
    tags: list[str] | None = None
    deprecated: bool = False
    hidden: bool = False
    security: list[dict[str, list[str]]] | None = None


_described: typing.Any = weakref.WeakKeyDictionary()
_documented: typing.Any = weakref.WeakKeyDictionary()


def describe(summary=None, description=None, responses=None, tags=None,
             deprecated=False, hidden=False, security=None):
    """Decorator for a handler: say what its code does not.

    :param summary: one line; else the first of the docstring.
    :param description: Markdown; else the rest of the docstring.
    :param responses: a dict by status code. A text as value is a description;
                      ``None`` stands for the standard phrase; anything else
                      is a rule, or a class, for what the body has.
    :param tags: a list of words that operations are grouped by.
    :param hidden: leave the route out of the document.
    :param security: a list as OpenAPI has it, in place of what is found.
    :raises ValueError: a status code is none, *responses* no dict, or *tags*
                        a text.
    """
    if callable(summary):
        raise TypeError('%s has a decorator without parentheses; write: '
                        '@describe()' % _mistakes.describe(summary))
    if responses is not None and not isinstance(
            responses, collections.abc.Mapping):
        raise ValueError('responses is a dict by status code, such as '
                         "{201: 'It is there'}, not %r" % (responses,))
    for status in responses or ():
        if not re.fullmatch(r'[1-5](\d\d|XX)|default', str(status)):
            raise ValueError('%r is no status code' % (status,))
    if isinstance(tags, str):
        raise ValueError('tags is a list, not %r' % tags)
    entry = Description(
        summary, description, None if responses is None else dict(responses),
        tags, deprecated, hidden, security)

    def decorated(f):
        _described[f] = entry
        return f

    return decorated


def layers(handler):
    """Yield a handler and what is below its decorators, outermost first."""
    while handler is not None:
        yield handler
        handler = getattr(handler, '__func__', None) or getattr(
            handler, '__wrapped__', None) or (
                handler.func if isinstance(handler, functools.partial)
                else None)


def description_of(handler):
    """Return the :class:`Description` of a handler, the outermost one."""
    for layer in layers(handler):
        try:
            if layer in _described:
                return _described[layer]
        except TypeError:
            pass  # no weak references: nothing that describe() was given
    return Description()


def _decorated_by(handler, module):
    # Whether a decorator of one of our modules is around a handler.
    return any(getattr(layer, '__globals__', {}).get('__name__') ==
               '%s.%s' % (_PACKAGE, module) for layer in layers(handler))


def guards_of(handler):
    """Return the objects that let only some people call a handler: those of
    ``auth`` and ``login`` that it is decorated with.

    They are found in the variables of the decorators' functions, so that
    these modules, which boards load, need to keep no lists.
    """
    found = []
    for layer in layers(handler):
        for cell in getattr(layer, '__closure__', None) or ():
            try:
                value = cell.cell_contents
            except ValueError:
                continue  # not yet assigned
            if (isinstance(value, BaseAuth) or _is_login(value)) and \
                    (value, layer) not in found:
                found.append((value, layer))
    return found


def hooks_of(app):
    """Return what lets only some people call any handler of an application,
    as pairs: an object of ``auth`` or ``login``, and the list that
    ``login.required_everywhere()`` has been given as ``except_``.
    """
    found: list[tuple[typing.Any, list[str]]] = []
    for hook in app.before_request_handlers:
        guard = getattr(hook, '__self__', None)
        if isinstance(guard, BaseAuth):
            found.append((guard, []))
        code = getattr(hook, '__code__', None)
        module = sys.modules.get(_PACKAGE + '.guards')
        if module is not None and code in _constants(module.guard_all):
            names = inspect.getclosurevars(hook).nonlocals
            guard = names['login']
            found.append((guard, [
                guard.login_url.partition('?')[0], *names['free']]))
    return found


def is_left_out(route, except_):
    """Tell whether a route is among those that a hook lets everybody call:
    ``True``, ``False``, or ``None`` where it depends on the path."""
    pattern = route.pattern.url_pattern
    begin = pattern.partition('<')[0]
    sometimes = False
    for one in except_:
        if one in (pattern, route.name or getattr(
                route.handler, '__name__', pattern)) or \
                one[-1:] == '*' and begin.startswith(one[:-1]):
            return True
        sometimes = sometimes or begin != pattern and route.pattern.match(
            one[:-1] + 'x' if one[-1:] == '*' else one) is not None
    return None if sometimes else False


def _is_login(value):
    module = sys.modules.get(_PACKAGE + '.login')
    return module is not None and isinstance(value, module.Login)


# --- Schemas ----------------------------------------------------------------

_SIMPLE = {
    str: {'type': 'string'}, int: {'type': 'integer'},
    float: {'type': 'number'}, bool: {'type': 'boolean'},
    dict: {'type': 'object'}, list: {'type': 'array', 'items': {}},
    object: {}, type(None): {'type': 'null'},
    datetime.datetime: {'type': 'string', 'format': 'date-time'},
    datetime.date: {'type': 'string', 'format': 'date'},
    datetime.time: {'type': 'string', 'format': 'time'},
    uuid.UUID: {'type': 'string', 'format': 'uuid'},
    decimal.Decimal: {'anyOf': [
        {'type': 'number'},
        {'type': 'string', 'pattern':
         r'^-?[0-9]{1,100}(\.[0-9]{1,100})?$'}]},
}


class Schemas:
    """Makes JSON Schema of rules. Classes are in :attr:`components`, each
    once, and referred to.

    :param extra: whether unknown keys are forbidden.
    """
    def __init__(self):
        self.components = {}
        self._names = {}    # of classes, and whether extra is forbidden

    def make(self, rule, extra='ignore'):
        """Return the schema of a rule.

        :raises ValueError: there is no such rule.
        """
        rule, field = _models.unwrap(rule)
        schema = self._make(rule, extra)
        if field is None:
            return schema
        bounds = self._bounds(schema, field)
        if '$ref' in schema and bounds:
            return {'allOf': [schema], **bounds}
        schema = {**schema, **bounds}
        if field.default is None:
            schema = self._nullable(schema)
        return schema

    def _bounds(self, schema, field):
        bounds = {}
        # (of several types, as a union has them, each has its own bounds)
        words = {'string': ('minLength', 'maxLength'),
                 'array': ('minItems', 'maxItems'),
                 'object': ('minProperties', 'maxProperties')}.get(
                     str(schema.get('type')), ('minimum', 'maximum'))
        if 'format' not in schema and 'anyOf' not in schema:
            for word, value in zip(words, (field.min, field.max)):
                if value is not None:
                    bounds[word] = value
        if getattr(field, 'source', None):
            bounds['pattern'] = '^(?:%s)$' % field.source
        if field.default is not ...:
            bounds['default'] = _plain(field.default)
        return bounds

    def _nullable(self, schema):
        if _takes_null(schema):
            return schema
        if isinstance(schema.get('type'), str) and 'enum' not in schema:
            return {**schema, 'type': [schema['type'], 'null']}
        default = {'default': schema.pop('default')} \
            if 'default' in schema else {}
        return {'anyOf': [schema, {'type': 'null'}], **default}

    def _make(self, rule, extra):
        if rule is None or rule is typing.Any:
            return {'type': 'null'} if rule is None else {}
        if isinstance(rule, tuple):
            return self._choice(rule)
        if isinstance(rule, list):
            return {'type': 'array', 'items': self.make(rule[0], extra)}
        if isinstance(rule, dict):
            return self._object(rule, extra)
        origin = typing.get_origin(rule)
        if origin is not None:
            return self._generic(origin, typing.get_args(rule), extra)
        if rule in _SIMPLE:
            return dict(_SIMPLE[rule])
        if rule in (set, frozenset, tuple):
            return {'type': 'array', 'items': {}}
        if isinstance(rule, type):
            return self._class(rule, extra)
        raise ValueError('%r is no rule' % (rule,))

    def _choice(self, values):
        values = [sent for sent, _ in _models.pairs_of(values)]
        kinds = {bool: 'boolean', int: 'integer', float: 'number',
                 str: 'string', type(None): 'null'}
        found = sorted({kinds[type(value)] for value in values
                        if type(value) in kinds})
        schema = {'enum': list(values)}
        if found:
            schema['type'] = found[0] if len(found) == 1 else found
        return schema

    def _generic(self, origin, args, extra):
        if origin is typing.Literal:
            return self._choice(args)
        if origin in (typing.Union, types.UnionType):
            return self._union(args, extra)
        if origin in (list, set, frozenset, tuple,
                      collections.abc.Sequence, collections.abc.Iterable):
            schema = {'type': 'array',
                      'items': self.make(args[0] if args else object, extra)}
            if origin in (set, frozenset):
                schema['x-set'] = True
            return schema
        if origin in (dict, collections.abc.Mapping):
            return {'type': 'object', 'additionalProperties': self.make(
                args[1] if args else object, extra)}
        raise ValueError('%r is no rule' % (origin,))

    def _union(self, args, extra):
        others = [self.make(one, extra) for one in args
                  if one is not type(None)]
        schema = others[0] if len(others) == 1 else {'anyOf': others}
        if len(others) == len(args):
            return schema
        if 'anyOf' in schema:
            return {'anyOf': [*others, {'type': 'null'}]}
        return self._nullable(schema)

    def _class(self, rule, extra):
        key = rule, extra
        if key not in self._names:
            name = re.sub(r'[^A-Za-z0-9._-]', '_', rule.__name__)
            taken = name
            number = 1
            while taken in self.components:
                number += 1
                taken = '%s_%d' % (name, number)
            self._names[key] = taken
            self.components[taken] = {}  # it may hold itself
            try:
                self.components[taken] = self._class_schema(rule, extra)
            except ValueError:
                del self.components[taken], self._names[key]
                raise
        return {'$ref': _REF + self._names[key]}

    def _class_schema(self, rule, extra):
        if issubclass(rule, enum.Enum):
            return self._choice(rule)
        model = _models.is_model(rule)
        if model == 'pydantic':
            schema = rule.model_json_schema(ref_template=_REF + '{model}')
            inner = schema.pop('$defs', {})
            if '$ref' in schema:
                # (one that holds itself is among them)
                schema = inner.pop(schema['$ref'].rpartition('/')[2])
            for name in inner:
                self.components.setdefault(name, inner[name])
            return schema
        if model == 'msgspec':
            msgspec = sys.modules['msgspec']
            (schema,), inner = msgspec.json.schema_components(
                [rule], ref_template=_REF + '{name}')
            own = inner.pop(schema['$ref'].rpartition('/')[2])
            for name in inner:
                self.components.setdefault(name, inner[name])
            return own
        schema = self._object(rule, extra)
        text = inspect.getdoc(rule)
        # (dataclasses write their signature there)
        if text and not text.startswith(rule.__name__ + '('):
            schema['description'] = text
        return schema

    def _object(self, rule, extra):
        members = _models.members_of(rule)
        if members is None:
            raise ValueError('%r is no rule' % (rule,))
        schema = {'type': 'object', 'properties': {
            member.name: self.make(member.rule, extra) for member in members}}
        required = [member.name for member in members if member.required]
        if required:
            schema['required'] = required
        if extra == 'forbid':
            schema['additionalProperties'] = False
        self._add_defaults(schema['properties'], rule)
        return schema

    def _add_defaults(self, properties, rule):
        for field in dataclasses.fields(rule) \
                if dataclasses.is_dataclass(rule) else ():
            if field.init and field.default is not dataclasses.MISSING:
                try:
                    default = _plain(field.default)
                except TypeError:
                    continue  # that JSON has no form for
                schema = properties[field.name]
                properties[field.name] = \
                    {'allOf': [schema], 'default': default} \
                    if '$ref' in schema else {**schema, 'default': default}


def _plain(value):
    # A default as JSON has it. Raises TypeError.
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (uuid.UUID, decimal.Decimal)):
        return str(value)
    json.dumps(value)
    return value


# --- Routes -----------------------------------------------------------------

_PARAMETER = re.compile(r'<(?:(.*?):)?([A-Za-z_]\w*)>')


def parse_pattern(pattern):
    """Return the path of a pattern as OpenAPI writes it, and a dict of the
    schemas of its parameters.

    ``'/users/<int:id>'`` gives ``'/users/{id}'``.
    """
    schemas = {}

    def replace(match):
        kind, name = match.groups()
        schemas[name] = parameter_schema(kind or 'string')
        return '{%s}' % name

    return _PARAMETER.sub(replace, pattern) or '/', schemas


def parameter_schema(kind):
    """Return the schema of a type of parameter, such as ``'int'``."""
    if kind.startswith('re:'):
        return {'type': 'string', 'pattern': '^(?:%s)$' % kind[3:]}
    if kind.startswith('any('):
        return {'type': 'string', 'enum': [
            word.strip() for word in kind[4:].rstrip(')').split(',')]}
    schema = {
        'int': {'type': 'integer'}, 'float': {'type': 'number'},
        'uuid': {'type': 'string', 'format': 'uuid'},
        'date': {'type': 'string', 'format': 'date'},
        'path': {'type': 'string', 'description': 'May have slashes.'},
    }.get(kind)
    return schema or {'type': 'string'}


def _is_hidden(handler):
    return description_of(handler).hidden or \
        _decorated_by(handler, 'static') or any(
            hasattr(layer, 'is_websocket') for layer in layers(handler))


def _choices(schema):
    # what a variable of a server may be
    if 'enum' in schema:
        return {'enum': schema['enum'], 'default': schema['enum'][0]}
    return {}


def _method_of(handler, method):
    # For a class of views, its method: it is found as the guards are.
    for layer in layers(handler):
        view = getattr(layer, '__self__', None)
        if isinstance(view, type) and hasattr(view, 'as_handler'):
            return getattr(view, method, None) or layer
    return handler


class Writer:
    """Writes the document of an application.

    :param api: the :class:`OpenAPI`, for its texts.
    """
    def __init__(self, app, api):
        self.app = app
        self.api = api
        self.schemas = Schemas()
        self.paths = {}
        self.schemes = {}
        self.ids = set()
        self._shapes = {}       # of paths, without the names in them

    def document(self):
        """Return the document as a dict."""
        # a path is described once: rather for all hosts than for one
        for route in sorted(self.app.routes,
                            key=lambda route: bool(route.host)):
            if _is_hidden(route.handler):
                continue
            for method in route.methods:
                if method.lower() in METHODS:
                    self._add(method.lower(), route)
        info = {'title': self.api.title, 'version': self.api.version}
        if self.api.description:
            info['description'] = self.api.description
        document = {'openapi': '3.1.0', 'info': info, 'paths': self.paths}
        components = {}
        if self.schemas.components:
            components['schemas'] = dict(
                sorted(self.schemas.components.items()))
        if self.schemes:
            components['securitySchemes'] = self.schemes
        if components:
            document['components'] = components
        return document

    def _add(self, method, route):
        path, parameters = parse_pattern(route.pattern.url_pattern)
        # "/a/{x}" and "/a/{y}" are one path to OpenAPI.
        shape = re.sub(r'{\w+}', '{}', path)
        known = self._shapes.setdefault(shape, path)
        renamed = dict(zip(parameters, re.findall(r'{(\w+)}', known)))
        item = self.paths.setdefault(known, {})
        if method in item:
            return  # the first that was registered answers
        try:
            operation = item[method] = self._operation(
                method, {renamed[key]: parameters[key] for key in parameters},
                route)
        except ValueError as exc:
            raise ValueError('handler %s: %s' % (
                _mistakes.describe(route.handler), exc)) from exc
        if route.host:
            url, schemas = parse_pattern(route.host.name)
            operation['servers'] = [{'url': '//%s/' % url}]
            if schemas:
                operation['servers'][0]['variables'] = {
                    one: {'default': 'www', **_choices(schema)}
                    for one, schema in schemas.items()}

    def _operation(self, method, parameters, route):
        handler = _method_of(route.handler, method)
        said = description_of(handler)
        specs = spec_of(handler)
        operation = self._texts(said, handler)
        operation['operationId'] = self._id(method, handler, route.name)
        found = [{'name': key, 'in': 'path', 'required': True,
                  'schema': schema} for key, schema in parameters.items()]
        if 'query' in specs:
            found += self._query(specs['query'])
        if found:
            operation['parameters'] = found
        body = self._body(handler, specs)
        if body:
            operation['requestBody'] = body
        security, refusals = self._security(handler, route)
        if said.security is not None:
            security = said.security
        if security:
            operation['security'] = security
        operation['responses'] = self._responses(
            handler, said, specs, parameters, refusals, body)
        return operation

    def _texts(self, said, handler):
        summary, _, rest = (inspect.getdoc(inspect.unwrap(handler)) or '') \
            .partition('\n\n')
        texts = {'tags': said.tags,
                 'summary': said.summary or ' '.join(summary.split()),
                 'description': said.description or rest.strip(),
                 'deprecated': said.deprecated}
        return {key: texts[key] for key in texts if texts[key]}

    def _id(self, method, handler, name):
        name = name or getattr(inspect.unwrap(handler), '__name__', 'call')
        found = name
        number = 1
        while found in self.ids:
            number += 1
            found = '%s_%s' % (name, method) if number == 2 else \
                '%s_%s_%d' % (name, method, number)
        self.ids.add(found)
        return found

    def _query(self, spec):
        rule = spec.rule
        found = []
        model = _models.is_model(rule)
        if model:
            schema = self.schemas.make(rule)
            schema = self.schemas.components[
                schema['$ref'].rpartition('/')[2]]
            return [{'name': key, 'in': 'query',
                     'required': key in schema.get('required', ()),
                     'schema': inner}
                    for key, inner in schema['properties'].items()]
        schema = self.schemas._object(_models.unwrap(rule)[0], 'ignore')
        for key, inner in schema['properties'].items():
            parameter = {'name': key, 'in': 'query', 'schema': inner,
                         'required': key in schema.get('required', ())}
            if _takes_null(inner):
                parameter['allowEmptyValue'] = True  # it stands for null
            found.append(parameter)
        return found

    def _body(self, handler, specs):
        uploads = _decorated_by(handler, 'multipart')
        if 'body' in specs:
            spec = specs['body']
            return {'required': True, 'content': {JSON: {
                'schema': self.schemas.make(spec.rule, spec.extra)}}}
        if 'form' in specs:
            spec = specs['form']
            schema = self.schemas.make(spec.rule, spec.extra)
            kind = 'multipart/form-data' if uploads \
                else 'application/x-www-form-urlencoded'
            return {'required': True, 'content': {kind: {'schema': schema}}}
        if uploads:
            return {'content': {'multipart/form-data': {'schema': {
                'type': 'object', 'additionalProperties': {
                    'type': 'string'}}}}}
        return None

    # Security

    def _security(self, handler, route):
        # Returns what OpenAPI calls security, and the answers to others.
        required: dict[str, list[str]] = {}
        # what is required, and what may be sent beside it
        asked: dict[str, list[str]] = {}
        refusals = {}
        for app in (self.app, *route.chain):
            for guard, except_ in hooks_of(app):
                free = is_left_out(route, except_)
                if free:
                    continue
                scheme, status, text = self._scheme(guard)
                refusals[status] = text
                asked[scheme] = []
                if free is False:
                    required[scheme] = []
        for guard, layer in guards_of(handler):
            scheme, status, text = self._scheme(guard)
            asked[scheme] = []
            if _made_by(guard, 'optional', layer):
                continue
            required[scheme] = []
            refusals[status] = text
            if _made_by(guard, 'requires', layer):
                refusals.setdefault('403', 'Without a needed scope')
        if not asked and _decorated_by(handler, 'session'):
            asked[self._session()] = []
        if not asked:
            return None, refusals
        return ([] if asked == required else [required]) + [asked], refusals

    def _session(self):
        self.schemes['session'] = {
            'type': 'apiKey', 'in': 'cookie', 'name': self.api.cookie_name,
            'description': 'The cookie of a session'}
        return 'session'

    def _scheme(self, guard):
        if _is_login(guard):
            return self._session(), '302', 'To the login page: %s' % (
                guard.login_url)
        scheme = getattr(guard, 'scheme', 'Custom')
        if isinstance(guard, BasicAuth):
            name, found = 'basic', {'type': 'http', 'scheme': 'basic'}
        elif isinstance(guard, TokenAuth) and \
                guard.header.lower() == 'authorization':
            name, found = scheme.lower(), {
                'type': 'http', 'scheme': scheme.lower()}
        else:
            header = guard.header
            name, found = header.lower(), {
                'type': 'apiKey', 'in': 'header', 'name': header}
        realm = getattr(guard, 'realm', None)
        if realm:
            found['description'] = realm
        number = 1
        base = name = re.sub(r'[^A-Za-z0-9._-]', '_', name)
        while self.schemes.setdefault(name, found) != found:
            number += 1
            name = '%s_%d' % (base, number)
        return name, str(getattr(guard, 'error_status', 403)), \
            'Without valid credentials'

    # Answers

    def _responses(self, handler, said, specs, parameters, refusals, body):
        responses = {}
        for status, value in (said.responses or {}).items():
            responses[str(status)] = self._response(status, value)
        if not any(status[0] in '123' or status == 'default'
                   for status in responses):
            responses['200'] = self._success(handler)
        for status, text in self._errors(
                specs, parameters, refusals, body).items():
            responses.setdefault(status, self._error(status, text))
        return dict(sorted(responses.items()))

    def _errors(self, specs, parameters, refusals, body):
        errors = dict(refusals)
        if parameters:
            errors['404'] = 'No such path, or nothing there'
        if specs or body:
            errors['400'] = 'The request cannot be read'
        if body:
            errors['413'] = 'The body is too large'
        if specs:
            errors['422'] = 'What was sent does not fit'
        if 'body' in specs or 'form' in specs:
            errors['415'] = 'The body is of another type'
        return errors

    def _success(self, handler):
        if _decorated_by(handler, 'sse'):
            return {'description': 'A stream of events', 'content': {
                'text/event-stream': {'schema': {'type': 'string'}}}}
        function = inspect.unwrap(handler)
        try:
            rule = typing.get_type_hints(
                function, include_extras=True).get('return')
        except (NameError, TypeError):
            rule = None  # a type that is not known here
        if rule is None or rule in (str, bytes, type(None), Response) or \
                isinstance(rule, type) and issubclass(rule, Response):
            return {'description': 'OK'}
        try:
            return {'description': 'OK', 'content': {
                JSON: {'schema': self.schemas.make(rule)}}}
        except ValueError:
            return {'description': 'OK'}

    def _response(self, status, value):
        try:
            phrase = http.HTTPStatus(int(status)).phrase
        except ValueError:
            phrase = 'Answer'
        if value is None or isinstance(value, str):
            if str(status)[0] in '45':
                return self._error(str(status), value or phrase)
            return {'description': value or phrase}
        return {'description': phrase, 'content': {
            JSON: {'schema': self.schemas.make(value)}}}

    def _error(self, status, text):
        problems = getattr(self.app, 'json_errors', False)
        if status == '422':
            name, schema, kind = 'Faults', _FAULTS, JSON
        elif problems:
            name, schema, kind = 'Problem', _PROBLEM, ''
        else:
            return {'description': text, 'content': {
                'text/plain': {'schema': {'type': 'string'}}}} \
                if status[0] in '45' else {'description': text}
        if problems:
            kind = 'application/problem+json'
        self.schemas.components.setdefault(name, schema)
        return {'description': text, 'content': {
            kind: {'schema': {'$ref': _REF + name}}}}


def _takes_null(schema):
    return 'null' in schema.get('type', ()) or any(
        map(_takes_null, schema.get('anyOf', ())))


def _made_by(guard, method, layer):
    # Whether a method of a guard, such as optional() of BaseAuth, has made a
    # wrapper of a handler.
    code = getattr(layer, '__code__', None)
    return code is not None and code in _constants(
        getattr(type(guard), method, None))


def _constants(function):
    # The code of the functions inside a function.
    found = []
    todo = [function.__code__] if function else []
    while todo:
        for value in todo.pop().co_consts:
            if isinstance(value, types.CodeType):
                found.append(value)
                todo.append(value)
    return found


# --- The application --------------------------------------------------------

class OpenAPI:
    """The document of an application, and the page that shows it.

    :param app: the application; or call :meth:`initialize` later.
    :param title: the name of what it offers.
    :param version: of that, as text.
    :param description: more about it, in Markdown.
    :param path: where the document is.
    :param docs: where the page is; ``None`` for none.
    :param cookie_name: of the sessions, where that is another one.
    :raises TypeError: *title* or *version* is no text.
    """
    def __init__(self, app=None, title='API', version='1.0', description=None,
                 path='/openapi.json', docs='/docs', cookie_name='session'):
        for name, value in (('title', title), ('version', version)):
            if not isinstance(value, str):
                raise TypeError("%s is text, such as '1.0'; this is %s: %r" % (
                    name, _mistakes.named(value), value))
        self.title = title
        self.version = version
        self.description = description
        self.path = path
        self.docs = docs
        self.cookie_name = cookie_name
        # what it was made for, and the document
        self._kept: tuple[typing.Any, typing.Any] = None, None
        if app is not None:
            self.initialize(app)

    def initialize(self, app):
        """Serve document and page in an application."""
        self.app = app
        _documented[app] = self
        hide = describe(hidden=True)
        app.get(self.path)(hide(self._send_document))
        if self.docs:
            app.get(self.docs)(hide(self._send_page))
            for name in ('docs.css', 'docs.js'):
                app.get('%s/%s' % (self.docs.rstrip('/'), name))(
                    hide(functools.partial(self._send_part, name=name)))

    def document(self):
        """Return the document as a dict. It is made anew when the application
        has other routes than before.

        :raises ValueError: a handler is described by what is no rule.
        """
        count = (len(self.app.routes), len(self.app.before_request_handlers))
        if self._kept[0] != count:
            self._kept = count, Writer(self.app, self).document()
        return self._kept[1]

    async def _send_document(self, request):
        document = dict(self.document())
        # (a gateway, or an application above, may have put a prefix before)
        prefix = request.root_path + (request.url_prefix or '')
        document['servers'] = [{'url': prefix or '/'}]
        return Response(json.dumps(document, ensure_ascii=False), 200,
                        {'Content-Type': JSON})

    async def _send_page(self, request):
        text = (_PAGES / 'docs.html').read_text('utf-8')
        folder = self.docs.rstrip('/').rpartition('/')[2]
        up = '../' * self.docs.count('/', 1)
        for name, value in (
                ('TITLE', _escape(self.title)), ('FOLDER', folder or '.'),
                ('DOCUMENT', _escape(up + self.path.lstrip('/')))):
            text = text.replace('{{%s}}' % name, value)
        return Response(text, 200, {
            'Content-Type': 'text/html; charset=UTF-8',
            'Cache-Control': 'no-cache'})

    async def _send_part(self, request, name):
        kind = 'text/css' if name.endswith('css') else 'text/javascript'
        data = (_PAGES / name).read_bytes()
        tag = '"%s"' % base64.urlsafe_b64encode(
            hashlib.sha256(data).digest()[:12]).decode()
        headers = {'ETag': tag, 'Cache-Control': 'no-cache'}
        if request.headers.get('If-None-Match') == tag:
            return Response(b'', 304, headers)
        headers['Content-Type'] = kind + '; charset=UTF-8'
        return Response(data, 200, headers)


def _escape(text):
    return text.replace('&', '&amp;').replace('<', '&lt;').replace(
        '"', '&quot;')


def document_of(app, title='API', version='1.0'):
    """Return the document of an application as a dict, whether it serves one
    or not.

    :param title: used if the application has no :class:`OpenAPI`.
    :param version: likewise.
    """
    api = _documented.get(app)
    if api is None:
        api = OpenAPI(None, title, version)
        api.app = app
    return api.document()
