"""One studio at a time, and not more than the folder may hold."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.studio.work_folder import Full, WorkFolder


def test_a_second_studio_says_so(tmp_path: Path) -> None:
    first = WorkFolder(tmp_path / 'w', 1 << 30)
    with pytest.raises(SolferinoError, match=r'Another studio works in .*--work_dir'):
        WorkFolder(tmp_path / 'w', 1 << 30)
    first.close()
    WorkFolder(tmp_path / 'w', 1 << 30).close()


def test_what_a_killed_one_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    first = WorkFolder(tmp_path / 'w', 1 << 30)
    first.scratch('a.wav').write_bytes(b'x')
    (tmp_path / 'w' / 'kept').write_bytes(b'x')
    first._lock.close()
    assert not WorkFolder(tmp_path / 'w', 1 << 30).scratch('a.wav').exists()
    assert (tmp_path / 'w' / 'kept').exists()


def test_a_full_folder_says_so_until_something_is_discarded(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / 'w', 1000)
    work.require_room()
    (tmp_path / 'w' / 'a').write_bytes(b'x' * 2000)
    work.recount()
    with pytest.raises(Full, match='may hold'):
        work.require_room()
    (tmp_path / 'w' / 'a').unlink()
    work.recount()
    work.require_room()


def test_it_is_for_its_user_alone(tmp_path: Path) -> None:
    WorkFolder(tmp_path / 'w', 1 << 30).close()
    assert (tmp_path / 'w').stat().st_mode & 0o777 == 0o700


def test_a_folder_that_all_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'w').mkdir()
    (tmp_path / 'w').chmod(0o1777)
    with pytest.raises(SolferinoError, match=r'All users .* may write to .*--work_dir'):
        WorkFolder(tmp_path / 'w', 1 << 30)


def test_files_that_arrive_side_by_side_have_room_for_all_of_them_together(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / 'w', 1000)
    work.require_room()

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b'x' * 100

    async def arrive() -> None:
        async for _ in work.arriving(parts()):
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(arrive(), arrive())

    asyncio.run(arrive())
    with pytest.raises(Full, match='may hold'):
        asyncio.run(both())
