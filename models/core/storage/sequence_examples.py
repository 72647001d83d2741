"""Examples as SequenceExample protos, without TensorFlow.

Two forms share the proto:
- compact, our own: each array of the example is one packed feature of the context, with its shape in another;
- dense, Magenta's: feature lists `inputs` (floats) and `labels` (one integer), one feature per step.

TensorFlow's classes take a full import of TensorFlow (4 s), so the messages are declared here: with the field numbers
and types of tensorflow/core/example/{feature,example}.proto, and so the same bytes.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_SHAPE = '/shape'
_MAX_RANK, _MAX_SIZE = 8, 1 << 31  # of an array, and along a dimension


@dataclasses.dataclass(frozen=True)
class DenseExample:
    """Magenta's form: inputs [steps, input_size] float32, labels [steps] int64."""

    inputs: np.ndarray
    labels: np.ndarray


def serialize(example: Mapping[str, np.ndarray]) -> bytes:
    """Returns the compact form of arrays of integers or floats, by name."""
    proto = _sequence_example_class()()
    for name in sorted(example):
        array = np.asarray(example[name])
        feature = proto.context.feature[name]
        if array.dtype.kind in 'iub':
            values = feature.int64_list
        elif array.dtype.kind == 'f':
            values = feature.float_list
        else:
            raise TypeError(f'{name}: arrays of {array.dtype} cannot be stored')
        values.SetInParent()  # an empty array has a type, too
        values.value.extend(array.ravel().tolist())
        if array.ndim != 1:
            proto.context.feature[name + _SHAPE].int64_list.value.extend(array.shape)
    return proto.SerializeToString(deterministic=True)


def serialize_dense(example: DenseExample) -> bytes:
    """Returns Magenta's form."""
    proto = _sequence_example_class()()
    inputs = proto.feature_lists.feature_list['inputs'].feature
    for row in example.inputs.tolist():
        inputs.add().float_list.value.extend(row)
    labels = proto.feature_lists.feature_list['labels'].feature
    for label in example.labels.tolist():
        labels.add().int64_list.value.append(label)
    return proto.SerializeToString(deterministic=True)


def parse(data: bytes) -> dict[str, np.ndarray] | DenseExample:
    """Reads either form. Raises ValueError if `data` is not a SequenceExample or holds neither form."""
    try:
        proto = _sequence_example_class().FromString(data)
    except message.DecodeError:
        raise ValueError('it is not a SequenceExample') from None
    lists = proto.feature_lists.feature_list
    if 'inputs' in lists and 'labels' in lists:
        return _parse_dense(lists['inputs'].feature, lists['labels'].feature)
    features = proto.context.feature
    if not features:
        raise ValueError('it is a SequenceExample without features')
    shapes = {name: tuple(f.int64_list.value) for name, f in features.items() if name.endswith(_SHAPE)}
    return {
        name: _shaped(_array(feature), shapes.get(name + _SHAPE))
        for name, feature in features.items()
        if not name.endswith(_SHAPE)
    }


def _shaped(array: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    if shape is None:
        return array
    if len(shape) > _MAX_RANK or not all(0 <= size <= _MAX_SIZE for size in shape) or math.prod(shape) != len(array):
        raise ValueError(f'it holds an array that has another size than its shape, {list(shape[:_MAX_RANK])}')
    return array.reshape(shape)


def require_whole(example: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError if a compact example has other values than integers: no family's has."""
    for name, array in example.items():
        if array.dtype.kind != 'i':
            raise ValueError(f'its {name} are no whole numbers')


def is_example(data: bytes) -> bool:
    """Whether `parse` can read a record."""
    try:
        parse(data)
    except ValueError:
        return False
    return True


def _parse_dense(inputs: Any, labels: Any) -> DenseExample:
    rows = [step.float_list.value for step in inputs]
    if len({len(row) for row in rows}) > 1:
        raise ValueError('its inputs change their size from step to step')
    if any(len(step.int64_list.value) != 1 for step in labels) or len(labels) != len(rows):
        raise ValueError('it does not have one label for each step')
    width = len(rows[0]) if rows else 0
    return DenseExample(
        np.array([v for row in rows for v in row], np.float32).reshape(len(rows), width),
        np.array([step.int64_list.value[0] for step in labels], np.int64),
    )


def _array(feature: Any) -> np.ndarray:
    kind = feature.WhichOneof('kind')
    if kind == 'float_list':
        return np.array(feature.float_list.value, np.float32)
    if kind == 'int64_list':
        return np.array(feature.int64_list.value, np.int64)
    raise ValueError('it holds a feature that is neither whole numbers nor floats')


@functools.cache
def _sequence_example_class() -> Any:
    """Declares the messages once. The package name is ours so that TensorFlow can be loaded in the same process."""
    package = 'solferino.example'
    file = descriptor_pb2.FileDescriptorProto(name='solferino/example.proto', package=package, syntax='proto3')
    field = descriptor_pb2.FieldDescriptorProto
    types = {
        'bytes': field.TYPE_BYTES,
        'float': field.TYPE_FLOAT,
        'int64': field.TYPE_INT64,
        'string': field.TYPE_STRING,
    }

    def declare(parent: Any, name: str, *fields: tuple[str, str, str, str | None]) -> Any:
        declared = parent.add(name=name)
        for number, (label, kind, field_name, oneof) in enumerate(fields, start=1):
            added = declared.field.add(
                name=field_name,
                number=number,
                label=field.LABEL_REPEATED if label == 'repeated' else field.LABEL_OPTIONAL,
            )
            if kind in types:
                added.type = types[kind]
            else:
                added.type, added.type_name = field.TYPE_MESSAGE, f'.{package}.{kind}'
            if oneof:
                if not declared.oneof_decl:
                    declared.oneof_decl.add(name=oneof)
                added.oneof_index = 0
        return declared

    def declare_map(name: str, value: str, field_name: str) -> None:
        entry = ''.join(part.title() for part in field_name.split('_')) + 'Entry'
        owner = declare(file.message_type, name, ('repeated', f'{name}.{entry}', field_name, None))
        nested = declare(owner.nested_type, entry, ('one', 'string', 'key', None), ('one', value, 'value', None))
        nested.options.map_entry = True

    for name, kind in (('BytesList', 'bytes'), ('FloatList', 'float'), ('Int64List', 'int64')):
        declare(file.message_type, name, ('repeated', kind, 'value', None))
    declare(
        file.message_type,
        'Feature',
        ('one', 'BytesList', 'bytes_list', 'kind'),
        ('one', 'FloatList', 'float_list', 'kind'),
        ('one', 'Int64List', 'int64_list', 'kind'),
    )
    declare(file.message_type, 'FeatureList', ('repeated', 'Feature', 'feature', None))
    declare_map('Features', 'Feature', 'feature')
    declare_map('FeatureLists', 'FeatureList', 'feature_list')
    declare(
        file.message_type,
        'SequenceExample',
        ('one', 'Features', 'context', None),
        ('one', 'FeatureLists', 'feature_lists', None),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(package + '.SequenceExample'))
