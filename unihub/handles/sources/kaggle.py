"""Models of Kaggle: kagglehub says who asks, which version is newest, and where it is.

The bytes come by unihub's own download. What is used of kagglehub has been the
same from the release that `_API_CLASSES` names on.

Source: https://github.com/Kaggle/kagglehub.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import sys
from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, List, Optional, Tuple

from unihub.errors import UnihubError, first_line, listed, nearest
from unihub.errors.redaction import scrubbed, scrubbed_logs
from unihub.handles.cache.manifest import Facts
from unihub.handles.cache.staging import StagingDirectory
from unihub.handles.kinds import KaggleModel
from unihub.handles.sources.archives import downloaded
from unihub.handles.sources.context import Context

_PAGE = "https://www.kaggle.com/models/"
_TRUE = ("true", "1", "t")

# In these, kagglehub gives a folder that is mounted, and downloads nothing.
_MOUNTING = (
    (("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_DATA_PROXY_URL"), "DISABLE_KAGGLE_CACHE"),
    (("TBE_RUNTIME_ADDR",), "DISABLE_COLAB_CACHE"),
)


class KagglehubMissing(UnihubError, ImportError):
    """The extra for Kaggle is not installed."""

    code = "kagglehub-missing"
    what = "{handle} is a model of Kaggle, and kagglehub is not installed here."
    why = (
        "unihub takes the credentials and the newest version from kagglehub. (looked for in "
        "Python {python}, {executable})"
    )
    do = 'pip install "unihub[kaggle]"'


class KaggleCredentialsMissing(UnihubError, PermissionError):
    """Kaggle wants to know who asks."""

    code = "kaggle-credentials-missing"
    what = "{handle} needs credentials of Kaggle, and there are none."
    why = (
        "{endpoint} answered {status}, and kagglehub found no kaggle.json in {folder} and "
        "neither KAGGLE_API_TOKEN nor KAGGLE_USERNAME and KAGGLE_KEY."
    )
    do = (
        "mkdir -p {folder!r} && mv ~/Downloads/kaggle.json {file!r}  # a token that "
        "https://www.kaggle.com/settings makes"
    )


class KaggleCredentialsRejected(UnihubError, PermissionError):
    """Kaggle does not know who asks."""

    code = "kaggle-credentials-rejected"
    what = "Kaggle does not accept the credentials for {handle}."
    why = (
        "{endpoint} answered {status}: the token that kagglehub found has expired, or was "
        "withdrawn."
    )
    do = (
        "mv ~/Downloads/kaggle.json {file!r}  # a new token that "
        "https://www.kaggle.com/settings makes"
    )


class KaggleConsentNeeded(UnihubError, PermissionError):
    """The model's licence is not yet agreed to, or the model is private."""

    code = "kaggle-consent-needed"
    what = "Kaggle does not give {handle} to {user}."
    why = (
        "{endpoint} answered {status}: its licence wants to be agreed to first, or the model "
        "is private or misspelt."
    )
    do = "agree to the licence there, as that user: python -m webbrowser {page}"


class KaggleModelNotFound(UnihubError, FileNotFoundError):
    """Kaggle has no such model."""

    code = "kaggle-model-not-found"
    what = "Kaggle has no {handle}."
    why = "{endpoint} answered {status}. ({found})"
    do = "{remedy}"


class KaggleFailed(UnihubError, OSError):
    """kagglehub raised something else."""

    code = "kaggle-failed"
    what = "Kaggle could not be asked for {handle}."
    why = "{reason}"
    do = "see whether Kaggle answers: curl -I {page}"


@dataclass(frozen=True)
class Link:
    """Where an archive is, and what to show there."""

    url: str
    auth: Any = None


class _RestApi:
    """kagglehub 0.2.9 to 0.3: a client of Kaggle's API at KAGGLE_API_ENDPOINT."""

    def __init__(self) -> None:
        self.client = _module("clients").KaggleApiV1Client()
        self.endpoint = str(self.client.endpoint)

    def link(self, handle: Any) -> Link:
        parts = (handle.owner, handle.model, handle.framework, handle.variation)
        path = "/".join(["models", *parts, str(handle.version), "download"])
        return Link(f"{self.endpoint.rstrip('/')}/api/v1/{path}", self.client._get_auth())

    def variations(self, handle: Any) -> List[Tuple[str, str, int]]:
        model = self.client.get(f"models/{handle.owner}/{handle.model}/get", handle)
        return [
            (item["framework"], item["slug"], int(item.get("versionNumber", 0)))
            for item in model.get("instances", ())
        ]


class _SdkApi:
    """kagglehub from 0.4 on: kagglesdk, at the host that KAGGLE_API_ENVIRONMENT names."""

    def __init__(self) -> None:
        self.client = _module("clients").build_kaggle_client()
        environment = importlib.import_module("kagglesdk.kaggle_env")
        self.endpoint = str(environment.get_endpoint(environment.get_env()))
        self._models = self.client.models.model_api_client

    def link(self, handle: Any) -> Link:
        request = _module("http_resolver")._build_model_download_request(handle, None)
        # The answer has been redirected to a signed URL; its body is not read.
        with self._models.download_model_instance_version(request) as response:
            if response.request.method != "GET":
                raise ValueError("the download was not redirected to an address of its own")
            return Link(response.url)

    def variations(self, handle: Any) -> List[Tuple[str, str, int]]:
        types = importlib.import_module("kagglesdk.models.types.model_api_service")
        request = types.ApiGetModelRequest()
        request.owner_slug, request.model_slug = handle.owner, handle.model
        to_text = _module("enum").enum_to_str
        return [
            (to_text(item.framework), item.slug, int(item.version_number or 0))
            for item in self._models.get_model(request).instances
        ]


