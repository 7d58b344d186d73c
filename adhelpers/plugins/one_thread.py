"""`ONE_THREAD`: the lock of frameworks whose level is a global."""

from __future__ import annotations

import threading

ONE_THREAD = threading.RLock()
"""Hold it while a framework's global state is in use, which two threads at once would mix up.

It is one lock for all frameworks. With a lock for each, two threads whose functions nest two frameworks in opposite
orders would wait for each other for ever.
"""
