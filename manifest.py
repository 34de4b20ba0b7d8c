# Freezes the framework into a firmware. MicroPython's build executes this: in
# the manifest.py that FROZEN_MANIFEST names, or that of the board, write
#
#     include("/path/to/this/manifest.py")
#
# for the core, or, for extensions too,
#
#     include("/path/to/this/manifest.py", extensions="sse websocket")
#
# which takes what they import as well.

import re

metadata(description='A web framework for boards and servers', license='MIT')
options.defaults(extensions='')

_names = ['__init__', 'microdot'] + options.extensions.split()
_libraries = []
for _name in _names:  # which grows
    with open('src/microdot/%s.py' % _name) as _file:
        _text = _file.read()
    for _found in re.findall(
            r'^(?: *from \.(?=[a-z])|from \.)(\w+) import', _text, re.M) + \
            re.findall(r'^ *from \. import ([a-z]\w*)', _text, re.M):
        if _found not in _names:
            _names.append(_found)
    # what a board lacks
    for _found in re.findall(r'^ *from (hmac|utemplate)\b', _text, re.M):
        if _found not in _libraries:
            _libraries.append(_found)

package('microdot', files=tuple([_name + '.py' for _name in _names]),
        base_path='src', opt=3)
if 'hmac' in _libraries:
    module('hmac.py', base_path='libs/micropython', opt=3)
if 'utemplate' in _libraries:
    package('utemplate', base_path='libs/micropython', opt=3)
