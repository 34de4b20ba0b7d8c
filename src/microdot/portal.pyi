from .wifi import WiFi as WiFi
from .wifi import network as network

async def open(
    name: str,
    password: str | None = None,
    path: str = 'wifi.json',
    port: int = 80,
    dns_port: int = 53,
    linger: float = 10,
) -> WiFi: ...
