"""Valid files, damaged: as bytes, text, XML, JSON, protocol buffers, records and arrays, with their checksums right.

Each function takes a `random.Random`, and gives the same for the same state of it.
"""

import json
import math
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from solferino.models.core.storage import records, tensors

WHOLE_NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
    10**30,
)
NUMBERS = (0.0, -0.0, -1.0, 0.5, 5e-324, 1e-9, 1e9, 1e18, 1e300, -1e300, math.inf, -math.inf, math.nan)
TEXTS = (
    '',
    ' ',
    '\0',
    '\n',
    '../..',
    '/',
    'x' * 5000,
    '\u0301',
    '\U0001d11e',
    '%s',
    '{}',
    '[',
    '"',
    '-1',
    'nan',
    '\udcff',
)
_DEEP = 50_000  # levels of brackets


def bytes_of(data: bytes, rng: Random) -> bytes:
    """Changes, removes, repeats and inserts a few bytes and stretches."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8, 30))):
        size = len(changed)
        at, length = rng.randrange(size + 1), min(rng.choice((1, 1, 2, 4, 8, 64, 1000)), size)
        match rng.randrange(8):
            case 0 if size:
                changed[at % size] ^= 1 << rng.randrange(8)
            case 1 if size:
                changed[at % size] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length] * rng.choice((1, 2, 50))
            case 4:
                changed[at:at] = rng.randbytes(length)
            case 5:
                changed[at : at + 4] = struct.pack(
                    rng.choice(('<I', '>I')), rng.choice((0, 2**31 - 1, 2**31, 2**32 - 1))
                )
            case 6:
                begin = rng.randrange(size + 1)
                changed[at : at + length] = changed[begin : begin + length]
            case 7 if rng.random() < 0.3:
                del changed[at:]
    return bytes(changed)


def text_of(data: bytes, rng: Random) -> bytes:
    """Changes numbers, words and lines of a text, or its bytes."""
    if rng.random() < 0.3:
        return bytes_of(data, rng)
    lines = data.split(b'\n')
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                lines[at : at + 1] = [lines[at]] * rng.choice((0, 2, 3, 200))
            case 1:
                lines.insert(rng.randrange(len(lines)), lines[at])
            case 2:
                lines[at] = _word_replaced(lines[at], rng)
            case 3:
                lines[at] = _number_replaced(lines[at], rng)
            case 4:
                lines[at] = bytes_of(lines[at], rng).replace(b'\n', b' ')
        lines = lines or [b'']
    return b'\n'.join(lines)


def _word_replaced(line: bytes, rng: Random) -> bytes:
    words = line.split(b' ')
    value = rng.choice((*TEXTS, *map(str, WHOLE_NUMBERS), *map(str, NUMBERS)))
    words[rng.randrange(len(words))] = value.encode('utf-8', 'surrogatepass')
    return b' '.join(words)


def _number_replaced(line: bytes, rng: Random) -> bytes:
    places = [i for i, byte in enumerate(line) if chr(byte).isdigit()]
    if not places:
        return line
    at = rng.choice(places)
    value = rng.choice((*map(str, WHOLE_NUMBERS), '1' * 400, '0.5', '1e9', '3/0', '')).encode()
    return line[:at] + value + line[at + 1 :]


def xml_of(data: bytes, rng: Random) -> bytes:
    """Changes elements, texts and attributes of an XML document, which stays well-formed; or changes it as a text."""
    if rng.random() < 0.3:
        return text_of(data, rng)
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:  # an encoding, or an entity, that this parser does not know
        return text_of(data, rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        elements = [element for element in root.iter() if len(element)]
        parent = rng.choice(elements or [root])
        place = rng.randrange(len(parent)) if len(parent) else 0
        match rng.randrange(6) if len(parent) else 5:
            case 0:
                parent.remove(parent[place])
            case 1:
                for _ in range(rng.choice((1, 2, 200))):
                    parent.insert(place, parent[place])
            case 2:
                parent.insert(rng.randrange(len(parent)), parent[place])
            case 3:
                rng.choice(elements).append(parent[place])
            case 4:
                parent[place].text = _harmless(
                    rng.choice((*TEXTS, *map(str, WHOLE_NUMBERS), *map(str, NUMBERS), '3+2', 'C', '1/0'))
                )
            case 5:
                named = rng.choice([*root.iter()])
                for name in named.attrib:
                    named.set(name, _harmless(rng.choice((*TEXTS, *map(str, WHOLE_NUMBERS), 'yes', 'start', 'P1'))))
        if sum(1 for _ in root.iter()) > 100_000:
            break
    return ElementTree.tostring(root)


def _harmless(text: str) -> str:
    """Without what no XML document may hold."""
    return ''.join(letter for letter in text if letter.isprintable())


def json_of(value: Any, rng: Random) -> Any:
    """Changes some of the values and names in what JSON holds."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        value = _json_changed(value, rng)
    return value


