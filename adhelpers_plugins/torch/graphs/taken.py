"""How many derivatives a function takes by graphs, one of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch


class Taken:
    """How often `f` differentiates by graphs what it has differentiated by graphs."""

    def __init__(self) -> None:
        self.most = 0
        self._known: dict[Any, int] = {}
        """By node: how many derivatives were taken to get there."""
        self._anywhere = 0
        """How many may have been taken to get anywhere."""

    def before(self, outputs: Iterable[Any]) -> int:
        """How many derivatives are taken once these are differentiated."""
        nodes = [y.grad_fn for y in tensors_in(outputs) if isinstance(y, torch.Tensor) and y.grad_fn is not None]
        stack, known = list(nodes), self._known
        while stack:
            if stack[-1] in known:
                stack.pop()
                continue
            behind = [parent for parent, _ in stack[-1].next_functions if parent is not None]
            unknown = [parent for parent in behind if parent not in known]
            if not unknown:
                known[stack[-1]] = max([known[parent] for parent in behind], default=0)
            stack.extend(unknown)
        count = 1 + max([self._anywhere, *[known[node] for node in nodes]])
        self.most = max(self.most, count)
        return count

    def after(self, count: int, gradients: Iterable[Any] | None) -> None:
        """Of these gradients; None if they lie in attributes, of which it is not known what is computed."""
        if gradients is None:
            self._anywhere = max(self._anywhere, count)
            return
        for gradient in gradients:
            if isinstance(gradient, torch.Tensor) and gradient.grad_fn is not None:
                self._known[gradient.grad_fn] = count


def tensors_in(arguments: Any) -> Iterator[Any]:
    """The tensors among arguments, and in the lists and tuples among them."""
    for argument in arguments:
        if isinstance(argument, (list, tuple)):
            yield from tensors_in(argument)
        else:
            yield argument
