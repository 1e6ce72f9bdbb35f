"""What was encoded before is not encoded again: images and texts, between candidates and requests.

No pipeline takes encoded images, so the encoders themselves remember. They are asked for one row of
a batch at a time: what is remembered of a row cannot depend on the rows beside it.
"""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree


class Memo:
    """The results of some methods, by their arguments; the one used longest ago goes first.

    Parameters
    ----------
    limit_bytes : int
        Most memory of the tensors kept.

    Attributes
    ----------
    encoded : int
        Rows that were really encoded.
    hits : int
        Rows that were served without encoding.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._kept: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()
        self.encoded = 0
        self.hits = 0

    def remember(self, owner: Any, method: str) -> None:
        """Make ``owner.method`` remember: a method whose tensors all have the batch as first axis.

        What does not depend on a tensor alone (a generator, a mode) must not be among its
        arguments; flags and numbers may be.
        """
        original = getattr(owner, method)
        name = f"{id(owner)}.{method}"

        @functools.wraps(original)
        def remembering(*args: Any, **kwargs: Any) -> Any:
            return self._rows(name, original, args, kwargs)

        setattr(owner, method, remembering)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0

    def _rows(self, name: str, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        leaves, form = pytree.tree_flatten((args, kwargs))
        batch = next((x.shape[0] for x in leaves if isinstance(x, torch.Tensor)), 0)
        if torch.is_grad_enabled() or not batch:
            return original(*args, **kwargs)
        rows = []
        for row in range(batch):
            one = [x[row : row + 1] if _is_batch(x, batch) else x for x in leaves]
            key = _digest(name, one)
            if key in self._kept:
                self.hits += 1
                self._kept.move_to_end(key)
            else:
                a, k = pytree.tree_unflatten(one, form)
                self._keep(key, original(*a, **k))
            rows.append(self._kept[key][0])
        self._forget()
        return joined(rows)  # copies: a pipeline may write into what it is given

    def _keep(self, key: bytes, value: Any) -> None:
        self.encoded += 1
        size = sum(_bytes(x) for x in pytree.tree_leaves(value))
        self._kept[key] = (value, size)
        self._bytes += size

    def _forget(self) -> None:
        while self._bytes > self._limit and self._kept:
            self._bytes -= self._kept.popitem(last=False)[1][1]


def joined(rows: Sequence[Any]) -> Any:
    """Return one result of a batch, of the results of its rows."""
    form = pytree.tree_structure(rows[0])
    return pytree.tree_unflatten(
        [_joined(leaf) for leaf in zip(*(pytree.tree_leaves(row) for row in rows))], form
    )


def _joined(leaves: Sequence[Any]) -> Any:
    first = leaves[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(leaves)) if first.ndim else first
    if hasattr(first, "parameters") and isinstance(first.parameters, torch.Tensor):
        return type(first)(torch.cat([leaf.parameters for leaf in leaves]))  # a distribution
    return first


def _bytes(leaf: Any) -> int:
    tensor = leaf if isinstance(leaf, torch.Tensor) else getattr(leaf, "parameters", None)
    return tensor.nbytes if isinstance(tensor, torch.Tensor) else 0


def _is_batch(leaf: Any, batch: int) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.ndim > 0 and leaf.shape[0] == batch


def _digest(name: str, leaves: Sequence[Any]) -> bytes:
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor):
            raw = leaf.detach().contiguous().cpu().reshape(-1).view(torch.uint8)
            digest.update(f"{tuple(leaf.shape)}{leaf.dtype}".encode())
            digest.update(raw.numpy().data)
        else:
            digest.update(repr(leaf).encode())
        digest.update(b"|")
    return digest.digest()
