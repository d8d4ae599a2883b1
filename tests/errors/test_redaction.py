from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unihub.errors.redaction import redacted, scrubbed, scrubbed_logs


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.com/m.tar.gz", "https://example.com/m.tar.gz"),
        ("https://example.com/m?sig=secret", "https://example.com/m?…"),
        ("https://example.com/m?a=1#secret", "https://example.com/m?…"),
        ("https://example.com/m#secret?secret", "https://example.com/m"),
        ("https://example.com?secret", "https://example.com?…"),
        ("https://me:secret@example.com/m", "https://example.com/m"),
        ("https://secret@example.com", "https://example.com"),
        ("https://me:sec@ret@example.com/m", "https://example.com/m"),
        ("https://me:sec/ret@example.com/m", "https://…/example.com/m"),
        ("https://sec/ret@example.com/m?secret", "https://…/example.com/m?…"),
        # What it is to a parser, a path with an @, may be a password that begins with a port.
        ("https://example.com:8443/a@b/m", "https://…/b/m"),
        ("https://me:sec/ret", "https://…"),
        ("https://example.com/m?of=me@secret", "https://…"),
        ("htps://me:secret@example.com/m", "htps://example.com/m"),
        ("https:/me:secret@example.com/m", "https:/example.com/m"),
        ("https//me:secret@example.com/m", "…/example.com/m"),
        ("https:\\\\me:secret@example.com\\m", "https:\\\\example.com\\m"),
        ("me:secret@example.com/m", "example.com/m"),
        ("//me:secret@example.com/m", "//example.com/m"),
        ("http=http://me:secret@proxy:1,ftp=x", "http=http://proxy:1,ftp=x"),
        ("http=http://me:sec/ret@proxy:1,ftp=x", "http=http://…/proxy:1,ftp=x"),
        ("file:///home/me@work/m.tar.gz#12-34", "file:///home/me@work/m.tar.gz"),
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


SECRET = "tip-top-secret"
# As it is typed: nothing of it is escaped.
PART = st.text(st.sampled_from("ab1.-/@?#:&=%[]\\")) | st.text()
TYPED = st.builds("{}{}{}".format, PART, st.just(SECRET), PART)
START = st.sampled_from(
    ["https://", "htps://", "http:/", "HTTPS://", "https:\\\\", "s3://", "http=http://", "//", ""]
)
HOST = st.sampled_from(["example.com/m.tar.gz", "proxy:3128", "[::1]:80/a b", "host", ""])


@given(START, TYPED, HOST)
def test_a_user_and_a_password_are_never_shown(start, secret, host):
    assert SECRET not in redacted(f"{start}me:{secret}@{host}")
    # Without a scheme, a user that ends with :// is one.
    if start:
        assert SECRET not in redacted(f"{start}{secret}@{host}")
        assert SECRET not in redacted(f"{start}{secret}:@{host}")


@given(START, HOST, st.sampled_from(["?", "?a=1&sig=", "#"]), TYPED)
def test_what_follows_a_question_mark_or_hash_is_never_shown(start, host, mark, secret):
    assert SECRET not in redacted(start + host + mark + secret)


@given(st.lists(st.tuples(START, PART, TYPED, HOST, TYPED), min_size=1, max_size=3))
def test_no_secret_is_in_a_scrubbed_text(urls):
    # White space ends a URL in a text.
    spelt = [
        "".join(f"{start or 'http://'}{user}:{secret}@{host}?sig={query}".split())
        for start, user, secret, host, query in urls
    ]
    for text in (" ".join(spelt), f"broken: {spelt}", ",".join(spelt), f"X('{spelt[0]}')."):
        assert SECRET not in scrubbed(text)


@given(START, PART, HOST)
def test_what_is_redacted_stays_as_it_is(start, userinfo, host):
    once = redacted(f"{start}{userinfo}@{host}")
    assert redacted(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Max retries exceeded with url: /m?secret (Caused by X('https://a:secret@h/m?secret'))",
            "Max retries exceeded with url: /m?… (Caused by X('https://h/m?…'))",
        ),
        ('"GET /m?sig=secret HTTP/1.1" 200', '"GET /m?… HTTP/1.1" 200'),
        ("is it here? no", "is it here? no"),
        ("ask me@example.com: issue#12, 3:4", "ask me@example.com: issue#12, 3:4"),
        (
            "'http=http://a:sec/ret@p:1,https=http://b:secret@q:2' and https://h/m?sig=secret.",
            "'http=http://…/q:2' and https://h/m?….",
        ),
        ("Failed to parse: me:sec/ret@proxy:1", "Failed to parse: …/proxy:1"),
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
