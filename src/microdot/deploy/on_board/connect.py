"""Runs on the board before the application, unless that sees to networks
itself: connects to the network that ``wifi.json`` names."""

import json, network, time  # noqa: E401, I001  one line of a main.py

with open('wifi.json') as file:
    settings = json.load(file)
if settings.get('hostname'):
    network.hostname(settings['hostname'])
wifi = network.WLAN(network.STA_IF)
wifi.active(True)
if not wifi.isconnected() or wifi.config('ssid') != settings['ssid']:
    if wifi.isconnected():
        wifi.disconnect()
    wifi.connect(settings['ssid'], settings['password'])
    for _ in range(200):
        if wifi.isconnected():
            break
        time.sleep_ms(100)
place = '%s'  # as start_code() knows it
print('address:',
      place % wifi.ifconfig()[0] if wifi.isconnected() else 'none yet')
