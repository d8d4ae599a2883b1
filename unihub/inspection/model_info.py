"""The results of `unihub.inspect`: the facts of a model, and how they are shown."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, Tuple

from unihub.errors import size
from unihub.inspection import plain
from unihub.inspection.facts import ModelFacts, RemoteFacts

# The page is imported when it is asked for, for most models are shown as text or not at all.


class ModelInfo(ModelFacts):
    """A description of a model, told from its files; its attributes are those of `ModelFacts`.

    Prints as text; shows as a card in a notebook; `as_json` and `as_html` are for
    programs and browsers.
    """

    def as_json(self, variables: bool = False) -> Any:
        """As dicts and lists for `json.dumps`; with ``variables`` each of them by name."""
        return plain.as_json(self, variables)

    def as_html(self) -> str:
        """As one self-contained page, without JavaScript."""
        from unihub.inspection.page import as_page

        return as_page(self)

    def __repr__(self) -> str:
        names = [one.name for graph in self.meta_graphs for one in graph.signatures]
        signatures = ", ".join(dict.fromkeys(names)) or "none"
        what = f"{self.format.label}, {size(self.bytes)}, signatures {signatures}"
        return f"<ModelInfo of {self.handle}: {what}; print() shows all>"

    def __str__(self) -> str:
        return plain.as_text(self)

    def __rich__(self) -> Any:
        return plain.as_rich(self)

    def _repr_html_(self) -> str:
        from unihub.inspection.page import as_card

        return as_card(self)


class RemoteInfo(RemoteFacts):
    """A description of a model before it is downloaded; its attributes are those of `RemoteFacts`.

    Prints and shows as a `ModelInfo` does.
    """

    def facts(self) -> Tuple[Tuple[str, str], ...]:
        """Pairs of a name and a text, for people."""
        return plain.remote_facts(self)

    def as_json(self) -> Dict[str, Any]:
        """As a dict for `json.dumps`."""
        return {"downloaded": False, **asdict(self), "parts": dict(self.parts), "next": self.next}

    def as_html(self) -> str:
        """As one self-contained page, without JavaScript."""
        from unihub.inspection.page import remote_page

        return remote_page(self)

    def __repr__(self) -> str:
        but = f"; but {self.problem}" if self.problem else ""
        return f"<RemoteInfo of {self.handle}: {self.kind}, not downloaded{but}; print() shows all>"

    def __str__(self) -> str:
        return plain.remote_text(self)

    def _repr_html_(self) -> str:
        from unihub.inspection.page import remote_card

        return remote_card(self)
