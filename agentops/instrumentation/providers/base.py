"""What must be known of a vendor to instrument it? Instrumentation floor: reading only, no spans.

A :class:`ProviderInstrumentation` names the functions to hook (:meth:`~ProviderInstrumentation.targets`)
and reads what goes in and comes out. :class:`agentops.providers.InstrumentedProvider` does the acting:
it patches, times, follows streams, ends spans. A vendor's SDK is never imported at import time.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agentops.instrumentation.base import BaseInstrumentation
from agentops.instrumentation.calls import LLMCall
from agentops.instrumentation.tools import Action, ToolRun

__all__ = ["ProviderInstrumentation", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One function of a vendor's SDK that is hooked.

    Attributes:
        module: Dotted name of the module that holds it.
        name: Path inside the module: ``"Client.chat"``.
        operation: ``gen_ai.operation.name`` of what it does, for the reader's own use.
        role: ``call``: each call is a span. ``response``: it sees the HTTP response of the call that
            is under way and makes no span; for a ``StainlessInstrumentation``, whose ``read_exchange``
            tells what of it.
            ``socket``: a constructor whose first argument is a connection that lives on;
            ``read_socket`` and ``socket_step`` tell how to follow it.
            ``tool``: it runs one tool of the program; ``read_tool`` tells which.
            ``actions``: its result holds functions of the program; ``find_actions`` tells where.
            ``property``: a property of which ``replace_value`` chooses the value.
        is_async: Whether what it returns is awaited. Of a call that is ``async def`` this is seen
            without being told.
    """

    module: str
    name: str
    operation: str = ""
    role: Literal["call", "response", "socket", "tool", "actions", "property"] = "call"
    is_async: bool = False


class ProviderInstrumentation(BaseInstrumentation, ABC):
    """Base class for custom providers: says where to hook a vendor's SDK and how to read it.

    Class attributes:
        module: Name of the package to wait for: it is instrumented when the program imports it.
    """

    module: str = ""

    @abstractmethod
    def targets(self) -> Iterable[Target]:
        """Return the functions to hook; those the installed version does not have are skipped."""

    @abstractmethod
    def read_request(
        self, target: Target, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> LLMCall | None:
        """Read a call that is about to be made; runs on the caller's thread, so be quick.

        Take references only; leave the walk through messages to :meth:`read_response`.

        Args:
            target: The hooked function.
            args: Positional arguments; for a method the first one is the object it is called on.
            kwargs: Keyword arguments; never change them.

        Returns:
            The call, or ``None`` to let it pass without a span.
        """

    @abstractmethod
    def read_response(self, call: LLMCall, response: object) -> None:
        """Fill ``call`` from its request and its response; runs on the pipeline's worker.

        Args:
            call: Changed in place.
            response: What the function returned; for streams see :meth:`read_stream`; ``None`` when
                it raised.
        """

    def read_stream(self, call: LLMCall, chunks: Sequence[object]) -> None:
        """Fill ``call`` from the chunks the program received; runs on the pipeline's worker.

        Args:
            call: Changed in place.
            chunks: In order of arrival; all of them, or those before the program stopped reading.
        """

    def is_stream(self, result: object) -> bool:
        """Tell whether ``result`` is iterated for its chunks: by default any iterator is."""
        return hasattr(result, "__next__") or hasattr(result, "__anext__")

    def read_tool(self, target: Target, args: tuple[object, ...]) -> ToolRun | None:  # noqa: ARG002
        """Read the run of a tool that is about to begin; runs on the caller's thread.

        Args:
            target: The function that runs it, of role ``tool``.
            args: Positional arguments; the first one is the object it is called on.

        Returns:
            The run, or ``None`` to let it pass without a span.
        """
        return None

    def read_tool_result(self, run: ToolRun, result: object) -> None:
        """Fill ``run`` from what the function gave back; runs on the caller's thread."""
        run.result = result

    def find_actions(self, target: Target, value: object) -> Sequence[Action]:  # noqa: ARG002
        """Find the functions of the program that the SDK may run later; runs on the caller's thread.

        Args:
            target: The function, of role ``actions``.
            value: What it returned.
        """
        return ()

    def read_socket(self, target: Target, connection: object) -> LLMCall | None:  # noqa: ARG002
        """Read a connection that was just opened; runs on the caller's thread.

        Args:
            target: The constructor that was given the connection, of role ``socket``.
            connection: What carries the messages; of the ``websockets`` package.

        Returns:
            The connection as a call, or ``None`` to leave it alone.
        """
        return None

    def socket_step(self, session: LLMCall, message: str | bytes) -> str:  # noqa: ARG002
        """Tell what a message on a connection means.

        Args:
            session: The connection.
            message: Sent or received.

        Returns:
            One of:

            - ``ask``: the program asks for an answer.
            - ``given``: input for the next answer, not for those under way.
            - ``begin``, ``end``: an answer begins, ends.
            - ``whole``: an answer in one message.
            - ``error``: an answer that is under way, or was asked for, has failed.
            - ``refusal``: what was asked for last will not be answered; then a ``fault``.
            - ``fault``: an error of the connection if no message follows.
            - ``session``: how the connection is set up; the last one counts.
            - ``state``: how the connection stands; the last one counts.
            - ``note``: a message of the connection itself, kept for its span.
            - ``audio``: only its time is noted.
            - ``""``: anything else; a part of the answer under way.
        """
        return ""

    def socket_lane(self, message: str | bytes, step: str) -> str:  # noqa: ARG002
        """Return what tells answers apart that come at once, ``""`` where the message does not tell."""
        return ""

    def socket_turn(
        self,
        session: LLMCall,
        said: list[str | bytes],  # noqa: ARG002
        setup: str | bytes,  # noqa: ARG002
        message: str | bytes,  # noqa: ARG002
    ) -> LLMCall:
        """Return the call that an answer on a connection is.

        Args:
            session: The connection.
            said: What the program sent for it.
            setup: The last message of step ``session``, ``""`` for none.
            message: The one it begins with.
        """
        return session

    def replace_value(self, target: Target, instance: object, value: object) -> object:  # noqa: ARG002
        """Return what a property of the SDK is to give in place of ``value``: by default that value.

        Args:
            target: The property, of role ``property``.
            instance: Whose property it is.
            value: What the SDK has there.
        """
        return value

    def read_error(self, call: LLMCall, error: BaseException) -> object:
        """Fill ``call`` from the exception that ended it; runs on the caller's thread.

        Returns:
            What :meth:`read_response` is given where no answer was seen, or ``None``.
        """
        call.error_type = type(error).__qualname__
        return None