def _json_changed(value: Any, rng: Random) -> Any:
    inside = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not inside or rng.random() < 0.1:
        return _other(value, rng)
    key = rng.choice(list(inside))
    changed = dict(value) if isinstance(value, dict) else list(value)
    if rng.random() < 0.75:
        changed[key] = _json_changed(value[key], rng)
    elif isinstance(changed, dict):
        found = changed.pop(key)
        if rng.random() < 0.5:
            changed[rng.choice((*TEXTS, key.upper(), f'{key}_', *value))] = found
    elif rng.random() < 0.5:
        del changed[key]
    else:
        changed[key:key] = [value[key]] * rng.choice((1, 2, 300))
    return changed


def _other(value: Any, rng: Random) -> Any:
    if isinstance(value, (int, float)) and rng.random() < 0.5:
        return rng.choice(
            (value + 1, -value, value * 1000, float(value), rng.choice(WHOLE_NUMBERS), rng.choice(NUMBERS))
        )
    simple = (None, True, False, [], {}, [None], {'': 0}, [[[[1]]]], str(value), [value])
    return rng.choice((*simple, *WHOLE_NUMBERS, *NUMBERS, *TEXTS))


def json_text(data: bytes, rng: Random) -> bytes:
    """A JSON file with other values, or with other bytes."""
    kind = rng.random()
    if kind < 0.1:
        return bytes_of(data, rng)
    if kind < 0.12:
        return b'[' * _DEEP if rng.random() < 0.5 else b'{"family":' * _DEEP
    changed = json.dumps(json_of(json.loads(data), rng)).encode('utf-8', 'surrogatepass')
    return changed.replace(b'": ', b'": ' + b'[' * _DEEP, 1) + b']' * _DEEP if kind < 0.13 else changed


def proto_of(data: bytes, rng: Random, depth: int = 0) -> bytes:
    """Changes a few fields of a serialized protocol buffer, of whatever message; its lengths stay right."""
    fields = _fields(data)
    if not fields:
        return bytes_of(data, rng)
    for _ in range(rng.choice((1, 1, 2, 5)) if not depth else 1):
        at = rng.randrange(len(fields))
        number, wire, content = fields[at]
        match rng.randrange(8):
            case 0:
                del fields[at]
            case 1:
                fields[at:at] = [fields[at]] * rng.choice((1, 2, 100))
            case 2:
                fields.insert(rng.randrange(len(fields)), fields.pop(at))
            case _:
                fields[at] = number, wire, _field_changed(wire, content, rng, depth)
        if not fields:
            break
    return b''.join(_field(*field) for field in fields)


def _field_changed(wire: int, content: bytes, rng: Random, depth: int) -> bytes:
    match wire:
        case 0:
            return _varint(rng.choice((*WHOLE_NUMBERS, rng.randrange(2**64))) & (2**64 - 1))
        case 1:
            return struct.pack('<d', rng.choice((*NUMBERS, rng.random() * 100)))
        case 5:
            return rng.choice((struct.pack('<f', rng.choice((0, -1, 0.5, 1e30, math.inf, math.nan))), rng.randbytes(4)))
    if depth < 6 and content and rng.random() < 0.8:
        return proto_of(content, rng, depth + 1)
    return rng.choice(
        (b'', b'\xff\xfe', b'x' * 5000, rng.choice(TEXTS).encode('utf-8', 'surrogatepass'), bytes_of(content, rng))
    )


