"""How does a program written for agentops 0.3 or 0.4 become one for this release? Above ``compat``.

``rules`` says what is called otherwise, ``survey`` finds what a file uses, ``codemod`` rewrites it, ``project`` goes
through files. Only what surely means the same is rewritten; the rest still runs, or is told in a note.
"""

from agentops.migrate.project import FileReport, Note, examine

__all__ = ["FileReport", "Note", "examine"]
