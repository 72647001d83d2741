"""An S3 server on this machine."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@dataclasses.dataclass
class Bucket:
    """An empty bucket of the server.

    Attributes:
      url: what the paths of its files begin with.
      flags: Beam's flags to reach the server.
    """

    url: str
    flags: tuple[str, ...]
    client: Any

    @property
    def name(self) -> str:
        """Its name."""
        return self.url.removeprefix('s3://')

    def put(self, name: str, content: bytes) -> None:
        """Makes a file."""
        self.client.put_object(Bucket=self.name, Key=name, Body=content)

    def put_folder(self, folder: Path, name: str) -> None:
        """Copies what is in a folder."""
        for path in folder.rglob('*'):
            if path.is_file():
                self.put(f'{name}/{path.relative_to(folder)}', path.read_bytes())

    def files(self) -> dict[str, bytes]:
        """All its files."""
        names = self.names()
        return {name: self.client.get_object(Bucket=self.name, Key=name)['Body'].read() for name in names}

    def names(self) -> list[str]:
        """The names of all its files."""
        return [one['Key'] for one in self.client.list_objects_v2(Bucket=self.name).get('Contents', [])]


@pytest.fixture(scope='session')
def s3_server() -> Iterator[str]:
    """The server's address."""
    from moto.server import ThreadedMotoServer  # many tests need no server

    server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f'http://{host}:{port}'
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket."""
    import boto3

    for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        monkeypatch.setenv(name, 'test')
    monkeypatch.setenv('AWS_DEFAULT_REGION', 'us-east-1')
    client = boto3.client('s3', endpoint_url=s3_server)
    client.create_bucket(Bucket='music')
    found = Bucket('s3://music', (f'--s3_endpoint_url={s3_server}',), client)
    yield found
    for name in found.names():
        client.delete_object(Bucket='music', Key=name)
    client.delete_bucket(Bucket='music')
