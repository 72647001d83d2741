"""What jazz_rnn makes of music, and the music that it makes."""

import dataclasses
import itertools
from collections import Counter
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.jazz_rnn import SPEC, Grammar
from solferino.hparams.reasons import MELODY_TOO_SHORT, NO_MELODY, NO_TRACK
from solferino.hparams.spec import Config
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.jazz_rnn import performance, vocabulary, windows
from solferino.models.loading import Model
from solferino.models.music.jazz import chords, tokens
from solferino.models.music.jazz.tokens import Note, Token
from solferino.models.music.pieces import piece

FAMILY = registry.get('jazz_rnn')
CONFIG = SPEC.configs['jazz_rnn']
LABELLED = dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, labels_from_folders=True))
TOKENS = st.builds(Token, st.sampled_from('CLAX'), st.integers(1, 96), st.sampled_from(tokens.BOUNDS))


def song(bars: int = 16) -> music_pb2.NoteSequence:
    """A melody of eighths over Dm7 G7 Cmaj7 Cmaj7, at 120 quarters a minute."""
    rng = np.random.default_rng(0)
    line, pitch = [], 67
    for place in range(bars * 8):
        pitch = int(np.clip(pitch + rng.choice([-2, -1, 1, 2]), 60, 79))
        line.append(Note(place * 6, 6, pitch))
    changes = chords.parse_bars('Dm7 G7 Cmaj7 Cmaj7', 48)
    sequence = performance.play(line, changes, 0, bars * 48, 120.0)
    sequence.id = 'song'
    return sequence


def _config(music: music_pb2.NoteSequence, **extraction: Any) -> Config:
    """What is learned of a song."""
    config = dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, **extraction))
    counts: Counter[str] = Counter()
    for example in FAMILY.examples(piece.of(music), config, pytest.fail):
        counts.update(FAMILY.traits(example, config))
    return FAMILY.learn(config, counts, {})[0]


@pytest.fixture(scope='module')
def model() -> Model:
    """An untrained one."""
    return _untrained(_config(song()))


