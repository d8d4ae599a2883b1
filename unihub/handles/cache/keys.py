"""The name under which the cache files a handle."""

from __future__ import annotations

import hashlib
import re

from unihub.redaction import redacted

_LONGEST_SLUG = 80
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_UNSAFE = re.compile(r"[^a-z0-9]+")
_DIGITS = 16


def key_of(handle: str) -> str:
    """A readable name that is one path segment on every file system.

    It has at most 97 characters of a-z, 0-9 and "-", so that nothing of it
    depends on case, and is told from the keys of other handles by the hash at
    its end. Query, fragment and user information, where secrets are, show in
    the hash alone.

    Example:
        >>> key_of("https://tfhub.dev/google/nnlm-en-dim50/2")
        'tfhub-dev-google-nnlm-en-dim50-2-141dc0ae7ca76904'
    """
    # surrogatepass: a path that is no UTF-8 has lone surrogates in Python.
    digest = hashlib.sha256(handle.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    words = _UNSAFE.sub("-", _SCHEME.sub("", redacted(handle)).lower()).strip("-")
    # The end of a handle, its name and version, tells more than its host.
    slug = words[-_LONGEST_SLUG:].strip("-")
    return f"{slug}-{digest}" if slug else digest
