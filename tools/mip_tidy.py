# Installed with the compiled modules, once: what an earlier installation left
# as .py would be imported instead of them, and so is removed, with this file.
import os

_folder = __file__.rpartition('/')[0]
_names = os.listdir(_folder)
for _name in _names:
    if _name.endswith('.py') and _name[:-2] + 'mpy' in _names:
        os.remove(_folder + '/' + _name)
