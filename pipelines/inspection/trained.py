"""What training makes: run directories, checkpoints, bundles, and the events that TensorBoard shows."""

import glob
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models import loading
from solferino.models.core import settings
from solferino.models.core.runs import bundles, curves, run_dir, status
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import diagnosis
from solferino.pipelines.inspection import datasets
from solferino.pipelines.inspection.findings import Finding

_PICTURE_STEPS = 128
# The beginning of the file that a checkpoint of TensorFlow is found by: a text that names it.
MAGENTA_STATE = 'checkpoint'


def inspect_bundle(path: str) -> Finding:
    """Reads a bundle. Raises SolferinoError if it is none, or damaged."""
    by_magenta = bundles.read(path).by_magenta
    kind = "bundle of Magenta's, a trained model" if by_magenta else 'bundle, a trained model'
    return _of_model(path, kind, loading.load_bundle(path), by_magenta)


def inspect_checkpoint(path: str) -> Finding:
    """Reads a checkpoint file of ours. Raises SolferinoError if it is none, or damaged."""
    checkpoint = checkpoints.load(path)
    finding = _of_model(path, 'checkpoint of a run', loading.load_checkpoint(path))
    seen = {'step': checkpoint.step, 'seed': checkpoint.metadata.get('seed'), 'evaluation loss': checkpoint.eval_loss}
    finding.facts = {name: value for name, value in seen.items() if value is not None} | finding.facts
    return finding


def inspect_magenta_checkpoint(path: str) -> Finding:
    """Reads a checkpoint that Magenta wrote: the name of all its files, without their endings."""
    return _of_model(path, "checkpoint of a run of Magenta's", loading.load(path), by_magenta=True)


def inspect_run(path: str, record: dict[str, Any]) -> Finding:
    """Reads a run directory of ours."""
    family, _ = datasets.config_of(record, run_dir.run_path(path))
    run = run_dir.load(path, family.spec)
    found = checkpoints.paths(run.train_dir)
    finding = Finding(path, 'run directory', curves=curves.read(path))
    said = diagnosis.of_run(finding.curves, family.spec.compares_losses) if finding.curves else None
    finding.facts = {
        **_of_config(family.spec.name, run.config),
        'seed': run.seed,
        'generator': run.generator.get('id'),
        'examples': run.dataset.get('examples'),
        'dataset': run.dataset.get('path'),
        'created': record.get('created'),
        'diagnosis': said.text if said else None,
        'state': _state(path, status.read(path)),
        'checkpoints at step': list(found) or 'none',
        'versions': {k: v for k, v in (record.get('versions') or {}).items() if v},
    }
    best = checkpoints.best(run.train_dir)
    try:
        if best:
            kept = checkpoints.load(best)
            loss = 'unknown' if kept.eval_loss is None else f'{kept.eval_loss:.4g}'
            finding.facts['best checkpoint'] = f'{os.path.basename(best)}, evaluation loss {loss}'
        if found:
            newest = loading.load_checkpoint(path)
            finding.facts['weights'] = weights(newest.weights)
    except SolferinoError as error:
        finding.warnings.append(str(error))
    return finding


def inspect_status(path: str, record: dict[str, Any]) -> Finding:
    """What the trainer of a run says of itself. Raises SolferinoError for a damaged file."""
    settings.require(record, status.Record, path)
    heartbeat = record.get('heartbeat')
    facts = {
        'state': _state(os.path.dirname(os.path.dirname(path)), record),
        'keeps the best checkpoint': bool(record.get('evaluates')),
        'process': f'{record.get("pid")} on {record.get("host")}',
        'last heard of': time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(heartbeat)) if heartbeat else None,
    }
    return Finding(path, 'status of a training run', facts)


def inspect_magenta_run(path: str) -> Finding:
    """Reads a run directory of Magenta's: the newest checkpoint, and the curves."""
    finding = Finding(path, "run directory of Magenta's", curves=curves.read(path))
    folder = os.path.join(path, 'train') if os.path.isdir(os.path.join(path, 'train')) else path
    names = (os.path.basename(name) for name in glob.glob(os.path.join(glob.escape(folder), 'model.ckpt-*.index')))
    steps = sorted(int(step) for step in (name.split('-')[1].split('.')[0] for name in names) if step.isdigit())
    finding.facts = {'checkpoints at step': steps or 'none'}
    try:
        finding.facts |= _of_model(path, '', loading.load(path), by_magenta=True).facts
    except SolferinoError as error:
        finding.warnings.append(str(error))
    return finding


def inspect_events(path: str) -> Finding:
    """Reads a file, or a folder, of TensorBoard's events."""
    finding = Finding(path, "TensorBoard's events of a run")
    finding.curves = {tag: {'': curve} for tag, curve in curves.of_events(path).items()}
    return finding


def weights(arrays: Mapping[str, np.ndarray]) -> str:
    """How many there are."""
    numbers = sum(array.size for array in arrays.values())
    size = sum(array.nbytes for array in arrays.values()) / 1e6
    return f'{numbers:,} numbers in {len(arrays)} arrays, {size:.2g} MB'


def _of_model(path: str, kind: str, model: loading.Model, by_magenta: bool = False) -> Finding:
    facts = {
        **_of_config(model.family.spec.name, model.config, by_magenta),
        'generator': f'{model.generator_id}: {model.generator_description}' if model.generator_id else None,
        'description': model.description,
        'recommended temperature': model.recommended_temperature,
        'weights': weights(model.weights),
    }

    def picture() -> Any:
        (sequence,) = model.generate(num_steps=_PICTURE_STEPS, seed=0)
        sequence.sequence_metadata.title = f'{Path(path).name}: {_PICTURE_STEPS} steps that it makes with --seed=0'
        return model.family.draw(sequence, model.config)

    return Finding(path, kind, facts, picture=picture)


def _of_config(family: str, config: Any, by_magenta: bool = False) -> dict[str, Any]:
    facts = {
        'family': family,
        'config': f'{config.name} ({config.description.rstrip(".")})',
        'steps_per_quarter': config.steps_per_quarter,
    }
    if by_magenta:  # such files tell the network, and not how it was trained and on what
        shown = ('rnn_layer_sizes', 'attn_length', 'residual_connections')
        hparams = overrides.as_dict(config.hparams)
        return facts | {'hparams': {name: hparams[name] for name in shown if name in hparams}}
    return facts | {
        'hparams': overrides.as_dict(config.hparams),
        'extraction': overrides.as_dict(config.extraction),
    }


def _state(path: str, record: dict[str, Any] | None) -> str | None:
    """What the status of the run directory `path` says, in words."""
    if record is None:
        return None
    state = record.get('state')
    if state == status.TRAINING and not status.is_training(path):
        state = 'stopped without a word'
    total = f' of {record["total"]:,}' if record.get('total') else ''
    return f'{state}, step {record.get("step", 0):,}{total}'
