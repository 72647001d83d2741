"""What solferino_export writes: folders for web pages and for TensorFlow, and pictures."""

import os
import struct
from typing import Any, TypedDict

from solferino.hparams.errors import SolferinoError
from solferino.models.core import settings
from solferino.models.core.storage import schemas
from solferino.pipelines.inspection.findings import Finding

PNG = b'\x89PNG'
# Files by which a folder is told.
_WEB = ('config.json', 'weights_manifest.json')
_TENSORFLOW = ('saved_model.pb', 'model.json')
_INSIDE = ('variables', 'assets')  # folders of a SavedModel
_MAX_MANIFEST = 1 << 24  # characters


class _WebConverter(TypedDict, total=False):
    type: str


class _WebConfig(TypedDict, total=False):
    """config.json, see `magentajs`."""

    type: str
    dataConverter: _WebConverter | None
    attentionLength: schemas.Count


class _WebArray(TypedDict):
    name: str
    shape: list[schemas.Count]
    dtype: str


class _WebGroup(TypedDict):
    """Of weights_manifest.json."""

    weights: list[_WebArray]


class _Model(TypedDict, total=False):
    """model.json, see `saved_model`."""

    family: str
    config: str
    description: str
    steps_per_quarter: float
    usage: list[str] | str


def find(path: str) -> Finding | None:
    """What is found in an exported model, whose folder, or a file or folder in it, the path names; None for others."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    above = os.path.dirname(os.path.abspath(folder))
    for candidate in (folder, *([above] if os.path.basename(os.path.abspath(folder)) in _INSIDE else [])):
        for files, inspect in ((_WEB, _inspect_web), (_TENSORFLOW, _inspect_tensorflow)):
            if all(os.path.isfile(os.path.join(candidate, name)) for name in files):
                return inspect(candidate or '.')
    return None


def inspect_png(path: str, head: bytes) -> Finding:
    """Says how large a picture is, from the first bytes of its file. Raises SolferinoError for one that is cut off."""
    if len(head) < 24:
        raise SolferinoError(f'{path} is a PNG picture that is cut off: it has {len(head)} bytes.')
    width, height = struct.unpack('>II', head[16:24])
    return Finding(path, 'picture (PNG)', {'size': f'{width:,} x {height:,} pixels'})


def _inspect_web(folder: str) -> Finding:
    config = settings.read_json(os.path.join(folder, _WEB[0]), _WebConfig) or {}
    path = os.path.join(folder, _WEB[1])
    try:
        with open(path, encoding='utf-8') as file:
            groups = schemas.loads(file.read(_MAX_MANIFEST))
        schemas.require(groups, list[_WebGroup])
    except (OSError, ValueError) as error:
        raise SolferinoError(f'{path} is damaged: it holds no list of weights. Export the model again.') from error
    weights = [entry for group in groups for entry in group['weights']]
    converter = config.get('dataConverter') or {}
    facts = {
        'model': config.get('type'),
        'events': converter.get('type'),
        'attention over steps': config.get('attentionLength'),
        'arrays': len(weights),
        **_sizes(folder),
    }
    return Finding(folder, 'exported model for web pages with @magenta/music (solferino_export)', facts)


def _inspect_tensorflow(folder: str) -> Finding:
    record = settings.read_json(os.path.join(folder, _TENSORFLOW[1]), _Model) or {}
    known = ('family', 'config', 'description', 'steps_per_quarter', 'usage')
    facts = {name: record.get(name) for name in known} | _sizes(folder)
    return Finding(folder, 'exported model for TensorFlow: a SavedModel (solferino_export)', facts)


def _sizes(folder: str) -> dict[str, Any]:
    sizes = [os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(folder) for name in names]
    return {'files': len(sizes), 'bytes': sum(sizes)}
