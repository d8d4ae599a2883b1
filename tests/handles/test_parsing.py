from __future__ import annotations

import os
import string
from pathlib import Path, PureWindowsPath

import pytest
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st

from unihub.handles.hubs import FRAMEWORKS, suggestion
from unihub.handles.kinds import (
    CustomHandle,
    GcsArchive,
    GcsFolder,
    GfileArchive,
    GfileFolder,
    HttpArchive,
    KaggleModel,
    LocalArchive,
    LocalFolder,
    TfhubModel,
)
from unihub.handles.parsing import KINDS, HandleNotSupported, parse
from unihub.handles.resolving import resolve

YAMNET = KaggleModel("google", "yamnet", "tensorFlow2", "yamnet", 1)
NEWEST_YAMNET = KaggleModel("google", "yamnet", "tensorFlow2", "yamnet")
HOME = os.path.expanduser("~")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path/to/model", LocalFolder("path/to/model")),
        ("/", LocalFolder("/")),
        (".", LocalFolder(".")),
        ("~", LocalFolder(HOME)),
        ("~/model", LocalFolder(f"{HOME}/model")),
        ("a model/1", LocalFolder("a model/1")),
        ("model.h5", LocalFolder("model.h5")),
        ("archives/m.tar", LocalArchive("archives/m.tar")),
        ("m.tar.gz", LocalArchive("m.tar.gz")),
        ("~/m.TGZ", LocalArchive(f"{HOME}/m.TGZ")),
        ("m.zip", LocalArchive("m.zip")),
        ("file:///tmp/a%20b", LocalFolder("/tmp/a b")),
        ("file://localhost/tmp/m.zip", LocalArchive("/tmp/m.zip")),
        ("FILE:///tmp", LocalFolder("/tmp")),
        ("https://host/a/m.tar.gz", HttpArchive("https://host/a/m.tar.gz")),
        ("https://host/a/m.ZIP?token=t.x#f", HttpArchive("https://host/a/m.ZIP?token=t.x#f")),
        ("HTTP://host/m.tgz", HttpArchive("http://host/m.tgz")),
        ("https://tfhub.dev/google/yamnet/1", TfhubModel("https://tfhub.dev/google/yamnet/1")),
        ("https://host/?file=m.tar.gz", TfhubModel("https://host/?file=m.tar.gz")),
        ("http://127.0.0.1:80/m", TfhubModel("http://127.0.0.1:80/m")),
        ("https://www.kaggle.com/models/google/yamnet/tensorFlow2/yamnet/1", YAMNET),
        ("https://kaggle.com/models/google/yamnet/TensorFlow2/yamnet/1/", YAMNET),
        (
            "http://kaggle.com/models/google/yamnet/frameworks/tfjs/variations/y/versions/1?a=b",
            KaggleModel("google", "yamnet", "tfJs", "y", 1),
        ),
        (
            "https://www.kaggle.com/models/google/yamnet/frameworks/TensorFlow2/variations/yamnet",
            NEWEST_YAMNET,
        ),
        (
            "https://www.kaggle.com/api/v1/models/google/yamnet/tensorFlow2/yamnet/1/download",
            YAMNET,
        ),
        ("kaggle://google/yamnet/tensorflow2/yamnet/1", YAMNET),
        ("kaggle://google/yamnet/tensor_flow_2/yamnet", NEWEST_YAMNET),
        ("google/yamnet/tensorFlow2/yamnet/1", YAMNET),
        ("google/yamnet/TENSORFLOW2/yamnet", NEWEST_YAMNET),
        ("google/yamnet/tensorFlow2/yamnet/0", LocalFolder("google/yamnet/tensorFlow2/yamnet/0")),
        ("./google/yamnet/tfjs/yamnet", LocalFolder("./google/yamnet/tfjs/yamnet")),
        ("../yamnet/tensorFlow2/yamnet", LocalFolder("../yamnet/tensorFlow2/yamnet")),
        ("gs://bucket/a/model/", GcsFolder("bucket", "a/model")),
        ("gs://bucket", GcsFolder("bucket", "")),
        ("GS://bucket/m.tar.gz", GcsArchive("bucket", "m.tar.gz")),
        ("s3://bucket/model", GfileFolder("s3://bucket/model")),
        ("hdfs://name:9000/model/", GfileFolder("hdfs://name:9000/model")),
        ("ram://model", GfileFolder("ram://model")),
        ("S3://bucket/m.tgz", GfileArchive("s3://bucket/m.tgz")),
        ("webhdfs://n/m", GfileFolder("webhdfs://n/m")),
    ],
)
def test_what_a_handle_is(here, text, expected):
    assert parse(text) == expected
    assert parse(str(expected)) == expected
    assert hash(parse(text)) == hash(expected)


