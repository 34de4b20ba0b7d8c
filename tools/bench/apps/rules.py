"""The same fields for every library that checks bodies."""
import dataclasses


def make(kind):
    """Return the class, or dict, of a body of that kind."""
    return {'dataclass': _dataclass, 'msgspec': _msgspec,
            'pydantic': _pydantic, 'dict': _dict}[kind]()


def _dataclass():
    @dataclasses.dataclass
    class Item:
        id: int
        name: str
        price: float

    return dataclasses.make_dataclass('Items', [('items', list[Item])])


def _msgspec():
    import msgspec

    class Item(msgspec.Struct):
        id: int
        name: str
        price: float

    return msgspec.defstruct('Items', [('items', list[Item])])


def _pydantic():
    import pydantic

    class Item(pydantic.BaseModel):
        id: int
        name: str
        price: float

    return pydantic.create_model('Items', items=(list[Item], ...))


def _dict():
    return {'items': [{'id': int, 'name': str, 'price': float}]}
