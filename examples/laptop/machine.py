"""Stands for the module ``machine`` of a board, where there is no board.

As much of it as the examples use. Put its folder on the path to run them on a
computer; never copy it to a board. Levels of pins are in ``Pin.levels``, by
number or name, for whoever wants to play the part of the world outside.
"""
import sys
import time


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 1
    PULL_DOWN = 2
    #: The levels, 0 or 1, that pins have.
    levels = {}

    def __init__(self, id, mode=-1, pull=-1, value=None):
        self.id = id
        if value is None:
            # a switch that is open, or an output as it comes up
            value = Pin.levels.get(id, 1 if pull == Pin.PULL_UP else 0)
        Pin.levels[id] = 1 if value else 0

    def value(self, x=None):
        if x is None:
            return Pin.levels[self.id]
        Pin.levels[self.id] = 1 if x else 0

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not self.value())


class PWM:
    """A pin that is on for a part of the time."""
    def __init__(self, pin, freq=0, duty_u16=0):
        self.pin = pin
        self._freq = freq
        self._duty = duty_u16

    def freq(self, hertz=None):
        if hertz is None:
            return self._freq
        self._freq = hertz

    def duty_u16(self, duty=None):
        if duty is None:
            return self._duty
        self._duty = duty


class ADC:
    CORE_TEMP = 4

    def __init__(self, pin):
        self.pin = pin

    def read_u16(self):
        # rises for 10 seconds, falls for 10 seconds, around a quarter
        phase = time.time() % 20
        return int(14000 + 50 * (phase if phase < 10 else 20 - phase))


def unique_id():
    return b'laptop'


def reset():
    sys.exit('reset')


def deepsleep(milliseconds=None):
    sys.exit('deepsleep')
