"""Cross-origin requests: which pages of other origins a browser lets read the
responses of an application (https://fetch.spec.whatwg.org, section 3.3)."""
import re

from .helpers import add_vary
from .microdot import Response, URLPattern, parse_list
from .origins import without_port


def _names(value):
    # A name or a list of names, as a sequence.
    return (value,) if isinstance(value, str) else value or ()


class CORS:
    """The policy of an application. The arguments are attributes, and may be
    changed at any time.

    :param app: the application, or ``None``: see :meth:`initialize`.
    :param allowed_origins: a list of origins such as
                            ``'https://example.com'``, or ``'*'``: all.
    :param allow_credentials: whether requests may carry cookies. Only for
                              origins that are listed or match, not for all.
    :param allowed_methods: a list; ``None``: all.
    :param expose_headers: a list of the response headers that may be read,
                           beside the usual ones.
    :param allowed_headers: a list of the request headers that may be set;
                            ``None``: all.
    :param max_age: seconds for which a browser may keep these answers.
    :param handle_cors: if false, no header is sent: for a policy that is only
                        given to ``CSRF``.
    :param allowed_origin_regex: a regular expression for whole origins, of
                                 up to ``URLPattern.max_regex_length``
                                 characters.
    :param allow_private_network: whether pages of public sites may send
                                  requests to a server in the local network.
    """
    def __init__(self, app=None, allowed_origins=None, allow_credentials=False,
                 allowed_methods=None, expose_headers=None,
                 allowed_headers=None, max_age=None, handle_cors=True,
                 allowed_origin_regex=None, allow_private_network=False):
        self.allowed_origins = allowed_origins
        self.allow_credentials = allow_credentials
        self.allowed_methods = allowed_methods
        self.expose_headers = expose_headers
        self.allowed_headers = allowed_headers
        self.max_age = max_age
        self.allowed_origin_regex = allowed_origin_regex
        self.allow_private_network = allow_private_network
        if allowed_origin_regex:
            # as it is used, to know now if it is wrong: an expression that
            # begins with flags is, inside of another
            re.compile('(?:' + allowed_origin_regex + ')$')
        if app is not None:
            self.initialize(app, handle_cors)

    def initialize(self, app, handle_cors=True):
        """Apply the policy to an application.

        Where an application and one that is mounted on it have a policy each,
        that of the latter applies to its own routes if it is mounted with
        ``local=True``.
        """
        if handle_cors:
            app.after_request(self.after_request)
            app.after_error_request(self.after_request)
            app.finishers.append(self._finish)

    def is_listed(self, origin):
        """Tell whether an origin is allowed by name or by the expression."""
        for name in _names(self.allowed_origins or ()):
            scheme, _, host = name.lower().rstrip('/').partition('://')
            if origin == name != '*' or host and \
                    origin == scheme + '://' + without_port(scheme, host):
                return True
        regex = self.allowed_origin_regex
        if not regex or len(origin) > URLPattern.max_regex_length:
            return False
        match = re.match('(?:' + regex + ')$', origin)
        # CPython: $ also matches before a last newline
        return match is not None and match.group(0) == origin

    def get_cors_headers(self, request):
        """Return the headers for the response to a request, as a dict. Notes
        for ``Vary`` that they depend on the origin, if they do."""
        get = request.headers.get
        origin = get('Origin')
        names = _names(self.allowed_origins or ())
        anybody = '*' in names
        listed = origin and self.is_listed(origin)
        if self.allowed_origin_regex or len(names) > anybody:
            # Also for an origin that is not allowed: a cache would give that
            # answer to other origins.
            add_vary(request, 'Origin')
        # Browsers ignore the other headers without the first.
        headers = {}
        if listed or anybody:
            headers['Access-Control-Allow-Origin'] = origin or '*'
            if origin:
                add_vary(request, 'Origin')
        if self.allow_credentials and listed:
            headers['Access-Control-Allow-Credentials'] = 'true'
        if self.expose_headers:
            headers['Access-Control-Expose-Headers'] = ', '.join(
                _names(self.expose_headers))
        if request.method == 'OPTIONS':
            self._add_preflight(get, headers)
        return headers

    def _add_preflight(self, get, headers):
        if self.max_age is not None:
            headers['Access-Control-Max-Age'] = str(self.max_age)
        method = get('Access-Control-Request-Method')
        allowed = self.allowed_methods
        # methods are case-sensitive (RFC 9110, section 9.1)
        if method and (allowed is None or '*' in _names(allowed) or
                       method in _names(allowed)):
            headers['Access-Control-Allow-Methods'] = method
        names = get('Access-Control-Request-Headers')
        allowed = self.allowed_headers
        if names and allowed is not None and '*' not in _names(allowed):
            allowed = list(map(str.lower, _names(allowed)))
            names = ', '.join([name for name in parse_list(names)
                               if name.lower() in allowed])
        if names:
            headers['Access-Control-Allow-Headers'] = names
        if self.allow_private_network and \
                get('Access-Control-Request-Private-Network') == 'true':
            headers['Access-Control-Allow-Private-Network'] = 'true'

    def options_handler(self, request):
        """Return the headers of an answer to an OPTIONS request, as a dict:
        the application's and the policy's. For programs that set
        ``app.options_handler``; :meth:`initialize` does without."""
        headers = dict(request.app.default_options_handler(request))
        headers.update(self.get_cors_headers(request))
        return headers

    async def after_request(self, request, response):
        """Add the policy's headers to a response. :meth:`initialize`
        registers it; subclasses may override it. (Answers to OPTIONS that no
        route gives have the policy's headers, without a call of this.)"""
        return self._add(request, response)

    def _finish(self, request, response):
        # Where no route answers OPTIONS, no hooks are called.
        if request and request.method == 'OPTIONS' and not request.entry and \
                self.after_request in request.app.get_request_handlers(
                    request, 'after_request'):
            return self._add(request, response)

    def _add(self, request, response):
        # The innermost policy applies, also when the response becomes that
        # of an error after it was applied.
        if request is None or getattr(request.g, '_cors', self) is not self:
            return
        request.g._cors = self
        headers = self.get_cors_headers(request)
        if 'Access-Control-Allow-Origin' in headers and \
                response.status_code in (404, 405) and \
                request.method == 'OPTIONS' and \
                'Access-Control-Request-Method' in request.headers:
            # Browsers want 200 here. Otherwise the page would never see the
            # 404 or 405 of its own request.
            response = Response()
        response.headers.update(headers)
        return response
