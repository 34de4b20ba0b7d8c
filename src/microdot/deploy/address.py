"""On which port an application listens, as far as its source tells."""

import ast

from .collect import parse_source

#: Of ``app.run()`` and ``app.start_server()``.
PORT = 5000


def find_port(main):
    """Return the port on which a program serves HTTP, or ``None`` where that
    is not to be seen: it may be computed, there may be several, or TLS.

    :param main: the path of the program.
    """
    tree = parse_source(main)
    values = _values(tree)
    ports = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _serves(node.func, values):
            ports.add(_port(node, values))
    return ports.pop() if len(ports) == 1 else None


def _serves(func, values):
    # (others run and start servers as well, such as asyncio)
    if not isinstance(func, ast.Attribute) or \
            func.attr not in ('run', 'start_server') or \
            not isinstance(func.value, ast.Name):
        return False
    made_by = [ast.unparse(value.func) for value in values.get(
        func.value.id, ()) if isinstance(value, ast.Call)]
    return func.value.id == 'app' or any(
        name.rpartition('.')[2] == 'Microdot' for name in made_by)


def _port(call, values):
    """Return the port of a call, or ``None``."""
    named = {each.arg: each.value for each in call.keywords}
    if None in named or 'ssl' in named or len(call.args) > 3 or any(
            isinstance(each, ast.Starred) for each in call.args):
        return None
    if 'port' in named:
        return _number(named['port'], values)
    return _number(call.args[1], values) if len(call.args) > 1 else PORT


def _number(node, values):
    """Return the port that an expression stands for, or ``None``."""
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'int' \
            and len(node.args) == 1:
        node = node.args[0]
    if isinstance(node, ast.Name):
        found = values.get(node.id, [])
        if len(found) != 1:
            return None
        node = found[0]
    try:
        port = int(ast.literal_eval(node))
    except (TypeError, ValueError):
        return None
    return port if 0 < port < 65536 else None


def _values(tree):
    """Return lists of nodes by the names that have them, as defaults of
    parameters or by assignment."""
    values: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            args = node.args.args
            pairs = zip(args[len(args) - len(node.args.defaults):],
                        node.args.defaults, strict=True)
            for arg, value in pairs:
                values.setdefault(arg.arg, []).append(value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    values.setdefault(target.id, []).append(node.value)
    return values
