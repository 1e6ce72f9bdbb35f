"""A stub: a server on this machine that speaks like a language model's, and is none.

For tests, and to try a policy without a model. It answers what it is told to, politely or not.
Alone it replies with :func:`obliging`, until it is interrupted::

    python -m wiw_planner_node.vlm.stub 8000
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Union

import cv2
import numpy as np

from wiw_core.observation import Rgb

_MAX_REQUEST = 64 << 20
Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the stub replies.

    Attributes
    ----------
    text : str or None
        The message.
    top : tuple of (token, probability)
        Of the first token; empty: no ``logprobs`` in the reply.
    status : int
        Of HTTP.
    raw : bytes, optional
        The whole body, in place of a chat completion.
    drip : (bytes, seconds), optional
        After the body's first half: these bytes again and again, with a pause, until it is closed.
    hang : bool
        Never reply; the connection stays open until the stub is closed.
    cut : bool
        Close the connection in the middle of the body.
    """

    text: Union[str, None] = ""
    top: tuple[tuple[str, float], ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Union[bytes, None] = None
    drip: Union[tuple[bytes, float], None] = None
    hang: bool = False
    cut: bool = False

    def body(self) -> bytes:
        """Return the body as it is sent."""
        if self.raw is not None:
            return self.raw
        choice: Body = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": self.text},
        }
        if self.top:
            tokens = [{"token": t, "logprob": float(np.log(p)), "bytes": None} for t, p in self.top]
            choice["logprobs"] = {"content": [{**tokens[0], "top_logprobs": tokens}]}
        return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


Answer = Callable[[Body], Union[Reply, str]]


class StubServer:
    """Replies to chat completions on a free loopback port until it is closed.

    Parameters
    ----------
    answer : callable
        Given a request, returns the reply, or its text. Called from several threads.
    port : int
        0: any that is free.

    Attributes
    ----------
    url : str
        The endpoint.
    requests : list of dict
        Every request so far, in the order of arrival.
    headers : list of dict
        Their HTTP headers, keys in lower case.
    """

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.answer = answer
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self, self._closing))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        poll = {"poll_interval": 0.02}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs=poll, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what hangs is let go."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> StubServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def obliging(body: Body) -> Reply:
    """Return a reply that fits what is asked for and means nothing: for smoke tests.

    To a question with a schema an instance of it, drawn by the request's seed, numbers as small as
    they may be; to one for letters A, then B.
    """
    if body.get("logprobs"):
        return Reply("A", top=(("A", 0.6), ("B", 0.3)))
    if "response_format" not in body:
        return Reply("A room.")
    schema = body["response_format"]["json_schema"]["schema"]
    return Reply(json.dumps(_instance(schema, np.random.default_rng(body["seed"]))))


def _instance(schema: Body, rng: np.random.Generator) -> Any:
    """Return a value that fits a schema made of those of :mod:`wiw_planner_node.vlm.schema`."""
    if "enum" in schema:
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    if schema["type"] == "object":
        return {name: _instance(of, rng) for name, of in schema["properties"].items()}
    if schema["type"] == "array":
        count = int(rng.integers(schema["minItems"], schema["maxItems"] + 1))
        return [_instance(schema["items"], rng) for _ in range(count)]
    if schema["type"] == "integer":
        return schema["minimum"]
    return "so it is"[: schema["maxLength"]]


def request_text(body: Body) -> str:
    """Return all texts of a request, one a line."""
    parts = [part for message in body["messages"] for part in _parts(message)]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def request_images(body: Body) -> list[Rgb]:
    """Return the pictures of a request, each (H, W, 3) uint8."""
    parts = [part for message in body["messages"] for part in _parts(message)]
    uris = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [_decoded(uri) for uri in uris]


def _parts(message: Body) -> list[Body]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _decoded(uri: str) -> Rgb:
    coded = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    bgr = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert bgr is not None, "a picture that cannot be decoded"
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def _handler(stub: StubServer, closing: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(
                self.rfile.read(min(int(self.headers["Content-Length"]), _MAX_REQUEST))
            )
            stub.requests.append(request)
            stub.headers.append({key.lower(): value for key, value in self.headers.items()})
            given = stub.answer(request)
            try:
                self._send(Reply(given) if isinstance(given, str) else given)
            except OSError:  # the client has had enough
                self.close_connection = True

        def _send(self, reply: Reply) -> None:
            if reply.hang:
                closing.wait()
                self.close_connection = True
                return
            body = reply.body()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            if reply.drip is None:
                self.send_header("Content-Length", str(len(body)))
            for key, value in reply.headers.items():
                self.send_header(key, value)
            self.end_headers()
            if reply.cut or reply.drip is not None:
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            else:
                self.wfile.write(body)
            while reply.drip is not None and not closing.is_set():
                self.wfile.write(reply.drip[0])
                self.wfile.flush()
                closing.wait(reply.drip[1])

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the test's output is its own."""

    return Handler


def main() -> None:
    """Serve obliging replies until interrupted."""
    parser = argparse.ArgumentParser(description="A stub of a language model's server.")
    parser.add_argument("port", type=int, nargs="?", default=0, help="0: any that is free")
    with StubServer(obliging, parser.parse_args().port) as stub:
        print(f"A stub, not a language model, replies at {stub.url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
