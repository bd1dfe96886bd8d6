"""What an expression says about series: whether they exist, have the labels that it uses, and can
match each other. The result is the labels that its own series have.

`sum by (queue) (a) / sum (b)` is valid and never has a value, since its sides share no labels. No
syntax check finds that; this does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import promql_parser as promql

from deploy.checks.alerts.series import Series

Labels = frozenset[str] | None
"""The labels of a vector; None of a number."""

_SETS: Final = ("and", "or", "unless")
_KEEPS: Final = ("topk", "bottomk", "limitk")
_ABSENT: Final = ("absent", "absent_over_time")
_NUMBERS: Final = ("time", "scalar", "pi")


@dataclass(slots=True)
class Reader:
    """Reads expressions over known series, and notes what is wrong with them."""

    known: Mapping[str, Series]
    findings: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def labels(self, text: str) -> Labels:
        """The labels of an expression's result; what is wrong with it becomes a finding."""
        try:
            return self._labels(promql.parse(text))
        except ValueError as error:
            self.findings.append(f"`{text}` does not parse: {error}")
            return None

    def _labels(self, expr: promql.Expr) -> Labels:
        match expr:
            case promql.VectorSelector():
                return self._selected(expr)
            case promql.MatrixSelector():
                return self._selected(expr.vector_selector)
            case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                return self._labels(expr.expr)
        return self._computed(expr)

    def _computed(self, expr: promql.Expr) -> Labels:
        match expr:
            case promql.Call():
                return self._called(expr)
            case promql.AggregateExpr():
                return self._aggregated(expr)
            case promql.BinaryExpr():
                return self._combined(expr)
        return None

    def _selected(self, selector: promql.VectorSelector) -> Labels:
        name = selector.name or ""
        self.names.add(name)
        series = self.known.get(name)
        if series is None:
            self.findings.append(f"there is no series {name or selector.prettify()}")
            return None
        for matcher in selector.matchers.matchers:
            values = series.values.get(matcher.name)
            if matcher.name not in series.labels:
                self.findings.append(f"{name} has no label {matcher.name}")
            elif values and not any(re.fullmatch(matcher.value, value) for value in values):
                self.findings.append(f"{name}: no {matcher.name} is {matcher.value}")
        return series.labels

    def _called(self, call: promql.Call) -> Labels:
        name = call.func.name
        vectors = [found for arg in call.args if (found := self._labels(arg)) is not None]
        if name in _ABSENT and isinstance(call.args[0], promql.VectorSelector):
            equal = promql.MatchOp.Equal
            return frozenset(m.name for m in call.args[0].matchers.matchers if m.op == equal)
        if name in _NUMBERS or not vectors:
            return frozenset() if name == "vector" else None
        labels = vectors[0]
        if name == "histogram_quantile":
            if "le" not in labels:
                self.findings.append("histogram_quantile needs the label le, which is gone")
            return labels - {"le"}
        if name == "label_replace":
            return labels | {str(call.args[1].prettify()).strip('"')}
        return labels

    def _aggregated(self, expr: promql.AggregateExpr) -> Labels:
        inner = self._labels(expr.expr)
        if inner is None:
            return None
        if str(expr.op) in _KEEPS:
            return inner
        if expr.modifier is None:
            return frozenset()
        named = frozenset(expr.modifier.labels)
        if expr.modifier.type == promql.AggModifierType.Without:
            return inner - named
        for label in sorted(named - inner):
            self.findings.append(f"`{expr.prettify()}` groups by {label}, which is not there")
        return named & inner

    def _combined(self, expr: promql.BinaryExpr) -> Labels:
        left, right = self._labels(expr.lhs), self._labels(expr.rhs)
        if left is None or right is None:
            return left if right is None else right
        if str(expr.op) == "or":
            return left & right
        on = self._matched(expr, left, right)
        modifier = expr.modifier
        if str(expr.op) in _SETS:
            return left
        if modifier and modifier.card == promql.VectorMatchCardinality.ManyToOne:
            return left | frozenset(modifier.group_labels or ())
        if modifier and modifier.card == promql.VectorMatchCardinality.OneToMany:
            return right | frozenset(modifier.group_labels or ())
        return on

    def _matched(
        self, expr: promql.BinaryExpr, left: frozenset[str], right: frozenset[str]
    ) -> frozenset[str]:
        """The labels by which the series of two sides find each other."""
        matching = expr.modifier.matching if expr.modifier else None
        if matching is not None and matching.type == promql.LabelModifierType.Include:
            on = frozenset(matching.labels)
            for label in sorted(on - (left & right)):
                self.findings.append(f"`{expr.op}` matches on {label}, which a side has not")
            return on
        ignored = frozenset(matching.labels) if matching is not None else frozenset()
        if left - ignored != right - ignored:
            sides = f"{_shown(left - ignored)} and {_shown(right - ignored)}"
            self.findings.append(f"the sides of `{expr.op}` never match: {sides}")
        return left - ignored


def _shown(labels: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(labels)) + "}"
