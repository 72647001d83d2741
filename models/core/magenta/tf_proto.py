"""The wire format of protos, read field by field where they lie: no message class, no TensorFlow, no copies.

https://protobuf.dev/programming-guides/encoding: a field is a varint, number << 3 | kind, then a varint (kind 0), 8
bytes (1), 4 bytes (5), or a varint size and as many bytes (2): text, a message, or packed numbers. What is absent is 0
or empty.
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DAMAGED = 'it is damaged: '


class Reader:
    """Takes bytes from the front of `data`. Raises ValueError where there are not enough."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._position

    def take(self, size: int) -> memoryview:
        """The next `size` bytes, not copied."""
        if size > self.left:
            raise ValueError(_DAMAGED + 'a size in it is larger than the file')
        self._position += size
        return self._data[self._position - size : self._position]

    def varint(self) -> int:
        """The next number, below 2 ** 64: 7 bits a byte, lowest first; the last byte is below 128."""
        value = shift = 0
        while shift < 64:
            (byte,) = self.take(1)
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (1 << 64) - 1
            shift += 7
        raise ValueError(_DAMAGED + 'a number in it has no end')


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields field numbers and values, a varint as int and all others as bytes. Raises ValueError if it is no proto."""
    reader = Reader(message)
    while reader.left:
        tag = reader.varint()
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            yield number, reader.varint()
        elif kind == _BYTES:
            yield number, reader.take(reader.varint())
        elif kind in (_FIXED64, _FIXED32):
            yield number, reader.take(8 if kind == _FIXED64 else 4)
        else:
            raise ValueError(_DAMAGED + 'a field of an unknown kind')


def blobs(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yields the bytes of each field `number`: messages, texts or packed numbers. Raises ValueError."""
    for found, value in fields(message):
        if found == number:
            if isinstance(value, int):
                raise ValueError(_DAMAGED + 'a number where something else belongs')
            yield value


def blob(message: memoryview, number: int) -> memoryview:
    """Returns the bytes of the field `number`, empty if there is none. Raises ValueError."""
    return next(blobs(message, number), memoryview(b''))


def text(message: memoryview, number: int) -> str:
    """Returns the text of the field `number`; what is no UTF-8 shows as such. Raises ValueError."""
    return str(blob(message, number), 'utf-8', 'replace')


def number(message: memoryview, number: int) -> int:
    """Returns the varint of the field `number`, 0 if there is none. Raises ValueError."""
    value = next((value for found, value in fields(message) if found == number), 0)
    if not isinstance(value, int):
        raise ValueError(_DAMAGED + 'something else where a number belongs')
    return value