def _untrained(config: Config, scale: float = 0.05) -> Model:
    rng = np.random.default_rng(0)
    shapes = FAMILY.weight_shapes(config)
    weights = {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    return Model(FAMILY, config, weights, 'here', config.name, config.description)


def _melody(sequence: music_pb2.NoteSequence) -> list[Any]:
    return [note for note in sequence.notes if note.instrument == 0]


@pytest.mark.parametrize('window', [20, 7, 1, 500])
def test_windows_predict_every_token_once(window: int) -> None:
    music = song()
    config = _config(music, window=window)
    (whole,) = FAMILY.examples(piece.of(music), _config(music, window=1000), pytest.fail)
    examples = list(FAMILY.examples(piece.of(music), config, pytest.fail))
    everything, seen = FAMILY.classes_of(whole, config).tolist(), FAMILY.encode(whole, config)['ones']
    found = [FAMILY.classes_of(example, config).tolist() for example in examples]
    assert found == [everything[k * window : (k + 1) * window + 1] for k in range(len(found))]
    assert sum(len(classes) - 1 for classes in found) == len(everything) - 1
    ones = np.concatenate([FAMILY.encode(example, config)['ones'] for example in examples])
    np.testing.assert_array_equal(ones, seen)
    counts = sum((Counter(FAMILY.traits(example, config)) for example in examples), Counter())
    assert counts == Counter(FAMILY.traits(whole, config))
    assert sum('chords of a piece' in trait for trait in counts) == 1


def test_an_example_is_played_as_it_is_told() -> None:
    music = song()
    for number, example in enumerate(FAMILY.examples(piece.of(music), CONFIG, pytest.fail)):
        window = windows.read(example)
        played = FAMILY.to_sequence(example, CONFIG)
        assert len(_melody(played)) == sum(token.role != 'R' for token in window.tokens)
        assert len(played.notes) == len(_melody(played))
        assert window.begins == (number == 0)
        assert {text.text for text in played.text_annotations} <= {'Dm7', 'G7', 'Cmaj7'}


@pytest.mark.parametrize(
    'wrong', [{'roles': [9]}, {'durations': [0]}, {'durations': [97]}, {'chords': [[1, 999]]}, {'bounds': []}]
)
def test_damaged_examples_are_refused(wrong: dict[str, list]) -> None:
    example = next(FAMILY.examples(piece.of(song()), CONFIG, pytest.fail))
    short = {name: array[:1] for name, array in example.items()}
    FAMILY.classes_of(short, _config(song()))
    with pytest.raises(ValueError, match='window of a solo'):
        FAMILY.classes_of({**short, **{name: np.array(array) for name, array in wrong.items()}}, _config(song()))


def test_the_vocabulary_is_of_the_most_frequent_tokens() -> None:
    learned = FAMILY.learn(CONFIG, {'C6': 3, 'R6': 5, 'chords of a piece: Dm7*24 G7*24 3/4': 1}, {'R6': 1, 'L6': 3})
    assert learned[0].learned == Grammar(('R6', 'C6'), ('Dm7*24', 'G7*24'), metre='3/4')
    assert learned[1]['percent of evaluation tokens in the vocabulary'] == 25
    for wrong in ({'tokens': ('C6', 'C6')}, {'tokens': ('Q6',)}, {'chords': ('Dm7',)}):
        with pytest.raises(ValueError, match='name'):
            Grammar(**wrong)


@hypothesis.given(st.lists(TOKENS, min_size=1, max_size=30, unique=True), st.lists(TOKENS, max_size=10))
def test_tokens_and_classes(known: list[Token], others: list[Token]) -> None:
    found = vocabulary.Vocabulary(Grammar(tuple(token.text for token in known)))
    assert found.tokens_of(found.classes(known)) == known
    for token, taken in zip(others, found.tokens_of(found.classes(others)), strict=True):
        assert taken in known
        assert taken.role == token.role or all(token.role != one.role for one in known)


def test_it_improvises_over_given_chords(model: Model) -> None:
    made = model.generate(None, 3, backing_chords='Ebm7 | Ab7 Dbmaj7', num_bars=6, temperature=1.0, max_leap=9)
    for sequence in made:
        assert [text.text for text in sequence.text_annotations] == ['Ebm7', 'Ab7', 'Dbmaj7'] * 3
        (tempo,) = sequence.tempos
        assert tempo.qpm == 130
        melody = _melody(sequence)
        assert melody and all(55 <= note.pitch <= 84 for note in melody)
        bass = [note.pitch for note in sequence.notes if note.instrument == 1 and note.pitch < 48]
        assert bass == [39, 44, 37] * 3
    assert len({sequence.SerializeToString() for sequence in made}) == 3


def test_basses_are_stored_and_played(model: Model) -> None:
    changes = chords.parse_bars('C/E F/G', 48)
    solo = tokens.analyze([Note(0, 96, 60)], changes)
    (example,) = windows.cut(solo, changes, 0, 20, True)
    window = windows.read(example)
    assert (window.changes, window.progression) == (changes.halved(48), changes)
    texts = windows.texts(changes)
    assert texts == ('C/E*48', 'F/G*48') and windows.of_texts(texts) == changes
    assert Grammar(chords=texts).chords == texts
    (made,) = model.generate(None, backing_chords='C/E F/G', num_bars=2)
    assert [text.text for text in made.text_annotations] == ['C/E', 'F/G']
    assert [note.pitch for note in made.notes if note.instrument == 1 and note.pitch < 48] == [40, 43]


def test_it_plays_over_the_chords_of_its_song_by_itself(model: Model) -> None:
    (made,) = model.generate(num_bars=4)
    assert [text.text for text in made.text_annotations][:4:2] == ['Dm7', 'Dm7'] or made.text_annotations[
        0
    ].text == 'Dm7'
    assert {text.text for text in made.text_annotations} == {'Dm7', 'G7', 'Cmaj7'}


def test_chords_of_a_file_are_taken(model: Model) -> None:
    waltz = performance.play([], chords.parse_bars('Am F', 36), 0, 72, 90.0, metre=(3, 4))
    (made,) = model.generate(chords_midi=waltz, num_bars=4)
    assert [text.text for text in made.text_annotations] == ['Am', 'F', 'Am', 'F']
    assert made.time_signatures[0].numerator == 3
    assert made.total_time == pytest.approx(12 * 60 / 130, abs=0.01)
    del waltz.notes[:]
    with pytest.raises(SolferinoError, match='--chords_midi has no notes'):
        model.generate(chords_midi=waltz)


def test_a_primer_is_kept_and_continued_over_its_chords(model: Model) -> None:
    primer = song(4)
    (made,) = model.generate(primer, num_bars=8)
    given = [(note.pitch, round(note.start_time, 4)) for note in _melody(primer)]
    assert [(note.pitch, round(note.start_time, 4)) for note in _melody(made)][: len(given)] == given
    assert [text.text for text in made.text_annotations] == ['Dm7', 'G7', 'Cmaj7', 'Cmaj7'] * 2
    assert made.tempos[0].qpm == 120


def test_swing_delays_the_second_eighth() -> None:
    line = [Note(0, 6, 60), Note(6, 6, 62), Note(12, 12, 64)]
    straight, swung = (
        performance.play(line, chords.parse_bars('C', 48), 0, 48, 60.0, swing, chord_notes=False)
        for swing in (0.5, 2 / 3)
    )
    assert [note.start_time for note in straight.notes] == pytest.approx([0, 0.5, 1])
    assert [note.start_time for note in swung.notes] == pytest.approx([0, 2 / 3, 1])
    assert [note.end_time for note in swung.notes] == pytest.approx([2 / 3, 1, 2])


def test_without_chord_notes_the_melody_is_the_same(model: Model) -> None:
    (whole,), (melody,) = (model.generate(num_bars=4, seed=3, chord_notes=on) for on in (True, False))
    assert list(melody.notes) == _melody(whole)
    assert melody.text_annotations == whole.text_annotations


def test_repeats_and_leaps_are_smoothed_if_that_is_asked_for(model: Model) -> None:
    def widest_and_longest(**options: int) -> tuple[int, int]:
        (made,) = model.generate(num_bars=64, temperature=1.0, seed=2, **options)
        pitches = [note.pitch for note in _melody(made)]
        leaps = [abs(after - before) for before, after in itertools.pairwise(pitches)]
        return max(leaps), max(len(list(group)) for _, group in itertools.groupby(pitches))

    assert widest_and_longest(max_repeats=1, max_leap=7) <= (7, 1)
    assert widest_and_longest(max_repeats=0, max_leap=0) > (7, 1)


@pytest.mark.parametrize(
    'extraction, reason',
    [
        ({'melody_track': 5}, NO_TRACK),
        ({'chord_tracks': '1,8'}, NO_TRACK),
        ({'min_notes': 500}, MELODY_TOO_SHORT),
    ],
)
def test_what_is_left_out_has_a_reason_with_a_remedy(extraction: dict[str, Any], reason: str) -> None:
    reasons: list[str] = []
    config = dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, **extraction))
    assert list(FAMILY.examples(piece.of(song()), config, reasons.append)) == []
    assert reasons == [reason]
    assert SPEC.remedies[reason] and SPEC.remedies[NO_MELODY]


