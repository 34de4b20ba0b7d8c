"""Views on CPython: classes that cannot be meant are refused."""

import pytest

from microdot import Microdot
from microdot.views import View, WebSocketView


class Item(View):
    async def get(self, request):
        return 'item'


class Empty(View):
    pass


class Echo(WebSocketView):
    async def on_receive(self, request, ws, message):
        await ws.send(message)


@pytest.mark.parametrize('view', [Item, Echo])
def test_methods_given_to_the_decorator_are_refused(view):
    app = Microdot()
    for decorator in (app.get('/x'), app.post('/x'),
                      app.route('/x', methods=['GET'])):
        with pytest.raises(TypeError, match='route'):
            decorator(view)


def test_a_class_without_a_method_is_refused():
    with pytest.raises(TypeError, match='methods such as get'):
        Microdot().route('/x')(Empty)
