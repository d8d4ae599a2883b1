"""Errors between a URL and a file."""

from __future__ import annotations

from urllib.error import URLError

from unihub.errors import UnihubError

# Where and how often, at the end of every `why`.
_EVIDENCE = " (asked: {asked}; tried: {tried})"


class TransferError(UnihubError, URLError):
    """Base of them: tensorflow_hub lets urllib's URLError, an OSError, through."""

    @property
    def reason(self) -> str:  # type: ignore[override]
        """The words for what happened, where urllib's errors have them."""
        return self.what


class UrlNotUsable(TransferError, ValueError):
    """The URL is none that can be asked."""

    code = "url-not-usable"
    what = "{url} cannot be downloaded."
    why = "{reason}."
    do = "unihub fetch https://example.com/model.tar.gz  # a URL of that kind"


class TransferFailed(TransferError):
    """The connection was refused or broken, or the body was short."""

    code = "transfer-failed"
    what = "{url} was not downloaded."
    why = "{reason}." + _EVIDENCE
    do = (
        "call it again: it goes on where it broke, if the server can; or see the connection: "
        "curl -I '{url}'"
    )


class TransferStalled(TransferError, TimeoutError):
    """The server kept silent for longer than the time-out, or sends next to nothing."""

    code = "transfer-stalled"
    what = "{url} was not downloaded: the server is silent or too slow."
    why = "{reason}." + _EVIDENCE
    do = "allow it more time: UNIHUB_CONNECT_TIMEOUT=30 UNIHUB_READ_TIMEOUT=300 (seconds)"


class BadStatus(TransferError):
    """The server answered, and not with the file.

    Attributes:
        status: the HTTP status, an int.
    """

    code = "bad-status"
    what = "{url} was not downloaded: the answer was {status} {phrase}."
    why = "{meaning}." + _EVIDENCE
    do = "{advice}"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.facts["status"])


class CertificateRejected(TransferError):
    """The certificate of the server or the proxy is not trusted."""

    code = "certificate-rejected"
    what = "{url} was not downloaded: the certificate is not trusted."
    why = "{reason}." + _EVIDENCE
    do = "name the file of the authority that signed it: UNIHUB_CA_BUNDLE=/path/to/ca.pem"


class UnsafeRedirect(TransferError):
    """A redirect leads to another protocol, or from https to http."""

    code = "unsafe-redirect"
    what = "{url} was not downloaded: it redirects to {target}."
    why = "{reason}." + _EVIDENCE
    do = "{advice}"


class TooManyRedirects(TransferError):
    """The redirects do not end."""

    code = "too-many-redirects"
    what = "{url} was not downloaded: it redirects more than {most} times."
    why = "{reason}." + _EVIDENCE
    do = "see where they lead: curl -sIL '{url}'"


class DownloadTooLarge(TransferError):
    """The file is larger than the cap."""

    code = "download-too-large"
    what = "{url} is larger than the cap of {most} bytes."
    why = "{reason}." + _EVIDENCE
    do = "if the file is meant to be so large: UNIHUB_MAX_DOWNLOAD_BYTES={enough}"


class HashMismatch(TransferError, ValueError):
    """The bytes are not those that were promised."""

    code = "hash-mismatch"
    what = "{url} was downloaded whole, and is not the file that was promised; it is removed."
    why = "its {algorithm} is {found}, and {source} says {expected}." + _EVIDENCE
    do = "{advice}"
