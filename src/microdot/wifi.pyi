from types import ModuleType
from typing import Any

network: ModuleType | None

class WiFi:
    patience: float
    interval: float
    longest_wait: float
    time_server: str | None
    networks: list[tuple[str, str]]
    hostname: str | None
    status: str
    address: str | None
    connections: int
    wlan: Any
    def __init__(
        self,
        networks: list[tuple[str, str]] | tuple[()] = (),
        hostname: str | None = None,
    ) -> None: ...
    @classmethod
    def load(cls, path: str = 'wifi.json') -> WiFi: ...
    def save(self, path: str = 'wifi.json') -> None: ...
    async def connect(self, timeout: float | None = None) -> str: ...
    async def disconnect(self) -> None: ...
    async def join(self, ssid: str, password: str) -> bool: ...
