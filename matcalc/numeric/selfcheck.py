"""Every rule against numbers: differentials, values, adjoints, matrices, projections, identities.

The registry drives it: a rule is checked by being in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from matcalc.nodes.algebra import add, build
from matcalc.nodes.expr import Node, is_scalar, name_of, shape, size_symbol
from matcalc.numeric.evaluate import Program
from matcalc.numeric.kernels import kernel
from matcalc.numeric.linalg import Array
from matcalc.numeric.trial import COMMUTE, EQUAL_SIZES, SIZES, Condition, Leaf, Trial, trials
from matcalc.numeric.verify import extrapolated
from matcalc.rulebase.base import Rulebase
from matcalc.rulebase.formulas import ANY
from matcalc.rulefiles.records import Identity, Record

STEP = 1e-25
TOLERANCE = 1e-7
FLOOR = 1e-6
PROBES = 2
EXPONENTS = (2.0, 3.0, 4.0)
WORST_CONDITION = 1e6

_HAS: dict[str, Callable[[Array], bool]] = {
    "positive": lambda X: bool(np.min(X) > 0),
    "nonnegative": lambda X: bool(np.min(X) >= 0),
    "posdef": lambda X: bool(np.min(np.linalg.eigvalsh(X)) > 0),
    "invertible": lambda X: bool(np.linalg.cond(X) < WORST_CONDITION),
}
"""What an array must be to have a structure that no fact states."""

DERIVED = "derived"
"""The key of a differential that is derived from the value, for the arguments that no d speaks of."""

COMPLEX_STEP, DIFFERENCES, VALUES = "complex step", "central differences", "values"


@dataclass(frozen=True)
class Outcome:
    """The verdict on one formula: the largest relative error over all points, at which the dimensions differ."""

    rule: str
    error: float
    points: int
    method: str

    @property
    def ok(self) -> bool:
        """Whether something was compared and everything agreed."""
        return self.points > 0 and self.error <= TOLERANCE


class Selfcheck:
    """The checks of a rule base, by the ids of its formulas."""

    def __init__(self, rules: Rulebase) -> None:
        """Nothing is compiled yet."""
        self._checks = _checks(rules)

    def ids(self) -> list[str]:
        """The id of every formula that numbers can confirm: inv.d, mul.adjoint.A, symmetric.project, log-det."""
        return list(self._checks)

    def check(self, rule: str) -> Outcome:
        """The verdict on the formula of that id."""
        with np.errstate(all="ignore"):
            return self._checks[rule]()


def _checks(rules: Rulebase) -> dict[str, Callable[[], Outcome]]:
    found: dict[str, Callable[[], Outcome]] = {}
    for record in rules.records.values():
        for key in record.formulas:
            if checkable(record, key):
                found[f"{record.name}.{key}"] = partial(check_formula, rules, record, key)
        if not record.macro and "d" not in record.formulas and moving_operands(record):
            found[f"{record.name}.{DERIVED}"] = partial(check_formula, rules, record, DERIVED)
    for name, structure in rules.structures.items():
        for key in ("sample", "project", "independent", "span"):
            if key in structure.formulas:
                found[f"{name}.{key}"] = partial(check_structure, rules, name, key)
        if structure.cone:
            found[f"{name}.cone"] = partial(check_cone, rules, name)
        for kind, operations in (("closed", structure.closed), ("absorbs", structure.absorbs), ("made_by", structure.made_by)):
            for operation in sorted(operations):
                found[f"{name}.{kind}.{operation}"] = partial(check_keeping, rules, name, kind, operation)
    for name, identity in rules.signatures.identities.items():
        found[name] = partial(check_identity, rules, identity)
    return found


def checkable(record: Record, key: str) -> bool:
    """Whether numbers can say anything: a value that is the only definition of its operation is neither right nor wrong."""
    return not record.macro and (key != "value" or kernel(record.name) is not None)


# ---------------------------------------------------------------- operations


def check_formula(rules: Rulebase, record: Record, key: str, instead: Node | None = None) -> Outcome:
    """The verdict on a formula of an operation, or on another node in its place."""
    errors: list[float] = []
    methods: set[str] = set()
    points = 0
    for scalar in (False, True) if record.entrywise and instead is None else (False,):
        known = rules.leaves(record, scalar)
        operation = _operation(rules, record, known, scalar)
        formula = instead
        if key == DERIVED:
            formula = add(*(rules.differential(operation, i, known[f"d{name}"]) for i, name in moving_operands(record)))
        elif formula is None:
            formula = rules.formula(record.name, key, scalar)
        assert formula is not None
        for trial in trials_of(rules, record, known):
            if key == "scalar" and any(v != 1 for v in trial.sizes.values()):
                continue
            pairs, method = _pairs(trial, record, key, operation, formula)
            errors.extend(_relative(a, b) for a, b in pairs)
            methods.add(method)
            points += bool(pairs)
    return Outcome(f"{record.name}.{key}", max(errors, default=0.0), points, " and ".join(sorted(methods)))


def _operation(rules: Rulebase, record: Record, known: Mapping[str, Node], scalar: bool) -> Node:
    args = tuple(size_symbol(a.name) if a.is_size else known[a.name] for a in record.operands)
    if scalar:
        return rules.make(record.name, args, ())
    return build("mul" if record.name == "scale" else record.name, args, shape(known["G"]))


def moving_operands(record: Record) -> list[tuple[int, str]]:
    """The operands in which the operation is not linear, by position and name."""
    return [(i, a.name) for i, a in enumerate(record.operands) if a in record.differentiable and a.name not in record.linear]


def trials_of(
    rules: Rulebase,
    record: Record,
    known: Mapping[str, Node],
    seed: int = 0,
    extra: Sequence[Condition] = (),
    equal: bool = False,
) -> Iterator[Trial]:
    """Points for the leaves of a record's formulas, under its conditions and others; `equal`: where all sizes are equal."""
    args = tuple(size_symbol(a.name) if a.is_size else known[a.name] for a in record.operands)
    stated = map(_condition, record.where)
    conditions = [Condition(word, what, rules.condition(record.name, what, args)) for word, what in stated]
    drawn = [_leaf(x, name[1:] if name[0] == "d" and name[1:] in known else "") for name, x in known.items()]
    names = ANY if record.entrywise else record.sizes
    return trials(rules, drawn, [*conditions, *extra], names, seed, EQUAL_SIZES if equal else SIZES)


