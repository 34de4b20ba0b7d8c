"""Requests and responses as bytes: what is taken, and what is refused.

Data for the tests of every layer, on both interpreters. Each row begins with
a name. :func:`accepted` and :func:`refused` give all of it as whole requests,
with the answers of :class:`Echo`.
"""

from microdot.microdot import Microdot, Request, Response

# name, head without the blank line, method, target, version, fields
HEADS = [
    # the request line: RFC 9112, section 3
    ('the least of 1.1', b'GET / HTTP/1.1\r\nHost: a',
     'GET', '/', '1.1', {'host': 'a'}),
    ('the least of 1.0', b'GET / HTTP/1.0', 'GET', '/', '1.0', {}),
    ('a later minor version', b'GET / HTTP/1.2\r\nHost: a',
     'GET', '/', '1.2', {'host': 'a'}),
    ('the last minor version', b'GET / HTTP/1.9\r\nHost: a',
     'GET', '/', '1.9', {'host': 'a'}),
    ('an unknown method', b'M-SEARCH / HTTP/1.1\r\nHost: a',
     'M-SEARCH', '/', '1.1', {'host': 'a'}),
    ('a method of one letter', b'X / HTTP/1.1\r\nHost: a',
     'X', '/', '1.1', {'host': 'a'}),
    ('a method of all that a token may have',
     b"!#$%&'*+-.^_`|~09AZ / HTTP/1.1\r\nHost: a",
     "!#$%&'*+-.^_`|~09AZ", '/', '1.1', {'host': 'a'}),
    ('a method in lower case', b'get / HTTP/1.1\r\nHost: a',
     'get', '/', '1.1', {'host': 'a'}),
    ('a raw target', b'GET /a%2Fb?c=d&e HTTP/1.1\r\nHost: a',
     'GET', '/a%2Fb?c=d&e', '1.1', {'host': 'a'}),
    ('two slashes', b'GET //a HTTP/1.1\r\nHost: a',
     'GET', '//a', '1.1', {'host': 'a'}),
    ('a query without a path', b'GET /? HTTP/1.1\r\nHost: a',
     'GET', '/?', '1.1', {'host': 'a'}),
    ('question marks in a query', b'GET /a?b?c HTTP/1.1\r\nHost: a',
     'GET', '/a?b?c', '1.1', {'host': 'a'}),
    ('a colon in a path', b'GET /http://b/ HTTP/1.1\r\nHost: a',
     'GET', '/http://b/', '1.1', {'host': 'a'}),
    ('characters that no URL has', b'GET /"<>\\^`{|} HTTP/1.1\r\nHost: a',
     'GET', '/"<>\\^`{|}', '1.1', {'host': 'a'}),
    ('UTF-8 in a path', b'GET /\xe2\x82\xac HTTP/1.1\r\nHost: a',
     'GET', '/\u20ac', '1.1', {'host': 'a'}),
    ('an absolute target', b'GET http://b:80/c?d HTTP/1.1\r\nHost: a',
     'GET', '/c?d', '1.1', {'host': 'b:80'}),
    ('an absolute target without a path', b'GET HTTPS://b HTTP/1.1\r\nHost: a',
     'GET', '/', '1.1', {'host': 'b'}),
    ('an absolute target with a query for a path', b'GET http://b?c HTTP/1.1'
     b'\r\nHost: a', 'GET', '/?c', '1.1', {'host': 'b'}),
    ('an absolute target with slashes in its query', b'GET http://b?/c?d '
     b'HTTP/1.1\r\nHost: a', 'GET', '/?/c?d', '1.1', {'host': 'b'}),
    ('an absolute target of an address', b'GET http://[::1]:80/ HTTP/1.1\r\n'
     b'Host: a', 'GET', '/', '1.1', {'host': '[::1]:80'}),
    ('an absolute target in 1.0', b'GET http://b/c HTTP/1.0',
     'GET', '/c', '1.0', {'host': 'b'}),
    ('an absolute target for OPTIONS', b'OPTIONS http://b/c HTTP/1.1\r\n'
     b'Host: a', 'OPTIONS', '/c', '1.1', {'host': 'b'}),
    ('an asterisk', b'OPTIONS * HTTP/1.1\r\nHost: a',
     'OPTIONS', '*', '1.1', {'host': 'a'}),
    ('a path that begins with an asterisk', b'GET /* HTTP/1.1\r\nHost: a',
     'GET', '/*', '1.1', {'host': 'a'}),
    # fields: RFC 9112, section 5
    ('no space after the colon', b'GET / HTTP/1.1\r\nHost:a',
     'GET', '/', '1.1', {'host': 'a'}),
    ('space around a value', b'GET / HTTP/1.0\r\nX: \t a b\t ',
     'GET', '/', '1.0', {'x': 'a b'}),
    ('a tab in a value', b'GET / HTTP/1.0\r\nX: a\tb',
     'GET', '/', '1.0', {'x': 'a\tb'}),
    ('an empty value', b'GET / HTTP/1.0\r\nX:\r\nY: ',
     'GET', '/', '1.0', {'x': '', 'y': ''}),
    ('colons in a value', b'GET / HTTP/1.0\r\nX: a:b: c',
     'GET', '/', '1.0', {'x': 'a:b: c'}),
    ('a colon as the value', b'GET / HTTP/1.0\r\nX::',
     'GET', '/', '1.0', {'x': ':'}),
    ('UTF-8', b'GET / HTTP/1.0\r\nX: \xe2\x82\xac',
     'GET', '/', '1.0', {'x': '\u20ac'}),
    ('other bytes above ASCII', b'GET / HTTP/1.0\r\nX: \xe9',
     'GET', '/', '1.0', {'x': '\xe9'}),
    ('a byte that ends no line', b'GET / HTTP/1.0\r\nX: a\x85b',
     'GET', '/', '1.0', {'x': 'a\x85b'}),
    ('a space that is not ASCII', b'GET / HTTP/1.0\r\nX: \xa0a\xa0',
     'GET', '/', '1.0', {'x': '\xa0a\xa0'}),
    ('a name of all that a token may have',
     b"GET / HTTP/1.0\r\n!#$%&'*+-.^_`|~09AZ: x",
     'GET', '/', '1.0', {"!#$%&'*+-.^_`|~09az": 'x'}),
    ('names of any case', b'GET / HTTP/1.1\r\nhOST: a\r\nX-Y: Z',
     'GET', '/', '1.1', {'host': 'a', 'x-y': 'Z'}),
    ('a repeated header', b'GET / HTTP/1.0\r\nX: a\r\nY: c\r\nx: b',
     'GET', '/', '1.0', {'x': 'a, b', 'y': 'c'}),
    ('a repeated cookie', b'GET / HTTP/1.0\r\nCookie: a=b\r\ncookie: c=d',
     'GET', '/', '1.0', {'cookie': 'a=b; c=d'}),
    # hosts: RFC 9112, section 3.2
    ('an empty host', b'GET / HTTP/1.1\r\nHost:',
     'GET', '/', '1.1', {'host': ''}),
    ('a host and a port', b'GET / HTTP/1.1\r\nHost: a.b:8000',
     'GET', '/', '1.1', {'host': 'a.b:8000'}),
    ('an address of six parts', b'GET / HTTP/1.1\r\nHost: [::1]:8000',
     'GET', '/', '1.1', {'host': '[::1]:8000'}),
    ('a host in 1.0', b'GET / HTTP/1.0\r\nHost: a',
     'GET', '/', '1.0', {'host': 'a'}),
    ('a host after others', b'GET / HTTP/1.1\r\nX: y\r\nHost: a',
     'GET', '/', '1.1', {'x': 'y', 'host': 'a'}),
]

