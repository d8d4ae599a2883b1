"""Findings of conversion and validation, as values that print as tables."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Mapping, Optional, Sequence, Tuple


@dataclass(frozen=True)
class Check:
    """One comparison of the converted model with the original.

    Attributes:
        what: the thing compared, such as ``"outputs of 'default', inference"``.
        passed: whether they are equal, within what rounding gives.
        difference: the greatest one, relative to the greatest magnitude; None
            where presence rather than values is compared.
        remark: what was compared with what, or why there is nothing to compare.
    """

    what: str
    passed: bool
    difference: Optional[float] = None
    remark: str = ""

    def __str__(self) -> str:
        shown = "" if self.difference is None else f", difference {self.difference:.1e}"
        remark = f" ({self.remark})" if self.remark else ""
        return f"{self.what}: {'passed' if self.passed else 'FAILED'}{shown}{remark}"


@dataclass(frozen=True)
class ConversionReport:
    """An account of a conversion, or with dry_run of one that would be.

    Attributes:
        handle: of the original, as the caller wrote it.
        path: the folder written; None after a dry run.
        format: of the original, such as ``"TF1 Hub format"``.
        tags, train_tags: of the graphs for inference and training; train_tags
            is None where there is no graph for training.
        signature: the one that ``__call__`` is.
        callables: from each other signature to the attribute that is it.
        variables, trainable_variables: their names.
        gradients: the trainable variables whose gradients were compared.
        unconnected: the trainable variables of which neither the outputs nor
            the losses depend, in the original as here.
        regularization_losses, update_ops, tables: how many there are.
        assets: names of the files that travel.
        attached_messages: their keys.
        remarks: what a user should know of how it was converted.
        checks: the comparisons made.
    """

    handle: str
    path: Optional[str]
    format: str
    tags: Tuple[str, ...]
    train_tags: Optional[Tuple[str, ...]]
    signature: str
    callables: Mapping[str, str]
    variables: Tuple[str, ...]
    trainable_variables: Tuple[str, ...]
    gradients: Tuple[str, ...]
    unconnected: Tuple[str, ...]
    regularization_losses: int
    update_ops: int
    tables: int
    assets: Tuple[str, ...]
    attached_messages: Tuple[str, ...]
    remarks: Tuple[str, ...]
    checks: Tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every comparison was."""
        return all(check.passed for check in self.checks)

    def difference(self, beginning: str = "") -> float:
        """The greatest difference among the checks whose ``what`` begins so; 0.0 for none."""
        found = [
            check.difference
            for check in self.checks
            if check.difference is not None and check.what.startswith(beginning)
        ]
        return max(found) if found else 0.0

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __repr__(self) -> str:
        done = f"written to {self.path}" if self.path else "a dry run"
        return f"<ConversionReport of {self.handle}: {done}; print() shows all>"

    def __str__(self) -> str:
        training = "none" if self.train_tags is None else str(list(self.train_tags))
        rows = [
            ("from", f"{self.handle} ({self.format})"),
            ("to", self.path or "nothing: this is a dry run"),
            ("graphs", f"inference {list(self.tags)}, training {training}"),
            ("m(inputs, training)", f"signature {self.signature!r}"),
            *((f"m.{name}(…)", f"signature {old!r}") for old, name in self.callables.items()),
            ("variables", str(len(self.variables))),
            ("trainable", f"{len(self.trainable_variables)}, gradients for {len(self.gradients)}"),
            ("losses, update ops", f"{self.regularization_losses}, {self.update_ops}"),
            ("tables, assets", f"{self.tables}, {', '.join(self.assets) or 'none'}"),
        ]
        if self.unconnected:
            rows.append(("without gradients", ", ".join(self.unconnected)))
        if self.attached_messages:
            rows.append(("attached messages", ", ".join(self.attached_messages)))
        rows += [("remark", remark) for remark in self.remarks]
        rows += [("checked", str(check)) for check in self.checks]
        return _table(rows)


@dataclass(frozen=True)
class Point:
    """One point of the Reusable SavedModel interface.

    Attributes:
        name: such as ``"__call__"``.
        kept: None where the model does not use it, which the interface allows.
        found: what the model has.
    """

    name: str
    kept: Optional[bool]
    found: str


@dataclass(frozen=True)
class ValidationReport:
    """How far a SavedModel keeps the Reusable SavedModel interface.

    Attributes:
        path: the folder.
        points: the interface, point by point.
        uses: what can be done with the model, by the line of code that does it.

    Source: https://www.tensorflow.org/hub/reusable_saved_models
    """

    path: str
    points: Tuple[Point, ...]
    uses: Tuple[Point, ...]

    @property
    def reusable(self) -> bool:
        """Whether no point is broken."""
        return all(point.kept is not False for point in self.points)

    @property
    def trainable(self) -> bool:
        """Whether a KerasLayer can fine-tune it."""
        return self.reusable and any(
            point.name == FINE_TUNING and point.kept for point in self.uses
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __repr__(self) -> str:
        found = [name for name in ("reusable", "trainable") if getattr(self, name)]
        verdict = " and ".join(found) or "not reusable"
        return f"<ValidationReport of {self.path}: {verdict}; print() shows all>"

    def __str__(self) -> str:
        verdict = "keeps" if self.reusable else "does not keep"
        but = ", and cannot be fine-tuned" if self.reusable and not self.trainable else ""
        lines = [f"{self.path} {verdict} the Reusable SavedModel interface{but}."]
        for title, points in (("interface", self.points), ("use", self.uses)):
            lines.append(f"{title}:")
            lines += _table(
                [(f"{_MARKS[point.kept]} {point.name}", point.found) for point in points]
            ).splitlines()
        return "\n".join(lines)


FINE_TUNING = "KerasLayer(path, trainable=True)"
_MARKS = {True: "yes ", False: "NO  ", None: "-   "}


def _table(rows: Sequence[Tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)
