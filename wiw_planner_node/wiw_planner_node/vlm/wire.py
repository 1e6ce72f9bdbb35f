"""One request to an OpenAI-compatible endpoint: bounded in time and size, and never redirected.

The official client speaks HTTP; what it would do by itself is switched off: its retries (ours know
the decision's deadline), redirects (a local endpoint could send the pictures elsewhere), proxies
for local endpoints, and headers from variables that belong to another account.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from wiw_core.errors import ErrorCode, WiwError
from wiw_planner_node.vlm.endpoint import Endpoint
from wiw_planner_node.vlm.schema import clean

MAX_BODY = 1 << 20
"""Bytes of a reply."""
_MAX_EXCERPT = 300
_NO_KEY = "none"


class Refusal(Exception):
    """The server did not reply with 200.

    Attributes
    ----------
    status : int
        Of HTTP; 0 if it could not be reached or the connection broke.
    retry_after_s : float or None
        How long the server asks to be left alone.
    """

    def __init__(self, status: int, detail: str, retry_after_s: float | None = None) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(f"HTTP status {status}: {detail}" if status else detail)

    @property
    def passing(self) -> bool:
        """Whether trying again may help."""
        return self.status in (0, 408, 409, 429) or self.status >= 500


class Line:
    """An open line to an endpoint; made by :func:`opened`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def post(self, body: dict[str, Any], timeout_s: float) -> str:
        """Return the body of the reply to a chat completion.

        Raises
        ------
        Refusal
            Any other status than 200, no connection, a broken one, more than :data:`MAX_BODY`.
        asyncio.TimeoutError
            The whole reply was not there in time.
        """
        return await asyncio.wait_for(self._post(body, timeout_s), timeout_s)

    async def _post(self, body: dict[str, Any], timeout_s: float) -> str:
        completions = self._client.chat.completions.with_streaming_response
        try:
            async with completions.create(**body, timeout=timeout_s) as response:
                return await _bounded(response.iter_bytes())
        except (asyncio.CancelledError, Refusal):
            raise
        except Exception as error:  # the client's and its HTTP library's own, which are many
            refusal = _cause(error)
            if refusal is not None:
                raise refusal from None
            reason = str(error.__cause__ or error) or type(error).__name__
            raise Refusal(0, f"the connection failed: {clean(reason)[:_MAX_EXCERPT]}") from error


@asynccontextmanager
async def opened(endpoint: Endpoint) -> AsyncIterator[Line]:
    """Open a line for a few requests, within the running event loop.

    Raises
    ------
    WiwError
        ``VLM_UNAVAILABLE`` if the package ``openai`` is missing.
    """
    try:
        import openai
    except ImportError as error:
        raise WiwError(
            ErrorCode.VLM_UNAVAILABLE,
            "Asking a language model needs the package 'openai'.",
            "pip install -r requirements-extras.txt",
        ) from error
    http = openai.DefaultAsyncHttpxClient(
        follow_redirects=False,
        verify=endpoint.url.startswith("https:"),  # reading certificates for nothing takes long
        trust_env=not endpoint.local,
        event_hooks={"response": [_refuse]},
    )
    others: Any = openai.Omit()  # what the environment says of an account is not for this server
    client = openai.AsyncOpenAI(
        base_url=endpoint.url,
        api_key=endpoint.key or _NO_KEY,
        max_retries=0,
        http_client=http,
        default_headers={
            "OpenAI-Organization": others,
            "OpenAI-Project": others,
            "Accept-Encoding": "identity",
        },
    )
    async with client:
        yield Line(client)


async def _refuse(response: Any) -> None:
    """Read no more of a reply that is not 200 than a person wants to see."""
    if response.status_code == 200:
        return
    excerpt = b""
    async for chunk in response.aiter_bytes():
        excerpt += chunk[:_MAX_EXCERPT]
        if len(excerpt) >= _MAX_EXCERPT:
            break
    await response.aclose()
    detail = clean(excerpt[:_MAX_EXCERPT].decode("utf-8", "replace")) or "no explanation"
    raise Refusal(response.status_code, detail, _seconds(response.headers.get("retry-after")))


async def _bounded(chunks: AsyncIterator[bytes]) -> str:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > MAX_BODY:
            raise Refusal(0, f"the reply is longer than {MAX_BODY} bytes")
    return body.decode("utf-8", "replace")


def _seconds(header: str | None) -> float | None:
    """Return the whole seconds of a Retry-After header; None without one, or for a date."""
    header = (header or "").strip()
    return float(header) if header.isdigit() and len(header) < 9 else None


def _cause(error: BaseException | None) -> Refusal | None:
    while error is not None:
        if isinstance(error, Refusal):
            return error
        error = error.__cause__ or error.__context__
    return None
