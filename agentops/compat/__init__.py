"""The public names of agentops 0.3 and 0.4, on today's client.

Names that programs still need stand in ``v0_3.py`` and ``v0_4.py``; ``reserved.py`` holds those that
are not served any more, each saying what to use instead when it is used.
"""