def _leaf(x: Node, moves: str = "") -> Leaf:
    """How a leaf is drawn: i and j are indices, other integers exponents."""
    if not is_scalar(x) or not x.is_integer:
        return Leaf(x, moves)
    return Leaf(x, index=name_of(x) in ("i", "j"), fixed=EXPONENTS)


def _pairs(trial: Trial, record: Record, key: str, operation: Node, formula: Node) -> tuple[list[tuple[float, float]], str]:
    """Numbers that must be equal, and how the first of each was found."""
    kind, _, name = key.partition(".")
    if kind in ("d", DERIVED):
        return _differential_pairs(trial, record, operation, formula)
    if kind == "scalar":
        numbers = {name: np.asarray(x).reshape(-1)[0] for name, x in trial.arrays.items()}
        return [(float(np.sum(trial.run(operation))), float(trial.run(formula, numbers)))], VALUES
    if kind == "value":
        left, right = trial.run(operation), trial.run(formula)
        return [(float(np.sum(C * left)), float(np.sum(C * right))) for C in _probes(trial, left)], VALUES
    D = trial.normal(trial.arrays[name])
    still = {a.name: 0 * trial.arrays[a.name] for a in record.differentiable} if record.joint else {}
    moved = trial.run(operation, {**still, name: D})
    if kind == "matrix":
        M = trial.run(formula)
        made = _as_matrix(M, np.size(moved), np.size(D)) @ _vec(D)
        return [(float(C @ _vec(moved)), float(C @ made)) for C in trial.rng.standard_normal((PROBES, np.size(moved)))], VALUES
    cotangents = _probes(trial, moved)
    return [(float(np.sum(G * moved)), float(np.sum(trial.run(formula, {"G": G}) * D))) for G in cotangents], VALUES


