"""Why a handle did not become a folder, where neither transfer, archive nor cache is to blame."""

from __future__ import annotations

from unihub.errors import UnihubError


class NotCached(UnihubError, FileNotFoundError):
    """The model is not in the cache, and there is to be no download."""

    code = "not-cached"
    what = "{handle} is not in the cache, and unihub is offline."
    why = "{setting} forbids downloads. (looked in: {looked})"
    do = (
        "on a machine with a network: UNIHUB_CACHE=models unihub fetch {quoted_handle}\n"
        "then copy the folder models here, and: export UNIHUB_CACHE=path/to/models"
    )


class HashNotUnderstood(UnihubError, ValueError):
    """sha256= is no SHA-256."""

    code = "hash-not-understood"
    what = "sha256={given!r} is no SHA-256."
    why = "it is 64 hexadecimal digits. (found: {found})"
    do = "compute the archive's: sha256sum FILE"


class HashOfFolder(UnihubError, ValueError):
    """sha256= was given for a model that comes in no archive."""

    code = "hash-of-folder"
    what = "{handle} cannot be checked against sha256=."
    why = "that is the hash of one file, an archive, and this handle is {found}."
    do = "{remedy}"


class CachedHashDiffers(UnihubError, OSError, ValueError):
    """What the cache holds came in another archive than the one asked for."""

    code = "cached-hash-differs"
    what = "The cached copy of {handle} is not the model that was asked for."
    why = (
        "it came in an archive with the SHA-256 {found}, and sha256= says {expected}. (in {folder})"
    )
    do = (
        "if the cached one is right, pin it: sha256={found!r}\n"
        "else remove it, so that it is fetched anew: unihub cache rm {quoted_handle}"
    )


class ArchiveHashDiffers(UnihubError, OSError, ValueError):
    """An archive file is not the one asked for."""

    code = "archive-hash-differs"
    what = "{handle} is not the archive that was asked for; nothing of it is used."
    why = "its SHA-256 is {found}, and sha256= says {expected}."
    do = "copy the file again, or, if it is the right one: sha256={found!r}"


class WebPageInsteadOfModel(UnihubError, OSError):
    """A URL that should speak TF Hub's protocol answered with a page for people."""

    code = "web-page-instead-of-model"
    what = "{handle} is answered with a web page, not with a model."
    why = (
        "a server of models answers ?tf-hub-format=compressed with a .tar.gz. (this one led "
        "to {url})"
    )
    do = "{remedy}"


class UncompressedNotServed(UnihubError, ValueError, OSError):
    """A server does not say where the files of a model are."""

    code = "uncompressed-not-served"
    what = "{handle} is not served uncompressed."
    why = (
        "a server that does answers ?tf-hub-format=uncompressed with status 303 and a gs:// "
        "location. (found: {found})"
    )
    do = "fetch it compressed: export UNIHUB_LOAD_FORMAT=COMPRESSED"


class NothingInBucket(UnihubError, FileNotFoundError):
    """There is no such folder or object in a bucket."""

    code = "nothing-in-bucket"
    what = "There is nothing at {handle}."
    why = "{reason}. (asked: {endpoint})"
    do = "see what is there: gsutil ls gs://{bucket}/"


class ObjectDiffers(UnihubError, OSError):
    """An object is not the one that the bucket's list describes."""

    code = "object-differs"
    what = "{object} came whole, and is not what its bucket lists."
    why = (
        "its {algorithm} is {found}, and the list says {expected}: it was changed meanwhile, "
        "or on the way."
    )
    do = "fetch the model again: unihub fetch {quoted_handle}"


class BucketNotReadable(UnihubError, PermissionError):
    """Neither plain HTTP nor TensorFlow's file system may read a bucket."""

    code = "bucket-not-readable"
    what = "{handle} cannot be read."
    why = (
        "it is not public, so that it was tried by HTTP ({http}) and then by tf.io.gfile, "
        "which takes Google's credentials ({gfile})."
    )
    do = "gcloud auth application-default login"


class ResolverAnswerNotUsable(UnihubError, TypeError, ValueError):
    """A registered resolver gave neither a path nor a handle."""

    code = "resolver-answer-not-usable"
    what = "the resolver of {handle} returned {found}."
    why = "{reason}. (resolver: {resolver})"
    do = "return the path of a folder, or a handle, as text"
