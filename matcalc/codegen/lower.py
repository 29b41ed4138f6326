"""From nodes to forms: what is linear only names axes, all else becomes a value.

One method or table line for each operation; what has neither is lowered through the `value` formula of its rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

import sympy
from sympy import Expr

from matcalc.codegen.contract import Contractor
from matcalc.codegen.definite import is_definite
from matcalc.codegen.forms import Form, Label, Labels, Unequal, bare_sides, common, equate, masks, product, size_of
from matcalc.codegen.ranges import hull, is_host
from matcalc.codegen.values import Value, Values
from matcalc.errors import ArgumentError
from matcalc.nodes.expr import Node, head, is_scalar, name_of, operands, postorder, shape
from matcalc.nodes.families import member_shape
from matcalc.nodes.indices import is_index
from matcalc.nodes.unknown import function_of, is_unknown, is_upstream
from matcalc.numeric.kernels import canonical
from matcalc.rulebase.base import Rulebase

_SIDES = ("rows", "columns")

Handler: TypeAlias = "Callable[[Lowering, Node], Form]"
"""How an operation is lowered."""


class Lowering:
    """The forms of the nodes of one function; `inputs` are its arrays by leaf."""

    def __init__(
        self,
        values: Values,
        contractor: Contractor,
        rules: Rulebase,
        definitions: Mapping[Node, Node],
        has: Callable[[Node, str], bool],
        handlers: Mapping[str, Handler],
        spells: Callable[..., bool],
    ) -> None:
        """`has(node, structure)` says what is known of a node; `handlers` lower the operations of those names.

        Whether the language `spells` an operation of a table itself decides where there is another way.
        """
        self.spells = spells
        self._handlers = handlers
        self.values = values
        self.contractor = contractor
        self.rules = rules
        self.definitions = definitions
        self.has = has
        self.inputs: dict[Node, Value] = {}
        self.names: dict[Value, str] = {}
        self._forms: dict[Node, Form] = {}
        self._letters: dict[Node, Label] = {}

    # ------------------------------------------------------------ the walk

    def form(self, root: Node) -> Form:
        """The form of a node."""
        for e in postorder([root], self._below):
            if e not in self._forms:
                self._forms[e] = self._lowered(e)
        return self._forms[root]

    def _below(self, e: Node) -> tuple[Node, ...]:
        if e in self._forms:
            return ()
        return (self.definitions[e],) if e in self.definitions else operands(e)

    def _lowered(self, e: Node) -> Form:
        if e in self.definitions:
            return self._named(e, self.form(self.definitions[e]))
        if is_scalar(e) and is_host(e):
            return Form(((self.values.number(cast(Expr, e)), ()),))
        name = head(e)
        if name == "symbol":
            return self._index(e) if is_index(e) else self._input(e)
        handler = self._handlers.get(name)
        if handler is not None:
            return handler(self, e)
        if is_unknown(name):
            return self._called(e, ("grad_" if is_upstream(name) else "") + function_of(name))
        record = self.rules.record(name) if self.rules.has(name) else None
        if (record is None or record.entrywise) and (self.spells(name, "entrywise") or not self.defined(name)):
            return self.entrywise(name, *operands(e))
        if not self.defined(name):
            raise ArgumentError(f"there is no code for `{name}`: it has neither a spelling nor a `value` formula")
        return self.by_value(e)

    def seen(self, e: Node) -> Node:
        """What a name stands for; anything else itself."""
        while e in self.definitions:
            e = self.definitions[e]
        return e

    def defined(self, name: str) -> bool:
        """Whether the rules say what an operation is in others."""
        return self.rules.has(name) and "value" in self.rules.record(name).formulas

    def by_value(self, e: Node) -> Form:
        """An operation through the others that its rule says it is."""
        return self.form(self.rules.apply(head(e), "value", operands(e), result=shape(e)))

    def _named(self, leaf: Node, form: Form) -> Form:
        """A named intermediate: one value, that bears the name."""
        form = self.settled(form.fresh())
        if len(form.factors) == 1:
            (value, _) = form.factors[0]
            if value.op not in ("number", "input"):
                self.names.setdefault(value, name_of(leaf))
        return form

    def _input(self, e: Node) -> Form:
        if is_scalar(e):
            value = self.inputs.setdefault(e, self.values.make("input", (), (), name_of(e)))
            return self.marked(e, Form(((value, ()),)))
        family = member_shape(e)
        if family is not None and family[1] != 1:
            a, b, t = map(Label, family)
            value = self.inputs.setdefault(e, self.values.make("input", (), family, name_of(e)))
            return Form(((value, (a, b, t)),), (a,), (t, b))
        rows, columns = shape(e)
        value = self.inputs.setdefault(
            e, self.values.make("input", (), (rows, columns)[: 1 if columns == 1 else 2], name_of(e))
        )
        if rows == 1:
            return Form(((self.values.reshaped(value, (columns,)), (b := Label(columns),)),), (), (b,))
        a, b = Label(rows), Label(columns)
        return self.marked(e, Form(((value, (a,)),), (a,)) if columns == 1 else Form(((value, (a, b)),), (a,), (b,)))

    def _called(self, e: Node, function: str) -> Form:
        """ell(Y) or its gradient grad_ell(Y): a function of an array of the documented shape."""
        Y = operands(e)[0]
        given, form = self.array(Y)
        if not is_scalar(Y) and shape(Y)[0] == 1:
            given = self.values.reshaped(given, shape(Y))
        made = self.values.make("call", [given], given.dims if not is_scalar(e) else (), function)
        if is_scalar(e):
            return Form(((made, ()),))
        labels = (*form.rows, *form.columns)
        return Form(((self.values.reshaped(made, tuple(x.size for x in labels)), labels),), form.rows, form.columns)

    def marked(self, e: Node, form: Form) -> Form:
        """The form, of one value; what is known of the node is remembered of it."""
        if len(form.factors) == 1:
            (value, labels) = form.factors[0]
            if self.has(e, "nonnegative"):
                self.values.nonnegative.add(value)
            if len(labels) >= 2 and labels[-2:] in ((*form.rows, *form.columns), (*form.columns, *form.rows)):
                if self.has(e, "symmetric"):
                    self.values.symmetric.add(value)
                if is_definite(e, self.has):
                    self.values.definite.add(value)
        return form

    # ------------------------------------------------------------ values of forms

    def settled(self, form: Form, order: Labels | None = None) -> Form:
        """The form with its product made: one factor."""
        if order is None:
            order = self._order(form)
        if len(form.factors) == 1 and form.factors[0][1] == order:
            return form
        return Form(((self.contractor.value(form, order), order),), form.rows, form.columns, form.index)

    def _bare(self, form: Form) -> Form:
        """The form with the number before its one value as a factor of its own."""
        value, labels = form.factors[0]
        if value.op != "times" or value.args[0].number is None:
            return form
        return Form(((value.args[0], ()), (self.values.bare(value), labels)), form.rows, form.columns, form.index)

    def _order(self, form: Form) -> Labels:
        """The labels along which a form is made: as a factor has them, if one has them all."""
        core = form.core
        found = [labels for _, labels in form.factors if len(labels) == len(core) and set(labels) == set(core)]
        return found[0] if len(form.factors) == 1 and found else core

    def array(self, e: Node) -> tuple[Value, Form]:
        """(a value with the axes of the index, then rows, then columns; its form) for a matrix or a vector.

        Every side that is not 1 is one axis.
        """
        form = self.flat(self.form(e).fresh())
        index = tuple(x for x in form.core if x in form.index)
        order = (*index, *form.rows, *form.columns)
        value = self.contractor.value(form, order)
        self.marked(e, Form(((value, order),), form.rows, form.columns, form.index))
        return value, form

    def flat(self, form: Form) -> Form:
        """The form with at most one label a side, none twice."""
        form = self.dense(form)
        if len(form.rows) <= 1 and len(form.columns) <= 1:
            return form
        index = tuple(x for x in form.core if x in form.index)
        value = self.contractor.value(form, (*index, *form.rows, *form.columns))
        rows, columns = (tuple([Label(size_of(side))] if side else []) for side in (form.rows, form.columns))
        labels = (*index, *rows, *columns)
        return Form(((self.values.reshaped(value, tuple(x.size for x in labels)), labels),), rows, columns, form.index)

    def dense(self, form: Form, classes: Sequence[int] | None = None) -> Form:
        """The form with zeros off its diagonals: places on the two sides have one label where their classes are equal."""
        sides = (*form.rows, *form.columns)
        classes = range(len(sides)) if classes is None else classes
        places: dict[Label, list[int]] = {}
        for x, c in zip(sides, classes, strict=True):
            known = places.setdefault(x, [])
            if c not in known:
                known.append(c)
        if all(len(cs) == 1 and x not in form.index for x, cs in places.items()):
            return form
        new = {c: Label(x.size) for x, c in zip(sides, classes, strict=True)}
        divided = {x for x, cs in places.items() if len(cs) > 1 or x in form.index}
        labels = (*form.core, *(x for x in places if x in divided and x not in form.core))
        value, labels = self.contractor.factor(form, labels)
        out: list[tuple[Label, int]] = []
        for i, x in enumerate(labels):
            if x in form.index:
                out.append((x, i))
            out += [(new[c], i) for c in places.get(x, ())]
        index = [o for o in out if o[0] in form.index]
        order = [*index, *sorted((o for o in out if o[0] not in form.index), key=lambda o: [*new.values()].index(o[0]))]
        made = self.values.placed(value, tuple(i for _, i in order), tuple(x.size for x, _ in order))
        renamed = [new[c] for c in classes]
        count = len(form.rows)
        return Form(((made, tuple(x for x, _ in order)),), tuple(renamed[:count]), tuple(renamed[count:]), form.index)

    def single(self, labels: Labels, value: Value, form: Form) -> Form:
        """A form of one value on the sides of another."""
        return Form(((value, labels),), form.rows, form.columns, form.index)

    def full(self, form: Form) -> Form:
        """The form as one value with an axis for every label of its sides, nothing repeated."""
        form = self.dense(form)
        order = form.kept if len(form.core) < len(form.kept) else self._order(form)
        return self.settled(form, order)

    # ------------------------------------------------------------ what only names axes

    def joined(self, forms: Sequence[Form], sides: Sequence[tuple[tuple[int, str], tuple[int, str]]]) -> list[Form]:
        """The forms with the same labels on sides that are one; made flat where these are not divided alike."""
        try:
            return equate(self.values, forms, sides)
        except Unequal:
            return equate(self.values, [self.flat(f) for f in forms], sides)

    def fresh(self, *nodes: Node) -> list[Form]:
        """Forms with labels of their own."""
        return [self.form(e).fresh() for e in nodes]

    def multiplied(self, *nodes: Node) -> Form:
        """The matrix product, scalars among the factors."""
        scalars = self.fresh(*(e for e in nodes if is_scalar(e)))
        made: Form | None = None
        for form in self.fresh(*(e for e in nodes if not is_scalar(e))):
            if made is None:
                made = form
                continue
            a, b = self.joined([made, form], [((0, "columns"), (1, "rows"))])
            made = product(self.values, a, b, rows=a.rows, columns=b.columns)
        if made is None:
            return product(self.values, *scalars)
        return product(self.values, *scalars, made, rows=made.rows, columns=made.columns)

    def gated(self, conditions: Sequence[Node], factors: Sequence[Node]) -> Form:
        """The product of the factors where all conditions hold, 0 elsewhere."""
        made = self.settled(self.dense(self.multiplied(*factors)))
        closed = self.settled(self.multiplied(*conditions))
        labels, parts = self._spread([made, closed], made)
        value = self.values.make(
            "gated", [v for v, _ in parts], tuple(x.size for x in labels), tuple(axes for _, axes in parts)
        )
        return Form(((value, labels),), made.rows, made.columns, made.index | closed.index)

    def same_axes(self, forms: Sequence[Form]) -> list[Form]:
        """Forms of equal shapes with the same labels on their sides."""
        return self.joined(forms, [((0, side), (i, side)) for i in range(1, len(forms)) for side in _SIDES])

    def hadamard(self, *nodes: Node) -> Form:
        """The entrywise product."""
        forms = self.same_axes(self.fresh(*nodes))
        made = [self._bare(self.settled(f)) if any(masks(o, f) for o in forms if o is not f) else f for f in forms]
        return product(self.values, *made, rows=forms[0].rows, columns=forms[0].columns)

    # ------------------------------------------------------------ entry by entry

    def aligned(self, nodes: Sequence[Node], keeps_zero: bool = False) -> tuple[list[Form], Form]:
        """(the forms as one value each with the same labels, one that has the sides) for scalars and matrices of one shape.

        What `keeps_zero` is computed on the diagonals alone where all operands have these.
        """
        forms = self.fresh(*nodes)
        matrices = [i for i, e in enumerate(nodes) if not is_scalar(e)]
        if matrices:
            within = [forms[i] for i in matrices]
            while True:
                divided = self._divided(within)
                classes = common(divided) if keeps_zero else range(len((*divided[0].rows, *divided[0].columns)))
                within = [self.dense(f, [*classes]) for f in divided]
                if all(len(f.rows) == len(within[0].rows) and len(f.columns) == len(within[0].columns) for f in within):
                    break
            within = self.same_axes(within)
            for i, form in zip(matrices, within, strict=True):
                forms[i] = form
        index = frozenset[Label]().union(*(f.index for f in forms))
        like = forms[matrices[0]] if matrices else forms[0]
        return [self.settled(f) for f in forms], Form((), like.rows, like.columns, index)

    def _divided(self, forms: list[Form]) -> list[Form]:
        """Forms whose sides are counted by as many labels, of the same sizes."""
        counts = {(tuple(x.size for x in f.rows), tuple(x.size for x in f.columns)) for f in forms}
        if len(counts) == 1:
            return forms
        plain = [Form((), f.rows, f.columns, f.index).fresh() for f in forms]
        bare = [bare_sides(f) for f in plain]
        try:
            found = equate(self.values, bare, [((0, s), (i, s)) for i in range(1, len(bare)) for s in _SIDES])
        except Unequal:
            return [self.flat(f) for f in forms]
        like = found[0]
        made = []
        for f in forms:
            target = Form((), tuple(Label(x.size) for x in like.rows), tuple(Label(x.size) for x in like.columns))
            made.append(equate(self.values, [f, target], [((0, s), (1, s)) for s in _SIDES])[0])
        return made

    def _spread(self, forms: Sequence[Form], like: Form) -> tuple[Labels, list[tuple[Value, tuple[int, ...]]]]:
        """(the labels of a result, each value with the axes on which it stands)."""
        cores = [f.factors[0][1] for f in forms]
        every = dict.fromkeys(x for core in cores for x in core)
        largest = max(cores, key=len)
        natural = [x for x in (*like.rows, *like.columns) if x in every]
        labels = largest if len(largest) == len(every) else (*dict.fromkeys(natural), *(x for x in every if x not in natural))
        return labels, [(f.factors[0][0], tuple(labels.index(x) for x in f.factors[0][1])) for f in forms]

    def added(self, *nodes: Node) -> Form:
        """The sum."""
        forms, like = self.aligned(nodes, keeps_zero=not any(map(is_scalar, nodes)) or all(map(is_scalar, nodes)))
        labels, parts = self._spread(forms, like)
        value = self.values.plus(parts, tuple(x.size for x in labels))
        return self.single(labels, value, like)

    def entrywise(self, name: str, *nodes: Node) -> Form:
        """name(*operands) entry by entry."""
        forms, like = self.aligned(nodes)
        labels, parts = self._spread(forms, like)
        dims = tuple(x.size for x in labels)
        name = canonical(name)
        if all(v.number is not None for v, _ in parts):
            return self._of_numbers(name, [cast(Expr, v.number) for v, _ in parts], like)
        value = self.values.make("entrywise", [v for v, _ in parts], dims, name, tuple(axes for _, axes in parts))
        if self.rules.has(name) and self.rules.record(name).nonnegative:
            self.values.nonnegative.add(value)
        return self.single(labels, value, like)

    def _of_numbers(self, name: str, numbers: Sequence[Expr], like: Form) -> Form:
        """A function of numbers: a number itself, or for comparisons what the program decides."""
        found = getattr(sympy, (self.rules.record(name).sympy if self.rules.has(name) else None) or name, None)
        if isinstance(found, type) and issubclass(found, sympy.Function) and name not in ("max", "min"):
            return self.single((), self.values.number(found(*numbers)), like)
        if self.defined(name) and name not in ("max", "min"):
            return self.single((), self.settled(self.form(self.rules.apply(name, "value", tuple(numbers)))).factors[0][0], like)
        return self.single((), self.values.make("host", map(self.values.number, numbers), (), name), like)

    # ------------------------------------------------------------ indices

    def label_of(self, i: Node) -> Label:
        """The label of the index of a sum."""
        if i not in self._letters:
            low, high = hull(i)
            self._letters[i] = Label(cast(Expr, sympy.expand(high - low + 1)))
        return self._letters[i]

    def _index(self, i: Node) -> Form:
        low, high = hull(i)
        x = self.label_of(i)
        value = self.values.make("range", (), (x.size,), low, high)
        return Form(((value, (x,)),), index=frozenset([x]))
