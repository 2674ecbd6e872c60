"""Which SDKs are installed? The provider tests also run on older ones; see scripts/check.py."""

import inspect
import traceback
from contextlib import contextmanager

import anthropic
import openai
import pytest

OPENAI = int(openai.VERSION.partition(".")[0])
ANTHROPIC = int(anthropic.__version__.partition(".")[0])
_NEWEST = (3, 2)


@contextmanager
def skipping_what_is_missing():
    """Skip the test if an older SDK does not have what the block uses; the newest have everything."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        if _NEWEST <= (OPENAI, ANTHROPIC) or _passed_by_us(error):
            raise
        pytest.skip(f"openai {OPENAI}.x, anthropic {ANTHROPIC}.x: {error}")


def _passed_by_us(error):
    frames = traceback.walk_tb(error.__traceback__)
    return any(f.f_globals["__name__"].startswith("agentops.") for f, _ in frames)


def needs(*, openai=0, anthropic=0):
    """Skip a test below these major versions."""
    is_old = openai > OPENAI or anthropic > ANTHROPIC
    wanted = f"openai {openai}.x" if openai else f"anthropic {anthropic}.x"
    return pytest.mark.skipif(is_old, reason=f"came with {wanted}")


async def value_of(result):
    """Return a value that some versions give at once and others after an await."""
    return await result if inspect.isawaitable(result) else result