def test_a_path_object_is_local(here):
    assert parse(Path("m.zip")) == LocalArchive("m.zip")
    assert parse(Path("~/m")) == LocalFolder(f"{HOME}/m")
    assert parse(Path("google/yamnet/tensorFlow2/yamnet")) == LocalFolder(
        "google/yamnet/tensorFlow2/yamnet"
    )


def test_another_path_like_object_may_name_any_kind():
    class Remote:
        def __fspath__(self):
            return "gs://bucket/model"

    assert parse(Remote()) == GcsFolder("bucket", "model")


def test_a_folder_goes_before_a_model_of_kaggle_and_before_an_archive(here):
    os.makedirs("google/yamnet/tensorFlow2/yamnet/1")
    os.makedirs("m.zip")
    assert parse("google/yamnet/tensorFlow2/yamnet/1") == LocalFolder(
        "google/yamnet/tensorFlow2/yamnet/1"
    )
    assert parse("kaggle://google/yamnet/tensorFlow2/yamnet/1") == YAMNET
    assert parse("m.zip") == LocalFolder("m.zip")


@pytest.mark.parametrize("name", [" padded ", "C:\\model", "https:", "http:x"])
def test_what_exists_is_a_path_however_odd(here, name):
    os.makedirs(name)
    assert parse(name) == LocalFolder(name)


def test_kagglehub_spells_it_so():
    assert YAMNET.path == "google/yamnet/tensorFlow2/yamnet/1"
    assert NEWEST_YAMNET.path == "google/yamnet/tensorFlow2/yamnet"


@pytest.mark.parametrize(
    ("handle", "found", "remedy"),
    [
        (None, "a NoneType", "unihub.load('path/to/folder')"),
        (3, "a int", "unihub.load('path/to/folder')"),
        (b"models/a", "a bytes", "unihub.load('models/a')"),
        (["models/a"], "a list", "unihub.load('models/a')"),
        (len, "a builtin_function_or_method", "m(inputs)  # it is loaded already"),
        ("", "an empty string", "unihub.load('path/to/folder')"),
        (" \t", "white space only", "unihub.load('path/to/folder')"),
        ("a\0b", "a NUL character", "unihub.load('ab')"),
        (" gs ", "white space around it", "unihub.load('gs')"),
        ("C:\\models\\half", "a path of Windows, and this is linux", "unihub.load('models/half')"),
        (
            "\\\\server\\share\\half",
            "a path of Windows, and this is linux",
            "unihub.load('half')",
        ),
        (
            "htps://tfhub.dev/google/yamnet/1",
            "htps://, which is nearly https://",
            "unihub.load('https://tfhub.dev/google/yamnet/1')",
        ),
        (
            "kaggel://google/yamnet/tensorFlow2/yamnet",
            "kaggel://, which is nearly kaggle://",
            "unihub.load('kaggle://google/yamnet/tensorFlow2/yamnet')",
        ),
        ("hfds://n/m", "hfds://, which is nearly hdfs://", "unihub.load('hdfs://n/m')"),
        ("https:/host/m", "a URL without its ://", "unihub.load('https://host/m')"),
        ("gs:bucket/m", "a URL without its ://", "unihub.load('gs://bucket/m')"),
        ("https:///m", "a URL with no host", "unihub.load('https://host/path')"),
        ("https://host/a b", "a URL with white space in it", "unihub.load('https://host/ab')"),
        ("https://host/a\n", "a URL with white space in it", "unihub.load('https://host/a')"),
        ("gs:///m", "a gs:// handle with no bucket", "unihub.load('gs://bucket/folder')"),
        ("s3://", "a s3:// handle with no path", "unihub.load('s3://…/folder')"),
        ("ftp://host/m", "a ftp:// handle", "download it, then unihub.load('folder')"),
        ("file://host/m", "a file:// handle of host 'host'", "unihub.load('file:///host/m')"),
        (
            "kaggle://google/yamnet",
            "a model of Kaggle that needs a framework and a variation",
            "unihub.load('kaggle://google/yamnet/tensorFlow2/VARIATION')",
        ),
        (
            "https://www.kaggle.com/models/google/yamnet",
            "a model of Kaggle that needs a framework and a variation",
            "unihub.load('kaggle://google/yamnet/tensorFlow2/VARIATION')",
        ),
        (
            "kaggle://google/yamnet/small",
            "a model of Kaggle that needs a framework",
            "unihub.load('kaggle://google/yamnet/tensorFlow2/small')",
        ),
        (
            "kaggle://google/yamnet/tfjs",
            "a model of Kaggle that needs a variation",
            "unihub.load('kaggle://google/yamnet/tfJs/VARIATION')",
        ),
        (
            "kaggle://google/yamnet/tensorflow/small/1",
            "framework 'tensorflow', which Kaggle does not have",
            "unihub.load('kaggle://google/yamnet/tensorFlow2/small')",
        ),
        (
            "kaggle://google/yamnet/tensorFlow2/small/v1",
            "version 'v1', which is no number",
            "unihub.load('kaggle://google/yamnet/tensorFlow2/small')",
        ),
        (
            "https://www.kaggle.com/datasets/a/b",
            "a page of Kaggle that is no model's",
            "unihub.load('https://www.kaggle.com/models/google/yamnet/tensorFlow2/yamnet/1')",
        ),
    ],
)
def test_what_is_no_handle(here, handle, found, remedy):
    with pytest.raises(HandleNotSupported) as raised:
        parse(handle)
    assert f"(found: {found})" in raised.value.why
    assert raised.value.do == remedy
    assert isinstance(raised.value, ValueError)