# name, head without the blank line, status
BAD_HEADS = [
    ('one word', b'GET', 400),
    ('two words', b'GET /', 400),
    ('four words', b'GET / x HTTP/1.1\r\nHost: a', 400),
    ('no target', b'GET  HTTP/1.1\r\nHost: a', 400),
    ('no method', b' / HTTP/1.1\r\nHost: a', 400),
    ('two spaces', b'GET  / HTTP/1.1\r\nHost: a', 400),
    ('two spaces after the target', b'GET /  HTTP/1.1\r\nHost: a', 400),
    ('a space at the end', b'GET / HTTP/1.1 \r\nHost: a', 400),
    ('a space at the beginning', b' GET / HTTP/1.1\r\nHost: a', 400),
    ('a space in the target', b'GET /a b HTTP/1.1\r\nHost: a', 400),
    ('tabs for spaces', b'GET\t/\tHTTP/1.1\r\nHost: a', 400),
    ('a tab before a space', b'GET\t / HTTP/1.1\r\nHost: a', 400),
    ('a tab after the version', b'GET / HTTP/1.1\t\r\nHost: a', 400),
    ('a vertical tab for a space', b'GET\x0b/ HTTP/1.1\r\nHost: a', 400),
    ('a space that is not ASCII', b'GET\xa0/ HTTP/1.1\r\nHost: a', 400),
    ('two empty lines', b'\r\n\r\nGET / HTTP/1.1\r\nHost: a', 400),
    ('an LF before the request', b'\nGET / HTTP/1.1\r\nHost: a', 400),
    ('a CR before the request', b'\rGET / HTTP/1.1\r\nHost: a', 400),
    ('a header before the request', b'X: y\r\nGET / HTTP/1.1\r\nHost: a',
     400),
    ('a response', b'HTTP/1.1 200 OK\r\nHost: a', 400),
    ('a method that is no token', b'G(T / HTTP/1.1\r\nHost: a', 400),
    ('a method in quotes', b'"GET" / HTTP/1.1\r\nHost: a', 400),
    ('a method with a colon', b'GET: / HTTP/1.1\r\nHost: a', 400),
    ('a method that is not ASCII', b'G\xc3\xa9T / HTTP/1.1\r\nHost: a', 400),
    ('a letter that folds to ASCII', b'LIN\xe2\x84\xaa / HTTP/1.1\r\nHost: a',
     400),
    ('a NUL in the method', b'GE\0T / HTTP/1.1\r\nHost: a', 400),
    ('no version', b'GET / HTTP/\r\nHost: a', 400),
    ('half a version', b'GET / HTTP/1\r\nHost: a', 400),
    ('a version without its end', b'GET / HTTP/1.\r\nHost: a', 400),
    ('a version of three digits', b'GET / HTTP/1.10\r\nHost: a', 400),
    ('a version with a leading zero', b'GET / HTTP/01.1\r\nHost: a', 400),
    ('a version of letters', b'GET / HTTP/a.b\r\nHost: a', 400),
    ('a version of other digits', b'GET / HTTP/1.\xd9\xa1\r\nHost: a', 400),
    ('a version with a sign', b'GET / HTTP/1.+1\r\nHost: a', 400),
    ('a version with a comma', b'GET / HTTP/1,1\r\nHost: a', 400),
    ('a version in lower case', b'GET / http/1.1\r\nHost: a', 400),
    ('a name and no version', b'GET / HTTP\r\nHost: a', 400),
    ('another protocol', b'GET / RTSP/1.1\r\nHost: a', 400),
    ('a protocol like ours', b'GET / XHTTP/1.1\r\nHost: a', 400),
    ('version 0.9', b'GET / HTTP/0.9\r\nHost: a', 505),
    ('version 2.0', b'GET / HTTP/2.0\r\nHost: a', 505),
    ('version 9.9', b'GET / HTTP/9.9\r\nHost: a', 505),
    ('the preface of HTTP/2', b'PRI * HTTP/2.0', 505),
    ('no host', b'GET / HTTP/1.1\r\nX: y', 400),
    ('no host in 1.2', b'GET / HTTP/1.2\r\nX: y', 400),
    ('no headers', b'GET / HTTP/1.1', 400),
    ('two hosts', b'GET / HTTP/1.1\r\nHost: a\r\nHost: b', 400),
    ('two hosts in 1.0', b'GET / HTTP/1.0\r\nHost: a\r\nhost: b', 400),
    ('a host twice', b'GET / HTTP/1.1\r\nHost: a\r\nHost: a', 400),
    ('a host and an empty one', b'GET / HTTP/1.1\r\nHost: a\r\nHost:', 400),
    ('a list of hosts', b'GET / HTTP/1.1\r\nHost: a, b', 400),
    ('a bad host', b'GET / HTTP/1.1\r\nHost: a/b', 400),
    ('a user in a host', b'GET / HTTP/1.1\r\nHost: u@a', 400),
    ('a host in 1.0 that is bad', b'GET / HTTP/1.0\r\nHost: a b', 400),
    ('a host that is not ASCII', b'GET / HTTP/1.1\r\nHost: \xc3\xa9', 400),
    ('a port over 65535', b'GET / HTTP/1.1\r\nHost: a:65536', 400),
    ('a port of letters', b'GET / HTTP/1.1\r\nHost: a:b', 400),
    ('two ports', b'GET / HTTP/1.1\r\nHost: a:1:2', 400),
    ('an address without its end', b'GET / HTTP/1.1\r\nHost: [::1', 400),
    ('two lengths', b'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n'
     b'Content-Length: 2', 400),
    ('a length twice', b'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n'
     b'Content-Length: 1', 400),
    ('a length, and again later', b'GET / HTTP/1.1\r\nContent-Length: 1\r\n'
     b'Host: a\r\ncontent-length: 1', 400),
    ('a coding twice', b'GET / HTTP/1.1\r\nHost: a\r\n'
     b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 400),
    ('two codings in two lines', b'GET / HTTP/1.1\r\nHost: a\r\n'
     b'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked', 400),
    ('a space before the colon', b'GET / HTTP/1.1\r\nHost : a', 400),
    ('a tab before the colon', b'GET / HTTP/1.1\r\nHost: a\r\nX\t: y', 400),
    ('a space in a length before the colon', b'POST / HTTP/1.1\r\nHost: a\r\n'
     b'Content-Length : 5', 400),
    ('a coding with a space before the colon', b'POST / HTTP/1.1\r\nHost: a'
     b'\r\nTransfer-Encoding : chunked', 400),
    ('a vertical tab before the colon', b'POST / HTTP/1.1\r\nHost: a'
     b'\r\nTransfer-Encoding\x0b: chunked', 400),
    ('a space before a name', b'GET / HTTP/1.1\r\nHost: a\r\n X: y', 400),
    ('a space before the first name', b'GET / HTTP/1.1\r\n Host: a', 400),
    ('a folded line', b'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z', 400),
    ('a line folded by a tab', b'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz',
     400),
    ('a folded line with a colon', b'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n'
     b'\tz: w', 400),
    ('a folded coding', b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:'
     b'\r\n chunked', 400),
    ('a line of a space', b'GET / HTTP/1.1\r\nHost: a\r\n ', 400),
    ('no colon', b'GET / HTTP/1.1\r\nHost: a\r\nX', 400),
    ('no name', b'GET / HTTP/1.1\r\nHost: a\r\n: x', 400),
    ('a name that is no token', b'GET / HTTP/1.1\r\nHost: a\r\nX@: x', 400),
    ('a space in a name', b'GET / HTTP/1.1\r\nHost: a\r\nX Y: x', 400),
    ('a name in quotes', b'GET / HTTP/1.1\r\nHost: a\r\n"X": x', 400),
    ('a name that is not ASCII', b'GET / HTTP/1.1\r\nHost: a\r\nX\xe9: x',
     400),
    ('a name that folds to ASCII', b'POST / HTTP/1.1\r\nHost: a\r\n'
     b'Tran\xc5\xbffer-Encoding: chunked', 400),
    ('a NUL in a name', b'GET / HTTP/1.1\r\nHost: a\r\nX\0: b', 400),
    ('a NUL in a value', b'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b', 400),
    ('an escape in a value', b'GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J', 400),
    ('a DEL in a value', b'GET / HTTP/1.1\r\nHost: a\r\nX: \x7f', 400),
    ('a form feed in a value', b'GET / HTTP/1.1\r\nHost: a\r\nX: a\x0cb', 400),
    ('a NUL in the target', b'GET /\0 HTTP/1.1\r\nHost: a', 400),
    ('a tab in the target', b'GET /\tx HTTP/1.1\r\nHost: a', 400),
    ('a tab in a query', b'GET /?a\tb HTTP/1.1\r\nHost: a', 400),
    ('a tab before the target', b'GET \t/ HTTP/1.1\r\nHost: a', 400),
    ('a tab in an absolute target', b'GET http://a/\t HTTP/1.1\r\n'
     b'Host: a', 400),
    ('a control character in the target', b'GET /\x01 HTTP/1.1\r\nHost: a',
     400),
    ('a DEL in the target', b'GET /\x7f HTTP/1.1\r\nHost: a', 400),
    ('a bare CR', b'GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b', 400),
    ('a bare CR in the request line', b'GET /\rHTTP/1.1\r\nHost: a', 400),
    ('a bare CR before a name', b'GET / HTTP/1.1\r\nHost: a\r\n\rX: b', 400),
    ('a CR before CRLF', b'GET / HTTP/1.1\r\nHost: a\r\r\nX: y', 400),
    ('a CR at the end of the version', b'GET / HTTP/1.1\r\r\nHost: a', 400),
    ('a bare LF', b'GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b', 400),
    ('LF for CRLF', b'GET / HTTP/1.1\nHost: a', 400),
    ('LF only', b'GET / HTTP/1.1\nHost: a\n', 400),
    ('LF for CRLF in the last line', b'GET / HTTP/1.1\r\nHost: a\nX: y', 400),
    ('LF and CR', b'GET / HTTP/1.1\r\nHost: a\n\rX: y', 400),
    ('a path without a slash', b'GET a HTTP/1.1\r\nHost: a', 400),
    ('a query only', b'GET ?a HTTP/1.1\r\nHost: a', 400),
    ('a backslash for a slash', b'GET \\a HTTP/1.1\r\nHost: a', 400),
    ('a fragment', b'GET /a#b HTTP/1.1\r\nHost: a', 400),
    ('an asterisk for another method', b'GET * HTTP/1.1\r\nHost: a', 400),
    ('two asterisks', b'OPTIONS ** HTTP/1.1\r\nHost: a', 400),
    ('a host for a target', b'GET a:80 HTTP/1.1\r\nHost: a', 400),
    ('another scheme', b'GET ftp://a/ HTTP/1.1\r\nHost: a', 400),
    ('no scheme', b'GET ://a/ HTTP/1.1\r\nHost: a', 400),
    ('a scheme with one slash', b'GET http:/a HTTP/1.1\r\nHost: a', 400),
    ('an absolute target without a host', b'GET http:///a HTTP/1.1\r\n'
     b'Host: a', 400),
    ('an absolute target and no host', b'GET http://b/ HTTP/1.1\r\nX: y',
     400),
    ('an absolute target and a bad host', b'GET http://b/ HTTP/1.1\r\n'
     b'Host: a/b', 400),
    ('an absolute target with a bad host', b'GET http://u@b/ HTTP/1.1\r\n'
     b'Host: a', 400),
    ('an absolute target with a bad port', b'GET http://b:99999/ HTTP/1.1\r\n'
     b'Host: a', 400),
    ('an absolute target of a query alone', b'GET http://?c HTTP/1.1\r\n'
     b'Host: a', 400),
    ('an absolute target with a fragment', b'GET http://b/#c HTTP/1.1\r\n'
     b'Host: a', 400),
    ('CONNECT', b'CONNECT a:80 HTTP/1.1\r\nHost: a', 501),
    ('CONNECT to a path', b'CONNECT / HTTP/1.1\r\nHost: a', 501),
    ('CONNECT without a host', b'CONNECT a:80 HTTP/1.1\r\nX: y', 400),
]

