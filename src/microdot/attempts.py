"""Failed attempts to log in, which ``Login.attempt()`` counts."""
from .microdot import abort, invoke_handler
from .session import now


async def attempt(login, request, name, check):
    """Check a password, unless too many attempts have failed: see
    :meth:`Login.attempt`."""
    address = login.address_of(request) if login.address_of else \
        request.client_addr and request.client_addr[0]
    keys = (('account ' + str(name)[:200], login.max_account_failures),
            ('address %s' % address, login.max_address_failures))
    if login.limiter:
        for key, _ in keys:
            left, wait = await login.limiter.hit(key)
            if left < 0:
                abort(429, None, {'Retry-After': str(wait // 1000 + 1)})
        return await invoke_handler(check)
    failures = login.failures
    for key, most in keys:
        count, end = failures.get(key, (0, 0))
        left = end - now()
        # (a clock that was set back is no reason to wait for longer)
        if count >= most and 0 < left <= login.failure_period:
            abort(429, None, {'Retry-After': str(left)})
    # It counts from now on: others may come while it is checked.
    for key, _ in keys:
        count_attempt(login, key, 1)
    result = await invoke_handler(check)
    if result:
        failures.pop(keys[0][0], None)
        count_attempt(login, keys[1][0], -1)
    return result


def count_attempt(login, key, number):
    """Add a number to the failures of an account or an address."""
    failures = login.failures
    count, end = failures.pop(key, (0, 0))
    if not 0 < end - now() <= login.failure_period:
        count = 0
        end = now() + login.failure_period
    failures[key] = max(count + number, 0), end
    while len(failures) > login.max_counted:
        failures.pop(next(iter(failures)))