def test_a_url_that_cannot_be_read():
    with pytest.raises(HandleNotSupported, match="a URL that cannot be read"):
        parse("https://[::1/m")
    with pytest.raises(HandleNotSupported, match="a URL that cannot be read"):
        parse("https://host:port/m")


def test_path_objects_of_bytes_and_of_another_system():
    class OfBytes:
        def __fspath__(self):
            return b"models/a"

    assert parse(OfBytes()) == LocalFolder("models/a")
    assert parse(PureWindowsPath("a/b")) == LocalFolder("a\\b")


def test_the_error_lists_what_was_tried():
    with pytest.raises(HandleNotSupported) as raised:
        parse("htps://ada:secret@tfhub.dev/google/yamnet/1?token=secret")
    assert [kind.spelling for kind in KINDS if kind.spelling not in raised.value.why] == []
    check_golden("handle-not-supported", str(raised.value))


@pytest.mark.parametrize(
    "handle",
    [
        "htps://ada:secret@host/m",
        "https://ada:secret@host/a b?key=secret",
        "https://host:bad/?key=secret",
        "https://kaggle.com/datasets?key=secret",
        "https:/ada:secret@host/m",
        "htps:/ada:secret@host/m",
        "htps://ada:se/secret@host/m",
        "https://ada:se/secret@host/m",
        "https://ada:secret\uff0f@host/m",
        "https//ada:secret@host/m",
        "ada:se/secret@host/m",
        "localhost:80/secret@host/m",
        "gs://ada:secret@bucket/m",
        "file://ada:se/secret@host/m",
        "kaggle://ada:1/secret/b/c@www.kaggle.com/a",
        "https://ada:secret@host/m\0",
        b"https://ada:secret@host/m",
        ["https://ada:secret@host/m"],
    ],
)
def test_no_secret_is_shown(here, handle):
    with pytest.raises(HandleNotSupported) as raised:
        parse(handle)
    assert "secret" not in str(raised.value)


SPELT = st.text(st.sampled_from("ab1.-/@?#:&=%\\"))