def _fields(data: bytes) -> list[tuple[int, int, bytes]]:
    """The fields of a message: number, wire type, content. None if the bytes are no message."""
    found, at = [], 0
    try:
        while at < len(data):
            tag, at = _read_varint(data, at)
            begin = at
            match tag & 7:
                case 0:
                    at = _read_varint(data, at)[1]
                case 1:
                    at += 8
                case 5:
                    at += 4
                case 2:
                    length, begin = _read_varint(data, at)
                    at = begin + length
                case _:
                    return []
            if at > len(data) or not tag >> 3:
                return []
            found.append((tag >> 3, tag & 7, data[begin:at]))
    except IndexError:
        return []
    return found


def _field(number: int, wire: int, content: bytes) -> bytes:
    return _varint(number << 3 | wire) + (_varint(len(content)) if wire == 2 else b'') + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def records_of(change: Callable[[bytes, Random], bytes]) -> Callable[[bytes, Random], bytes]:
    """Returns what damages a TFRecord file: its bytes, or with `change` some records, whose checksums are right."""

    def changed(data: bytes, rng: Random) -> bytes:
        if rng.random() < 0.1:
            return bytes_of(data, rng)
        payloads, at = [], 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], 'little')
            payloads.append(data[at + 12 : at + 12 + length])
            at += 16 + length
        for _ in range(rng.choice((1, 1, 3))):
            place = rng.randrange(len(payloads))
            payloads[place] = change(payloads[place], rng)
        return b''.join(map(records.frame, payloads))

    return changed


def tensors_of(data: bytes, rng: Random) -> bytes:
    """Changes arrays or settings of a safetensors file, with the right checksum, or its bytes."""
    if rng.random() < 0.1:
        return bytes_of(data, rng)
    arrays, metadata = tensors.parse(data)
    if rng.random() < 0.5:
        metadata = json_of(metadata, rng)
    else:
        for _ in range(rng.choice((1, 1, 2))):
            arrays = _arrays_changed(arrays, rng)
    return tensors.dump(arrays, metadata)


def _arrays_changed(arrays: dict[str, np.ndarray], rng: Random) -> dict[str, np.ndarray]:
    name = rng.choice(sorted(arrays))
    changed, array = dict(arrays), arrays[name].copy()
    match rng.randrange(8):
        case 0:
            del changed[name]
            return changed or arrays
        case 1:
            changed[rng.choice((f'{name}_', 'weights/', 'x', name.upper(), *arrays))] = array
            return changed
        case 2:
            array = array.reshape(-1)[: rng.randrange(array.size + 1)]
        case 3:
            array = np.concatenate([array, array]) if array.ndim else np.stack([array, array])
        case 4:
            array = array.T if array.ndim > 1 else array[..., None]
        case 5:
            array = array.astype(rng.choice(('float16', 'float64', 'int64', 'uint8', 'bool')))
        case 6:
            array = np.zeros(rng.choice(((0,), (), (0, 5), (1, 1, 1))), array.dtype)
        case 7:
            flat = array.reshape(-1)
            if flat.size and flat.dtype.kind == 'f':
                flat[rng.randrange(flat.size)] = rng.choice((math.nan, math.inf, -math.inf, 3e38, -3e38, 1e-45))
    changed[name] = array
    return changed


def bundle_of(data: bytes, rng: Random) -> bytes:
    """Changes the model in a bundle of ours, with its checksums right, or other fields of the bundle."""
    if rng.random() < 0.2:
        return proto_of(data, rng)
    fields = _fields(data)
    place = max(range(len(fields)), key=lambda at: len(fields[at][2]))  # the model is the longest by far
    number, wire, content = fields[place]
    fields[place] = number, wire, tensors_of(content, rng)
    return b''.join(_field(*field) for field in fields)
