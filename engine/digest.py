"""BLAKE2b by itself: `hashlib` loads OpenSSL with it, which costs the start of every program milliseconds."""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # not CPython's own
    from hashlib import blake2b

__all__ = ["blake2b"]
