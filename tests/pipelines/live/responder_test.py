"""What models make of a call, in this process and in the child that computes responses."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.models import registry
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.loading import Model
from solferino.models.music.pieces import piece
from solferino.pipelines.live import responder
from solferino.pipelines.live.calls import LiveNote, Phrase
from solferino.pipelines.live.responder import ChildResponder, Request

CASES = [(name, config) for name in registry.FAMILIES for config in registry.get(name).spec.configs]
# Of networks that have such a size.
TINY = {
    'rnn_layer_sizes': '[6,5]', 'embedding_size': 9, 'attention_size': 4, 'nade_size': 5, 'key_size': 4,
    'hidden_units': 6, 'rnn_units': 5,
}  # fmt: skip
DRUMS = Phrase(tuple(LiveNote(pitch, 90, k, k + 0.25, True) for k, pitch in enumerate((36, 38, 36, 38))), 4.0)
KEYS = Phrase(tuple(LiveNote(pitch, 90, k, k + 1.0) for k, pitch in enumerate((60, 64, 62, 67))), 4.0)
PADS = Phrase(tuple(note._replace(is_drum=False) for note in DRUMS.notes), 4.0)


def song() -> music_pb2.NoteSequence:
    """Sixteen bars of one voice, enough for what a family learns of music before it has a model."""
    made = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=32.0)
    made.tempos.add(qpm=120)
    for k in range(64):
        made.notes.add(pitch=60 + k % 7, velocity=80, start_time=k / 2, end_time=(k + 1) / 2)
    return made


def untrained(family_name: str, config_name: str) -> Model:
    """A model of small random weights."""
    family = registry.get(family_name)
    config = family.spec.configs[config_name]
    tiny = [f'{name}={size}' for name, size in TINY.items() if hasattr(config.hparams, name)]
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, ','.join(tiny)))
    counts: Counter[str] = Counter()
    if family_name not in ('drums_rnn', 'musegan'):  # which learn nothing beforehand, and would not take the song
        for example in family.examples(piece.of(song()), config, lambda reason: None):
            counts.update(family.traits(example, config))
        config = family.learn(config, counts, {})[0]
    rng = np.random.default_rng(1)
    weights = {
        name: (0.02 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in family.weight_shapes(config).items()
    }
    return Model(family, config, weights, 'here.mag', config.name, '')


@pytest.mark.parametrize('case', CASES, ids='-'.join)
def test_a_model_of_any_family_responds_or_says_that_it_cannot(case):
    model = untrained(*case)
    try:
        responder._require_primer(model)
    except SolferinoError as error:
        assert case[1] in ('chords', 'phrases', 'frame', 'musegan', 'musegan_small')
        assert f'here.mag is a model of {case[1]}, which does not go on from music' in str(error)
        return
    heard = 0
    for call in DRUMS, KEYS, PADS:
        for qpm in 90.0, 120.0:
            made = responder.continuation(model, Request(0, call, 8.0, 4, qpm, 1.5, 7))
            assert made.quarters == 8.0
            assert all(0.0 <= note.start < note.end <= 8.0 for note in made.notes)
            assert all(1 <= note.velocity <= 127 and 0 <= note.pitch <= 127 for note in made.notes)
            assert list(made.notes) == sorted(made.notes, key=lambda note: note.start)
            heard += len(made.notes)
    assert heard


def test_a_response_is_what_follows_the_call():
    """The bars after the call's own, of what the model generates from it as a primer, with the same seed."""
    model = untrained('drums_rnn', 'drum_kit')
    request = Request(0, DRUMS, 4.0, 4, 120.0, 1.0, 3)
    made = responder.continuation(model, request)
    primer = responder.music_for(model, DRUMS, 4, 120.0)
    with one_thread():
        [whole] = model.generate(primer, num_bars=2, temperature=1.0, seed=3)
    wanted = sorted((note.start_time, note.pitch) for note in whole.notes if note.start_time >= 2.0)
    assert sorted((2.0 + note.start / 2, note.pitch) for note in made.notes) == wanted
    assert made == responder.continuation(model, request)
    assert made != responder.continuation(model, request._replace(seed=4))


def test_calls_of_other_metres_are_taken():
    model = untrained('drums_rnn', 'drum_kit')
    call = Phrase(DRUMS.notes[:3], 3.0)
    made = responder.continuation(model, Request(0, call, 3.0, 3, 120.0, 1.0, 3))
    assert made.notes and max(note.end for note in made.notes) <= 3.0


def test_notes_are_what_the_model_takes_on_whatever_channel_they_were_played():
    drums, keys = untrained('drums_rnn', 'drum_kit'), untrained('melody_rnn', 'basic_rnn')
    both = Phrase(DRUMS.notes + KEYS.notes, 4.0)
    for model, call, wanted in (
        (drums, PADS, {False}), (drums, DRUMS, {True}), (drums, both, {True, False}),
        (keys, DRUMS, {False}), (keys, KEYS, {False}), (keys, both, {True, False}),
    ):  # fmt: skip
        assert {note.is_drum for note in responder.music_for(model, call, 4, 120.0).notes} == wanted


def test_the_child_loads_responds_and_ends(tmp_path: Path):
    untrained('drums_rnn', 'one_drum').save_bundle(tmp_path / 'hits.mag')
    child = ChildResponder([str(tmp_path / 'hits.mag')])
    try:
        [process] = child._pool._processes.values()
        assert child.names == ['hits (one_drum)']
        response = child.ask(Request(0, DRUMS, 4.0, 4, 120.0, None, 1)).result()
        assert response.quarters == 4.0
        os.kill(process.pid, signal.SIGINT)  # Ctrl-C of the terminal reaches it too
        assert child.ask(Request(0, DRUMS, 4.0, 4, 120.0, None, 1)).result() == response
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        for _ in range(2):
            with pytest.raises(BrokenProcessPool):
                child.ask(Request(0, DRUMS, 4.0, 4, 120.0, None, 1)).result()
    finally:
        child.close()
    assert not process.is_alive()


@pytest.mark.parametrize('kind', ['damaged', 'missing', 'deaf'])
def test_a_bundle_that_cannot_be_used_is_named(tmp_path: Path, kind: str):
    path = tmp_path / 'x.mag'
    if kind == 'damaged':
        path.write_bytes(b'\0' * 1000)
    elif kind == 'deaf':
        untrained('rbm', 'chords').save_bundle(path)
    with pytest.raises(SolferinoError, match=r'x\.mag'):
        ChildResponder([str(path)])


def test_the_child_ends_with_a_parent_that_is_killed(tmp_path: Path):
    untrained('drums_rnn', 'one_drum').save_bundle(tmp_path / 'hits.mag')
    script = tmp_path / 'play.py'
    script.write_text(
        'import sys, time\n'
        'from solferino.pipelines.live.responder import ChildResponder\n'
        'if __name__ == "__main__":\n'
        '    child = ChildResponder([sys.argv[1]])\n'
        '    print(*(process.pid for process in child._pool._processes.values()), flush=True)\n'
        '    time.sleep(60)\n'
    )
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / 'hits.mag')], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False