@pytest.mark.parametrize(
    'wrong',
    [{'melody_track': -2}, {'chord_tracks': 'a'}, {'window': 0}, {'gap_bars': 0.0}, {'min_notes': 0}],
)
def test_odd_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(CONFIG.extraction, **wrong)


def test_tracks_of_the_examples_need_not_be_in_a_primer() -> None:
    config = _config(song(), melody_track=0, chord_tracks='1')
    primer = song(2)
    for note in primer.notes:
        note.instrument += 4
    assert FAMILY.primer_steps(primer, config, SPEC.generation) == 96


def _of_folder(path: str, collection: str = '') -> piece.Piece:
    music = song()
    music.filename, music.collection_name = path, collection
    return piece.of(music)


@pytest.mark.parametrize(
    'path, collection, label',
    [
        ('ballads/song.mid', 'songs', 'ballads'),
        ('/music/slow blues/song.mid', '', 'slow blues'),
        ('song.mid', 'bebop', 'bebop'),
        ('song.mid', '', 'none'),
        ('Cafe\u0301/song.mid', '', 'Caf\u00e9'),  # as some file systems write it
    ],
)
def test_the_folder_of_a_song_is_its_label(path: str, collection: str, label: str) -> None:
    examples = list(FAMILY.examples(_of_folder(path, collection), LABELLED, pytest.fail))
    assert {windows.read(example).label for example in examples} == {label}
    without = list(FAMILY.examples(_of_folder(path, collection), CONFIG, pytest.fail))
    for one, other in zip(examples, without, strict=True):
        assert one.keys() - other.keys() == {'label'}
        assert all(np.array_equal(one[name], array) for name, array in other.items())


def _of_two_folders() -> tuple[Config, list[Any]]:
    """A config that knows ballads and, twice as often, bebop, and its examples."""
    found = [e for k in 'aab' for e in FAMILY.examples(_of_folder(f'{_NAMES[k]}/song.mid'), LABELLED, pytest.fail)]
    counts = sum((Counter(FAMILY.traits(example, LABELLED)) for example in found), Counter())
    config, told = FAMILY.learn(LABELLED, counts, {'label of a window: unknown': 1})
    assert told['training examples of bebop'] == 2 * told['training examples of ballads'] > 0
    return config, found


_NAMES = {'a': 'bebop', 'b': 'ballads'}


def test_labels_are_learned_of_the_training_side_and_seen() -> None:
    config, found = _of_two_folders()
    assert config.learned.labels == ('bebop', 'ballads')
    width = FAMILY.encoding(config).input_size
    assert width == FAMILY.encoding(_config(song())).input_size + 2

    def seen(example: Any) -> set[int]:
        return set((FAMILY.encode(example, config)['ones'][:, -1] - width).tolist())

    assert [seen(found[0]), seen(found[-1])] == [{-2}, {-1}]
    (other, *_) = FAMILY.examples(_of_folder('waltzes/song.mid'), LABELLED, pytest.fail)
    (without, *_) = FAMILY.examples(_of_folder('ballads/song.mid'), CONFIG, pytest.fail)
    assert seen(other) == seen(without) == {-2}  # the most frequent label
    with pytest.raises(ValueError, match='window of a solo'):
        FAMILY.encode({**other, 'label': np.array([300])}, config)


