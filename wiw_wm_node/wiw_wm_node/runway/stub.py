"""A stub of Runway's HTTP interface on this machine: a rehearsal without a key, money or network.

It is no model: a clip is the given picture, sliding to the side. It refuses what the service's
documentation says is refused (docs.dev.runwayml.com), can be told to fail in ways of its own, and
like the service it never makes the same clip twice.

``python -m wiw_wm_node.runway.stub`` serves it until interrupted.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from wiw_core.fakes.faults import chosen_fault
from wiw_core.observation import Rgb
from wiw_wm_node import views

FAULTS = (
    "none",
    "rate_limit",  # 429 with Retry-After, `times` times
    "busy",  # 503, `times` times
    "broken",  # 500, `times` times
    "forbidden",  # 401
    "bad_json",  # an answer that is no JSON
    "wrong_answer",  # JSON of another shape
    "hang",  # a look at a task is never answered
    "throttled",  # the task is queued, and never begun
    "failed",  # moderation refuses the picture
    "cancelled",  # the task ends without a clip
    "foreign_host",  # the clip lies at a host that nobody has allowed
    "redirect",  # the clip's host sends on to another address
    "lost",  # the clip's host does not find it, `times` times
    "wrong_type",  # the clip is sent as a page
    "endless",  # the clip does not end
    "noise",  # the clip is no video
    "wrong_shape",  # the clip is twice as wide as was asked for
    "expensive",  # the task costs a hundred times as much as it should
)
RATIOS = frozenset({"1280:720", "720:1280", "1104:832", "832:1104", "960:960", "1584:672"})
CREDITS_PER_S = 5
MAX_IMAGE = 5 * 2**20
MAX_PROMPT = 1000
FPS = 24
_DATED = "2026-01-01T00:00:00Z"


class Refused(Exception):
    """A request that the service would not take."""


class RunwayStub:
    """A stub service on a free port of this machine, as a context manager.

    Parameters
    ----------
    fault : str
        What goes wrong, of :data:`FAULTS`.
    times : int
        How often, for faults that pass.
    retry_after : str
        What 429 says in ``Retry-After``.
    looks : int
        Looks at a task before it is done.
    side : int
        Height of its clips, even: the real ones are as large as ``ratio`` says.

    Attributes
    ----------
    url : str
        Of the interface.
    created, deleted : list
        Requests taken, and ids of tasks cancelled.
    asked : int
        Requests for a clip, those refused among them.
    """

    def __init__(
        self,
        fault: str = "none",
        times: int = 2,
        retry_after: str = "0.05",
        looks: int = 1,
        side: int = 64,
    ) -> None:
        self.fault = chosen_fault(fault, FAULTS)
        self.times, self.retry_after, self.looks, self.side = times, retry_after, looks, side
        self.created: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.asked = 0
        self._tasks: dict[str, dict[str, Any]] = {}
        self._clips: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> RunwayStub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def strikes(self, *faults: str) -> bool:
        """Return whether one of these faults happens now; some only happen ``times`` times."""
        if self.fault not in faults:
            return False
        if self.fault in ("rate_limit", "busy", "broken", "lost"):
            with self._lock:
                self.times -= 1
                return self.times >= 0
        return True

    def hang(self) -> None:
        """Answer nothing until the stub ends."""
        self._over.wait()

    def create(self, headers: Any, body: bytes) -> dict[str, Any]:
        """Take a request for a clip; raises :class:`Refused`."""
        if not headers.get("X-Runway-Version"):
            raise Refused("the header X-Runway-Version is missing")
        request = json.loads(body)
        picture = _checked(request)
        with self._lock:
            serial = len(self.created)
            self.created.append(request)
        name = f"task-{serial}"
        price = CREDITS_PER_S * request["duration"] * (100 if self.fault == "expensive" else 1)
        self._tasks[name] = {"looks": 0, "price": price}
        columns, rows = map(int, request["ratio"].split(":"))
        width = round(self.side * columns / rows / 2) * (4 if self.fault == "wrong_shape" else 2)
        count = request["duration"] * FPS + 1
        self._clips[name] = _clip(picture, (self.side, width), count, serial)
        return {"id": name, "estimatedCost": {"credits": price}}

    def look(self, name: str) -> dict[str, Any]:
        """Return how a task is; empty if there is none."""
        task = self._tasks.get(name)
        if task is None:
            return {}
        task["looks"] += 1
        said = {"id": name, "createdAt": _DATED, "estimatedCost": {"credits": task["price"]}}
        paid = {"id": name, "createdAt": _DATED, "cost": {"credits": task["price"]}}
        if self.fault == "throttled":
            return {**said, "status": "THROTTLED"}
        if task["looks"] <= self.looks:
            return {**said, "status": "RUNNING", "progress": 0.5}
        if self.fault == "failed":
            why = {"failure": "The picture is refused.", "failureCode": "SAFETY.INPUT.IMAGE"}
            return {**paid, "cost": {"credits": 0}, "status": "FAILED", **why}
        if self.fault == "cancelled":
            return {**paid, "cost": {"credits": 0}, "status": "CANCELLED"}
        home = "http://127.0.0.2" if self.fault == "foreign_host" else self.url
        return {**paid, "status": "SUCCEEDED", "output": [f"{home}/clips/{name}.mp4"]}

    def clip(self, name: str) -> bytes:
        """Return a clip as it is sent."""
        if self.fault == "noise":
            return np.random.default_rng(0).bytes(20_000)
        return self._clips[name]

    def delete(self, name: str) -> None:
        """Cancel a task."""
        self._tasks.pop(name, None)
        self.deleted.append(name)


def _checked(request: dict[str, Any]) -> Rgb:
    """Return the picture of a request; raises :class:`Refused` for what the service refuses."""
    if request.get("model") != "gen4_turbo" or request.get("ratio") not in RATIOS:
        raise Refused("model or ratio is not known")
    duration, seed = request.get("duration"), request.get("seed", 0)
    if not (isinstance(duration, int) and 2 <= duration <= 10):
        raise Refused("duration must be a whole number from 2 to 10")
    if not (isinstance(seed, int) and 0 <= seed < 2**32):
        raise Refused("seed must be a whole number below 2^32")
    text, image = request.get("promptText", ""), request.get("promptImage", "")
    if not 1 <= len(text.encode("utf-16-le")) // 2 <= MAX_PROMPT:
        raise Refused("promptText must have 1 to 1000 characters")
    head, _, data = image.partition(",")
    if head != "data:image/png;base64" or len(image) > MAX_IMAGE:
        raise Refused("promptImage must be a PNG as a data URI of at most 5 MB")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise Refused("promptImage is no picture")
    return np.asarray(picture[:, :, ::-1], dtype=np.uint8)


def _clip(picture: Rgb, size: tuple[int, int], count: int, serial: int) -> bytes:
    """Return an MP4 of the picture, sliding; ``serial`` makes every clip another one."""
    import av

    small = views.resized(picture, size)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for number in range(count):
            slid = np.roll(small, (serial + 1) * number // 8, axis=1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(slid), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _handler(stub: RunwayStub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stub.asked += 1
            if stub.strikes("rate_limit"):
                return self._json(429, {"error": "slow down"}, {"Retry-After": stub.retry_after})
            if stub.strikes("busy", "broken"):
                return self._json(503 if stub.fault == "busy" else 500, {"error": "later"})
            if stub.fault == "forbidden" or not self.headers.get("Authorization"):
                return self._json(401, {"error": "no such key"})
            if stub.fault == "bad_json":
                return self._send(200, b"{", "application/json")
            if stub.fault == "wrong_answer":
                return self._json(200, {"number": 1})
            try:
                self._json(200, stub.create(self.headers, body))
            except Refused as error:
                self._json(400, {"error": str(error)})

        def do_GET(self) -> None:
            name = urlsplit(self.path).path.rpartition("/")[2]
            if not self.path.startswith("/clips/"):
                if stub.fault == "hang":
                    stub.hang()
                    self.close_connection = True
                    return
                task = stub.look(name)
                return self._json(200 if task else 404, task or {"error": "no such task"})
            if stub.strikes("lost"):
                return self._json(404, {"error": "no such clip"})
            if stub.fault == "redirect":
                return self._send(302, b"", "text/plain", {"Location": f"{stub.url}/clips/{name}"})
            if stub.fault == "endless":
                return self._endless()
            kind = "text/html" if stub.fault == "wrong_type" else "video/mp4"
            self._send(200, stub.clip(name.removesuffix(".mp4")), kind)

        def do_DELETE(self) -> None:
            stub.delete(urlsplit(self.path).path.rpartition("/")[2])
            self._send(204, b"", "text/plain")

        def log_message(self, *_: Any) -> None:
            """Say nothing on the terminal."""

        def _json(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
            self._send(status, json.dumps(data).encode(), "application/json", headers)

        def _send(
            self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Type": kind}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _endless(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.end_headers()
            self.close_connection = True
            try:
                for _ in itertools.count():
                    self.wfile.write(bytes(65536))
            except OSError:
                pass  # the reader has had enough

    return Handler


def main() -> None:
    """Serve until interrupted."""
    with RunwayStub() as stub:
        print(f"A stub of Runway, no model: {stub.url}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
