"""The rules that malformed requests break, in sentences.

The core raises one word for each, which is what boards have room for. Which
rule it is tells the function that has raised it; what came is in a variable of
that function.
"""
import types

_NUMBER = 'a length, a port and a version are ten ASCII digits at the most ' \
    '(RFC 9110, section 8.6)'
_TOKEN = "methods and names of headers are letters, digits and " \
    "!#$%&'*+-.^_`|~ (RFC 9110, section 5.6.2)"
_HOST = 'Host is a name or an address, and perhaps a port up to 65535 ' \
    '(RFC 9110, section 7.2)'
_LINE = 'a header is a name, a colon, and a value without control ' \
    'characters, on one line (RFC 9112, section 5)'
_CHUNK = 'a chunk begins with a line of its size, one to eight hexadecimal ' \
    'digits, and perhaps ";" and extensions, 256 bytes in all (RFC 9112, ' \
    'section 7.1)'
_TARGET = 'a target begins with "/", or is a URL of http or https without a ' \
    '"#" (RFC 9112, section 3.2)'

#: By the name of a function of the core, and of the text that it
#: raises where it has several: the rule, and the variable that has what came,
#: or nothing if that is not to be shown.
RULES = {
    '_check_token': (_TOKEN, 'data'),
    '_parse_number': (_NUMBER, 'text'),
    'parse_host': (_HOST, 'host'),
    'join_field': (
        'Host, Content-Length and Transfer-Encoding come once (RFC 9112, '
        'sections 3.2 and 6.3)', 'key'),
    'parse_line': (_LINE, 'line'),
    'find_head': (
        'a request begins with its method, and its lines end in CR LF: TLS '
        'needs a server with ssl= (RFC 9112, section 2.2)', 'data'),
    '_parse_version': (
        'a request line ends in HTTP/1.1 or HTTP/1.0 (RFC 9112, section 2.3)',
        'version'),
    'parse_absolute': (_TARGET, 'target'),
    'parse_head': (
        'a request line is method, target and version, with one space between '
        'and no control characters (RFC 9112, section 3)', 'head'),
    ('parse_head', 'no host'): (
        'a request of HTTP/1.1 names a Host (RFC 9112, section 3.2)', 'head'),
    'parse_framing': (
        'Transfer-Encoding comes neither beside Content-Length nor with '
        'HTTP/1.0 (RFC 9112, section 6.3)', 'coding'),
    # (who forgets the coding sends what is in the body there: not to be shown)
    'parse_chunk_size': (_CHUNK, ''),
    ('_read_line', 'chunk line'): (_CHUNK, ''),
    ('_read_line', 'chunk end'): (
        'CR LF follows as many bytes of a chunk as its size says (RFC 9112, '
        'section 7.1)', ''),
    ('_read_line', 'trailers'): (
        'what follows the last chunk is no longer than '
        'Request.max_header_size (RFC 9112, section 7.1.2)', ''),
    '__init__': (
        'a path is percent-encoded UTF-8 without %00 (RFC 3986, section 2.1)',
        'url'),
}
#: Characters that are shown of what came.
MOST = 80


def find_rule(exc):
    """Return the rule that a malformed request breaks, and what came.

    :param exc: the ``ValueError`` of the core, as it was raised.
    :return: both as text: the second as a Python literal, which has no
             control characters, and is cut short. Where the rule is not
             known it is the error's own text, and nothing came.
    """
    # what calls, from the inmost
    frames: list[types.FrameType] = []
    trace = exc.__traceback__
    while trace is not None:
        frames.insert(0, trace.tb_frame)
        trace = trace.tb_next
    for frame in frames:
        name = frame.f_code.co_name
        found = RULES.get((name, str(exc))) or RULES.get(name)
        if found:
            rule, variable = found
            came = frame.f_locals.get(variable)
            return rule, _show(came, variable) if variable else ''
    return str(exc), ''


def _show(value, variable):
    # No more than tells what is wrong: a query or the value of a header may
    # tell who somebody is.
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value[:2 * MOST])
        for end in (b'\r\n', b'?', b':' if variable == 'line' else b'?'):
            value = value.partition(end)[0]
    elif isinstance(value, str):
        value = value.partition('?')[0]
    text = repr(value)
    return text[:MOST] + '...' * (len(text) > MOST)
