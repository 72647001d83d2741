"""Bundles: a trained model in one `.mag` file, to keep and to share.

The file is note-seq's GeneratorBundle proto, as Magenta's. Ours holds the weights as safetensors, with the settings in
their header, and no code. Of Magenta's, which hold a TensorFlow checkpoint and a graph, the variables are read.
"""

import dataclasses
import os
import pathlib
from typing import Any

from google.protobuf import message
from note_seq.protobuf import generator_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.core.family import Weights
from solferino.models.core.magenta import magenta_models, tf_checkpoint
from solferino.models.core.storage import files, provenance, schemas, tensors

# A file above this is refused before it is read: the largest config has some 10 MB.
MAX_BYTES = 1 << 31


class Settings(schemas.Settings, provenance.Provenance, total=False):
    """What the header of the weights holds, in a bundle of ours."""

    recommended_temperature: schemas.Temperature | None
    held_out_music: schemas.Means | None


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What a bundle holds.

    Attributes:
      settings: the family and the config, as `settings.record_of` writes them; of a bundle of Magenta only those
        'hparams' that its checkpoint tells.
      weights: by name.
      generator_id, generator_description: what the model calls itself.
      description: what its maker wrote about it.
      by_magenta: whether Magenta saved it.
    """

    settings: dict[str, Any]
    weights: Weights
    generator_id: str
    generator_description: str
    description: str = ''
    by_magenta: bool = False


def write(path: str | pathlib.Path, bundle: Bundle) -> None:
    """Writes a bundle, whole or not at all. Raises SolferinoError if something else than a bundle has the name."""
    proto = generator_pb2.GeneratorBundle()
    proto.generator_details.id = bundle.generator_id
    proto.generator_details.description = bundle.generator_description
    proto.bundle_details.description = bundle.description
    proto.checkpoint_file.append(tensors.dump(bundle.weights, bundle.settings))
    files.atomic_write(str(path), proto.SerializeToString(deterministic=True), KIND)


def read(path: str | pathlib.Path) -> Bundle:
    """Reads a bundle.

    Raises SolferinoError that names the file if it is missing, damaged, something else, or has weights that are not
    finite.
    """
    path = pathlib.Path(os.path.expanduser(path))
    if not path.exists():
        raise SolferinoError(f'There is no bundle {path}.')
    files.require_regular(str(path))
    if path.stat().st_size > MAX_BYTES:
        raise SolferinoError(f'{path} is not a bundle: it is larger than any ({path.stat().st_size} bytes).')
    try:
        proto = generator_pb2.GeneratorBundle.FromString(path.read_bytes())
    except message.DecodeError:
        raise SolferinoError(f'{path} is not a bundle, or it is cut short.') from None
    if len(proto.checkpoint_file) != 1 or not proto.generator_details.id:
        raise SolferinoError(f'{path} is not a bundle: it holds no model.')
    weights, settings = _magenta(proto, path) if proto.metagraph_file else _ours(proto, path)
    details = proto.generator_details
    return Bundle(
        settings,
        weights,
        details.id,
        details.description,
        proto.bundle_details.description,
        by_magenta=bool(proto.metagraph_file),
    )


def _is_bundle(path: str) -> bool:
    if pathlib.Path(path).stat().st_size > MAX_BYTES:
        return False
    try:
        proto = generator_pb2.GeneratorBundle.FromString(pathlib.Path(path).read_bytes())
    except message.DecodeError:
        return False
    return bool(proto.checkpoint_file and proto.generator_details.id)


KIND = files.Kind('a bundle', _is_bundle)


def _ours(proto: Any, path: pathlib.Path) -> tuple[Weights, dict[str, Any]]:
    try:
        weights, settings = tensors.parse(proto.checkpoint_file[0], Settings)
        tensors.require_finite(weights)
    except ValueError as error:
        raise SolferinoError(f'{path}: the model in this bundle {error}.') from None
    return weights, settings


def _magenta(proto: Any, path: pathlib.Path) -> tuple[Weights, dict[str, Any]]:
    try:
        variables = tf_checkpoint.parse_v1(proto.checkpoint_file[0])
        trained = magenta_models.convert(variables, proto.metagraph_file)
    except ValueError as error:
        raise SolferinoError(f'{path} is a bundle of Magenta that cannot be used: {error}.') from None
    return trained.weights, {'hparams': trained.hparams}