def _differential_pairs(trial: Trial, record: Record, operation: Node, formula: Node) -> tuple[list[tuple[float, float]], str]:
    program = Program([operation], rules=trial.rules)
    analytic = all(step.kernel.analytic for step in program.steps)
    pairs = []
    for _, name in moving_operands(record):
        still = {f"d{other}": 0 * trial.arrays[f"d{other}"] for _, other in moving_operands(record) if other != name}
        claimed = trial.run(formula, still)
        X, D = trial.arrays[name], trial.arrays[f"d{name}"]
        for C in _probes(trial, claimed):

            def along(t: complex, name: str = name, X: Array = X, D: Array = D, C: Array = C) -> Array:
                return np.sum(C * program.run(trial.inputs(program, {name: X + t * D}))[0])

            found = np.imag(along(1j * STEP)) / STEP if analytic else extrapolated(along)[0]
            pairs.append((float(found), float(np.sum(C * claimed))))
    return pairs, COMPLEX_STEP if analytic else DIFFERENCES


def _probes(trial: Trial, like: Array) -> Iterator[Array]:
    return (trial.normal(like) for _ in range(PROBES))


def _vec(A: Array) -> Array:
    return np.asarray(A).reshape(-1, order="F")


def _as_matrix(M: Array, rows: int, columns: int) -> Array:
    return np.asarray(M).reshape(rows, columns)


def _relative(a: float, b: float) -> float:
    error = abs(a - b) / max(abs(a), abs(b), FLOOR)
    return error if np.isfinite(error) else np.inf


# ---------------------------------------------------------------- structures and identities


def check_structure(rules: Rulebase, name: str, key: str, instead: Node | None = None) -> Outcome:
    """The verdict on a formula of a structure, or on another node in its place.

    sample: it has the shape, obeys the facts, and the projection leaves it alone.  project: so does project(G), and
    <G, D> = <project(G), D> for D in the subspace.  independent, with pairing: <G, D> = <pairing(independent(project(G))), D>.
    span: vec(D) = span*entries(D).
    """
    formulas = {k: rules.structure_template(name, k).node for k in rules.structures[name].formulas}
    if instead is not None:
        formulas[key] = instead
    errors: list[float] = []
    points = 0
    for trial in structure_trials(rules, name):
        points += 1
        G, D = trial.arrays["G"], trial.run(formulas["sample"])
        if key == "sample":
            errors += [0.0 if D.shape == G.shape else np.inf, *_fact_errors(rules, name, trial, D)]
            errors += [_distance(D, trial.run(formulas["project"], {"G": D}))] if "project" in formulas else []
            continue
        if key == "span":
            x = own_trial(rules, name, trial, D).run(formulas["entries"])
            errors.append(_distance(trial.run(formulas["span"]) @ x, D.reshape((-1, 1), order="F")))
            continue
        projected = trial.run(formulas["project"])
        if key == "project":
            errors += _fact_errors(rules, name, trial, projected)
            errors.append(_relative(float(np.sum(G * D)), float(np.sum(projected * D))))
        else:
            Y = trial.run(formulas["independent"], {"G": projected})
            paired = trial.run(formulas["pairing"], {"Y": Y})
            errors.append(_relative(float(np.sum(G * D)), float(np.sum(paired * D))))
    return Outcome(f"{name}.{key}", max(errors, default=0.0), points, VALUES)


def structure_trials(rules: Rulebase, name: str, seed: int = 0) -> Iterator[Trial]:
    """Points for W and G of a structure's formulas."""
    leaves = rules.structure_leaves(name)
    return trials(rules, [Leaf(leaves["W"]), Leaf(leaves["G"])], (), rules.structures[name].sizes, seed)


