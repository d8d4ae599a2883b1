from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihub.redaction import redacted, scrubbed, scrubbed_logs


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/m.tar.gz", "https://example.com/m.tar.gz"),
        ("https://example.com:8443/a@b/m", "https://example.com:8443/a@b/m"),
        ("https://example.com/m?sig=secret", "https://example.com/m?…"),
        ("https://example.com/m?a=1#secret", "https://example.com/m?…"),
        ("https://example.com/m#secret?secret", "https://example.com/m"),
        ("https://example.com?secret", "https://example.com?…"),
        ("https://me:secret@example.com/m", "https://example.com/m"),
        ("https://secret@example.com", "https://example.com"),
        ("https://me:sec@ret@example.com/m", "https://example.com/m"),
        ("https://me:sec/ret@example.com/m", "https://…"),
        ("https://me:sec?ret@example.com/m", "https://…"),
        ("https://me:sec#ret@example.com/m", "https://…"),
        ("https://me:secret@[::1]:80/m?secret", "https://[::1]:80/m?…"),
        ("https://[::1]/m", "https://[::1]/m"),
        ("http://[secret?secret", "http://[secret?…"),
        ("gs://bucket/m?secret", "gs://bucket/m?…"),
        ("me/model/tf2/small/1", "me/model/tf2/small/1"),
        ("m?\nsecret", "m?…"),
        ("", ""),
    ],
)
def test_redacted(url, shown):
    assert redacted(url) == shown
    assert redacted(shown) == shown


TEXT = st.text(st.characters(blacklist_characters="@"), min_size=1)


@given(TEXT, TEXT)
def test_no_password_and_no_query(password, query):
    marked = f"https://me:<{password}SECRET>@example.com/m?<{query}SECRET>"
    assert "SECRET" not in redacted(marked)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Max retries exceeded with url: /m?secret (Caused by X('https://a:secret@h/m?secret'))",
            "Max retries exceeded with url: /m?… (Caused by X('https://h/m?…'))",
        ),
        ('"GET /m?sig=secret HTTP/1.1" 200', '"GET /m?… HTTP/1.1" 200'),
        ("is it here? no", "is it here? no"),
    ],
)
def test_scrubbed(text, shown):
    assert scrubbed(text) == shown


def test_logs_of_urllib3_are_scrubbed_while_it_lasts(caplog):
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("urllib3.connectionpool")
    with scrubbed_logs():
        log.debug('"%s %s"', "GET", "/m?secret")
    log.debug("/m?of-others")
    assert caplog.messages == ['"GET /m?…"', "/m?of-others"]
