# The one of a board takes the first argument only.
from functools import wraps as wraps