def _fact_errors(rules: Rulebase, name: str, trial: Trial, X: Array) -> list[float]:
    """How far X is from what the structure states of it."""
    structure = rules.structures[name]
    errors = [0.0 if np.all(np.isfinite(X)) else np.inf]
    own = own_trial(rules, name, trial, X)
    for fact in structure.facts:
        sides = [rules.parse(structure, "facts", s, rules.structure_leaves(name), structure.sizes) for s in fact.split("==")]
        errors.append(_distance(*map(own.run, sides)))
    return errors


def own_trial(rules: Rulebase, name: str, trial: Trial, X: Array) -> Trial:
    """A point at which X of a structure has this value."""
    return Trial(rules, dict(zip(rules.structures[name].sizes, np.shape(X), strict=False)), {"X": X}, trial.rng)


def check_keeping(rules: Rulebase, name: str, kind: str, operation: str) -> Outcome:
    """Whether an operation keeps a structure: closed (all operands have it), absorbs (one has), made_by (none need)."""
    record = rules.record(operation)
    known = rules.leaves(record)
    node = _operation(rules, record, known, False)
    matrices = [a.name for a in record.operands if not a.is_size and not is_scalar(known[a.name])]
    having = [matrices] if kind == "closed" else [[one] for one in matrices] if kind == "absorbs" else [[]]
    errors: list[float] = []
    for chosen in having:
        extra = [Condition(name, x, known[x]) for x in chosen]
        for trial in trials_of(rules, record, known, extra=extra, equal=True):
            errors += _membership_errors(rules, name, trial, trial.run(node))
    return Outcome(f"{name}.{kind}.{operation}", max(errors, default=0.0), len(errors), VALUES)


def check_cone(rules: Rulebase, name: str) -> Outcome:
    """Whether positive multiples of what has a structure have it too."""
    sample = rules.structure_template(name, "sample").node
    errors = [e for t in structure_trials(rules, name) for e in _membership_errors(rules, name, t, np.pi * t.run(sample))]
    return Outcome(f"{name}.cone", max(errors, default=0.0), len(errors), VALUES)


def _membership_errors(rules: Rulebase, name: str, trial: Trial, X: Array) -> list[float]:
    """How far X is from having a structure: by its facts and, where none states it, by what it must be."""
    return [0.0 if name not in _HAS or _HAS[name](X) else np.inf, *_fact_errors(rules, name, trial, X)]


def check_identity(rules: Rulebase, identity: Identity, instead: Node | None = None) -> Outcome:
    """The verdict on lhs = rhs where both sides are defined, or on another right side."""
    _, left, right = rules.identity(identity)
    chosen = right if instead is None else instead
    errors = [_distance(trial.run(left), trial.run(chosen)) for trial in identity_trials(rules, identity)]
    return Outcome(identity.name, max(errors, default=0.0), len(errors), VALUES)


def identity_trials(rules: Rulebase, identity: Identity, seed: int = 0) -> Iterator[Trial]:
    """Points for the leaves of an identity, under its conditions and inside its domain."""
    known, left, _ = rules.identity(identity)
    conditions = []
    for word, what in map(_condition, (*identity.where, *identity.domain)):
        if word == COMMUTE:
            conditions.append(Condition(word, what, left))
        elif word in rules.structures:
            conditions.append(Condition(word, what, rules.parse(identity, "where", what, known, identity.sizes)))
    return trials(rules, [_leaf(x) for x in known.values()], conditions, identity.sizes, seed)


def _condition(text: str) -> tuple[str, str]:
    """(word, what it is said of): positive(x - 1)."""
    word, _, rest = text.partition("(")
    return word.strip(), rest.strip().removesuffix(")")


def _distance(a: Array, b: Array) -> float:
    if np.shape(a) != np.shape(b) and np.size(a) * np.size(b) != 1:
        return np.inf
    error = float(np.max(np.abs(a - b))) / max(float(np.max(np.abs(a))), float(np.max(np.abs(b))), FLOOR)
    return error if np.isfinite(error) else np.inf