# name, version, fields, length, keep-alive
FRAMINGS = [
    ('nothing', '1.1', {}, 0, True),
    ('nothing in 1.0', '1.0', {}, 0, False),
    ('a length', '1.1', {'content-length': '12'}, 12, True),
    ('a length of none', '1.1', {'content-length': '0'}, 0, True),
    ('leading zeros', '1.1', {'content-length': '007'}, 7, True),
    ('ten digits', '1.1', {'content-length': '9999999999'}, 9999999999, True),
    ('a length in 1.0', '1.0', {'content-length': '12'}, 12, False),
    ('chunked', '1.1', {'transfer-encoding': 'chunked'}, -1, True),
    ('chunked in capitals', '1.1', {'transfer-encoding': 'CHUNKED'}, -1, True),
    ('chunked in 1.2', '1.2', {'transfer-encoding': 'chunked'}, -1, True),
    ('close', '1.1', {'connection': 'close'}, 0, False),
    ('close in capitals', '1.1', {'connection': 'Close'}, 0, False),
    ('close among others', '1.1', {'connection': 'x ,\tclose , y'}, 0, False),
    ('others', '1.1', {'connection': 'upgrade, x-close'}, 0, True),
    ('an empty list', '1.1', {'connection': ''}, 0, True),
    ('keep-alive', '1.1', {'connection': 'keep-alive'}, 0, True),
    ('both', '1.1', {'connection': 'keep-alive, close'}, 0, False),
    ('keep-alive in 1.0', '1.0', {'connection': 'Keep-Alive'}, 0, True),
    ('both in 1.0', '1.0', {'connection': 'keep-alive, close'}, 0, False),
    ('others in 1.0', '1.0', {'connection': 'upgrade'}, 0, False),
]

