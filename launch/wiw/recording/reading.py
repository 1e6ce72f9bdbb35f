"""Reads recordings: whole ones, ours or ``ros2 bag``'s, and what a kill left of one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from wiw_core.errors import ErrorCode, WiwError

METADATA = "metadata.yaml"
_MAGIC, _FRAME = 8, 9
"""Bytes before the first record of an MCAP file, and of what precedes each record's content."""
Choose = Callable[[str], bool]


@dataclass(frozen=True)
class Message:
    """One message of a recording, still serialized (CDR).

    Attributes
    ----------
    kind : str
        ``package/msg/Name``.
    definition : str
        The type's definition and those it uses, as recorded; may be empty.
    stamp_ns : int
        When it was received, system time.
    offers : str
        QoS profiles of the topic's publishers, as rosbag2 writes them (YAML); may be empty.
    """

    topic: str
    kind: str
    definition: str
    stamp_ns: int
    data: bytes
    offers: str = ""


def messages(path: Path, wanted: Choose = lambda topic: True) -> Iterator[Message]:
    """Yield the messages of a recording in the order of their reception.

    A recording without ``metadata.yaml`` was not completed: it is read up to where it breaks off.

    Parameters
    ----------
    path : Path
        A rosbag2 folder (MCAP or SQLite), or one ``.mcap`` file.

    Raises
    ------
    WiwError
        ``RECORD_CORRUPT`` if there is no recording, or it cannot be read.
    """
    if (path / METADATA).is_file():
        yield from _whole(path, wanted)
    else:
        for file in _files(path):
            yield from _torn(file, wanted)


def complete(path: Path) -> bool:
    """Whether the recorder that made this folder ended properly."""
    return (path / METADATA).is_file()


def is_recording(path: Path) -> bool:
    """Whether this is a recording, complete or not."""
    return complete(path) or path.suffix == ".mcap" or any(path.glob("*.mcap"))


def mend(folder: Path) -> Path:
    """Complete what a killed recording left, in place; return the folder.

    Raises
    ------
    WiwError
        ``BAD_PARAMETER`` if it is complete already; else as :func:`messages` and
        :class:`wiw.recording.bag.Bag`.
    """
    from rosbags.rosbag2.metadata import parse_qos

    from wiw.recording.bag import Bag

    if complete(folder):
        raise WiwError(ErrorCode.BAD_PARAMETER, f"The recording '{folder}' is complete already.")
    _files(folder)
    mended = folder.with_name(f"{folder.name}.mended")
    bag, connections = Bag(mended), {}
    try:
        for message in messages(folder):
            if message.topic not in connections:
                offers = parse_qos(message.offers)
                connections[message.topic] = bag.add(
                    message.topic, message.kind, message.definition, offers
                )
            bag.write(connections[message.topic], message.stamp_ns, message.data)
        bag.close()
    except BaseException:
        bag.abort()
        shutil.rmtree(mended, ignore_errors=True)
        raise
    # The torn file stays until the whole one has its name.
    torn = folder.with_name(f"{folder.name}.torn")
    folder.rename(torn)
    mended.rename(folder)
    (folder / f"{mended.name}.mcap").rename(folder / f"{folder.name}.mcap")
    text = (folder / METADATA).read_text("utf-8")
    (folder / METADATA).write_text(text.replace(f"{mended.name}.mcap", f"{folder.name}.mcap"))
    shutil.rmtree(torn)
    return folder


def _whole(path: Path, wanted: Choose) -> Iterator[Message]:
    from rosbags.rosbag2 import Reader, ReaderError

    try:
        with Reader(path) as reader:
            chosen = [c for c in reader.connections if wanted(c.topic)]
            if not chosen:  # the reader would take none for all
                return
            for connection, stamp_ns, data in reader.messages(chosen):
                definition = connection.msgdef.data
                yield Message(
                    connection.topic, connection.msgtype, definition, stamp_ns, bytes(data)
                )
    except (ReaderError, OSError, ValueError) as error:
        raise _corrupt(path, str(error)) from error


def _torn(file: Path, wanted: Choose) -> Iterator[Message]:
    """Yield what there is, up to the first record that is not all there."""
    from mcap.exceptions import McapError
    from mcap.records import Channel, Schema
    from mcap.records import Message as Record
    from mcap.stream_reader import StreamReader

    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    try:
        with file.open("rb") as whole:
            part = cast(IO[bytes], _Part(whole, _end(file)))
            record: Any
            for record in StreamReader(part).records:
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    channels[record.id] = record
                elif isinstance(record, Record) and wanted(channels[record.channel_id].topic):
                    yield _message(record, channels[record.channel_id], schemas)
    except EOFError:  # the end of what there is
        return
    except (McapError, ValueError, KeyError, OSError) as error:
        raise _corrupt(file, str(error) or type(error).__name__) from error


def _message(record: Any, channel: Any, schemas: Mapping[int, Any]) -> Message:
    schema = schemas[channel.schema_id]
    return Message(
        channel.topic,
        schema.name,
        schema.data.decode("utf-8", "replace"),
        record.log_time,
        bytes(record.data),
        channel.metadata.get("offered_qos_profiles", ""),
    )


class _Part:
    """A file up to a place: reading beyond it raises ``EOFError``, whatever reads it."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end

    def read(self, size: int) -> bytes:
        if size and self._file.tell() >= self._end:
            raise EOFError
        return self._file.read(size)


def _end(file: Path) -> int:
    """Return where the last whole record ends; each is a kind (1 byte), a length (8), content."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        place = stream.seek(_MAGIC)
        while place + _FRAME <= size:
            length = int.from_bytes(stream.read(_FRAME)[1:], "little")
            if place + _FRAME + length > size:
                break
            place = stream.seek(place + _FRAME + length)
    return place


def _files(path: Path) -> list[Path]:
    files = [path] if path.suffix == ".mcap" and path.is_file() else sorted(path.glob("*.mcap"))
    if not files:
        raise WiwError(
            ErrorCode.RECORD_CORRUPT,
            f"'{path}' holds no recording.",
            "Name a folder that wiw record, or ros2 bag record, has made.",
        )
    return files


def _corrupt(path: Path, reason: str) -> WiwError:
    return WiwError(ErrorCode.RECORD_CORRUPT, f"The recording '{path}' cannot be read: {reason}.")
