"""The file of a recording: a rosbag2 folder, ``metadata.yaml`` beside one MCAP file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from wiw.recording.definitions import digest
from wiw_core.errors import ErrorCode, WiwError

MIN_FREE_MB = 500.0
"""Megabytes that a recording leaves free by default: the file must still be closed."""
_VERSION: Literal[9] = 9
"""Of the rosbag2 layout: Jazzy's."""


class Bag:
    """Writes one recording; what a kill leaves behind is whole up to the last :meth:`flush`.

    Parameters
    ----------
    folder : Path
        Made here; it must not exist.
    min_free_mb : float
        Megabytes of the disk that must stay free.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if the folder exists; each method: ``RECORDING_FAILED``.
    """

    def __init__(self, folder: Path, min_free_mb: float = MIN_FREE_MB) -> None:
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

        if folder.exists():
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"'{folder}' is there already.", "Choose another --out."
            )
        self.folder, self._min_free_mb = folder, min_free_mb
        with self._disk():
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._check_space(folder.parent)
            self._writer = Writer(folder, version=_VERSION, storage_plugin=StoragePlugin.MCAP)
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()

    def add(self, topic: str, kind: str, definition: str, offers: Sequence[Any] = ()) -> Any:
        """Return the connection that :meth:`write` takes.

        Parameters
        ----------
        kind : str
            ``package/msg/Name``.
        definition : str
            As of :func:`wiw.recording.definitions.installed`.
        offers : sequence of rosbags.interfaces.Qos
            Of the topic's publishers, kept so that they are played back alike.
        """
        hashed = digest(kind, definition)
        with self._disk():
            return self._writer.add_connection(
                topic, kind, msgdef=definition, rihs01=hashed, offered_qos_profiles=list(offers)
            )

    def write(self, connection: Any, stamp_ns: int, data: bytes) -> None:
        """Append one serialized message, received at ``stamp_ns`` (system time)."""
        with self._disk():
            self._writer.write(connection, stamp_ns, data)

    def flush(self) -> None:
        """Hand all to the operating system; also fails when the disk is nearly full."""
        storage: Any = self._writer.storage
        with self._disk():
            if storage.chunk.msgs:
                storage.close_chunk()
            storage.bio.flush()
            self._check_space(self.folder)

    def close(self) -> None:
        """Complete the file and write ``metadata.yaml``; idempotent."""
        if self._writer.storage is not None:
            with self._disk():
                self._writer.close()

    def abort(self) -> None:
        """Leave the file as it is: without an index, still readable; never raises."""
        try:
            self._writer.abort()
        except OSError:  # the failure that led here has been reported
            pass

    @property
    def counts(self) -> dict[str, int]:
        """Messages written so far, by topic."""
        writer = self._writer
        return {c.topic: writer.counts[c.id] for c in writer.connections}

    def _check_space(self, folder: Path) -> None:
        free_mb = shutil.disk_usage(folder).free / 1e6
        if free_mb < self._min_free_mb:
            raise WiwError(
                ErrorCode.RECORDING_FAILED,
                f"Only {free_mb:.0f} MB of the disk are free, less than {self._min_free_mb:.0f}.",
                "Make room, or set --min-free-mb.",
            )

    @contextmanager
    def _disk(self) -> Iterator[None]:
        from rosbags.rosbag2 import WriterError

        try:
            yield
        except (OSError, WriterError) as error:
            raise WiwError(
                ErrorCode.RECORDING_FAILED,
                f"The recording '{self.folder}' cannot be written: {error}.",
                "Check the folder, its permissions and the space left.",
            ) from error
