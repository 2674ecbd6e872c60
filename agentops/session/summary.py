"""What is said at the end of a program? Session floor: one line about its sessions."""

from agentops.numbers import duration, money, tokens
from agentops.session.session import Session
from agentops.session.state import EndState
from agentops.telemetry.totals import Totals

__all__ = ["Tally", "summary"]


class Tally:
    """Which sessions ended: counts, and the last one of each sort. The register keeps it."""

    def __init__(self) -> None:
        self.explicit = 0
        self.failed = 0
        self.last: Session | None = None
        self.automatic: Session | None = None

    def add(self, session: Session) -> None:
        """Count a session that ended."""
        if session.is_automatic:
            self.automatic = session
            return
        self.explicit += 1
        self.failed += session.end_state is EndState.FAIL
        self.last = session


def summary(tally: Tally, totals: Totals, pages_url: str | None) -> str | None:
    """Return the line, or ``None`` when there is nothing to tell: no model call and no step.

    Args:
        tally: The sessions.
        totals: What happened in them.
        pages_url: Address of the list of sessions, for a program that had several.
    """
    session = tally.last or tally.automatic
    if session is None or not (totals.llm_calls or totals.steps):
        return None
    if tally.explicit > 1:
        failed = f", {tally.failed} failed" if tally.failed else ""
        parts = [f"{tally.explicit} sessions{failed}"]
        link = pages_url
    else:
        parts = [f"{session.name} {_state(session)}", duration(session.duration_ns // 1_000)]
        link = session.url
    if totals.tokens:
        parts.append(f"{tokens(totals.tokens)} tokens")
    if totals.cost_usd > 0:
        at_least = "at least " if totals.unpriced_calls else ""
        parts.append(f"{at_least}{money(totals.cost_usd)}")
    if link:
        parts.append(link)
    return "agentops: " + ", ".join(parts)


def _state(session: Session) -> str:
    return {EndState.SUCCESS: "ok", EndState.FAIL: "failed"}.get(session.end_state, "ended")
