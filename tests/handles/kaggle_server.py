"""A real server that speaks Kaggle's API as kagglehub calls it, in both of its dialects.

kagglehub before 0.4 asks ``GET {KAGGLE_API_ENDPOINT}/api/v1/models/...``; later ones post to
``/api/v1/models.ModelApiService/...`` of a fixed host, for which this server is the proxy.
Downloads are redirected to a signed URL of another origin, as Kaggle's are.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Dict, Set, Tuple

from handles.server import Reply, Server

SIGNATURE = "X-Goog-Signature=tip-top-secret"

_RPC = "/api/v1/models.ModelApiService/"
_REST = "/api/v1/models/"


@dataclass
class Variation:
    """One framework and variation of a model.

    Attributes:
        versions: archive by number.
        users: who may download it; None for everybody.
    """

    versions: Dict[int, bytes]
    users: Set[str] = None


@dataclass
class Kaggle:
    """What Kaggle has. Keys are (owner, model, framework in lower case, variation)."""

    server: Server
    storage: Server
    variations: Dict[Tuple[str, str, str, str], Variation] = field(default_factory=dict)
    keys: Dict[str, str] = field(default_factory=lambda: {"ada": "ada's key"})

    def __post_init__(self):
        for name in ("GetModelInstance", "GetModel", "DownloadModelInstanceVersion"):
            self.server[_RPC + name] = self._rpc

    def add(self, path, *archives, users=None):
        """Puts versions 1, 2, … of owner/model/framework/variation on the server."""
        owner, model, framework, variation = path.split("/")
        key = (owner, model, framework.lower(), variation)
        self.variations[key] = Variation(dict(enumerate(archives, 1)), users)
        self.allow(path, len(archives))
        for number, archive in enumerate(archives, 1):
            for origin in (self.storage, self.server):
                # The latter as the proxy of those who took the former through it.
                origin[f"/{path}/{number}.tar.gz"] = Reply(archive)

    def allow(self, path, newest):
        """Answers the REST dialect for a path, whether it exists or not."""
        owner, model, _, _ = path.split("/")
        self.server[f"{_REST}{owner}/{model}/get"] = self._rest
        self.server[f"{_REST}{path}/get"] = self._rest
        for number in range(1, newest + 2):
            self.server[f"{_REST}{path}/{number}/download"] = self._rest

    def downloads(self):
        """The requests for archives, of either server."""
        requests = [*self.storage.requests, *self.server.requests]
        return [request for request in requests if request.path.endswith(".tar.gz")]

    def _rest(self, request):
        assert request.method == "GET"
        parts = request.path[len(_REST) :].split("/")
        if len(parts) == 3:
            return self._model(parts[0], parts[1])
        key = (parts[0], parts[1], parts[2].lower(), parts[3])
        version = int(parts[4]) if parts[-1] == "download" else None
        return self._instance(key, version, request)

    def _rpc(self, request):
        assert request.method == "POST"
        asked = json.loads(request.body)
        name = request.path[len(_RPC) :]
        if name == "GetModel":
            return self._model(asked["ownerSlug"], asked["modelSlug"])
        framework = re.sub("MODEL_FRAMEWORK|_", "", asked["framework"]).lower()
        key = (asked["ownerSlug"], asked["modelSlug"], framework, asked["instanceSlug"])
        return self._instance(key, asked.get("versionNumber"), request)

    def _model(self, owner, model):
        found = [
            {"framework": key[2], "slug": key[3], "versionNumber": max(variation.versions)}
            for key, variation in self.variations.items()
            if key[:2] == (owner, model)
        ]
        if not found:
            return _error(404)
        for item in found:
            item["framework"] = {"tensorflow2": "tensorFlow2", "tfjs": "tfJs"}[item["framework"]]
        return _json({"slug": model, "instances": found})

    def _instance(self, key, version, request):
        user = self._user(request)
        variation = self.variations.get(key)
        if user == "nobody":
            return _error(401)
        if variation is None or (version and version not in variation.versions):
            return _error(404)
        if variation.users is not None and user not in variation.users:
            return _error(403)
        if version is None:
            return _json({"versionNumber": max(variation.versions)})
        path = "/".join(next(p for p in self._paths() if _key(p) == key))
        location = self.storage.url(f"/{path}/{version}.tar.gz?{SIGNATURE}")
        return Reply(status=302, location=location)

    def _paths(self):
        return [path.strip("/").split("/")[:4] for path in self.storage._behaviours]

    def _user(self, request):
        """Whose credentials a request has; None without, "nobody" for wrong ones."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, key = base64.b64decode(value).decode().partition(":")
            return user if self.keys.get(user) == key else "nobody"
        if scheme == "Bearer" and value == "ada's token":
            return "ada"
        return "nobody" if scheme else None


def _key(path):
    return (path[0], path[1], path[2].lower(), path[3])


def _json(value, status=200):
    return Reply(
        json.dumps(value).encode(), status=status, headers={"Content-Type": "application/json"}
    )


def _error(status):
    return _json({"code": status, "message": f"refused with {status}"}, status)
