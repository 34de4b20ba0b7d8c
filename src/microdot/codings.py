"""Which coding of a body a client would have."""
from .microdot import parse_list


def choose_coding(value, codings):
    """Return which coding of a body a client would have, by what it sends as
    ``Accept-Encoding`` (RFC 9110, section 12.5.3), or ``None``: as it is.

    :param codings: those that there are, the best first.
    """
    weights = {}
    for item in parse_list(value.lower()):
        coding, _, weight = item.partition(';')
        try:
            weight = float(weight.split('q=')[1]) if weight else 1
        except (ValueError, IndexError):
            weight = 0
        weights[coding.strip()] = weight if 0 <= weight <= 1 else 0
    found = None
    most = weights.get('identity', 0)
    for coding in codings:
        weight = weights.get(coding, weights.get('*', 0))
        if weight > most or weight == most and weight and not found:
            most = weight
            found = coding
    return found
