"""Pure functions on tensors of PyTorch: gradients, shared memory, workers, several processes."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from conftest import MODELS
from golden import check_golden

if find_spec("torch") is None:
    pytest.skip("PyTorch is not installed: see nox -s torch", allow_module_level=True)

import tensorflow as tf
import torch
from apis.functional import hand_made
from apis.functional.in_processes import PATH, Model, X, train_in_parallel

import unihub
from unihub.apis.functional import in_torch
from unihub.apis.functional.errors import NotCompiled, OtherDevice, WrongSeed, WrongWeights


def test_outputs_state_and_gradients_are_tensorflow_s():
    model, x = Model(), torch.tensor(X, requires_grad=True)
    weights = {name: tf.constant(v.detach()) for name, v in zip(model.names, model.weights)}
    state, given = dict(model.state), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch([weights, given])
        expected, after = model.function(weights, state, given)
        total = tf.reduce_sum(expected**2)
    outputs = model(x)
    np.testing.assert_array_equal(outputs.detach(), expected)
    for name, value in after.items():
        np.testing.assert_array_equal(model.state[name], value)
        assert not model.state[name].requires_grad
    (outputs**2).sum().backward()
    gradients, of_inputs = tape.gradient(total, [weights, given])
    np.testing.assert_allclose(x.grad, of_inputs, rtol=1e-6)
    for name, weight in zip(model.names, model.weights):
        np.testing.assert_allclose(weight.grad, gradients[name], rtol=1e-6)
    with torch.no_grad():
        assert not model(x).requires_grad
    copied = torch.optim.swa_utils.AveragedModel(model)
    np.testing.assert_array_equal(copied(x).detach(), model(x).detach())


def test_weights_are_read_where_they_are():
    weight = torch.ones(1000, 10)
    tensor = in_torch._to_tensorflow(weight)
    weight[3, 3] = 7.0
    assert tensor[3, 3] == 7.0
    # Rows from the middle begin where TensorFlow's kernels cannot.
    np.testing.assert_array_equal(in_torch._to_tensorflow(weight[3:, 3:]), weight[3:, 3:])


def test_what_is_changed_before_backward_is_found_out():
    model = Model()
    outputs = model(torch.tensor(X))
    with torch.no_grad():
        model.weights[0].add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


@pytest.mark.parametrize("changed", ["inputs", "weight"])
def test_what_has_no_gradient_itself_is_watched_as_well(changed):
    model, x = Model(), torch.tensor(X)
    model.weights[1].requires_grad_(False)
    outputs = model(x)
    (x if changed == "inputs" else model.weights[1]).zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()
    # An array tells nobody that it is written to: it is copied.
    array = X.copy()
    outputs = model(array)
    array[:] = 0.0
    outputs.sum().backward()
    expected = Model()
    expected(torch.tensor(X)).sum().backward()
    assert torch.equal(model.weights[0].grad, expected.weights[0].grad)


def test_gradients_of_gradients():
    model, x = Model(), torch.tensor(X, requires_grad=True)
    weights = {name: tf.constant(v.detach()) for name, v in zip(model.names, model.weights)}
    given = tf.constant(X)
    with tf.GradientTape() as outer:
        outer.watch(weights)
        with tf.GradientTape() as tape:
            tape.watch(given)
            total = tf.reduce_sum(model.function(weights, model.state, given)[0] ** 2)
        penalty = tf.reduce_sum(tape.gradient(total, given) ** 2)
    expected = outer.gradient(penalty, weights, unconnected_gradients="zero")
    (gradient,) = torch.autograd.grad((model(x) ** 2).sum(), x, create_graph=True)
    (gradient**2).sum().backward()
    for name, weight in zip(model.names, model.weights):
        np.testing.assert_allclose(weight.grad, expected[name], rtol=1e-4, atol=1e-5)


def test_the_state_that_goes_in_has_gradients(tmp_path):
    tf.saved_model.save(hand_made.Moving(), str(tmp_path / "moving"))
    f, _, state = unihub.functional(str(tmp_path / "moving"))
    mean = torch.tensor(state["mean"], requires_grad=True)
    outputs, after = f({}, {"mean": mean}, torch.tensor(X))
    with torch.no_grad():
        # As whoever takes the new state over may do.
        mean.copy_(after["mean"])
    outputs.sum().backward()
    np.testing.assert_allclose(mean.grad, np.full(3, -0.75 * len(X)))
    # What comes out begins anew, lest the graph of all steps is kept.
    assert not after["mean"].requires_grad


def test_tensors_that_are_not_as_in_memory(tmp_path):
    tf.saved_model.save(hand_made.Kinds(), str(tmp_path / "kinds"))
    f, _, state = unihub.functional(str(tmp_path / "kinds"))
    value = torch.tensor([1.0 + 2.0j, 3.0 - 4.0j])
    backwards = value.numpy()[::-1]
    for given, seed in (
        (value, 0),
        (value.conj(), 0),
        (value[:0], 0),
        (backwards, torch.tensor(1)),
    ):
        outputs, _ = f({}, state, given, seed)
        whole = given.resolve_conj() if seed == 0 else torch.tensor(backwards.copy())
        assert torch.equal(outputs["whole"], whole)
        assert torch.equal(outputs["half"], whole.real.bfloat16() * 2.0)
        assert torch.equal(outputs["any"], (whole.real > 2.0).any())
        assert outputs["none"] is None
    with pytest.raises(NotCompiled, match="a tensor of the layout"):
        f({}, state, value.to_sparse())


def test_gradients_are_memory_of_their_own():
    model, x = Model(), torch.tensor(X, requires_grad=True)
    outputs = model(x)
    outputs.sum().backward()
    places = [each.grad.data_ptr() for each in (*model.weights, x)]
    assert len(set(places)) == len(places)
    before = outputs.detach().clone()
    outputs.detach().zero_()
    np.testing.assert_array_equal(model(x).detach(), before)


def test_another_device_is_told():
    model = Model()
    model.to("meta")
    with pytest.raises(OtherDevice) as caught:
        model(torch.tensor(X))
    at_hand = {"model": torch.nn.Linear(1, 1), "inputs": torch.tensor(X)}
    check_golden("functional-other-device", str(caught.value), at_hand, path=PATH)


def test_text_is_refused():
    f, weights, state = unihub.functional(str(MODELS / "tf2_text"))
    weights = {name: torch.tensor(value) for name, value in weights.items()}
    with pytest.raises(NotCompiled, match="inputs of <U1"):
        f(weights, state, np.array(["a"]))


def test_inputs_of_every_kind(tmp_path):
    tf.saved_model.save(hand_made.Several(), str(tmp_path / "several"))
    f, weights, state = unihub.functional(str(tmp_path / "several"), arguments={"scale": 3.0})
    weights = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in weights.items()}
    for inputs in ((torch.tensor(X), 2 * X), {"left": X, "right": torch.tensor(2.0 * X)}):
        outputs, _ = f(weights, state, inputs)
        expected = 3 * X * weights["kernel"].detach().numpy() + 2 * X
        np.testing.assert_allclose(outputs["sum"].detach(), expected, rtol=1e-6)
        np.testing.assert_array_equal(outputs["nest"][0].detach(), X)
    outputs["sum"].sum().backward()
    np.testing.assert_allclose(weights["kernel"].grad, 3 * X.sum(0), rtol=1e-5)
    tf.saved_model.save(hand_made.Generating(), str(tmp_path / "generating"))
    f, weights, state = unihub.functional(str(tmp_path / "generating"))
    _, expected = f(weights, state, X)
    _, after = f(weights, state, torch.tensor(X))
    # 64 bits are PyTorch's, too.
    np.testing.assert_array_equal(after["StateVar"], expected["StateVar"])


def test_arguments_that_do_not_fit():
    f, weights, state = unihub.functional(str(MODELS / "tf2_reusable"))
    weights = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in weights.items()}
    given = torch.tensor(X)
    half = {name: value.double() for name, value in weights.items()}
    outputs, _ = f(half, state, given.double())
    assert outputs.dtype == torch.float32
    outputs.sum().backward()
    assert weights["kernel"].grad.dtype == torch.float32
    for wrong, code in (
        (given[0], "wrong-input-shape"),
        (given.int(), "wrong-input-dtype"),
        ("text", "wrong-input-dtype"),
        (None, "wrong-input-value"),
        ({"x": given}, "wrong-input-structure"),
    ):
        with pytest.raises(unihub.UnihubError) as caught:
            f(weights, state, wrong)
        assert caught.value.code == code
    for seed in (None, torch.Generator(), 1.5, torch.tensor([1, 2, 3])):
        with pytest.raises(WrongSeed):
            f(weights, state, given, seed)
    with pytest.raises(WrongWeights, match="int32"):
        f({name: value.int() for name, value in weights.items()}, state, given)


def test_a_loaded_object_names_functional_where_gradients_are_asked_for():
    path = str(MODELS / "tf2_reusable")
    x = torch.tensor(X, requires_grad=True)
    for loaded in (unihub.load(path), unihub.load(path, fast=False)):
        with pytest.raises(RuntimeError) as caught:
            loaded(x)
        assert caught.value.code == "outside-tensorflow"
        # Without gradients its tensors are arrays.
        assert loaded(x.detach()).shape == (8, 2)
    check_golden("outside-tensorflow", str(caught.value), {"x": x}, path=path)


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, place):
        return X[place]


class Called(Rows):
    """Calls the model where its rows are read."""

    def __init__(self, model):
        self.model = model

    def __getitem__(self, place):
        return self.model(torch.tensor(X[place : place + 1]))


def test_workers_of_a_data_loader():
    model = Model()
    model(torch.tensor(X))
    loader = torch.utils.data.DataLoader(Rows(), batch_size=4, num_workers=2)
    for batch in loader:
        model(batch).sum().backward()
    assert all(weight.grad is not None for weight in model.weights)
    # Forked processes have none of TensorFlow's threads, and would wait for ever.
    forked = torch.utils.data.DataLoader(Called(model), 4, num_workers=1)
    with pytest.raises(RuntimeError, match="forked-after-use"):
        next(iter(forked))


def test_two_processes(tmp_path, monkeypatch):
    # Else gloo asks for the address of the machine's name.
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    address = f"file://{tmp_path}/meet"
    context = torch.multiprocessing.get_context("spawn")
    other = context.Process(target=train_in_parallel, args=(1, address, PATH))
    other.start()
    # The other one is this process.
    train_in_parallel(0, address, PATH)
    other.join()
    assert other.exitcode == 0