# name, version, fields, status
BAD_FRAMINGS = [
    ('a negative length', '1.1', {'content-length': '-1'}, 400),
    ('a signed length', '1.1', {'content-length': '+1'}, 400),
    ('an empty length', '1.1', {'content-length': ''}, 400),
    ('a length with a space', '1.1', {'content-length': '1 2'}, 400),
    ('a length with an underscore', '1.1', {'content-length': '1_2'}, 400),
    ('a length with a point', '1.1', {'content-length': '1.0'}, 400),
    ('two lengths in one', '1.1', {'content-length': '1, 1'}, 400),
    ('two lengths that differ', '1.1', {'content-length': '1,2'}, 400),
    ('a length and a comma', '1.1', {'content-length': '1,'}, 400),
    ('a length with a parameter', '1.1', {'content-length': '1;a'}, 400),
    ('a length in hexadecimal', '1.1', {'content-length': '0x1'}, 400),
    ('a length with an exponent', '1.1', {'content-length': '1e1'}, 400),
    ('a length of other digits', '1.1', {'content-length': '\u0661'}, 400),
    ('a length with a superscript', '1.1', {'content-length': '1\xb2'}, 400),
    ('a length of eleven digits', '1.1', {'content-length': '1' * 11}, 400),
    ('a length of many zeros', '1.1', {'content-length': '0' * 40}, 400),
    ('a length in quotes', '1.1', {'content-length': '"1"'}, 400),
    ('both', '1.1', {'content-length': '1', 'transfer-encoding': 'chunked'},
     400),
    ('both, of no length', '1.1',
     {'content-length': '0', 'transfer-encoding': 'chunked'}, 400),
    ('a length and an unknown coding', '1.1',
     {'content-length': '1', 'transfer-encoding': 'x'}, 400),
    ('chunked in 1.0', '1.0', {'transfer-encoding': 'chunked'}, 400),
    ('another coding in 1.0', '1.0', {'transfer-encoding': 'gzip'}, 400),
    ('another coding', '1.1', {'transfer-encoding': 'gzip'}, 501),
    ('identity', '1.1', {'transfer-encoding': 'identity'}, 501),
    ('two codings', '1.1', {'transfer-encoding': 'gzip, chunked'}, 501),
    ('chunked before another', '1.1', {'transfer-encoding': 'chunked, gzip'},
     501),
    ('chunked twice', '1.1', {'transfer-encoding': 'chunked, chunked'}, 501),
    ('chunked and a comma', '1.1', {'transfer-encoding': 'chunked,'}, 501),
    ('chunked with a parameter', '1.1', {'transfer-encoding': 'chunked;a=b'},
     501),
    ('almost chunked', '1.1', {'transfer-encoding': 'xchunked'}, 501),
    ('chunked and a letter', '1.1', {'transfer-encoding': 'chunkedx'}, 501),
    ('a letter that folds to k', '1.1',
     {'transfer-encoding': 'chun\u212aed'}, 501),
    ('chunked and a space that is not ASCII', '1.1',
     {'transfer-encoding': 'chunked\xa0'}, 501),
    ('an empty coding', '1.1', {'transfer-encoding': ''}, 501),
    ('a coding in quotes', '1.1', {'transfer-encoding': '"chunked"'}, 501),
]

