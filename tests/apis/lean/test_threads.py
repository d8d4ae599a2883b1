"""What runs in threads of its own, and while the interpreter shuts down."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import tensorflow as tf

import unihub
from unihub import runtime
from unihub.matrix import Runtime

if runtime.current_runtime() is not Runtime.TF2:
    pytest.skip("the fast way is for TensorFlow 2 in eager mode", allow_module_level=True)

from apis.lean.test_listeners import LISTENERS, MAKERS, Model

from unihub.apis.lean.private import is_anyone_listening, nothing_in_force
from unihub.apis.lean.threads import at_top_level, side_by_side

LATE = """
import atexit, sys, threading, time
import tensorflow as tf
import unihub

path, before = sys.argv[1:]
x = tf.ones([2, 3])
model = unihub.load(path) if before == "loaded" else None

def work(when):
    loaded = model or unihub.load(path)
    full = unihub.load(path, fast=False)
    expected = full(x).numpy().tolist()
    assert loaded(x).numpy().tolist() == expected
    gradients = []
    for each in (loaded, full):
        with tf.GradientTape() as tape, tf.name_scope("outer"), tf.device("CPU:0"):
            tape.watch(x)
            y = each(x)
        gradients.append([g.numpy().tolist() for g in tape.gradient(y, [x, each.kernel])])
    assert gradients[0] == gradients[1]
    assert loaded.kernel.name == full.kernel.name
    assert tf.function(lambda x: unihub.load(path)(x))(x).numpy().tolist() == expected
    print(when, type(loaded).__name__, flush=True)

def in_a_thread():
    threading.main_thread().join()
    time.sleep(0.2)
    work("thread")

# Python waits for the thread before it calls what is registered.
atexit.register(work, "atexit")
threading.Thread(target=in_a_thread).start()
"""


@pytest.mark.parametrize("before", ["loaded", "imported"])
def test_after_the_main_thread_has_ended(tmp_path, before):
    model = Model()
    model.__call__.get_concrete_function(tf.TensorSpec([None, 3]))
    tf.saved_model.save(model, str(tmp_path / "model"))
    (tmp_path / "late.py").write_text(textwrap.dedent(LATE))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "late.py"), str(tmp_path / "model"), before],
        capture_output=True,
        text=True,
    )
    expected = "thread LeanCallableObject\natexit LeanCallableObject\n"
    assert done.stdout == expected, done.stderr[-3000:]


def test_at_top_level_nobody_listens():
    for name, scope in {**LISTENERS, **MAKERS}.items():
        with scope():
            heard = at_top_level(lambda: is_anyone_listening(while_loading=True))
            assert heard == (name in ("checked numerics", "op callback"))


def test_this_thread_is_lifted_to_the_top_level():
    # Of these no public API lifts a thread out; what is loaded there calls none.
    left = ("checked numerics", "op callback", "variable watcher")
    for name, scope in {**LISTENERS, **MAKERS}.items():
        with scope():
            with nothing_in_force():
                assert is_anyone_listening(while_loading=True) == (name in left)
            assert is_anyone_listening(while_loading=True)
        assert not is_anyone_listening(while_loading=True)


class No(BaseException):
    pass


def refuse():
    raise No


def test_results_and_errors():
    assert at_top_level(lambda: 7) == 7
    assert side_by_side([lambda place=place: place * 2 for place in range(5)]) == [0, 2, 4, 6, 8]
    assert side_by_side([]) == []
    with pytest.raises(No):
        at_top_level(refuse)
    with pytest.raises(No):
        side_by_side([lambda: 1, refuse])


def test_where_there_are_no_more_threads(monkeypatch):
    here = threading.get_ident()
    monkeypatch.setattr(threading.Thread, "start", lambda thread: _refuse_thread())
    assert at_top_level(threading.get_ident) == here
    assert side_by_side([threading.get_ident] * 3) == [here] * 3
    with pytest.raises(No):
        at_top_level(refuse)


def _refuse_thread():
    raise RuntimeError("can't start new thread")


def gradient(model, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x)
    return tape.gradient(y, x).numpy().tolist()


@pytest.mark.parametrize("refused", [(), (1, 2, 3)], ids=["too few", "too many"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["this thread", "another"])
@pytest.mark.parametrize("fast", [True, False])
def test_a_refused_call_holds_nobody_up(refused, elsewhere, fast, tmp_path):
    """TensorFlow's own function stays locked in a thread where it is given too few arguments."""
    saved = Model()
    saved.__call__.get_concrete_function(tf.TensorSpec([None, 3]))
    tf.saved_model.save(saved, str(tmp_path))
    model, x = unihub.load(str(tmp_path), fast=fast), tf.ones([2, 3])
    full = unihub.load(str(tmp_path), fast=False)
    results = []

    def refuse():
        model(x)
        with pytest.raises(TypeError):
            model(*refused)

    def work():
        if not elsewhere:
            refuse()
        results.append(gradient(model, x))

    if elsewhere:
        refuse()
    # A test that fails is not to wait for ever.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)
    assert results == [gradient(full, x)]


@pytest.mark.parametrize("run", [at_top_level, lambda action: side_by_side([action])])
def test_an_interrupted_action_is_over(run):
    """What else is done to a model after Ctrl-C does not meet a load that still goes on."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    def action():
        states.append("begun")
        time.sleep(0.005)
        states.append("ended")

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for place in range(200):
            states, seen = [], None
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-5 * (place + 1))
                run(action)
            except KeyboardInterrupt:
                seen = list(states)
                time.sleep(0.01)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert seen in (None, states)
    finally:
        signal.signal(signal.SIGALRM, before)
