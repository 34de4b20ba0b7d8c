"""Pages that load themselves again when the program has been saved.

With ``--reload --debug`` a script tag is put into the HTML pages of the
application. The script keeps a stream of events open; when the process that it
then reaches is another than the one that sent it, it loads the page again.
"""
from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ..microdot import Microdot, Request, Response

#: Where the script is, and, asked for as a stream of events, the stream.
PATH = '/_microdot/reload'
#: Milliseconds after which a browser connects again.
RETRY_MS = 300

# A page that nobody sees closes its stream: browsers open six connections to
# a site, for all tabs together.
SCRIPT = """\
(() => {
  const id = %s, url = document.currentScript.src;
  let source;
  const open = () => {
    if (source) source.close();
    source = new EventSource(url);
    source.onmessage = (event) => {
      if (event.data !== id) location.reload();
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 1000);
    };
  };
  const look = () => {
    if (document.visibilityState === 'visible') open();
    else if (source) source.close();
  };
  document.addEventListener('visibilitychange', look);
  addEventListener('pageshow', look);
  look();
})();
"""


class Generation:
    """The body of the stream: one event that names the generation of
    processes, and then nothing until the server ends."""

    def __init__(self, name: str, request: Request) -> None:
        self.name = name
        self.request = request
        self.ended: asyncio.Event | None = None

    def __aiter__(self) -> Generation:
        return self

    async def __anext__(self) -> bytes:
        if self.ended is None:
            self.ended = asyncio.Event()
            # What the server calls when it shuts down: it would wait for the
            # end of what it sends.
            connection: Any = self.request.sock and self.request.sock[0]
            if hasattr(connection, 'leave'):
                connection.leave = self.ended.set
            return b'retry: %d\ndata: %b\n\n' % (
                RETRY_MS, self.name.encode())
        await self.ended.wait()
        raise StopAsyncIteration


def is_own(request: Request) -> bool:
    """Tell whether a request comes from a page of this site."""
    site = request.headers.get('Sec-Fetch-Site', 'same-origin')
    origin = request.headers.get('Origin')
    return site in ('same-origin', 'none') and (
        origin is None or origin.partition('://')[2] ==
        request.headers.get('Host'))


def answer(request: Request, name: str) -> Response:
    """Return the script, or the stream."""
    if not is_own(request):
        return Response('Only for pages of this site', 403)
    headers = {'Cache-Control': 'no-store', 'Vary': 'Accept',
               'Cross-Origin-Resource-Policy': 'same-origin'}
    if 'text/event-stream' in request.headers.get('Accept', ''):
        return Response(Generation(name, request), 200, {
            **headers, 'Content-Type': 'text/event-stream'})
    return Response(SCRIPT % json.dumps(name), 200, {
        **headers, 'Content-Type': 'text/javascript'})


def nonce_of(headers: Any) -> str:
    """Return the nonce that the policy of a page allows scripts with, or
    ``''``."""
    policy = headers.get('Content-Security-Policy') or ''
    policy = ' '.join(policy) if isinstance(policy, list) else policy
    nonce: str = policy.partition("'nonce-")[2].partition("'")[0]
    return nonce if nonce.replace('-', '').replace('_', '').replace(
        '+', '').replace('/', '').rstrip('=').isalnum() else ''


def with_tag(res: Response, root_path: str) -> None:
    """Put the tag into a page, if the response is one that is in memory and
    has an end of its body."""
    body = res.body
    kind = res.headers.get('Content-Type') or res.default_content_type
    if not isinstance(body, bytes) or not kind or \
            not kind.lower().startswith('text/html') or \
            'Content-Encoding' in res.headers:
        return
    end = body.lower().rfind(b'</body>')
    if end < 0 or PATH.encode() in body:
        return
    nonce = nonce_of(res.headers)
    tag = '<script src="%s%s"%s></script>' % (
        root_path, PATH, ' nonce="%s"' % nonce if nonce else '')
    res.body = body[:end] + tag.encode() + body[end:]
    if 'Content-Length' in res.headers:
        res.headers['Content-Length'] = str(len(res.body))


def install(app: Microdot, name: str, root_path: str = '') -> None:
    """Let the open pages of an application follow its program.

    :param name: of this generation of processes: text that changes whenever
                 pages are to be loaded again.
    :param root_path: what the paths of the site begin with.
    """
    # (this comes before the prefix is taken off)
    paths = PATH, root_path + PATH

    async def wrapper(request: Request, call_next: Callable[
            [Request], Awaitable[Response]]) -> Response:
        if request.path in paths and request.method in ('GET', 'HEAD'):
            return answer(request, name)
        return await call_next(request)

    def finish(request: Request | None, res: Response) -> None:
        if request is not None:
            with_tag(res, root_path)

    # (outside of what asks for a login, or counts)
    app.wrap_dispatch(wrapper, outermost=True)
    app.finishers.append(finish)
