from note_seq.drums_encoder_decoder import DEFAULT_DRUM_TYPE_PITCHES

from solferino.models.music.pictures.drum_names import KIT_NAMES
from solferino.pipelines.studio.instruments import instruments


def test_every_kind_of_drums_is_told_with_its_pitches_from_the_floor_up() -> None:
    drums = instruments()['drums']
    assert sorted(kind['name'] for kind in drums) == sorted(KIT_NAMES)
    assert drums[0]['name'] == 'bass drum' and drums[-1]['name'] == 'crash'
    for kind in drums:
        # The first pitch stands for the kind where music is drawn, as it does in music that is generated.
        assert kind['pitches'] == list(DEFAULT_DRUM_TYPE_PITCHES[KIT_NAMES.index(kind['name'])])


def test_the_programs_are_those_of_general_midi() -> None:
    programs = instruments()['programs']
    assert len(programs) == 128 and len(set(programs)) == 128
    assert programs[0] == 'Acoustic Grand Piano' and programs[127] == 'Gunshot'
