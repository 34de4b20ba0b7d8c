"""Set up pytest: paths, and the plugin for portable tests."""

import pathlib
import signal
import sys
import threading

_TOP = pathlib.Path(__file__).resolve().parent.parent

# In front, so that the checkout is tested rather than an installed copy.
for _folder in (
        'tests/portable', 'tests/support', 'tests/apps', 'tools/boards',
        'tools/hostile', 'tools', 'docs/_ext', 'src'):
    _path = str(_TOP / _folder)
    if _path not in sys.path:
        sys.path.insert(0, _path)

pytest_plugins = ['portable_plugin']

try:
    import hypothesis
except ImportError:
    pass  # what needs it says so
else:
    # A machine that is busy, or pauses, is not the fault of an example.
    hypothesis.settings.register_profile(
        'busy', deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile('busy')

# Where Ctrl-C is ignored, as under nohup, children would ignore it too, and
# tests send it to them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and \
        threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
