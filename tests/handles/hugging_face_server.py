"""A real server that speaks Hugging Face's API as huggingface_hub and our download call it.

Files above a size are kept by Git LFS, as theirs are, and come from another origin.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Dict, Set

from handles.server import Reply, Server

SIGNATURE = "X-Amz-Signature=tip-top-secret"
_LARGE = 4


@dataclass
class HuggingFace:
    """What Hugging Face has: repositories, and who may read them.

    Attributes:
        gated: repositories whose terms are to be agreed to.
        private: repositories that only "ada's token" reads.
    """

    server: Server
    storage: Server
    gated: Set[str] = field(default_factory=set)
    private: Set[str] = field(default_factory=set)

    def add(self, repository: str, files: Dict[str, bytes], revision: str = "main") -> str:
        """Puts a commit on the server, with a branch at it; returns the commit's name."""
        content = json.dumps({name: data.hex() for name, data in files.items()})
        commit = hashlib.sha1(f"{repository} {content}".encode()).hexdigest()
        listed = [_listed(name, data) for name, data in files.items()]
        described = {"id": repository, "sha": commit, "siblings": listed}

        def describe(request):
            return self._refusal(repository, request) or _json(described)

        base = f"/api/models/{repository}"
        for name in (revision, commit):
            self.server[f"{base}/revision/{name.replace('/', '%2F')}"] = describe
        if revision == "main":
            self.server[base] = describe
        for name, data in files.items():
            self._serve(repository, commit, name, data)
        return commit

    def downloads(self):
        """The requests for files, of either server."""
        requests = [*self.server.requests, *self.storage.requests]
        return [each for each in requests if not each.path.startswith("/api/")]

    def _serve(self, repository, commit, name, data):
        def resolve(request):
            refusal = self._refusal(repository, request)
            if refusal is not None or len(data) <= _LARGE:
                return refusal or Reply(data)
            location = self.storage.url(f"/{repository}/{commit}/{name}?{SIGNATURE}")
            return Reply(status=302, location=location)

        self.server[f"/{repository}/resolve/{commit}/{name}"] = resolve
        self.storage[f"/{repository}/{commit}/{name}"] = Reply(data)

    def _refusal(self, repository, request):
        has_token = request.headers.get("authorization") == "Bearer ada's token"
        if repository in self.private and not has_token:
            return _error(401, "RepoNotFound", "Repository not found")
        if repository in self.gated:
            return _error(403, "GatedRepo", f"Access to model {repository} is restricted.")
        return None


def _listed(name, data):
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    listed = {"rfilename": name, "size": len(data), "blobId": blob}
    if len(data) > _LARGE:
        sha256 = hashlib.sha256(data).hexdigest()
        listed["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 130}
        listed["blobId"] = hashlib.sha1(sha256.encode()).hexdigest()
    return listed


def _json(value, status=200, **headers):
    headers["Content-Type"] = "application/json"
    return Reply(json.dumps(value).encode(), status=status, headers=headers)


def _error(status, code, message):
    return _json({"error": message}, status, **{"X-Error-Code": code, "X-Error-Message": message})