CHUNK_SIZES = [
    (b'0', 0), (b'5', 5), (b'a', 10), (b'F', 15), (b'1f', 31), (b'000', 0),
    (b'ffffffff', 4294967295), (b'5;x', 5), (b'5;x="y"', 5), (b'5 ;x', 5),
    (b'5\t;', 5), (b'5;', 5), (b'5;;', 5), (b'5;a=\xff', 5),
    (b'00000005', 5),
]

BAD_CHUNK_SIZES = [
    b'5 ', b'5\t', b'0 ', b'5;\x01', b'5;\x7f',
    b'', b' ', b' 5', b'-1', b'+1', b'0x5', b'5_0', b'g', b'123456789', b';x',
    b'5 5', b'5\n', b'5\r', b'5;\r', b'5;\n', b'5;\0', b'5\0', b'\xd9\xa1',
    b'\xff', b'5,', b'5.', b'5h', b'\xef\xbc\x95', b'5\x0b', b'000000000',
    b'"5"', b'5=5', b'-0',
]

HOSTS = [
    '', 'a', 'a.b', 'a:80', 'a:', 'A-b_c~d.e:65535', '127.0.0.1:8000', '[::1]',
    '[::1]:80', '[fe80::1%25eth0]', '[v1.a:b]', 'a%20b', 'a,b', '[]',
]

BAD_HOSTS = [
    'a b', 'a/b', 'a?b', 'a#b', 'a@b', 'a\\b', 'a"b', 'a<b', '::1', 'a:b:80',
    'a:b', 'a:-1', 'a:65536', 'a: 80', 'a:8\u0661', '[::1', '::1]', '[::1]80',
    'a%', 'a%2', 'a%zz', 'a%2gb', '%', '[::1%eth0]', '[::1]:x', '[[::1]]',
    'a[b]', '\xe9', 'a\tb', 'a^b', 'a|b', '[a]b:80',
]

# name, body in the chunked coding, what it is
CHUNKS = [
    ('no chunks', b'0\r\n\r\n', b''),
    ('many zeros', b'00000000\r\n\r\n', b''),
    ('one', b'3\r\nxyz\r\n0\r\n\r\n', b'xyz'),
    ('two', b'2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n', b'xyz'),
    ('a size in capitals', b'A\r\n0123456789\r\n0\r\n\r\n', b'0123456789'),
    ('a size in lower case', b'a\r\n0123456789\r\n0\r\n\r\n', b'0123456789'),
    ('leading zeros', b'003\r\nxyz\r\n0\r\n\r\n', b'xyz'),
    ('an extension', b'1;ext\r\nz\r\n0\r\n\r\n', b'z'),
    ('an extension in quotes', b'1;a="b;c"\r\nz\r\n0\r\n\r\n', b'z'),
    ('space before an extension', b'1 \t;a\r\nz\r\n0\r\n\r\n', b'z'),
    ('an extension of the last one', b'1\r\nz\r\n0;a=b\r\n\r\n', b'z'),
    ('line ends in a chunk', b'6\r\n\r\n0\r\n\r\r\n0\r\n\r\n',
     b'\r\n0\r\n\r'),
    ('what looks like the last chunk', b'5\r\n0\r\n\r\n\r\n0\r\n\r\n',
     b'0\r\n\r\n'),
    ('a trailer', b'1\r\nx\r\n0\r\nX: y\r\n\r\n', b'x'),
    ('trailers that look like framing', b'1\r\nx\r\n0\r\nHost: b\r\n'
     b'Content-Length: 9\r\nTransfer-Encoding: x\r\nX: y\r\n\r\n', b'x'),
]

