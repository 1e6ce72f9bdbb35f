"""Questions to a language model within one decision: bounded, checked, recorded.

A :class:`Chat` belongs to a policy; for each decision it gives a :class:`Talk`, which holds that
decision's deadline, cancellation and seeds, and leaves every try in ``context.notes``. All
questions of one call are put at once. Nothing outlives a call: no thread, no connection.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, Union

import numpy as np

from wiw_core.contracts import DecisionContext
from wiw_core.errors import ErrorCode, WiwError
from wiw_planner_node.vlm.asking import Answer, Asker, Body, Form, Job
from wiw_planner_node.vlm.options import ChatOptions
from wiw_planner_node.vlm.pictures import Picture, data_uri
from wiw_planner_node.vlm.reply import Reply
from wiw_planner_node.vlm.schema import Json, clean, parse

__all__ = ["Chat", "ChatOptions", "Picture", "Question", "Talk"]

TOP_LOGPROBS = 5
"""How many alternatives of the first token are asked for (the released solver)."""
MAX_PICTURES = 48
"""Of one question (the paper's server takes as many)."""

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """What a model is asked.

    Attributes
    ----------
    role : str
        What for, such as ``"propose"``; for the record.
    system : str
        Who the model is and what it shall do: a prompt of ours, never what others wrote.
    parts : tuple of str or Picture
        The user's message, in this order.
    """

    role: str
    system: str
    parts: tuple[Union[str, Picture], ...]

    @property
    def pictures(self) -> int:
        """How many pictures it shows."""
        return sum(isinstance(part, Picture) for part in self.parts)


class Chat:
    """Asks one endpoint, within the limits of its options.

    Raises
    ------
    WiwError
        ``VLM_UNAVAILABLE``, ``BAD_PARAMETER``: see :func:`wiw_planner_node.vlm.endpoint.endpoint`.
    """

    def __init__(self, options: ChatOptions) -> None:
        self.options = options
        self.endpoint = options.where()
        self.form = Form(by_server=options.structured != "prompt")

    def decision(self, context: DecisionContext) -> Talk:
        """Return the talk of one decision; draws its seed from ``context.rng``, once."""
        return Talk(self, context)


class Talk:
    """The questions of one decision; its budget of ``deadline_s`` begins when it is made."""

    def __init__(self, chat: Chat, context: DecisionContext) -> None:
        self._chat = chat
        self._context = context
        self._until_s = time.monotonic() + chat.options.deadline_s
        self._seed = int(context.rng.integers(2**31))
        self._calls = 0

    def ask(self, question: Question, schema: Json, read: Callable[[Any], T]) -> T:
        """Return what ``read`` makes of a reply that fits the schema; see :meth:`ask_each`.

        Raises
        ------
        WiwError
            ``UNPARSABLE`` if no try gave one, and as :meth:`ask_each`.
        """
        return _the_one(self.ask_each([question], schema, read))

    def ask_each(
        self, questions: Sequence[Question], schema: Json, read: Callable[[Any], T]
    ) -> list[Answer[T]]:
        """Return, for each question, what ``read`` makes of its reply, or its ``UNPARSABLE``.

        ``read`` gets a value that fits the schema, and raises ``ValueError`` or ``WiwError`` for
        what a schema cannot say; the reason is said back to the model in the next try. The seed of
        the k-th question does not depend on how many there are.

        Raises
        ------
        WiwError
            ``VLM_UNAVAILABLE``, ``DEADLINE_EXCEEDED``, ``CANCELLED``; ``BAD_IMAGE``, ``TOO_LARGE``
            for pictures that cannot be sent.
        """
        form = (
            "\n\nReply with one JSON object and nothing else. It fits this JSON schema:\n"
            + json.dumps(schema)
        )

        def body(question: Question, by_server: bool) -> Body:
            asked = self._body(question, question.system + form)
            named = {"name": question.role, "schema": schema, "strict": True}
            given = {"response_format": {"type": "json_schema", "json_schema": named}}
            return {**asked, **(given if by_server else {})}

        return self._put(questions, body, lambda reply: read(parse(reply.text, schema)))

    def tell_each(self, questions: Sequence[Question], max_chars: int = 2000) -> list[Answer[str]]:
        """Return the free text of each reply, never empty; otherwise as :meth:`ask_each`."""

        def read(reply: Reply) -> str:
            text = clean(reply.text).strip()
            if not 0 < len(text) <= max_chars:
                raise ValueError(f"It has {len(text)} characters; 1 to {max_chars} are read.")
            return text

        return self._put(questions, lambda question, _: self._body(question), read)

    def choose(self, question: Question, letters: Sequence[str]) -> tuple[float, ...]:
        """Return how likely each letter is as the reply's first token, see :class:`Reply`.

        Raises
        ------
        WiwError
            ``UNPARSABLE`` if no try told of any letter, or the server gives no ``logprobs``; and as
            :meth:`ask_each`.
        """
        first = {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        return _the_one(
            self._put(
                [question],
                lambda question, _: {**self._body(question), **first},
                lambda reply: reply.probabilities(letters),
            )
        )

    def _put(
        self,
        questions: Sequence[Question],
        body: Callable[[Question, bool], Body],
        read: Callable[[Reply], T],
    ) -> list[Answer[T]]:
        call, self._calls = self._calls, self._calls + 1

        def job(k: int, question: Question) -> Job[T]:
            return Job(
                question.role,
                question.pictures,
                body=lambda by_server: body(question, by_server),
                seed=lambda number: _seed(self._seed, call, k, number),
                read=read,
            )

        jobs = [job(k, question) for k, question in enumerate(questions)]
        chat = self._chat
        asker = Asker(
            chat.endpoint, chat.options, chat.form, self._until_s, self._context.cancelled
        )
        try:
            return asker.put(jobs)
        finally:
            for done in jobs:  # in the order of the questions, however the replies came
                self._context.notes.transcript.extend(done.log)

    def _body(self, question: Question, system: str = "") -> Body:
        if question.pictures > MAX_PICTURES:
            raise WiwError(
                ErrorCode.TOO_LARGE,
                f"A question shows {question.pictures} pictures; at most {MAX_PICTURES} may be.",
                "Weigh fewer or shorter plans.",
            )
        options = self._chat.options
        content = [
            item for part in question.parts for item in _content(part, options.picture_format)
        ]
        return {
            "model": self._chat.endpoint.model,
            "messages": [
                {"role": "system", "content": system or question.system},
                {"role": "user", "content": content},
            ],
            "temperature": options.temperature,
            "max_tokens": options.max_tokens,
        }


def _content(part: Union[str, Picture], picture_format: str) -> list[Body]:
    if isinstance(part, str):
        return [{"type": "text", "text": part}]
    picture = {"type": "image_url", "image_url": {"url": data_uri(part.rgb, picture_format)}}
    return [{"type": "text", "text": part.caption}, picture] if part.caption else [picture]


def _seed(*words: int) -> int:
    """Return a seed below 2^31 that no other words give, but by chance."""
    return int(np.random.SeedSequence(words).generate_state(1)[0]) >> 1


def _the_one(answers: Sequence[Answer[T]]) -> T:
    (answer,) = answers
    if isinstance(answer, WiwError):
        raise answer
    return answer
