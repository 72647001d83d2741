"""Collections: what arrives, what breaks off, what is read."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio.learn import children, unpacking
from solferino.pipelines.studio.learn.dropped import Collection, Collections

MUSIC = b'MThd' + bytes(60)


@pytest.fixture
def collections(tmp_path: Path) -> Collections:
    return Collections(tmp_path / 'collections')


@pytest.fixture
def collection(collections: Collections) -> Collection:
    return collections.new('Mine')


def add(collection: Collection, name: str, *parts: bytes | Exception) -> Any:
    """Sends a file in parts; an exception where it breaks off."""

    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part

    return asyncio.run(collection.add(name, stream()))


def files(collection: Collection) -> set[str]:
    there = (path for path in collection.folder.rglob('*') if path.is_file())
    return {str(path.relative_to(collection.folder)) for path in there} - {'collection.json', 'lock'}


def told(collection: Collection) -> dict[str, Any]:
    """Waits until it was read."""
    end = time.monotonic() + 120
    while collection.children.state().state == children.RUNNING:
        assert time.monotonic() < end
        time.sleep(0.1)
    return collection.told()


def test_files_keep_their_names_below_the_collection(collection: Collection) -> None:
    add(collection, 'drums/a.mid', MUSIC[:10], MUSIC[10:])
    add(collection, 'all of it.ZIP', b'PK')
    about = add(collection, 'b.abc', b'X:1')
    assert files(collection) == {'music/drums/a.mid', 'zips/all of it.ZIP', 'music/b.abc'}
    assert (collection.folder / 'music/drums/a.mid').read_bytes() == MUSIC
    assert (about.files, about.bytes) == (3, len(MUSIC) + 5)


def test_a_file_that_is_sent_again_replaces_the_first(collection: Collection) -> None:
    add(collection, 'a.mid', MUSIC)
    about = add(collection, 'a.mid', MUSIC[:20])
    assert (about.files, about.bytes) == (1, 20)
    assert (collection.folder / 'music/a.mid').read_bytes() == MUSIC[:20]


@pytest.mark.parametrize(
    'name', ['', '../a.mid', '/a.mid', 'a\\..\\..\\b.mid', 'a//b.mid', 'a\0.mid', 'x' * 300 + '.mid']
)
def test_names_that_lead_elsewhere_are_refused(collection: Collection, name: str) -> None:
    with pytest.raises(SolferinoError, match='no name of a file'):
        add(collection, name, MUSIC)
    assert not files(collection)


def test_what_is_no_music_is_refused(collection: Collection) -> None:
    with pytest.raises(SolferinoError, match='no music that is read'):
        add(collection, 'a.exe', b'MZ')


def test_one_that_breaks_off_leaves_nothing(collection: Collection) -> None:
    add(collection, 'a.mid', MUSIC)
    with pytest.raises(ConnectionError):
        add(collection, 'b.mid', MUSIC, ConnectionError())
    with pytest.raises(ConnectionError):
        add(collection, 'a.mid', b'other', ConnectionError())
    assert files(collection) == {'music/a.mid'} and collection.about().files == 1
    assert (collection.folder / 'music/a.mid').read_bytes() == MUSIC


def test_one_that_is_too_large_is_refused(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking.Limits, 'file_megabytes', 1)
    monkeypatch.setattr(unpacking.Limits.__init__, '__defaults__', (2, 2, 1, 200, 1 << 20))
    with pytest.raises(SolferinoError, match='larger than 1 MB'):
        add(collection, 'a.mid', *[bytes(1 << 18)] * 5)
    add(collection, 'a.mid', *[bytes(1 << 18)] * 4)
    add(collection, 'b.mid', *[bytes(1 << 18)] * 3)
    with pytest.raises(SolferinoError, match='up to 2 files'):
        add(collection, 'c.mid', MUSIC)


def test_a_file_and_a_folder_of_one_name(collection: Collection) -> None:
    add(collection, 'a.mid', MUSIC)
    with pytest.raises(SolferinoError, match='the same name'):
        add(collection, 'a.mid/b.mid', MUSIC)
    add(collection, 'c.mid/b.mid', MUSIC)
    with pytest.raises(SolferinoError, match='the same name'):
        add(collection, 'c.mid', MUSIC)


def test_a_full_disk_has_words(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'link', full)
    with pytest.raises(SolferinoError, match='No space left'):
        add(collection, 'a.mid', MUSIC)
    assert not files(collection)


def test_ids_are_no_paths(collections: Collections, tmp_path: Path) -> None:
    (tmp_path / 'collection.json').write_text('{"name": "x", "made": 0}')
    for id in ('..', '', 'a/b', '.', 'é', '0' * 12):
        with pytest.raises(SolferinoError, match='not there any more'):
            collections.get(id)


def test_names_are_told_apart(collections: Collections) -> None:
    assert [collections.new('Mine').about().name for _ in range(3)] == ['Mine', 'Mine 2', 'Mine 3']


def test_an_empty_one_is_not_read(collection: Collection) -> None:
    with pytest.raises(SolferinoError, match='no music in this collection'):
        collection.read({})


def test_odd_options_are_refused_and_not_kept(collection: Collection) -> None:
    add(collection, 'a.mid', MUSIC)
    with pytest.raises(SolferinoError, match='flagfile'):
        collection.read({'drums_rnn': {'flagfile': 'x'}})
    assert collection.about().options == {}


def test_without_usable_music_it_says_so(collection: Collection) -> None:
    add(collection, 'a.mid', b'no music')
    add(collection, 'b.zip', b'no zip')
    collection.read({})
    with pytest.raises(SolferinoError, match='being read'):
        collection.read({})
    found = told(collection)
    assert found['state'] == children.FAILED
    assert found['error'].startswith('There is no music in it that can be read.')
    assert 'b.zip: no zip file' in found['error']
    assert '1  not a MIDI file: despite its name' in found['error'] and 'a.mid' in found['error']
    assert '0  sequences' not in found['error']
    assert str(collection.folder) not in found['error']


def test_it_is_read_read_again_with_an_option_and_removed(
    collections: Collections, collection: Collection, shared: Path
) -> None:
    for path in sorted((shared / 'data' / 'drums').rglob('*.mid'))[:5]:
        add(collection, f'grooves/{path.name}', path.read_bytes())
    add(collection, 'garbage.mid', b'no music')
    collection.read({})
    found = told(Collections(collection.folder.parent).get(collection.id))  # as after a new start of the studio
    assert found['state'] == children.DONE and found['converted']['files'] == 5
    assert [(one['file'], one['reason']) for one in found['left_out']] == [('garbage.mid', 'not a MIDI file')]
    assert found['left_out'][0]['remedy']
    before = collection.pieces('drums_rnn', 'drum_kit')
    collection.read({'drums_rnn': {'min_bars': 2}})
    log = told(collection)
    assert log['options'] == {'drums_rnn': {'min_bars': 2}}
    assert collection.pieces('drums_rnn', 'drum_kit') >= before
    assert collection.children.log().count('$ convert_dir_to_note_sequences') == 1  # it was read already
    add(collection, 'more.mid', MUSIC)
    collection.read({})
    assert told(collection)['left_out_count'] == 2
    assert collection.children.log().count('$ convert_dir_to_note_sequences') == 2
    collections.remove(collection.id)
    assert collections.all() == [] and not list(collection.folder.parent.iterdir())