# name, chunked body, status
BAD_CHUNKS = [
    ('a bad size', b'x\r\n', 400),
    ('no size', b'\r\n\r\n', 400),
    ('a negative size', b'-1\r\na\r\n0\r\n\r\n', 400),
    ('a signed size', b'+1\r\na\r\n0\r\n\r\n', 400),
    ('a size with a prefix', b'0x1\r\na\r\n0\r\n\r\n', 400),
    ('a size after a space', b' 1\r\na\r\n0\r\n\r\n', 400),
    ('a size with a space inside', b'1 0\r\na\r\n0\r\n\r\n', 400),
    ('a size with an underscore', b'0_1\r\na\r\n0\r\n\r\n', 400),
    ('a size of nine digits', b'000000001\r\na\r\n0\r\n\r\n', 400),
    ('a size that would overflow', b'10000000000000001\r\na\r\n0\r\n\r\n',
     400),
    ('a chunk that is too long', b'1\r\nxy\r\n0\r\n\r\n', 400),
    ('a chunk that is too short', b'5\r\nxy\r\n0\r\n\r\n', 400),
    ('a chunk without its end', b'1\r\nx0\r\n\r\n', 400),
    ('a chunk that ends in LF', b'1\r\nx\n0\r\n\r\n', 400),
    ('a chunk that ends in CR', b'1\r\nx\r0\r\n\r\n', 400),
    ('a size line of LF', b'1\nx\r\n0\r\n\r\n', 400),
    ('a size line of CR', b'1\rx\r\n0\r\n\r\n', 400),
    ('a bare LF in an extension', b'1;a\nb\r\nx\r\n0\r\n\r\n', 400),
    ('a bare CR in an extension', b'1;a\rb\r\nx\r\n0\r\n\r\n', 400),
    ('a NUL in an extension', b'1;\0\r\nx\r\n0\r\n\r\n', 400),
    ('a long extension', b'1;' + b'x' * 300 + b'\r\nx\r\n0\r\n\r\n', 400),
    ('a last chunk of LF', b'0\n\n', 400),
    ('space after a size', b'1 \r\nx\r\n0\r\n\r\n', 400),
    ('a tab after a size', b'1\t\r\nx\r\n0\r\n\r\n', 400),
    ('space after the last size', b'0 \r\n\r\n', 400),
    ('a control in an extension', b'1;a\x01b\r\nx\r\n0\r\n\r\n', 400),
    ('DEL in an extension', b'1;a\x7fb\r\nx\r\n0\r\n\r\n', 400),
    ('a trailer that is no header', b'0\r\nx\r\n\r\n', 400),
    ('a trailer without a name', b'0\r\n:\r\n\r\n', 400),
    ('space before the colon of a trailer', b'0\r\nX : y\r\n\r\n', 400),
    ('a request for a trailer', b'0\r\nGET / HTTP/1.1\r\n\r\n', 400),
    ('a bad byte in a trailer', b'0\r\nX: \0\r\n\r\n', 400),
    ('a bare LF in a trailer', b'0\r\nX: y\nZ: w\r\n\r\n', 400),
    ('a bare CR in a trailer', b'0\r\nX: y\rZ: w\r\n\r\n', 400),
    ('a folded trailer', b'0\r\nX: y\r\n z\r\n\r\n', 400),
    ('too much', b'ffffffff\r\nx', 413),
]

POST = b'POST /p HTTP/1.1\r\nHost: a\r\n'
TRACE = b'PATCH /p HTTP/1.1\r\nHost: a\r\n'
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'


def echo(method, url, x='-', body=b''):
    """Return what :class:`Echo` answers to such a request."""
    return ('%s %s|%s|' % (method, url, x)).encode() + body


A = b'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
B = b'GET /b HTTP/1.1\r\nHost: a\r\n\r\n'
ECHO_A = echo('GET', '/a')
ECHO_B = echo('GET', '/b')

# name, bytes of the peer, the answers: a status, with a body (None: no body,
# whatever the head says), and with whether the connection is kept
CONVERSATIONS = [
    ('one', A, [(200, ECHO_A, True)]),
    ('an empty line first', b'\r\n' + A, [(200, ECHO_A, True)]),
    ('an empty line between', A + b'\r\n' + B,
     [(200, ECHO_A, True), (200, ECHO_B, True)]),
    ('two in a row', A + B, [(200, ECHO_A, True), (200, ECHO_B, True)]),
    ('a body, then another',
     POST + b'Content-Length: 3\r\n\r\nxyz' + B,
     [(200, echo('POST', '/p', body=b'xyz'), True), (200, ECHO_B, True)]),
    ('a body that looks like a request',
     POST + b'Content-Length: %d\r\n\r\n' % len(A) + A + B,
     [(200, echo('POST', '/p', body=A), True), (200, ECHO_B, True)]),
    ('a body of none, then another',
     POST + b'Content-Length: 0\r\n\r\n' + B,
     [(200, echo('POST', '/p'), True), (200, ECHO_B, True)]),
    ('a body of GET',
     b'GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz' + B,
     [(200, echo('GET', '/a', body=b'xyz'), True), (200, ECHO_B, True)]),
    ('chunks, then another',
     CHUNKED + b'2\r\nxy\r\n1;ext\r\nz\r\n0\r\n\r\n' + B,
     [(200, echo('POST', '/p', body=b'xyz'), True), (200, ECHO_B, True)]),
    ('chunks, then chunks',
     CHUNKED + b'1\r\nx\r\n0\r\n\r\n' + CHUNKED + b'1\r\ny\r\n0\r\n\r\n',
     [(200, echo('POST', '/p', body=b'x'), True),
      (200, echo('POST', '/p', body=b'y'), True)]),
    ('chunks that nobody reads, then another',
     POST.replace(b'/p', b'/unread') + b'Transfer-Encoding: chunked\r\n\r\n'
     b'3\r\nxyz\r\n0\r\nX: y\r\n\r\n' + B,
     [(200, b'unread', True), (200, ECHO_B, True)]),
    ('a body for nobody, then another',
     TRACE + b'Content-Length: 3\r\n\r\nxyz' + B,
     [(405, b'Method Not Allowed', True), (200, ECHO_B, True)]),
    ('chunks for nobody, then another',
     TRACE + b'Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n' + B,
     [(405, b'Method Not Allowed', True), (200, ECHO_B, True)]),
    ('a stream, then another', b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n' + B,
     [(200, b'123', True), (200, ECHO_B, True)]),
    ('a stream in HTTP/1.0',
     b'GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
     [(200, b'123', False)]),
    ('HEAD, then another', A.replace(b'GET', b'HEAD') + B,
     [(200, None, True), (200, ECHO_B, True)]),
    ('HEAD of a stream, then another',
     b'HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n' + B,
     [(200, None, True), (200, ECHO_B, True)]),
    ('close',
     b'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' + B,
     [(200, ECHO_A, False)]),
    ('close among others',
     b'GET /a HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n' + B,
     [(200, ECHO_A, False)]),
    ('close in two lines',
     b'GET /a HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n'
     b'\r\n' + B, [(200, ECHO_A, False)]),
    ('HTTP/1.0', b'GET /a HTTP/1.0\r\n\r\n' + B, [(200, ECHO_A, False)]),
    ('HTTP/1.0 that stays',
     b'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
     b'GET /b HTTP/1.0\r\n\r\n', [(200, ECHO_A, True), (200, ECHO_B, False)]),
    ('HTTP/1.0 with a body',
     b'POST /p HTTP/1.0\r\nContent-Length: 3\r\n\r\nxyz',
     [(200, echo('POST', '/p', body=b'xyz'), False)]),
    ('100-continue',
     POST + b'Content-Length: 1\r\nExpect: 100-continue\r\n\r\nx' + B,
     [(100, None, True), (200, echo('POST', '/p', body=b'x'), True),
      (200, ECHO_B, True)]),
    ('100-continue in capitals',
     POST + b'Content-Length: 1\r\nExpect: 100-Continue\r\n\r\nx',
     [(100, None, True), (200, echo('POST', '/p', body=b'x'), True)]),
    ('100-continue with chunks',
     POST + b'Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n'
     b'1\r\nx\r\n0\r\n\r\n' + B,
     [(100, None, True), (200, echo('POST', '/p', body=b'x'), True),
      (200, ECHO_B, True)]),
    ('100-continue without a body',
     b'GET /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n' + B,
     [(200, ECHO_A, True), (200, ECHO_B, True)]),
    ('100-continue with a body of none',
     POST + b'Content-Length: 0\r\nExpect: 100-continue\r\n\r\n' + B,
     [(200, echo('POST', '/p'), True), (200, ECHO_B, True)]),
    ('100-continue in HTTP/1.0',
     b'POST /p HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n'
     b'x', [(200, echo('POST', '/p', body=b'x'), False)]),
    ('another expectation in HTTP/1.0',
     b'GET /a HTTP/1.0\r\nExpect: x\r\n\r\n', [(200, ECHO_A, False)]),
    ('100-continue for what is not read',
     TRACE + b'Content-Length: 1\r\nExpect: 100-continue\r\n\r\n' + B,
     [(405, b'Method Not Allowed', False)]),
    ('100-continue for too much',
     POST + b'Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n' + B,
     [(413, b'Payload too large, see Request.max_content_length', False)]),
]

