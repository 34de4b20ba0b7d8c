from .pubsub import Hub, Listener

class History:
    max_history: int
    hub: Hub
    kept: list[tuple[object, ...]]
    number: int
    def __init__(self, hub: Hub) -> None: ...
    def add(self, entry: tuple[object, ...]) -> tuple[object, ...]: ...
    def find(
        self, listener: Listener,
        after: str) -> list[tuple[object, ...]]: ...
