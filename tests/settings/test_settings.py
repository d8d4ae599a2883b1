from __future__ import annotations

import dataclasses
import os
import tempfile
import threading
from pathlib import Path

import pytest
from golden import check_golden

import unihub
from unihub import settings
from unihub.settings import OPTIONS, SettingNotUnderstood, Settings, UnknownSetting, current

VARIABLES = sorted({variable.name for option in OPTIONS for variable in option.variables})


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """No variable set, and nothing configured after the test."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with unihub.configure(**{option.name: None for option in OPTIONS}):
        yield


def test_every_field_is_an_option():
    assert [field.name for field in dataclasses.fields(Settings)] == [o.name for o in OPTIONS]


def test_defaults(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/ada/.cache")
    assert current() == Settings(
        cache="/home/ada/.cache/unihub",
        offline=False,
        load_format="AUTO",
        progress=None,
        verify_certificates=True,
        ca_bundle=None,
        proxies=None,
        connect_timeout=10.0,
        read_timeout=60.0,
        retries=5,
        lock_timeout=3600.0,
        max_redirects=10,
        max_download_bytes=100 << 30,
        max_extracted_bytes=200 << 30,
        max_ratio=200.0,
        max_members=100_000,
        max_header_bytes=1 << 20,
        gcs_endpoint="https://storage.googleapis.com",
        tfhub_cache=os.path.join(tempfile.gettempdir(), "tfhub_modules"),
        tfhub_mirror=None,
        kagglehub_cache="/home/ada/.cache/kagglehub",
        lockfile=None,
        on_unsafe="warn",
    )


@pytest.mark.parametrize(
    ("variable", "text", "field", "expected"),
    [
        ("UNIHUB_CACHE", "/c", "cache", "/c"),
        ("UNIHUB_CACHE", "~/c", "cache", os.path.expanduser("~/c")),
        ("TFHUB_CACHE_DIR", "/c", "cache", "/c/unihub"),
        ("TFHUB_CACHE_DIR", "/c", "tfhub_cache", "/c"),
        ("TFHUB_CACHE_DIR", "file:///a%20b/c", "cache", "/a b/c/unihub"),
        ("TFHUB_CACHE_DIR", "file:///a/c", "tfhub_cache", "/a/c"),
        ("UNIHUB_TFHUB_CACHE", "gs://b/c", "tfhub_cache", "gs://b/c"),
        ("UNIHUB_OFFLINE", "1", "offline", True),
        ("UNIHUB_OFFLINE", "No", "offline", False),
        ("UNIHUB_OFFLINE", "", "offline", False),
        ("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED", "load_format", "UNCOMPRESSED"),
        ("UNIHUB_LOAD_FORMAT", "compressed", "load_format", "COMPRESSED"),
        ("TFHUB_DOWNLOAD_PROGRESS", "1", "progress", True),
        ("UNIHUB_PROGRESS", "off", "progress", False),
        ("TFHUB_DISABLE_CERT_VALIDATION", "true", "verify_certificates", False),
        ("TFHUB_DISABLE_CERT_VALIDATION", "True", "verify_certificates", True),
        ("TFHUB_DISABLE_CERT_VALIDATION", "1", "verify_certificates", True),
        ("UNIHUB_VERIFY_CERTIFICATES", "false", "verify_certificates", False),
        ("REQUESTS_CA_BUNDLE", "/r.pem", "ca_bundle", "/r.pem"),
        ("CURL_CA_BUNDLE", "/c.pem", "ca_bundle", "/c.pem"),
        ("SSL_CERT_FILE", "/s.pem", "ca_bundle", "/s.pem"),
        ("UNIHUB_PROXIES", "http://p:1", "proxies", {"http": "http://p:1", "https": "http://p:1"}),
        ("UNIHUB_PROXIES", "https=http://p:1", "proxies", {"https": "http://p:1"}),
        ("UNIHUB_READ_TIMEOUT", "2.5", "read_timeout", 2.5),
        ("UNIHUB_RETRIES", "0", "retries", 0),
        ("UNIHUB_MAX_DOWNLOAD_BYTES", "1.5 GB", "max_download_bytes", 1_500_000_000),
        ("UNIHUB_MAX_DOWNLOAD_BYTES", "2gib", "max_download_bytes", 2 << 30),
        ("UNIHUB_MAX_DOWNLOAD_BYTES", "500", "max_download_bytes", 500),
        ("STORAGE_EMULATOR_HOST", "localhost:9023", "gcs_endpoint", "http://localhost:9023"),
        ("KAGGLEHUB_CACHE", "/k", "kagglehub_cache", "/k"),
        ("UNIHUB_LOCKFILE", "models.lock", "lockfile", "models.lock"),
        ("UNIHUB_LOCKFILE", "none", "lockfile", ""),
        ("UNIHUB_ON_UNSAFE", "REFUSE", "on_unsafe", "refuse"),
    ],
)
def test_a_variable_sets_it(monkeypatch, variable, text, field, expected):
    monkeypatch.setenv(variable, text)
    assert getattr(current(), field) == expected


def test_a_cache_in_a_bucket_is_refused(monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "gs://bucket/cache")
    with pytest.raises(SettingNotUnderstood) as raised:
        current()
    check_golden("setting-not-understood-bucket", str(raised.value))
    # As the remedy has it; tensorflow_hub's cache in the bucket is not looked into.
    monkeypatch.setenv("UNIHUB_CACHE", "/data/models")
    assert (current().cache, current().tfhub_cache) == ("/data/models", "gs://bucket/cache")
    for cache in ("gs://bucket/cache", "s3://bucket", "file://host/c"):
        monkeypatch.setenv("UNIHUB_CACHE", cache)
        with pytest.raises(SettingNotUnderstood):
            current()


def test_our_own_variable_goes_first(monkeypatch):
    for name, text in (("SSL_CERT_FILE", "/s"), ("REQUESTS_CA_BUNDLE", "/r")):
        monkeypatch.setenv(name, text)
    assert current().ca_bundle == "/r"
    monkeypatch.setenv("UNIHUB_CA_BUNDLE", "/u")
    assert current().ca_bundle == "/u"


def test_configure_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("UNIHUB_RETRIES", "7")
    unihub.configure(retries=2)
    assert current().retries == 2
    unihub.configure(retries=None)
    assert current().retries == 7


def test_configure_as_a_context_manager_undoes_only_itself():
    unihub.configure(retries=2, offline=True)
    with unihub.configure(retries=3, cache=Path("/c")) as inside:
        assert (inside.retries, inside.offline, inside.cache) == (3, True, "/c")
        unihub.configure(max_members=5)
    assert (current().retries, current().offline, current().max_members) == (2, True, 5)
    assert current().cache != "/c"


def test_configure_undoes_after_an_error():
    with pytest.raises(KeyError), unihub.configure(retries=3):
        raise KeyError
    assert current().retries == 5


def test_configure_is_for_the_whole_process():
    seen = []
    with unihub.configure(retries=3):
        thread = threading.Thread(target=lambda: seen.append(current().retries))
        thread.start()
        thread.join()
    assert seen == [3]


def test_configure_reads_text_as_a_variable_does():
    with unihub.configure(max_download_bytes="2GiB", offline="yes", gcs_endpoint="h:1") as inside:
        assert inside.max_download_bytes == 2 << 30
        assert inside.offline is True
        assert inside.gcs_endpoint == "http://h:1"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("UNIHUB_OFFLINE", "maybe"),
        ("UNIHUB_RETRIES", "-1"),
        ("UNIHUB_RETRIES", "two"),
        ("UNIHUB_READ_TIMEOUT", "0"),
        ("UNIHUB_READ_TIMEOUT", "nan"),
        ("UNIHUB_MAX_DOWNLOAD_BYTES", "1XB"),
        ("UNIHUB_PROXIES", "ftp=http://p:1"),
        ("STORAGE_EMULATOR_HOST", "ftp://h"),
        ("TFHUB_MODEL_LOAD_FORMAT", "ZIPPED"),
    ],
)
def test_a_variable_that_is_not_understood(monkeypatch, variable, text):
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingNotUnderstood) as raised:
        current()
    assert isinstance(raised.value, ValueError)
    # What tensorflow_hub raises for an unknown load format.
    assert isinstance(raised.value, RuntimeError)
    assert raised.value.do.startswith(f"export {variable}=")
    if variable == "TFHUB_MODEL_LOAD_FORMAT":
        check_golden("setting-not-understood", str(raised.value))


@pytest.mark.parametrize(
    "wrong", [{"offline": 1}, {"retries": True}, {"retries": -1}, {"cache": b"/c"}, {"cache": ""}]
)
def test_a_wrong_value_to_configure_changes_nothing(wrong):
    before = current()
    with pytest.raises(SettingNotUnderstood, match=next(iter(wrong))):
        unihub.configure(max_members=1, **wrong)
    assert current() == before


@pytest.mark.parametrize(
    "value",
    [
        "ftp=http://ada:secret@proxy",
        "http=http://ada:se/secret@proxy:1,ftp=x",
        "http=http://ada:se, secret@proxy:1,ftp=x",
        "http=ada:se/secret@proxy:1,ftp=x",
        {"http": "http://ada:se secret@proxy", "https": 3},
        b"http://ada:secret@proxy",
        ["http://ada:se/secret@proxy"],
    ],
)
def test_a_password_of_a_proxy_is_not_shown(monkeypatch, value):
    with pytest.raises(SettingNotUnderstood) as raised:
        unihub.configure(proxies=value)
    assert "secret" not in str(raised.value)
    if isinstance(value, str):
        monkeypatch.setenv("UNIHUB_PROXIES", value)
        with pytest.raises(SettingNotUnderstood) as raised:
            current()
        assert "secret" not in str(raised.value)
        monkeypatch.delenv("UNIHUB_PROXIES")
    with unihub.configure(proxies="http://ada:secret@proxy") as inside:
        assert "secret" not in repr(inside)


def test_a_name_that_is_no_setting():
    with pytest.raises(UnknownSetting) as raised:
        unihub.configure(ofline=True)
    assert isinstance(raised.value, TypeError)
    check_golden("unknown-setting", str(raised.value))


def test_the_table_has_a_row_for_each_setting_and_each_variable():
    rows = settings.table().splitlines()
    assert rows[0] == ("| setting | environment, first one first | default | takes | what it is |")
    assert {row.count("|") for row in rows} == {6}
    assert [
        option.name for option in OPTIONS if f"| `{option.name}` |" not in settings.table()
    ] == []
    assert [name for name in VARIABLES if f"`{name}`" not in settings.table()] == []