@given(
    st.sampled_from(["https://", "htps://", "http:/", "s3://", "gs://", "kaggle://", "file://"]),
    SPELT,
    SPELT,
    st.sampled_from(["host/m.tar.gz", "www.kaggle.com/models/a", "host/a b"]),
)
def test_no_secret_of_any_spelling_is_shown(scheme, before, after, host):
    text = f"{scheme}ada:{before}tip-top-secret{after}@{host}"
    # As text, file:/// is a path, and a path is shown.
    if text.startswith("file:///"):
        return
    try:
        handle = parse(text)
    except HandleNotSupported as error:
        assert "tip-top-secret" not in str(error)
    else:
        assert "tip-top-secret" not in handle.shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tfhub.dev/google/yamnet/1", "https://tfhub.dev/google/yamnet/1"),
        ("www.kaggle.com/models/x", "https://www.kaggle.com/models/x"),
        ("localhost:8000/m.tar.gz", "https://localhost:8000/m.tar.gz"),
        ("'models/a'", "models/a"),
        ("google/yamnet/1", "https://tfhub.dev/google/yamnet/1"),
        ("google/yamnet/small", "google/yamnet/tensorFlow2/small"),
        ("google/yamnet/tfjs", "google/yamnet/tfjs/VARIATION"),
        ("google/yamnet/tensorflow/small/1", "google/yamnet/tensorFlow2/small/1"),
        ("google/yamnet/tensroFlow2/small", "google/yamnet/tensorFlow2/small"),
        ("google/yamnet/fruit/small", None),
        ("no/such/place/at/all/here", None),
        ("../a/b", None),
        ("/a/b", None),
        ("model", None),
    ],
)
def test_what_a_missing_path_may_have_meant(text, expected):
    found = suggestion(text)
    assert (found and found[1]) == (expected and (expected,))


def test_two_parts_may_be_of_either_hub_or_a_path(tmp_path, monkeypatch):
    reason, handles = suggestion("google/yamnet")
    assert handles == ("hf://google/yamnet", "kaggle://google/yamnet")
    (tmp_path / "goggle").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as raised:
        resolve("google/yamnet")
    assert f"holds 'goggle'; {reason}." in raised.value.why
    tried = [str(tmp_path / "goggle"), *handles]
    assert raised.value.do == "; or ".join(f"unihub.load({one!r})" for one in tried)


WORD = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=8)
PATH = st.lists(WORD, min_size=1, max_size=4).map("/".join)
SUFFIX = st.sampled_from([".tar", ".tar.gz", ".tgz", ".zip"])
TYPED = st.one_of(
    st.builds(
        KaggleModel,
        WORD,
        WORD,
        st.sampled_from(FRAMEWORKS),
        WORD,
        st.none() | st.integers(1, 10**9 - 1),
    ),
    st.builds(GcsFolder, WORD, PATH),
    st.builds(GcsArchive, WORD, st.builds("{}{}".format, PATH, SUFFIX)),
    st.builds(GfileFolder, st.builds("hdfs://{}".format, PATH)),
    st.builds(GfileArchive, st.builds("s3://{}{}".format, PATH, SUFFIX)),
    st.builds(HttpArchive, st.builds("https://h/{}{}?q={}".format, PATH, SUFFIX, WORD)),
    st.builds(TfhubModel, st.builds("http://h/{}?q={}".format, PATH, WORD)),
    st.builds(LocalFolder, st.builds("/no-such-folder/{}".format, PATH)),
    st.builds(LocalArchive, st.builds("/no-such-folder/{}{}".format, PATH, SUFFIX)),
)


@given(TYPED)
def test_text_of_a_value_is_a_handle_of_it(value):
    assert parse(str(value)) == value


@given(st.text(max_size=40) | st.text(":/.~\\ahtpsg s\0\n?@#%", max_size=20))
def test_any_text_is_a_handle_or_the_one_error(text):
    try:
        value = parse(text)
    except HandleNotSupported as error:
        assert len(str(error).splitlines()) == 3
    else:
        assert not isinstance(value, CustomHandle)
        if not isinstance(value, (LocalFolder, LocalArchive)):
            assert parse(str(value)) == value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hf://a/b@", "hf://a/b"),
        ("hf://a/b@../x", "hf://a/b"),
        ("hf://a/b c", "hf://a/NAME"),
        ("hf://a", "hf://OWNER/a"),
        ("hf://", "hf://OWNER/NAME"),
        ("hf://secret@a/b", "hf://OWNER/NAME"),
        ("hf://datasets/a/b", "https://huggingface.co/owner/name"),
    ],
)
def test_a_misspelt_model_of_hugging_face_is_answered_by_the_one_that_is_meant(text, meant):
    with pytest.raises(HandleNotSupported) as raised:
        parse(text)
    assert raised.value.do == f"unihub.load({meant!r})"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("hf://a/b/saved_model.pb", "hf://a/b"),
        ("hf://a/b@v1/x/saved_model.pbtxt", "hf://a/b@v1/x"),
        ("hf://a/b/blob/main/x/saved_model.pb", "hf://a/b@main/x"),
        ("hf://a/b/tree/main/x", "hf://a/b@main/x"),
    ],
)
def test_the_file_of_a_model_stands_for_its_folder(text, same):
    assert parse(text) == parse(same)
