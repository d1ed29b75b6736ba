"""Mends what can be mended without a decision: the patches of findings, made in the text that the objects were read from.

Nothing is trusted. After each edit the text is read again: the objects must be what they were but for the patched fields, and nothing else
may be read. Then everything is judged again, by all rules: the findings must be gone, and nothing may have appeared.
"""

from auditor.fix.mending import Fixes, Mended, NotFixed, fix

__all__ = ["Fixes", "Mended", "NotFixed", "fix"]
