"""Runs on the board after ``wifi.json`` has come: tries that network, also
where the board is in another one."""


def _join(mark):
    """Connect to the network of ``wifi.json``; print the address or ``None``,
    and the status, as JSON behind the mark."""
    import json
    import time

    import network
    with open('wifi.json') as file:
        settings = json.load(file)
    if settings.get('hostname'):
        network.hostname(settings['hostname'])
    wifi = network.WLAN(network.STA_IF)
    # off and on: what is left of another connection would count as this one
    wifi.active(False)
    wifi.active(True)
    wifi.connect(settings['ssid'], settings['password'])
    status = None
    for _ in range(200):
        # rp2: -3 wrong password, -2 no such network; esp32: 202 and 201
        status = wifi.status()
        if wifi.isconnected() or status in (-3, -2, 202, 201):
            break
        time.sleep_ms(100)
    print('\n' + mark + json.dumps([
        wifi.ifconfig()[0] if wifi.isconnected() else None, status]))
