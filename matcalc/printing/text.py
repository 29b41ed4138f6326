"""An expression in the language itself: what `parse` reads back as the same node.

`A'`, `A*B`, `A .* B`, `A ./ B`, `A/s`, `inv(A)`, `ind(A > 0)`, `sum(X, axis=1)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matcalc.nodes.expr import Node
from matcalc.printing.layout import ATOM, POWER, PRODUCT, SUM, Printed, Program, Rope, Style, chain, program, render, separated
from matcalc.printing.outline import Outline
from matcalc.printing.view import Call, Product, View
from matcalc.rulefiles.signatures import Signatures


def text(e: Node, signatures: Signatures | None = None) -> str:
    """The expression e in the language, written out in full."""
    return render(Outline(signatures).view(e), TextStyle())


def text_program(roots: Sequence[Node], names: Iterable[str] = (), signatures: Signatures | None = None) -> Program:
    """Several results in the language; large shared parts stand before them as `T_1 = …`, other than the names given."""
    return program(roots, TextStyle(), names, signatures)


def text_chain(roots: Sequence[Node], names: Iterable[str] = (), signatures: Signatures | None = None) -> Program:
    """The right sides of a chain of equations in the language."""
    return chain(roots, TextStyle(), names, signatures)


class TextStyle(Style):
    """The language, and the base of the other styles."""

    exact = True
    """Whether what is printed must be read back as the same scalar, which SymPy multiplies out as it is built."""
    over = "/"
    dot_times = " .* "
    dot_over = " ./ "

    def show(self, view: View, parts: Sequence[Printed]) -> Printed:
        """The view without its sign."""
        shown: Printed = getattr(self, view.kind)(view, parts)
        return shown

    # ---------------------------------------------------------------- leaves

    def name(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A variable."""
        return Printed(view.data.text)

    def constant(self, view: View, parts: Sequence[Printed]) -> Printed:
        """pi."""
        return Printed(view.data)

    def number(self, view: View, parts: Sequence[Printed]) -> Printed:
        """3, 1/2."""
        return self.ratio(*view.data)

    def ratio(self, p: int, q: int) -> Printed:
        """p/q."""
        return Printed(str(p)) if q == 1 else Printed((str(p), self.over, str(q)), PRODUCT)

    def array(self, view: View, parts: Sequence[Printed]) -> Printed:
        """ones(n), zeros(m, n), eye(n)."""
        return self.spelled(view.data, parts)

    # ---------------------------------------------------------------- sums and products

    def sum(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A - B .+ c'."""
        rope: list[Rope] = []
        for p, dotted in zip(parts, view.data, strict=True):
            if rope:
                rope += [self.sign_between(p.negative, dotted), self.at(p._replace(negative=False), PRODUCT)]
            elif p.negative:
                rope += [self.minus, self.signed(p)]
            else:
                rope.append(self.at(p, PRODUCT))
        opens = "sign" if parts[0].negative else parts[0].opens
        return Printed(tuple(rope), SUM, tall=any(p.tall for p in parts), opens=opens)

    def sign_between(self, negative: bool, dotted: bool) -> Rope:
        """The operator before a term."""
        return (" .", " ")[not dotted] + ("- " if negative else "+ ")

    def product(self, view: View, parts: Sequence[Printed]) -> Printed:
        """±p/q*s/t*A*B."""
        data: Product = view.data
        a, b = data.numerator, data.denominator
        top, bottom, matrices = parts[:a], parts[a:b], parts[b:]
        if not matrices:
            return self.fraction(view, data.p, data.q, top, bottom)
        clear = [v.kind not in ("axis", "array") for v in view.parts[b:]]
        if (data.p, data.q) == (1, 1) and b == 0:
            return self.chain(matrices, clear)
        if a == 0 and data.p == 1 and bottom and (len(matrices) == 1 or not all(map(_is_size, view.parts[a:b]))):
            return self.divided(self.chain(matrices, clear), self.with_number(data.q, bottom))
        return self.chain([self.fraction(view, data.p, data.q, top, bottom), *matrices], [True, *clear])

    def fraction(self, view: View, p: int, q: int, top: Sequence[Printed], bottom: Sequence[Printed]) -> Printed:
        """p/q * top/bottom; N*d/2*log(…), but 1/2*alpha*log(…)."""
        views = view.parts[: len(top)]
        clear = [not is_matrix_product(v) for v in views]
        if q != 1 and bottom and not (self.exact and len(bottom) == 1 and view.parts[len(top)].kind == "sum"):
            bottom, q = self.with_number(q, bottom), 1
        number = [Printed(str(p))] if p != 1 else []
        whole = sum(1 for v in views if v.kind == "name" and v.rank == 1)
        if q != 1 and not bottom and (whole or (len(view.parts) == len(top) == 1 and views[0].kind == "name")):
            whole = whole or 1
            found = self.divided(self.chain([*number, *top[:whole]]), [Printed(str(q))])
            return self.chain([found, *top[whole:]], [True, *clear[whole:]]) if len(top) > whole else found
        if q != 1:
            number = [self.ratio(p, q)]
        numerator = self.chain([*number, *top], [*(True for _ in number), *clear]) if number or top else Printed("1")
        found = self.divided(numerator, bottom) if bottom else numerator
        fragile = bool(views) and views[0].kind == "sum" and not number and len(top) + len(bottom) > 1
        return found._replace(fragile=fragile)

    def with_number(self, q: int, bottom: Sequence[Printed]) -> list[Printed]:
        """The denominator with q in front."""
        return [Printed(str(q)), *bottom] if q != 1 else list(bottom)

    def divided(self, top: Printed, bottom: Sequence[Printed]) -> Printed:
        """top/bottom."""
        below = bottom[0] if len(bottom) == 1 else self.chain(bottom)
        return Printed((self.at(top, POWER if top.entrywise else PRODUCT), self.over, self.at(below, POWER)), PRODUCT)

    def chain(self, factors: Sequence[Printed], clear: Sequence[bool] | None = None) -> Printed:
        """The factors multiplied; a product among them is bracketed, but the first, and where it is not `clear`."""
        if len(factors) == 1:
            return factors[0]
        operands = []
        for i, p in enumerate(factors):
            free = p.level == PRODUCT and not p.entrywise and (i == 0 or (clear is not None and not clear[i]))
            operands.append(self.operand(p, PRODUCT if free else POWER))
        tall = any(p.tall for p in operands)
        return Printed(self.multiplied(operands), PRODUCT, tall=tall, opens=operands[0].opens, closes=operands[-1].closes)

    def multiplied(self, factors: Sequence[Printed]) -> Rope:
        """The product's characters."""
        return separated([p.rope for p in factors], "*")

    def hadamard(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A .* B ./ C."""
        rope: list[Rope] = ["1"] if view.data[0] == "/" else []
        for operator, p in zip(view.data, parts, strict=True):
            if rope:
                rope.append(self.dot_over if operator == "/" else self.dot_times)
            rope.append(self.at(p, POWER))
        return Printed(tuple(rope), PRODUCT, tall=any(p.tall for p in parts), entrywise=True)

    def spread(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A part beside larger ones, where broadcasting tells the rest."""
        return parts[0]._replace(negative=False)

    def kron(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A Kronecker product."""
        return self.spelled("kron", parts)

    # ---------------------------------------------------------------- powers

    def power(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A^k."""
        return Printed((self.base(view, parts[0]), "^", self.exponent(view.parts[1], parts[1])), POWER)

    def dotpower(self, view: View, parts: Sequence[Printed]) -> Printed:
        """X.^p."""
        return Printed((self.base(view, parts[0]), ".^", self.exponent(view.parts[1], parts[1])), POWER)

    def base(self, view: View, p: Printed) -> Rope:
        """The base of a power."""
        return self.at(p, POWER if view.parts[0].kind == "transpose" else ATOM)

    def exponent(self, view: View, p: Printed) -> Rope:
        """The exponent of a power, in brackets unless a name or an integer."""
        if (view.kind == "number" and view.data[1] == 1) or (view.kind == "name" and not view.data.text.startswith("T")):
            return self.whole(p).rope
        return self.bracketed(p).rope

    def sqrt(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A root, of a scalar or entry by entry."""
        return self.spelled("sqrt", parts)

    def transpose(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A'."""
        return Printed((self.at(parts[0], ATOM), "'"), POWER)

    def inverse(self, view: View, parts: Sequence[Printed]) -> Printed:
        """inv(A)."""
        return self.spelled("inv", parts)

    # ---------------------------------------------------------------- calls

    def call(self, view: View, parts: Sequence[Printed]) -> Printed:
        """The first spelling: norm(X, 'nuc')."""
        call: Call = view.data
        arguments = [a if isinstance(a, str) else self.whole(parts[a]).rope for a in call.arguments]
        return Printed((call.function, "(", separated(arguments, ", "), ")"))

    def differential(self, view: View, parts: Sequence[Printed]) -> Printed:
        """d(A*B)."""
        return self.spelled("d", parts)

    def spelled(self, function: str, parts: Sequence[Printed]) -> Printed:
        """function(parts)."""
        return Printed((function, "(", separated([self.whole(p).rope for p in parts], ", "), ")"))

    def compare(self, view: View, parts: Sequence[Printed]) -> Printed:
        """ind(A > B)."""
        left, right = (self.whole(p).rope for p in parts)
        return Printed(("ind(", left, f" {view.data} ", right, ")"))

    def relation(self, view: View, parts: Sequence[Printed]) -> Printed:
        """The condition of an index: j != y."""
        left, right = (self.whole(p).rope for p in parts)
        return Printed((left, f" {view.data} ", right))

    def indexed(self, view: View, parts: Sequence[Printed]) -> Printed:
        """sum(s[j] for j in 1..c if j != y)."""
        body, index, low, high = (self.whole(p).rope for p in parts[:4])
        conditions = [p.rope for p in parts[4:]]
        if len(conditions) > 1:
            conditions = [("ind(", c, ")") for c in conditions]
        after = (" if ", separated(conditions, "*")) if conditions else ""
        return Printed(("sum(", body, " for ", index, " in ", low, "..", high, after, ")"))

    def applied(self, view: View, parts: Sequence[Printed]) -> Printed:
        """An unknown function: ell(y)."""
        return Printed((parts[0].rope, self.bracketed(parts[1]).rope), tall=parts[1].tall, opens="call", closes="call")

    def upstream(self, view: View, parts: Sequence[Printed]) -> Printed:
        """grad(ell, y)."""
        return self.spelled("grad", parts)

    def axis(self, view: View, parts: Sequence[Printed]) -> Printed:
        """sum(X, axis=1), mean(X, axis=0)."""
        function, axis = view.data
        return Printed((function, "(", self.whole(parts[0]).rope, f", axis={axis})"))

    def index(self, view: View, parts: Sequence[Printed]) -> Printed:
        """X[i,j], X[i,:]."""
        indices = [i if isinstance(i, str) else self.whole(parts[i]).rope for i in view.data]
        atom = view.parts[0].kind in ("name", "call", "index", "applied", "upstream")
        base = parts[0].rope if atom else self.bracketed(parts[0]).rope
        return Printed((base, "[", separated(indices, ","), "]"))

    def block(self, view: View, parts: Sequence[Printed]) -> Printed:
        """[A, B; C, D]."""
        rows, start = [], 0
        for length in view.data:
            rows.append(separated([self.whole(p).rope for p in parts[start : start + length]], ", "))
            start += length
        return Printed(("[", separated(rows, "; "), "]"))


def _is_size(view: View) -> bool:
    """Whether a factor is a size, its power or root."""
    inner = view.parts[0] if view.kind in ("sqrt", "power") else view
    return inner.kind == "name" and inner.rank == 1


def is_matrix_product(view: View) -> bool:
    """Whether a factor is a bare product of matrices, x'*A*x, which needs no brackets among scalars."""
    return view.kind == "product" and view.data == (1, 1, 0, 0)