# name, bytes of the peer, status; more than the head is wrong
BAD_REQUESTS = [
    ('an escaped NUL in the path', b'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n',
     400),
    ('a bad escape in the path', b'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
     400),
    ('half an escape in the path', b'GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n',
     400),
    ('an escape that is not UTF-8', b'GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n',
     400),
    ('an escape with a sign', b'GET /%+1 HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('another expectation', POST + b'Content-Length: 1\r\nExpect: x\r\n\r\nx',
     417),
    ('another expectation without a body',
     b'GET /a HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n', 417),
    ('a list of expectations', POST + b'Content-Length: 1\r\n'
     b'Expect: 100-continue, x\r\n\r\nx', 417),
    ('an expectation with a value', POST + b'Content-Length: 1\r\n'
     b'Expect: 100-continue=1\r\n\r\nx', 417),
    ('an expectation twice', POST + b'Content-Length: 1\r\n'
     b'Expect: 100-continue\r\nExpect: 100-continue\r\n\r\nx', 417),
    ('a TLS hello', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
     400),
    ('an LF only', b'\n', 400),
    ('a NUL only', b'\0', 400),
]

METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'TRACE', 'M-SEARCH', 'X',
           "!#$%&'*+-.^_`|~09AZ"]


class Echo(Microdot):
    """Answers with what it understood: method, target, the header ``X`` and
    the body; at ``/row/N`` with a row of ``RESPONSES``. ``seen`` are the
    targets of the former; errors are kept in ``logged``."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.logged = []
        # what may be larger than is kept in memory stays on the stream
        self.post('/unread', max_content_length=Request.max_body_length + 1)(
            self.unread)
        self.get('/stream')(self.stream)
        self.get('/row/<int:number>')(self.respond)
        self.route('/', METHODS)(self.echo)
        self.route('/<path:rest>', METHODS)(self.echo)

    async def echo(self, request, rest=None):
        self.seen.append(request.url)
        return echo(request.method, request.url,
                    request.headers.get('X', '-'), request.body)

    async def unread(self, request):
        self.seen.append(request.url)
        return 'unread'

    async def respond(self, request, number):
        return RESPONSES[number][1]()

    async def stream(self, request):
        self.seen.append(request.url)
        return iter('123')

    def log_exception(self, req, exc):
        if req:
            req.exception = exc
        self.logged.append(exc)


def accepted():
    """Yield all rows that are answered, as ``(name, bytes, answers)``."""
    for rows in (accepted_heads(), accepted_framings(), accepted_chunks(),
                 CONVERSATIONS):
        for row in rows:
            yield row


def accepted_heads():
    for name, head, method, target, version, fields in HEADS:
        status = 200
        body = echo(method, target, fields.get('x', '-'))
        if method == 'OPTIONS':
            body = b''
        elif method == 'get':
            # (case-sensitive: another method, RFC 9110, section 9.1)
            status = 405
            body = b'Method Not Allowed'
        yield (name, head + b'\r\n\r\n',
               [(status, body, version != '1.0')])


def accepted_framings():
    for name, version, fields, length, keep in FRAMINGS:
        if not 0 <= length < 100:
            continue  # chunks follow; the other one is too large
        yield (name, framed(version, fields) + b'x' * length,
               [(200, echo('POST', '/f', body=b'x' * length), keep)])


def accepted_chunks():
    for name, chunks, body in CHUNKS:
        yield (name, CHUNKED + chunks,
               [(200, echo('POST', '/p', body=body), True)])


def refused():
    """Yield all rows that are refused, as ``(name, bytes, status)``. More
    bytes may follow: they are not to be taken for a request."""
    for rows in (refused_heads(), refused_framings(), refused_chunks(),
                 BAD_REQUESTS):
        for row in rows:
            yield row


def refused_heads():
    for name, head, status in BAD_HEADS:
        yield name, head + b'\r\n\r\n', status


def refused_framings():
    for name, version, fields, status in BAD_FRAMINGS:
        yield name, framed(version, fields), status


def refused_chunks():
    for name, chunks, status in BAD_CHUNKS:
        yield name, CHUNKED + chunks, status


def framed(version, fields):
    """Return the head of a request with such fields."""
    head = 'POST /f HTTP/%s\r\nHost: a\r\n' % version
    for name in fields:
        head += '%s: %s\r\n' % (name, fields[name])
    return head.encode() + b'\r\n'


# Responses: name, what the handler returns (called), lines of the head but
# for Date and Connection, the body as sent to HTTP/1.1, kept or not.
TEXT = b'Content-Type: text/plain; charset=UTF-8'
OK = b'HTTP/1.1 200 OK'
ERROR = b'HTTP/1.1 500 Internal Server Error'
CHUNKED_LINE = b'Transfer-Encoding: chunked'
FAILED = [ERROR, TEXT, b'Content-Length: 21']
FAILURE = b'Internal server error'


def _length(value):
    return lambda: ('text', {'Content-Length': value})


RESPONSES = [
    ('text', lambda: 'text', [OK, TEXT, b'Content-Length: 4'], b'text', True),
    ('bytes', lambda: b'text', [OK, TEXT, b'Content-Length: 4'], b'text',
     True),
    ('nothing to say', lambda: '', [OK, TEXT, b'Content-Length: 0'], b'',
     True),
    ('JSON', lambda: [1], [OK, b'Content-Length: 3', b'Content-Type: '
                           b'application/json; charset=UTF-8'], b'[1]', True),
    ('nothing', lambda: None, [b'HTTP/1.1 204 No Content'], b'', True),
    ('a body with 204', lambda: ('text', 204), [b'HTTP/1.1 204 No Content'],
     b'', True),
    ('a length with 204', lambda: ('', 204, {'Content-Length': '0'}),
     [b'HTTP/1.1 204 No Content'], b'', True),
    ('a stream with 204', lambda: (iter('ab'), 204),
     [b'HTTP/1.1 204 No Content'], b'', True),
    ('a body with 304', lambda: ('text', 304, {'ETag': '"x"'}),
     [b'HTTP/1.1 304 Not Modified', b'ETag: "x"'], b'', True),
    ('an interim status', lambda: ('', 100), FAILED, FAILURE, True),
    ('another interim status', lambda: ('', 103), FAILED, FAILURE, True),
    ('a status of no class', lambda: ('', 600), FAILED, FAILURE, True),
    ('a status without a phrase', lambda: ('x', 299),
     [b'HTTP/1.1 299 ', TEXT, b'Content-Length: 1'], b'x', True),
    ('an own phrase', lambda: Response('x', 299, reason='Fine'),
     [b'HTTP/1.1 299 Fine', TEXT, b'Content-Length: 1'], b'x', True),
    ('an own length', _length('4'), [OK, TEXT, b'Content-Length: 4'], b'text',
     True),
    ('an own length that is a number', _length(4),
     [OK, TEXT, b'Content-Length: 4'], b'text', True),
    ('an own length that is too small', _length('3'), FAILED, FAILURE, True),
    ('an own length that is too large', _length('5'), FAILED, FAILURE, True),
    ('an own length that is no number', _length('x'), FAILED, FAILURE, True),
    ('an own length of a stream', lambda: (iter('ab'), {'Content-Length': 2}),
     [OK, TEXT, b'Content-Length: 2'], b'ab', True),
    ('a stream', lambda: iter(['ab', b'c']), [OK, TEXT, CHUNKED_LINE],
     b'2\r\nab\r\n1\r\nc\r\n0\r\n\r\n', True),
    ('a stream of nothing', lambda: iter([]), [OK, TEXT, CHUNKED_LINE],
     b'0\r\n\r\n', True),
    ('empty pieces', lambda: iter(['', 'a', b'', 'b']),
     [OK, TEXT, CHUNKED_LINE], b'1\r\na\r\n1\r\nb\r\n0\r\n\r\n', True),
    ('close', lambda: ('x', {'Connection': 'close'}),
     [OK, TEXT, b'Content-Length: 1'], b'x', False),
    ('close among others', lambda: ('x', {'connection': 'x, Close'}),
     [OK, TEXT, b'Content-Length: 1'], b'x', False),
    ('keep-alive', lambda: ('x', {'Connection': 'keep-alive',
                                  'Keep-Alive': 'timeout=5'}),
     [OK, TEXT, b'Content-Length: 1'], b'x', True),
    ('an own coding', lambda: ('x', {'Transfer-Encoding': 'chunked'}),
     [OK, TEXT, b'Content-Length: 1'], b'x', True),
    ('an own coding of a stream',
     lambda: (iter('a'), {'transfer-encoding': 'gzip'}),
     [OK, TEXT, CHUNKED_LINE], b'1\r\na\r\n0\r\n\r\n', True),
    ('an own length and coding',
     lambda: ('x', {'Transfer-Encoding': 'chunked', 'Content-Length': '1'}),
     [OK, TEXT, b'Content-Length: 1'], b'x', True),
    ('other headers of one connection',
     lambda: ('x', {'TE': 'trailers', 'Trailer': 'X', 'Upgrade': 'h2c'}),
     [OK, TEXT, b'Content-Length: 1', b'TE: trailers', b'Trailer: X',
      b'Upgrade: h2c'], b'x', True),
    ('an own type', lambda: ('x', {'content-type': 'a/b'}),
     [OK, b'content-type: a/b', b'Content-Length: 1'], b'x', True),
    ('a list of values', lambda: ('x', {'Set-Cookie': ['a=b', 'c=d']}),
     [OK, TEXT, b'Content-Length: 1', b'Set-Cookie: a=b', b'Set-Cookie: c=d'],
     b'x', True),
    ('a line break in a value', lambda: ('x', {'X': 'a\r\nY: b'}), FAILED,
     FAILURE, True),
    ('a line break in a list', lambda: ('x', {'X': ['a', 'b\n']}), FAILED,
     FAILURE, True),
    ('a line break in a name', lambda: ('x', {'X\r\nY': 'a'}), FAILED,
     FAILURE, True),
    ('a colon in a name', lambda: ('x', {'X:': 'a'}), FAILED, FAILURE, True),
    ('a line break in a phrase', lambda: Response('x', 200, reason='a\r\nb'),
     FAILED, FAILURE, True),
    ('a body of no kind', lambda: Response(5), FAILED, FAILURE, True),
]
