"""Parameters of a constructor, as scikit-learn has them: `get_params`, `set_params`, and a repr of what differs."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, Self

from tsynth.errors import UsageError

__all__ = ["Parameters"]


class Parameters:
    """A class whose constructor only stores its parameters."""

    name: ClassVar[str] = ""

    @classmethod
    def _parameter_names(cls) -> list[str]:
        signature = inspect.signature(cls.__init__)
        return [
            p
            for p in signature.parameters
            if p != "self"
            and signature.parameters[p].kind != inspect.Parameter.VAR_KEYWORD
            and signature.parameters[p].kind != inspect.Parameter.VAR_POSITIONAL
        ]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of the constructor, by name."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def plain_params(self) -> dict[str, Any]:
        """`get_params` as plain values, for files: what is no plain value says itself by its `to_dict`."""
        return {k: v.to_dict() if hasattr(v, "to_dict") else v for k, v in self.get_params().items()}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters of the constructor; a fit made before stays as it is."""
        known = self._parameter_names()
        for name, value in parameters.items():
            if name not in known:
                raise UsageError(
                    f"{self.name} has no parameter {name!r}", fix=f"choose one of {', '.join(known)}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        shown = [f"{k}={v!r}" for k, v in self.get_params().items() if v != defaults[k].default]
        return f"{type(self).__name__}({', '.join(shown)})"
