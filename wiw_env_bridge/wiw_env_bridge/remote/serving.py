"""The worker's side: one environment, whose calls run on the main thread as simulators demand.

Two connections come from the same parent. ``calls`` is question and answer, one at a time.
``control`` is read by a thread of its own: it holds, and tells how the robot moves, while a call is
running. When the parent has gone, for whatever reason, the worker holds and ends.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import platform
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from wiw_core.contracts import Cloneable, Environment, Mobile
from wiw_core.decisions import Transition
from wiw_core.errors import ErrorCode, WiwError
from wiw_env_bridge.oracle import Imaginable
from wiw_env_bridge.remote import codec
from wiw_env_bridge.remote.codec import Fields, Packed
from wiw_env_bridge.remote.framing import MAGIC, PROTOCOL, BadMessage, Closed, Link

CONNECT_S = 10.0
ORPHAN_S = 5.0
"""Seconds that a worker without a parent has to close its simulator."""
DEAF_S = 180.0
"""Seconds without Python after which a worker ends: a simulator that never gives the interpreter
back would not even see that its parent has died."""
HEAR_S = 2.0
"""Longest time for a hold on the other connection to arrive."""
AWAKE_S = 30.0


def serve(address: str, token: str) -> int:
    """Connect, build the environment that the parent asks for, answer until the parent has gone."""
    control, calls = (_connect(address, token, role) for role in ("control", "calls"))
    server = _Server(calls)
    threading.Thread(target=_control, args=(control, server), daemon=True).start()
    try:
        server.run()
    except Closed:
        pass  # the parent has gone
    finally:
        server.end()
    return 0


def _connect(address: str, token: str, role: str) -> Link:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(CONNECT_S)
    connection.connect(address)
    link = Link(connection)
    link.send(
        {
            "magic": MAGIC,
            "protocol": PROTOCOL,
            "role": role,
            "token": token,
            "pid": os.getpid(),
            "python": platform.python_version(),
        }
    )
    answer = Fields(link.receive(lambda: time.monotonic() + CONNECT_S), "the parent's answer")
    if not answer.flag("welcome"):
        raise SystemExit(f"The parent refused this worker: {answer.text('why')}")
    return link


def _control(link: Link, server: _Server) -> None:
    """Hold, and tell of motion; end the process soon after the parent has gone."""
    try:
        while True:
            faulthandler.dump_traceback_later(DEAF_S, exit=True)
            wake = time.monotonic() + AWAKE_S
            try:
                message = link.receive(lambda wake=wake: wake)  # type: ignore[misc]
            except TimeoutError:
                continue
            if message.get("ask") == "hold":
                server.hold()
            elif message.get("ask") == "motion":
                link.send(server.motion())
    except (BadMessage, ConnectionError):
        server.hold()
        server.ended.wait(ORPHAN_S)
    os._exit(1)  # the main thread may be stuck in a simulator


class _Server:
    def __init__(self, calls: Link) -> None:
        self._calls = calls
        self._environment: Environment | None = None
        self._motion: Iterator[Transition] | None = None
        self._states: dict[int, Any] = {}
        self._count = 0
        self._heard, self._holds = threading.Condition(), 0
        self.ended = threading.Event()

    def run(self) -> None:
        """Answer until the parent closes."""
        while True:
            call = Fields(self._calls.receive(), "a call")
            name = call.text("call")
            try:
                reply = self._answer(name, call)
            except Exception as error:  # noqa: BLE001 - every failure of a simulator travels to the parent
                reply = {"error": codec.pack_error(_failure(error))}
            try:
                self._calls.send(reply)
            except BadMessage as error:
                self._calls.send({"error": codec.pack_error(_failure(error))})
            if name == "close":
                return

    def end(self) -> None:
        """Close the environment; whatever it says, this process ends."""
        environment, self._environment = self._environment, None
        try:
            if environment is not None:
                environment.close()
        except Exception:  # noqa: BLE001 - it is the end
            traceback.print_exc()
        sys.stdout.flush()
        self.ended.set()

    def hold(self) -> None:
        """Stop all motion; from the control thread."""
        environment = self._environment
        if environment is not None:
            environment.hold()
        with self._heard:
            self._holds += 1
            self._heard.notify_all()

    def motion(self) -> Packed:
        """Return how the robot moves now; from the control thread."""
        environment = self._environment
        if not isinstance(environment, Mobile):
            return {"error": codec.pack_error(_no("live motion"))}
        pose, forward, turn = environment.motion()
        return {"pose": codec.pack_pose2(pose), "forward": float(forward), "turn": float(turn)}

    def _answer(self, name: str, call: Fields) -> Packed:
        if name == "open":
            return self._open(call)
        environment = self._environment
        if environment is None:
            raise BadMessage(f"'{name}' came before the environment was opened.")
        answer: Callable[[Any, Fields], Packed] | None = getattr(self, f"_do_{name}", None)
        if answer is None:
            raise BadMessage(f"There is no call '{name}'.")
        for state in call.wholes("forget"):
            self._states.pop(state, None)
        return answer(environment, call)

    def _open(self, call: Fields) -> Packed:
        module, _, factory = call.text("factory").partition(":")
        parameters = call.get("parameters", dict)
        built: Environment = getattr(importlib.import_module(module), factory)(**parameters)
        self._environment = built
        packed: Packed = {
            "name": built.name,
            "actions": [codec.pack_spec(spec) for spec in built.actions.values()],
            "tasks": list(built.tasks()),
            "mobile": isinstance(built, Mobile),
            "cloneable": isinstance(built, Cloneable),
            "imaginable": isinstance(built, Imaginable),
        }
        if isinstance(built, Imaginable):
            packed["projection"] = int(built.frame_projection)
            packed["frame_hw"] = [int(side) for side in built.frame_hw]
        return packed

    def _do_episode_ids(self, environment: Environment, call: Fields) -> Packed:
        ids = environment.episode_ids(call.text("task"), call.text("split"), call.whole("limit"))
        return {"ids": list(ids)}

    def _do_reset(self, environment: Environment, call: Fields) -> Packed:
        self._stop()
        self._states.clear()
        episode, observation, done = environment.reset(call.text("task"), call.text("episode_id"))
        return {
            "episode": codec.pack_episode(episode),
            "observation": codec.pack_observation(observation),
            "done": bool(done),
        }

    def _do_act(self, environment: Environment, call: Fields) -> Packed:
        self._stop()
        sent = call.whole("holds")
        # A hold of before this plan must not overtake it, and end it.
        with self._heard:
            self._heard.wait_for(lambda: self._holds >= sent, HEAR_S)
        plan = codec.unpack_plan(call.get("plan", dict))
        self._motion = iter(environment.act(plan, observe=call.flag("observe")))
        return {}

    def _do_next(self, environment: Environment, call: Fields) -> Packed:
        transition = None if self._motion is None else next(self._motion, None)
        if transition is None:
            self._motion = None
            return {"end": True}
        return {"end": False, "transition": codec.pack_transition(transition)}

    def _do_stop(self, environment: Environment, call: Fields) -> Packed:
        self._stop()
        return {}

    def _do_finish(self, environment: Environment, call: Fields) -> Packed:
        self._stop()
        result = environment.finish(
            call.whole("decisions"),
            call.text("answer"),
            call.number("confidence"),
            call.code("fault"),
            call.text("message"),
        )
        return {"result": codec.pack_result(result)}

    def _do_snapshot(self, environment: Cloneable, call: Fields) -> Packed:
        self._count += 1
        self._states[self._count] = environment.snapshot()
        return {"state": self._count}

    def _do_restore(self, environment: Cloneable, call: Fields) -> Packed:
        state = call.whole("state")
        if state not in self._states:
            raise WiwError(
                ErrorCode.ENVIRONMENT_MISMATCH, "The snapshot is of an episode that is over."
            )
        environment.restore(self._states[state])
        return {}

    def _do_moment(self, environment: Imaginable, call: Fields) -> Packed:
        episode_id, step = environment.moment()
        return {"episode_id": episode_id, "step": int(step)}

    def _do_imagine_action(self, environment: Imaginable, call: Fields) -> Packed:
        environment.imagine_action(codec.unpack_action(call.get("action", dict)))
        return {}

    def _do_imagine_frame(self, environment: Imaginable, call: Fields) -> Packed:
        frame = environment.imagine_frame(call.whole("height"), call.whole("width"))
        return {"frame": codec.pack_array(frame)}

    def _do_value(self, environment: Imaginable, call: Fields) -> Packed:
        return {"value": float(environment.value())}

    def _do_advise(self, environment: Any, call: Fields) -> Packed:
        advise = getattr(environment, "advise", None)
        if advise is None:
            raise _no("advice of an expert")
        return {"plan": codec.pack_plan(advise(call.whole("length")))}

    def _do_close(self, environment: Environment, call: Fields) -> Packed:
        self._stop()
        environment.hold()
        return {}

    def _stop(self) -> None:
        """End the plan in execution, where it is."""
        motion, self._motion = self._motion, None
        close = getattr(motion, "close", None)
        if close is not None:
            close()


def _failure(error: Exception) -> WiwError:
    if isinstance(error, WiwError):
        return error
    traceback.print_exc()  # to the log of the parent
    return WiwError(
        ErrorCode.ENVIRONMENT_FAILED, f"The environment failed: {type(error).__name__}: {error}"
    )


def _no(what: str) -> WiwError:
    return WiwError(ErrorCode.MODEL_UNAVAILABLE, f"This environment offers no {what}.")
