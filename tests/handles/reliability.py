"""Faults and attacks against the whole of `unihub.resolve`, measured, as a table in Markdown.

    python tests/handles/reliability.py [ROW ...]

Where TensorFlow and tensorflow_hub can be imported, `hub.resolve` meets the same faults.
tests/test_reliability.py runs the rows with fewer of each fault. Mounting a tmpfs and giving
folders away needs root; elsewhere those rows say so.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import io
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from handles import stores, tars
from handles.places import FILES, tar_gz, tree
from handles.server import Reply, Server

import unihub
from unihub.errors import UnihubError
from unihub.handles.sources.sources import DamagedEntryReplaced, FetchedModelDiffers

MODEL = {**FILES, "assets/vocabulary.txt": b"one\ntwo\nthree\n" * 40}
SECRET = "tip-top-secret"
OTHER_USER = 12345
UNMEASURED = "not measured"
GZIP_HEADER = 10

FETCH = """
import sys, time, unihub
root, url, seconds, lock = sys.argv[1:]
if lock == "without":
    import contextlib
    import unihub.handles.cache.cache as module
    module.held = lambda *arguments: contextlib.nullcontext()
unihub.configure(cache=root, tfhub_cache=root + "-none", retries=0, progress=False)
print("ready", flush=True)
sys.stdin.readline()
begin = time.monotonic()
folder = unihub.resolve(url)
print(round(time.monotonic() - begin, 2), folder)
"""


class Yard:
    """A server, a scratch folder, and one program that resolves into fresh caches in it."""

    def __init__(self, folder: Path, server: Server, program: str, count: int) -> None:
        self.folder = folder
        self.server = server
        self.program = program
        self.count = count
        self.random = random.Random(7)
        self._fresh = 0

    @property
    def is_unihub(self) -> bool:
        return self.program == "unihub"

    def serve(self, reply, name="m.tar.gz"):
        """The URL of a reply, new each time."""
        self._fresh += 1
        path = f"/{self._fresh}/{name}"
        self.server[path] = Reply(reply) if isinstance(reply, bytes) else reply
        return self.server.url(path)

    def cache(self):
        self._fresh += 1
        return self.folder / f"cache-{self._fresh}"

    def resolve(self, url, cache=None, **options):
        """The folder, by the program at hand."""
        cache = str(cache or self.cache())
        if not self.is_unihub:
            return hub_resolve(url, cache)
        sha256 = options.pop("sha256", None)
        settings = {"retries": 0, "read_timeout": 0.5, "progress": False, **options}
        with unihub.configure(cache=cache, tfhub_cache=cache + "-none", **settings):
            return unihub.resolve(url, sha256=sha256)

    def outcome(self, url, expected, **options):
        """What became of a URL: a word."""
        cache = self.cache()
        try:
            found = tree(self.resolve(url, cache, **options))
        except Exception as error:
            own = isinstance(error, UnihubError)
            return "refused" if own or not self.is_unihub else f"BROKEN by {error!r}"
        finally:
            shutil.rmtree(str(cache), ignore_errors=True)
        return "right" if found == expected else "WRONG CONTENT"

    def outcomes(self, replies, expected=MODEL, name="m.tar.gz"):
        return collections.Counter(self.outcome(self.serve(r, name), expected) for r in replies)


def hub_resolve(url, cache):
    import tensorflow_hub as hub

    os.environ["TFHUB_CACHE_DIR"] = cache
    return hub.resolve(url)


def counted(found):
    return ", ".join(f"{count} {what}" for what, count in sorted(found.items()))


def plain_tar(files=MODEL):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        folders = [tarfile.TarInfo(name) for name in ("variables", "assets")]
        for folder in folders:
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def gz(files=MODEL):
    return tars.compressed(plain_tar(files))


def cuts(yard, whole, reply, name):
    points = range(0, len(whole), max(1, len(whole) // yard.count))
    return counted(yard.outcomes((reply(point) for point in points), name=name))


def short_bodies(yard):
    whole = plain_tar()
    return cuts(yard, whole, lambda at: Reply(whole, cut_at=at, ranges=False), "m.tar")


def short_files(yard):
    whole = gz()
    return cuts(yard, whole, lambda at: Reply(whole[:at]), "m.tar.gz")


def flipped_bits(yard):
    whole = gz()
    found, in_header = collections.Counter(), 0
    for _ in range(yard.count):
        bit = yard.random.randrange(8 * len(whole))
        altered = bytearray(whole)
        altered[bit // 8] ^= 1 << bit % 8
        outcome = yard.outcome(yard.serve(bytes(altered)), MODEL)
        found[outcome] += 1
        in_header += outcome == "right" and bit < 8 * GZIP_HEADER
    same = f"with the same content ({in_header} of them in gzip's header)"
    return counted(found).replace("right", same)


def statuses(yard):
    whole = Reply(gz())
    gone = yard.outcome(yard.serve(Reply(b"", status=404)), MODEL)
    busy = [
        yard.outcome(yard.serve([Reply(b"", status=status), whole]), MODEL, retries=1)
        for status in (429, 500, 503)
    ]
    return f"404 {gone}; one 429, 500 or 503, then the file: {counted(collections.Counter(busy))}"


def redirects(yard):
    loop = yard.serve(Reply(b"", status=302, location="/loop"))
    yard.server["/loop"] = Reply(b"", status=302, location="/loop")
    ftp = yard.serve(Reply(b"", status=302, location="ftp://127.0.0.1:9/m.tar.gz"))
    good = yard.serve(Reply(gz()))
    to_good = yard.serve(Reply(b"", status=302, location=good))
    found = [yard.outcome(url, MODEL) for url in (to_good, ftp, loop)]
    return "to http {}, to ftp {}, a loop {}".format(*found)


def stalls(yard):
    begin = time.monotonic()
    found = yard.outcomes(
        [Reply(gz(), stall_before_headers=True), Reply(gz(), stall_at=100, ranges=False)]
    )
    seconds = time.monotonic() - begin
    return f"{counted(found)}, {seconds / 2:.1f} s each with a time-out of 0.5 s"


def hostile_members(yard):
    before = tree_outside(yard)
    found = yard.outcomes((case.archive for case in tars.TARS.values()), name="m.tar")
    touched = "nothing" if tree_outside(yard) == before else "SOMETHING"
    return f"{counted(found)}; {touched} written outside"


def tree_outside(yard):
    return sorted(name for name in os.listdir(str(yard.folder)) if not name.startswith("cache"))


def awkward_members(yard):
    cases = {
        "no folder entries": (tar_gz(MODEL), MODEL),
        "..hidden": (gz({**MODEL, "..hidden": b"x"}), {**MODEL, "..hidden": b"x"}),
        "an empty file": (gz({**MODEL, "empty": b""}), {**MODEL, "empty": b""}),
        ".DS_Store": (gz({**MODEL, ".DS_Store": b"x"}), {**MODEL, ".DS_Store": b"x"}),
        "no file at all": (tar_gz({}), MODEL),
        "no model": (tar_gz({"readme": b"x"}), MODEL),
    }
    found = [
        f"{what}: {yard.outcome(yard.serve(content), expected)}"
        for what, (content, expected) in cases.items()
    ]
    return "; ".join(found)


def bombs(yard):
    size = 1 << (28 if yard.count > 50 else 25)
    url = yard.serve(tars.gzip_bomb(size))
    most = watched = 0
    cache = yard.cache()
    done = threading.Event()

    def watch():
        nonlocal most
        while not done.wait(0.005):
            most = max(most, bytes_in(cache))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        tree(yard.resolve(url, cache))
        watched = "extracted"
    except Exception:
        watched = "refused"
    done.set()
    watcher.join()
    shutil.rmtree(str(cache), ignore_errors=True)
    sizes = f"{len(tars.gzip_bomb(size)) >> 10} KiB that become {size >> 20} MiB"
    return f"{sizes}: {watched}, {most >> 20} MiB on the disk at most"


def bytes_in(folder):
    total = 0
    for inside, _, names in os.walk(str(folder)):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(inside, name)).st_size
    return total


def fetcher(root, url, seconds=0, lock="with"):
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, str(root), url, str(seconds), lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def go(*processes):
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


def eight_processes(yard):
    found = []
    for lock in ("with", "without"):
        url = yard.serve(Reply(gz(), piece=200, pause=0.1))
        root = yard.cache()
        processes = [fetcher(root, url, lock=lock) for _ in range(8)]
        go(*processes)
        answers = [process.communicate() for process in processes]
        folders = {out.split()[1] for out, _ in answers if out}
        right = sum(process.returncode == 0 for process in processes)
        whole = all(tree(folder) == MODEL for folder in folders) and len(folders) == 1
        requests = len(yard.server.requests_of("/" + url.split("/", 3)[3]))
        got = f"{right} of 8 got {'the model' if whole else 'SOMETHING ELSE'}"
        found.append(f"{lock} locks: {got}, downloads: {requests}")
    return "; ".join(found)


def killed(yard):
    content = tar_gz({**MODEL, "assets/noise": os.urandom(200_000)})
    reply = Reply(content, etag='"1"')
    url = yard.serve([replace(reply, stall_at=100_000), reply])
    root = yard.cache()
    process = fetcher(root, url)
    go(process)
    yard.server.wait_for_stall()
    stores.wait_until(
        lambda: any(p.stat().st_size for p in root.glob("incoming/*/part/archive")), process
    )
    process.send_signal(signal.SIGKILL)
    process.communicate()
    begin = time.monotonic()
    folder = yard.resolve(url, root)
    seconds = time.monotonic() - begin
    ranges = yard.server.requests_of("/" + url.split("/", 3)[3])[-1].headers.get("range", "")
    kept = "went on where it broke" if ranges else "BEGAN ANEW"
    if len(tree(folder)) != len(MODEL) + 1 or any(root.glob("incoming/*")):
        return "WRONG CONTENT"
    return f"the next one took {seconds:.2f} s, download included, and {kept}"


@contextlib.contextmanager
def tmpfs(yard, options):
    folder = yard.cache()
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if subprocess.call(command, stderr=subprocess.DEVNULL):
        raise PermissionError("mount")
    try:
        yield folder
    finally:
        subprocess.check_call(["umount", "-l", str(folder)])


def read_only(yard):
    url = yard.serve(gz())
    with tmpfs(yard, "size=4m,mode=0700") as root:
        folder = yard.resolve(url, root)
        subprocess.check_call(["mount", "-o", "remount,ro", str(root)])
        hit = "found" if yard.resolve(url, root) == folder else "WRONG"
        return f"a cached model {hit}, another: {error_of(yard, yard.serve(gz()), root)}"


def full(yard):
    big = tar_gz({**MODEL, "assets/noise": os.urandom(1 << 20)})
    many = tar_gz({**MODEL, **{f"assets/{n}": b"" for n in range(100)}})
    found = []
    for options, content in (("size=512k", big), ("size=4m,nr_inodes=60", many)):
        with tmpfs(yard, f"{options},mode=0700") as root:
            error = error_of(yard, yard.serve(content), root)
            left = [p for p in root.rglob("*") if p.is_file() and p.parent.name != "locks"]
            found.append(f"{error}, {len(left)} files left")
    return "; ".join(found)


def error_of(yard, url, cache, **options):
    try:
        yard.resolve(url, cache, **options)
    except Exception as error:
        return f"`{type(error).__name__}`"
    return "NO ERROR"


def damage(yard):
    noticed = healed = total = 0
    for name in MODEL:
        for spoil in (os.remove, lambda path: os.truncate(path, 1)):
            url, cache = yard.serve(gz()), yard.cache()
            folder = yard.resolve(url, cache)
            spoil(os.path.join(folder, name))
            total += 1
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                again = yard.resolve(url, cache)
            noticed += any(w.category is DamagedEntryReplaced for w in caught)
            healed += tree(again) == MODEL
    return f"of {total} files deleted or cut short {noticed} noticed, {healed} healed"


def altered_bytes(yard):
    content = gz()
    digest = hashlib.sha256(content).hexdigest()
    url, cache = yard.serve(content), yard.cache()
    folder = Path(yard.resolve(url, cache, sha256=digest))
    (folder / "saved_model.pb").write_bytes(b"MODEL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        healed = tree(yard.resolve(url, cache, sha256=digest)) == MODEL
    (folder / "saved_model.pb").unlink()
    yard.server["/" + url.split("/", 3)[3]] = Reply(tars.compressed(tars.model_tar()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yard.resolve(url, cache)
    told = any(w.category is FetchedModelDiffers for w in caught)
    return (
        "with `sha256=` a file of the same size and other content: "
        f"{'healed' if healed else 'LOADED'}; "
        f"another archive at the URL when an entry heals: {'told' if told else 'SILENT'}"
    )


def planted(yard):
    url, cache = yard.serve(gz()), yard.cache()
    folder = yard.resolve(url, cache)
    found = [f"mode {os.stat(str(cache)).st_mode & 0o777:04o}"]
    (cache if yard.is_unihub else Path(folder)).chmod(0o777)
    found.append(f"writable by all: {error_of(yard, url, cache)}")
    cache.chmod(0o700)
    for inside, _, files in os.walk(str(cache)):
        for name in ("", *files):
            os.chown(os.path.join(inside, name), OTHER_USER, OTHER_USER)
    found.append(f"another user's: {error_of(yard, url, cache)}")
    return "; ".join(found)


def secrets(yard):
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    cache = yard.cache()
    try:
        with Server() as elsewhere:
            elsewhere["/m.tar.gz"] = Reply(gz())
            hop = Reply(b"", status=302, location=elsewhere.url("/m.tar.gz"))
            url = yard.serve(hop).replace("://", f"://ada:{SECRET}@") + f"?token={SECRET}"
            if not yard.is_unihub:
                url = yard.serve(hop) + f"?token={SECRET}"
            yard.resolve(url, cache)
            sent = [
                r for r in elsewhere.requests if SECRET in str(r) or "authorization" in r.headers
            ]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    files = [p for p in cache.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]
    logged = sum(SECRET in line for line in lines.getvalue().splitlines())
    return f"in {len(files)} files, in {logged} lines of the log, sent elsewhere {len(sent)} times"


@dataclass(frozen=True)
class Row:
    """A fault.

    Attributes:
        case: what it is.
        measure: what becomes of it, in words.
        expected: of unihub in the quick run of the tests, as a regular expression.
        on_hub: whether tensorflow_hub meets it as well.
        needs_root: to be tried.
    """

    case: str
    measure: Callable[[Yard], str]
    expected: str
    on_hub: bool = True
    needs_root: bool = False


ROWS: Dict[str, Row] = {
    "short-body": Row("the connection ends early: cuts of a .tar", short_bodies, r"\d+ refused"),
    "short-file": Row("the file is cut short: cuts of a .tar.gz", short_files, r"\d+ refused"),
    "bit": Row(
        "one flipped bit of a .tar.gz",
        flipped_bits,
        r"\d+ refused(, \d+ with the same content \(\d+ of them in gzip's header\))?",
    ),
    "status": Row(
        "404; 429, 500, 503", statuses, "404 refused; one 429, 500 or 503, then the file: 3 right"
    ),
    "redirect": Row("redirects", redirects, "to http right, to ftp refused, a loop refused"),
    "stall": Row(
        "the server falls silent before headers; in the body",
        stalls,
        r"2 refused, [\d.]+ s each with a time-out of 0.5 s",
        on_hub=False,
    ),
    "hostile": Row(
        "`..`, absolute, link, device, pipe, sparse, doubled and colliding names, damaged headers",
        hostile_members,
        r"\d+ refused; nothing written outside",
    ),
    "awkward": Row(
        "awkward but harmless archives, and empty ones",
        awkward_members,
        "no folder entries: right; ..hidden: right; an empty file: right; .DS_Store: right; "
        "no file at all: refused; no model: refused",
    ),
    "bomb": Row("a decompression bomb", bombs, r"\d+ KiB .* refused, \d+ MiB on the disk at most"),
    "processes": Row(
        "8 processes at once; again with the lock patched out",
        eight_processes,
        "with locks: 8 of 8 got the model, downloads: 1; "
        "without locks: 8 of 8 got the model, downloads: [1-8]",
        on_hub=False,
    ),
    "killed": Row(
        "SIGKILL in mid-download",
        killed,
        r"the next one took [\d.]+ s, download included, and went on where it broke",
        on_hub=False,
    ),
    "read-only": Row(
        "a read-only cache (tmpfs)",
        read_only,
        "a cached model found, another: `CacheNotWritable`",
        on_hub=False,
        needs_root=True,
    ),
    "full": Row(
        "disk full; inodes full (tmpfs)",
        full,
        "`DiskFull`, 0 files left; `InodesFull`, 0 files left",
        on_hub=False,
        needs_root=True,
    ),
    "damaged": Row(
        "a cached model is damaged",
        damage,
        "of 8 files deleted or cut short 8 noticed, 8 healed",
    ),
    "altered": Row(
        "a cached model is altered; the archive at its URL is",
        altered_bytes,
        "with `sha256=` a file of the same size and other content: healed; "
        "another archive at the URL when an entry heals: told",
        on_hub=False,
    ),
    "planted": Row(
        "others can write to the cache",
        planted,
        "mode 0700; writable by all: `CacheNotPrivate`; another user's: `CacheOwnedByAnother`",
        needs_root=True,
    ),
    "secrets": Row(
        "a password and a signed query in the URL, redirected to another origin",
        secrets,
        "in 0 files, in 0 lines of the log, sent elsewhere 0 times",
    ),
}


def measured(row: Row, program: str, count: int) -> str:
    """What becomes of a row's fault in a program, with so many faults where they are counted."""
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        yard = Yard(Path(folder), server, program, count)
        return row.measure(yard)


def _on_hub(row: Row, count: int) -> str:
    if not row.on_hub:
        return UNMEASURED
    try:
        import tensorflow_hub
    except ImportError:
        return UNMEASURED
    assert tensorflow_hub
    try:
        return measured(row, "tensorflow_hub", count)
    except Exception as error:
        return f"`{type(error).__name__}`"


def _version(name: str) -> Tuple[str, str]:
    with contextlib.suppress(ImportError):
        return name, __import__(name).__version__
    return name, ""


def main(names) -> None:
    hub = " ".join(_version("tensorflow_hub")).strip()
    print(f"| fault | {hub}, measured | unihub, measured |\n| --- | --- | --- |")
    for name in names or ROWS:
        row = ROWS[name]
        print(f"| {row.case} | {_on_hub(row, 300)} | {measured(row, 'unihub', 300)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
