"""Why a model did not come from Kaggle."""

from __future__ import annotations

from unihub.errors import UnihubError


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
        "make a token at https://www.kaggle.com/settings, save it as {file}; "
        "or: export KAGGLE_USERNAME=… KAGGLE_KEY=…"
    )


class KaggleCredentialsRejected(UnihubError, PermissionError):
    """Kaggle does not know who asks."""

    code = "kaggle-credentials-rejected"
    what = "Kaggle does not accept the credentials for {handle}."
    why = (
        "{endpoint} answered {status}: the token that kagglehub found has expired, or was "
        "withdrawn."
    )
    do = "make a new one at https://www.kaggle.com/settings, and save it as {file}"


class KaggleConsentNeeded(UnihubError, PermissionError):
    """The model's licence is not yet agreed to, or the model is private."""

    code = "kaggle-consent-needed"
    what = "Kaggle does not give {handle} to {user}."
    why = (
        "{endpoint} answered {status}: its licence wants to be agreed to first, or the model "
        "is private or misspelt."
    )
    do = "open {page} as that user, and agree to the licence there"


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
