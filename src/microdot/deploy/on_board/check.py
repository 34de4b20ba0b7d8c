"""Runs on the board at the end: what the framework takes there."""


def _check(mark, modules):
    """Import modules; print the free heap before and after, and where the
    framework comes from, as JSON behind the mark."""
    import gc
    import json
    import sys
    gc.collect()
    before = gc.mem_free()
    for module in modules:
        __import__(module)
    gc.collect()
    after = gc.mem_free()
    print('\n' + mark + json.dumps([
        before, after,
        getattr(sys.modules.get('microdot'), '__file__', '')]))
