"""The facts of a model as a card for a notebook, and as one self-contained page.

Neither has JavaScript, nor loads anything. Colours come from the text's own colour,
so that they suit a dark theme as well as a light one.
"""

from __future__ import annotations

from html import escape
from typing import Iterable, List, Optional, Tuple

from unihub.errors import counted, printable, size
from unihub.formats import FormatError
from unihub.formats.model import open_saved_model
from unihub.inspection import plain
from unihub.inspection.facts import (
    CallableInfo,
    MetaGraphInfo,
    ModelFacts,
    RemoteFacts,
    SignatureInfo,
)
from unihub.inspection.flow_map import flow_map
from unihub.inspection.op_dangers import Severity
from unihub.inspection.parts import Flow, read_flow
from unihub.inspection.security import ADVICE, Finding
from unihub.inspection.uses import Use
from unihub.inspection.weights_map import weights_map
from unihub.matrix.values import Status

_MOST_VARIABLES = 1_000
_GRAVE = (Severity.CRITICAL, Severity.HIGH)

# A notebook's theme is not told to its cards, so the marks are in shades that can be
# read on white and on black, and all else is in the text's own colour.
_RULES = """
.unihub{font:14px/1.45 system-ui,sans-serif;max-width:60em;color:inherit;text-align:left}
.unihub *{text-align:left;box-sizing:border-box}
.unihub .box{border:1px solid;border-color:color-mix(in srgb,currentColor 30%,transparent);
border-radius:6px;padding:.6em .9em;overflow-x:auto}
.unihub h1,.unihub h2,.unihub h3{margin:.2em 0;font-size:1.1em;overflow-wrap:anywhere}
.unihub h1{font-size:1.3em}.unihub h2{margin-top:1.2em}
.unihub p{margin:.3em 0;overflow-wrap:anywhere}
.unihub .quiet{opacity:.75;font-size:.92em}
.unihub table{border-collapse:collapse;table-layout:auto;margin:.3em 0;font:inherit;
background:none;color:inherit}
.unihub tr,.unihub td,.unihub th{background:none;color:inherit;font-size:inherit}
.unihub td,.unihub th{padding:.15em .8em .15em 0;vertical-align:baseline;border:0;
overflow-wrap:anywhere;white-space:normal}
.unihub th{font-weight:600;min-width:4.4em;max-width:14em}.unihub .uses th{min-width:11em}
.unihub code{font:.92em ui-monospace,monospace;background:none;color:inherit;padding:0;
overflow-wrap:anywhere}
.unihub pre{margin:.3em 0;padding:.4em .6em;font:.92em/1.45 ui-monospace,monospace;
border-radius:4px;white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;color:inherit;
background:color-mix(in srgb,currentColor 8%,transparent)}
.unihub summary{cursor:pointer;margin:.3em 0}
.unihub .wide{overflow-x:auto;margin:.5em 0}
.unihub .weights,.unihub .flow{width:100%;min-width:54em;height:auto;display:block}
.unihub .weights text,.unihub .flow text{font:11px system-ui,sans-serif;fill:currentColor;
pointer-events:none}
.unihub .grave{color:#dc3d43;font-weight:600}.unihub .medium{color:#a86500;font-weight:600}
"""
# Thrice, to count for more than the rules that Jupyter has for tables and code.
_STYLE = _RULES.replace(".unihub ", ".unihub.unihub.unihub ")
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{margin:2em auto;padding:0 1em;max-width:64em}}
{style}</style></head>
<body><main class="unihub">{body}</main></body></html>
"""


def as_card(info: ModelFacts) -> str:
    """A compact card: a fragment of HTML that brings its own style."""
    flows = _flows(info)
    graphs = "".join(_graph_in_card(graph, flow) for graph, flow in zip(info.meta_graphs, flows))
    here = [use for use in info.uses if use.runtime is info.runtime] or list(info.uses)
    return _card(
        f"<h3>{_text(info.handle)}</h3><p>{_text(plain.summary(info))}</p>"
        f"{_paragraphs(plain.facts(info))}{graphs}"
        f"<details><summary>What can be done with it here</summary>{_uses(here, info)}</details>"
        f"{_findings(info.findings, closed=True)}"
    )


def as_page(info: ModelFacts) -> str:
    """Everything about a model as one HTML page."""
    flows = _flows(info)
    graphs = "".join(_graph_in_page(graph, flow) for graph, flow in zip(info.meta_graphs, flows))
    body = (
        f"<h1>{_text(info.handle)}</h1><p>{_text(plain.summary(info))}</p>"
        f"{_paragraphs(plain.facts(info))}{graphs}"
        f"<h2>What can be done with it</h2>{_uses(info.uses, info)}"
        f"<h2>Outside of its graph</h2>{_findings(info.findings, closed=False)}"
    )
    return _PAGE.format(title=_text(info.handle), style=_STYLE, body=body)


def remote_card(info: RemoteFacts) -> str:
    """The card of a model that is not here."""
    return _card(f"<h3>{_text(info.handle)}</h3>{_remote(info)}")


def remote_page(info: RemoteFacts) -> str:
    """The same as a page."""
    body = f"<h1>{_text(info.handle)}</h1>{_remote(info)}"
    return _PAGE.format(title=_text(info.handle), style=_STYLE, body=body)


def loaded_card(
    handle: str,
    served: str,
    note: str = "",
    callables: Iterable[CallableInfo] = (),
    signatures: Iterable[SignatureInfo] = (),
) -> str:
    """The card of what `unihub.load` returned: what a call of it takes and gives.

    Args:
        served: by what, in words.
        note: what else to know; ``""`` for nothing.
        callables, signatures: those that a call of it runs.
    """
    quiet = f'<p class="quiet">{_text(note)}</p>' if note else ""
    return _card(
        f"<h3>{_text(handle)}</h3><p>{_text(served)}</p>{quiet}"
        f"{_callables(callables, examples=False)}"
        f"{_signatures(signatures, examples=False)}"
    )


def _remote(info: RemoteFacts) -> str:
    return (
        f"<p>{_text(info.kind)}, not downloaded</p>{_table(plain.remote_facts(info))}"
        f'<p class="quiet">{plain.NEXT}</p>'
        f"<pre>{_text(info.next)}</pre>"
    )


def _card(content: str) -> str:
    return f'<div class="unihub"><style>{_STYLE}</style><div class="box">{content}</div></div>'


def _flows(info: ModelFacts) -> List[Optional[Flow]]:
    """The flow of each graph; read here, for few look at it."""
    try:
        with open_saved_model(info.path) as (model, file):
            return [*map(read_flow, file.meta_graphs, model.meta_graphs)]
    except (FormatError, RecursionError):
        # It has changed or gone since it was inspected, or its functions call each other too deep.
        return [None for _ in info.meta_graphs]


def _graph_in_card(graph: MetaGraphInfo, flow: Optional[Flow]) -> str:
    lines = [plain.variables_line(graph), *plain.ops_lines(graph)]
    return (
        f"<details open><summary>MetaGraph with tags <code>{_text(list(graph.tags))}</code>"
        f"</summary>{_callables(graph.callables)}{_signatures(graph.signatures)}{_paragraphs(lines)}"
        f"{_pictures(graph, flow, is_open=False)}</details>"
    )


def _graph_in_page(graph: MetaGraphInfo, flow: Optional[Flow]) -> str:
    lines = [plain.variables_line(graph), *plain.ops_lines(graph)]
    parts = plain.names(graph.sub_objects)
    lines += [f"callable parts: {parts}"] if parts else []
    lines += [f"attached {one.key}: {one.text}" for one in graph.attachments]
    lines += [
        f"asset {one.name}: {'MISSING' if one.bytes is None else size(one.bytes)}"
        for one in graph.assets
    ]
    return (
        f"<h2>MetaGraph with tags <code>{_text(list(graph.tags))}</code></h2>"
        f"{_callables(graph.callables)}{_signatures(graph.signatures)}{_paragraphs(lines)}"
        f"{_pictures(graph, flow, is_open=True)}{_variables(graph)}"
        f"<details><summary>All {len(graph.ops)} kinds of ops</summary>"
        f"<p><code>{_text(', '.join(graph.ops))}</code></p></details>"
    )


def _pictures(graph: MetaGraphInfo, flow: Optional[Flow], is_open: bool) -> str:
    """How data goes through the parts, and the weights where there are several to compare."""
    pictures = []
    if flow is not None and len(flow.parts) > 1:
        told = f"How data goes through {flow.title}: its parts, and the shape that leaves each"
        pictures.append((told, flow_map(flow)))
    weights = weights_map(graph.variables) if len(graph.variables) > 1 else ""
    if weights:
        told = "Its weights by module; an area is its bytes, dashed what is not trained"
        pictures.append((told, weights))
    opened = " open" if is_open else ""
    return "".join(
        f"<details{opened}><summary>{_text(told)}</summary><div class='wide'>{picture}</div>"
        "</details>"
        for told, picture in pictures
    )


def _callables(callables: Iterable[CallableInfo], examples: bool = True) -> str:
    return "".join(
        f"<p><code>{_text(target)}</code></p>"
        f"{_table(('takes', text) for text in plain.accepted_lines(target))}"
        f"{_code(target.example) if examples and target.example else ''}"
        for target in callables
    )


def _signatures(signatures: Iterable[SignatureInfo], examples: bool = True) -> str:
    return "".join(
        f"<p>signature <code>{_text(signature.name)}</code></p>"
        + _table(
            (side, f"{name}: {info}")
            for side, tensors in (("in", signature.inputs), ("out", signature.outputs))
            for name, info in tensors.items()
        )
        + (_code(signature.example) if examples and signature.example else "")
        for signature in signatures
    )


def _code(line: str) -> str:
    return f"<pre>{_text(line)}</pre>"


def _variables(graph: MetaGraphInfo) -> str:
    if not graph.variables:
        return ""
    rows: List[Tuple[str, str]] = [
        (variable.name, plain.variable_text(variable))
        for variable in graph.variables[:_MOST_VARIABLES]
    ]
    rest = len(graph.variables) - _MOST_VARIABLES
    tail = f"<p>and {rest} more</p>" if rest > 0 else ""
    return f"<details><summary>All variables</summary>{_table(rows)}{tail}</details>"


def _uses(uses: Iterable[Use], info: ModelFacts) -> str:
    rows = "".join(
        f"<tr><th>{_text(title)}</th>"
        f"<td>{_status(use)}{''.join(f'<pre>{_text(code)}</pre>' for _, code in use.code)}"
        f'<p class="quiet">{_text(use.note)}</p></td></tr>'
        for title, use in plain.titled_uses(info, uses)
    )
    return f'<table class="uses">{rows}</table>'


def _status(use: Use) -> str:
    mark = ' class="medium"' if use.status is Status.REFUSED else ""
    return f"<span{mark}>{_text(use.status.value)}</span>"


def _findings(findings: Tuple[Finding, ...], closed: bool) -> str:
    advice = f'<p class="quiet">{_text(ADVICE)}</p>'
    rows = "".join(map(_finding, findings)) or "<p>nothing found</p>"
    if not closed:
        return rows + advice
    grave = [finding for finding in findings if finding.severity in _GRAVE]
    title = f"Outside of its graph: {counted(len(findings), 'finding')}"
    opened = " open" if grave else ""
    return f"<details{opened}><summary>{title}</summary>{rows}{advice}</details>"


def _finding(finding: Finding) -> str:
    mark = "grave" if finding.severity in _GRAVE else "medium"
    severity, _, rest = str(finding).partition(":")
    return f'<p><span class="{mark}">{_text(severity)}</span>:{_text(rest)}</p>'


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{_text(line)}</p>" for line in lines)


def _table(rows: Iterable[Tuple[str, str]]) -> str:
    body = "".join(_row(head, cell) for head, cell in rows)
    return f"<table>{body}</table>" if body else ""


def _row(head: str, cell: str) -> str:
    return f"<tr><th>{_text(head)}</th><td><code>{_text(cell)}</code></td></tr>"


def _text(value: object) -> str:
    return escape(printable(str(value)))
