"""One run of an agent, and the register of the runs that are live.

``agentops.session`` is two things under one name: this package, and the verb that starts a session
(``with agentops.session("support"):``, ``@agentops.session``). Python binds the package to the root
module as soon as anything imports it, so the package itself is callable and hands the call on to
:func:`agentops.decorators.session`.
"""

import importlib
import sys
from types import ModuleType

from agentops.session.context import context_session
from agentops.session.manager import SessionManager
from agentops.session.session import Session
from agentops.session.state import EndState, TraceState

__all__ = ["EndState", "Session", "SessionManager", "TraceState", "context_session"]


class _CallableModule(ModuleType):
    def __call__(self, *args: object, **options: object) -> object:
        # By name and at call time: the verb stands two floors up, and this floor may not import it.
        return importlib.import_module("agentops.decorators").session(*args, **options)


sys.modules[__name__].__class__ = _CallableModule