# What kagglehub.clients offers, the newer first.
_API_CLASSES: Tuple[Tuple[str, Callable[[], Any]], ...] = (
    ("build_kaggle_client", _SdkApi),
    ("KaggleApiV1Client", _RestApi),
)


def mounted(handle: KaggleModel) -> Optional[str]:
    """The folder of a model where the machine mounts Kaggle's models, else None.

    Such are Kaggle's notebooks and Google Colab.

    Raises:
        KagglehubMissing, KaggleFailed: see `model`.
    """
    if not any(
        all(os.environ.get(name) for name in names)
        and os.environ.get(unless, "").lower() not in _TRUE
        for names, unless in _MOUNTING
    ):
        return None
    kagglehub = _kagglehub(handle)
    with _explained(handle, None):
        return str(kagglehub.model_download(handle.path))


def model(handle: KaggleModel, work: StagingDirectory, context: Context) -> Facts:
    """Builds a model of Kaggle.

    Raises:
        KagglehubMissing: when the extra is not installed.
        KaggleCredentialsMissing, KaggleCredentialsRejected, KaggleConsentNeeded,
        KaggleModelNotFound: as Kaggle answers.
        KaggleFailed: for whatever else kagglehub raises.
        And what `archives.downloaded` raises.
    """
    _kagglehub(handle)
    with _explained(handle, None):
        api = _api()
        parsed = _module("handle").parse_model_handle(handle.path)
    with _explained(handle, api):
        if not parsed.is_versioned():
            newest = _module("http_resolver")._get_current_version(api.client, parsed)
            parsed = _module("handle").parse_model_handle(f"{handle.path}/{newest}")
        link = api.link(parsed)
    facts = _downloaded(handle, api, link, work, context)
    return replace(facts, url=_PAGE + str(parsed), version=str(parsed.version))


def _downloaded(
    handle: KaggleModel, api: Any, link: Link, work: StagingDirectory, context: Context
) -> Facts:
    from unihub.handles.download.transfer_errors import BadStatus

    try:
        return downloaded(link.url, work, context, auth=link.auth)
    except BadStatus as error:
        if error.status not in (401, 403, 404):
            raise
        raise _answered(error.status, handle, api) from error


@contextlib.contextmanager
def _explained(handle: KaggleModel, api: Any) -> Iterator[None]:
    """Says what kagglehub's errors mean."""
    import requests

    try:
        with scrubbed_logs():
            yield
    except requests.HTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403, 404):
            raise _answered(status, handle, api) from None
        raise _failed(handle, error) from None
    # It raises ValueError for unreadable credentials, and its own classes
    # directly under Exception.
    except Exception as error:
        raise _failed(handle, error) from None


def _answered(status: int, handle: KaggleModel, api: Any) -> Exception:
    folder = os.environ.get("KAGGLE_CONFIG_DIR") or os.path.join("~", ".kaggle")
    facts = {
        "handle": str(handle),
        "status": status,
        "endpoint": getattr(api, "endpoint", "Kaggle"),
        "folder": folder,
        "file": os.path.join(folder, "kaggle.json"),
        "page": _PAGE + handle.path,
    }
    credentials = _module("config").get_kaggle_credentials()
    if status == 404:
        found, remedy = _nearest(handle, api)
        return KaggleModelNotFound(found=found, remedy=remedy, **facts)
    if credentials is None:
        return KaggleCredentialsMissing(**facts)
    if status == 401:
        return KaggleCredentialsRejected(**facts)
    user = getattr(credentials, "username", None) or "this user"
    return KaggleConsentNeeded(user=user, **facts)


def _nearest(handle: KaggleModel, api: Any) -> Tuple[str, str]:
    """Says what there is of the model, and the handle spelt most like the one given."""
    there = _variations(handle, api)
    if not there:
        found = f"there is no model {handle.owner}/{handle.model}"
        return found, f"look for {handle.model} at {_PAGE.rstrip('/')}"
    newest = {f"{framework}/{slug}": version for framework, slug, version in there}
    asked = f"{handle.framework}/{handle.variation}"
    same = next((name for name in newest if name.lower() == asked.lower()), None)
    close = same or nearest(asked, list(newest))
    found = f"{handle.owner}/{handle.model} has {listed(newest)}"
    if same:
        found = f"the newest version of {same} is {newest[same]}"
    version = f"/{newest[close]}" if newest[close] else ""
    spelt = f"kaggle://{handle.owner}/{handle.model}/{close}{version}"
    return found, f"unihub.load({spelt!r})"


def _variations(handle: KaggleModel, api: Any) -> List[Tuple[str, str, int]]:
    import requests

    try:
        with scrubbed_logs():
            return list(api.variations(handle))
    # It only serves the message for the error that came before.
    except (requests.RequestException, AttributeError, KeyError, TypeError, ValueError):
        return []


def _failed(handle: KaggleModel, error: BaseException) -> KaggleFailed:
    return KaggleFailed(
        handle=str(handle),
        page=_PAGE + handle.path,
        reason=f"kagglehub raised {type(error).__name__}: {scrubbed(first_line(error))}",
    )


def _api() -> Any:
    clients = _module("clients")
    for name, make in _API_CLASSES:
        if hasattr(clients, name):
            return make()
    raise AttributeError(f"kagglehub.clients has none of {[name for name, _ in _API_CLASSES]}")


def _kagglehub(handle: KaggleModel) -> Any:
    try:
        return importlib.import_module("kagglehub")
    except ModuleNotFoundError as error:
        if error.name != "kagglehub":
            raise
        raise KagglehubMissing(
            handle=str(handle), python=platform.python_version(), executable=sys.executable
        ) from None


def _module(name: str) -> Any:
    return importlib.import_module(f"kagglehub.{name}")
