"""How did a session end? Session floor: the states, and how the older spellings read.

agentops 0.3 wrote :class:`EndState`, 0.4 wrote :class:`TraceState` or OpenTelemetry's ``StatusCode``;
programs also pass the bare text. :meth:`EndState.read` understands them all.
"""

from enum import Enum

from opentelemetry.trace import StatusCode

__all__ = ["EndState", "TraceState"]


class EndState(str, Enum):
    """The outcome of a session; the value is the text that agentops has always written."""

    SUCCESS = "Success"
    FAIL = "Fail"
    INDETERMINATE = "Indeterminate"

    def __str__(self) -> str:
        """Return the text that is written: ``Success``, ``Fail`` or ``Indeterminate``."""
        return self.value

    @classmethod
    def read(cls, state: object) -> "EndState | None":
        """Return what ``state`` means, or ``None`` when it means nothing known.

        Args:
            state: An :class:`EndState`, a :class:`TraceState`, an OpenTelemetry ``StatusCode``, or one
                of their texts in any case. ``None`` reads as ``INDETERMINATE``.
        """
        if isinstance(state, EndState):
            return state
        if isinstance(state, TraceState):
            state = state.value
        if isinstance(state, StatusCode):
            return _STATUS[state]
        if state is None:
            return cls.INDETERMINATE
        return _TEXTS.get(state.strip().lower()) if isinstance(state, str) else None


class TraceState(Enum):
    """The outcomes as agentops 0.4 named them; each stands for an :class:`EndState`."""

    SUCCESS = StatusCode.OK
    ERROR = StatusCode.ERROR
    UNSET = StatusCode.UNSET

    def __str__(self) -> str:
        """Return the text of the end state: ``Success``, ``Fail`` or ``Indeterminate``."""
        return _STATUS[self.value].value


_STATUS = {
    StatusCode.OK: EndState.SUCCESS,
    StatusCode.ERROR: EndState.FAIL,
    StatusCode.UNSET: EndState.INDETERMINATE,
}
_TEXTS = {
    "success": EndState.SUCCESS,
    "succeeded": EndState.SUCCESS,
    "ok": EndState.SUCCESS,
    "fail": EndState.FAIL,
    "failed": EndState.FAIL,
    "failure": EndState.FAIL,
    "error": EndState.FAIL,
    "indeterminate": EndState.INDETERMINATE,
    "unset": EndState.INDETERMINATE,
    "unknown": EndState.INDETERMINATE,
    "shutdown": EndState.INDETERMINATE,
}
