"""The files of a LeRobotDataset v3.0 folder, written one episode after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from wiw_core.errors import ErrorCode, WiwError
from wiw_learn.files import write

VERSION, CHUNK = "v3.0", 1000
FPS = 10
"""Nominal: a primitive or a tool pose has no duration of its own."""
EPISODES_PER_FILE = 200
PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA, VIDEO = f"data/{PLACE}.parquet", "videos/{video_key}/" + f"{PLACE}.mp4"
EPISODES = f"meta/episodes/{PLACE}.parquet"
DEPTH = "observation.images.depth"
_CODEC, _QUALITY, _KEY_EVERY = "libx264", "18", "2"

Array = npt.NDArray[Any]


def feature(dtype: str, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the entry of a number or vector in ``info.json``."""
    return {
        "dtype": dtype,
        "shape": [len(names) if names else 1],
        "names": list(names) if names else None,
    }


def video_feature(height: int, width: int) -> dict[str, Any]:
    """Return the entry of a camera in ``info.json``."""
    return {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.is_depth_map": False,
            "video.fps": FPS,
            "video.channels": 3,
            "has_audio": False,
        },
    }


class Files:
    """Writes data and videos as episodes come; a context manager.

    Parameters
    ----------
    folder : Path
    cameras : sequence of str
        Features that are videos.
    """

    def __init__(self, folder: Path, cameras: Sequence[str]) -> None:
        self._folder, self._cameras = folder, tuple(cameras)
        self._episodes: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        self._videos: dict[str, _Video] = {}
        self._frames = 0

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._end_file()
            self._write_table(self._place(EPISODES, 0), _columns(self._episodes))
        else:
            self._close_videos()

    def add(
        self,
        task: str,
        task_index: int,
        rows: Mapping[str, Array],
        videos: Mapping[str, Array],
        depth: npt.NDArray[np.uint16] | None,
    ) -> None:
        """Append one episode.

        Parameters
        ----------
        rows : mapping
            Arrays of one row per frame.
        videos : mapping
            (N, H, W, 3) uint8 per camera.
        depth : (N, H, W) uint16, optional
            Millimetres.
        """
        index, count = len(self._episodes), len(next(iter(rows.values())))
        file = index // EPISODES_PER_FILE
        if index and index % EPISODES_PER_FILE == 0:
            self._end_file()
        episode: dict[str, Any] = {
            "episode_index": index,
            "tasks": [task],
            "length": count,
            "data/chunk_index": file // CHUNK,
            "data/file_index": file % CHUNK,
            "dataset_from_index": self._frames,
            "dataset_to_index": self._frames + count,
        }
        for key in self._cameras:
            if key not in self._videos:
                path = self._folder / self._place(VIDEO, file, video_key=key)
                self._videos[key] = _Video(path, videos[key].shape[1:3])
            first = self._videos[key].frames
            self._videos[key].add(videos[key])
            episode[f"videos/{key}/chunk_index"] = file // CHUNK
            episode[f"videos/{key}/file_index"] = file % CHUNK
            episode[f"videos/{key}/from_timestamp"] = first / FPS
            episode[f"videos/{key}/to_timestamp"] = (first + count) / FPS
        episode["meta/episodes/chunk_index"] = 0
        episode["meta/episodes/file_index"] = 0
        self._episodes.append(episode)
        self._tables.append(_table(rows, depth, index, task_index, self._frames))
        self._frames += count

    def write_tasks(self, tasks: Sequence[str]) -> None:
        """Write ``meta/tasks.parquet``: pandas readers find the text as the index."""
        import pyarrow as pa

        table = pa.table({"task_index": np.arange(len(tasks)), "task": list(tasks)})
        text = {"pandas_type": "unicode", "numpy_type": "object", "metadata": None}
        number = {"pandas_type": "int64", "numpy_type": "int64", "metadata": None}
        about = {
            "index_columns": ["task"],
            "column_indexes": [],
            "columns": [
                {"name": "task_index", "field_name": "task_index", **number},
                {"name": "task", "field_name": "task", **text},
            ],
            "creator": {"library": "pyarrow", "version": pa.__version__},
            "pandas_version": "2.0.0",
        }
        self._write_table(
            "meta/tasks.parquet", table.replace_schema_metadata({"pandas": json.dumps(about)})
        )

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the folder."""
        write(self._folder / name, (json.dumps(content, indent=4) + "\n").encode("utf-8"))

    def info(self, features: Mapping[str, Any], tasks: int, robot: str) -> dict[str, Any]:
        """Return ``meta/info.json`` of what was added."""
        own = {
            "timestamp": feature("float32"),
            **{
                name: feature("int64")
                for name in ("frame_index", "episode_index", "index", "task_index")
            },
        }
        return {
            "codebase_version": VERSION,
            "robot_type": robot,
            "total_episodes": len(self._episodes),
            "total_frames": self._frames,
            "total_tasks": tasks,
            "chunks_size": CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": FPS,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA,
            "video_path": VIDEO,
            "features": {**features, **own},
        }

    def _end_file(self) -> None:
        import pyarrow as pa

        self._close_videos()
        file = (len(self._episodes) - 1) // EPISODES_PER_FILE
        if self._tables:
            self._write_table(self._place(DATA, file), pa.concat_tables(self._tables))
        self._tables = []

    def _close_videos(self) -> None:
        while self._videos:
            self._videos.popitem()[1].close()

    def _place(self, pattern: str, file: int, **more: str) -> str:
        return pattern.format(chunk_index=file // CHUNK, file_index=file % CHUNK, **more)

    def _write_table(self, name: str, table: Any) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        out = pa.BufferOutputStream()
        pq.write_table(table, out)
        write(self._folder / name, out.getvalue().to_pybytes())


class _Video:
    """One MP4 file; every second frame is a key frame, so that any frame is found at once."""

    def __init__(self, path: Path, hw: tuple[int, int]) -> None:
        import av

        height, width = hw
        if height % 2 or width % 2:
            raise WiwError(
                ErrorCode.BAD_PARAMETER, f"A video cannot have {height}x{width} pixels: odd sizes."
            )
        self.frames = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(path), "w")
        except OSError as error:
            raise WiwError(
                ErrorCode.RECORDING_FAILED, f"Cannot write '{path}': {error}."
            ) from error
        # One thread: the bytes must not depend on the machine's cores.
        options = {"crf": _QUALITY, "g": _KEY_EVERY, "threads": "1"}
        stream = self._container.add_stream(_CODEC, rate=FPS, options=options)
        if not isinstance(stream, av.VideoStream):
            raise WiwError(ErrorCode.INTERNAL, f"'{_CODEC}' makes no video.")
        self._stream = stream
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "yuv420p"

    def add(self, frames: Array) -> None:
        """Append (N, H, W, 3) uint8."""
        import av

        for rgb in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts = self.frames
            self.frames += 1
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """End the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _columns(episodes: Sequence[Mapping[str, Any]]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(list(episodes))


def _table(
    rows: Mapping[str, Array],
    depth: npt.NDArray[np.uint16] | None,
    episode: int,
    task: int,
    first: int,
) -> Any:
    """Return the frames of one episode as an Arrow table."""
    import pyarrow as pa

    count = len(next(iter(rows.values())))
    columns: dict[str, Any] = {}
    if depth is not None:
        png = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        pictures = [{"bytes": _png(d), "path": f"frame-{k:06d}.png"} for k, d in enumerate(depth)]
        columns[DEPTH] = pa.array(pictures, png)
    for name, values in rows.items():
        if values.ndim == 1:
            columns[name] = pa.array(values)
        else:
            flat = pa.array(values.astype(np.float32).ravel())
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    columns["timestamp"] = pa.array(np.arange(count, dtype=np.float32) / np.float32(FPS))
    columns["frame_index"] = pa.array(np.arange(count, dtype=np.int64))
    columns["episode_index"] = pa.array(np.full(count, episode, np.int64))
    columns["index"] = pa.array(np.arange(first, first + count, dtype=np.int64))
    columns["task_index"] = pa.array(np.full(count, task, np.int64))
    return pa.table(columns)


def _png(depth: npt.NDArray[np.uint16]) -> bytes:
    """Return a 16-bit greyscale PNG."""
    import cv2

    return cv2.imencode(".png", depth)[1].tobytes()
