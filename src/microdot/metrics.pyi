from .health import Health as Health
from .microdot import Microdot

class Metrics:
    max_series: int
    app: Microdot
    in_flight: int
    series: dict[str, list[float]]
    def __init__(
        self, app: Microdot, path: str | None = '/metrics') -> None: ...
    def render(self) -> str: ...