def test_a_label_is_chosen_when_music_is_made() -> None:
    config, _ = _of_two_folders()
    model = _untrained(config, 1.0)
    usual, bebop, ballads = (
        [note.pitch for note in model.generate(num_bars=8, seed=1, temperature=1.0, label=label)[0].notes]
        for label in ('', 'bebop', ' ballads')
    )
    assert usual == bebop != ballads
    with pytest.raises(SolferinoError, match=r'--label=waltzes: .* It knows: ballads, bebop'):
        model.generate(label='waltzes')
    likeliest = [model.log_likelihood(_named(path)) for path in ('bebop/1.mid', 'ballads/1.mid', 'waltzes/1.mid')]
    assert likeliest[0] == likeliest[2] != likeliest[1]


def _named(path: str) -> music_pb2.NoteSequence:
    music = song()
    music.filename = path
    return music


def test_chords_of_a_song_are_played_in_its_metre() -> None:
    """Where a model plays what it has learned; its own chords and other songs have their own."""
    waltz = song()
    waltz.time_signatures.add(numerator=3, denominator=4)
    model = _untrained(_config(waltz))
    assert model.config.learned.metre == '3/4'
    (made,) = model.generate(num_bars=4, qpm=120.0, seed=1)
    assert [(one.numerator, one.denominator) for one in made.time_signatures] == [(3, 4)]
    assert made.total_time == 6.0
    (in_four,) = model.generate(num_bars=4, qpm=120.0, backing_chords='Dm7 G7', seed=1)
    assert not in_four.time_signatures and in_four.total_time == 8.0
    (other,) = model.generate(num_bars=4, chords_midi=song(), seed=1)
    assert not other.time_signatures
    older = [{k: v for k, v in one.items() if k != 'metre'} for one in FAMILY.examples(piece.of(waltz), CONFIG, print)]
    assert windows.read(older[0]).metre == (4, 4)
    with pytest.raises(ValueError, match='metre'):
        Grammar(metre='3')


def test_models_without_labels_are_what_they_were(model: Model) -> None:
    record = settings.record_of(SPEC, model.config)
    del record['learned']['labels'], record['learned']['metre'], record['extraction']['labels_from_folders']
    assert settings.config_of(SPEC, record, 'an older file') == model.config
    assert FAMILY.encoding(model.config).slots == 5
    with pytest.raises(SolferinoError, match='--label=bebop: the model knows no labels'):
        model.generate(label='bebop')


def _seeing(chord_input: str = 'all') -> Config:
    return dataclasses.replace(_config(song()), hparams=dataclasses.replace(CONFIG.hparams, chord_input=chord_input))


@pytest.mark.parametrize('window', [20, 7])
def test_chords_are_seen_alike_in_windows_of_any_size(window: int) -> None:
    seen = []
    for size in (window, 1000):
        config = dataclasses.replace(_seeing(), extraction=dataclasses.replace(CONFIG.extraction, window=size))
        found = FAMILY.examples(piece.of(song()), config, pytest.fail)
        seen.append(np.concatenate([FAMILY.encode(example, config)['ones'] for example in found]))
    np.testing.assert_array_equal(*seen)


def test_what_is_seen_of_chords_does_not_tell_how_long_the_last_token_is() -> None:
    config = _seeing()
    long, short = ([Note(k * 6, 6, 60 + k) for k in range(16)] + [Note(96, last, 70)] for last in (6, 18))
    seen = []
    for line in (long, short):
        changes = chords.parse_bars('Dm7 G7 Cmaj7 Cmaj7', 48)
        (example,) = windows.cut(tokens.analyze(line, changes), changes, 0, 20, True)
        seen.append(FAMILY.encode(example, config)['ones'])
    np.testing.assert_array_equal(*seen)


@pytest.mark.parametrize('chord_input, slots, differs', [('none', 5, False), ('length', 6, False), ('all', 8, True)])
def test_what_is_played_depends_on_what_is_seen_of_chords(chord_input: str, slots: int, differs: bool) -> None:
    config = _seeing(chord_input)
    assert FAMILY.encoding(config).slots == slots
    model = _untrained(config, 1.0)
    one, other = (  # chords of the same tones and scale
        _melody(model.generate(backing_chords=text, num_bars=8, temperature=1.0)[0])
        for text in ('Caug Caug', 'Caug Eaug')
    )
    assert (one != other) == differs
    assert model.log_likelihood(song(2)) < 0
    assert len(model.generate(song(2), 2, num_bars=6)) == 2


def test_odd_chord_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match='chord_input=some must be none, length or all'):
        _seeing('some')
