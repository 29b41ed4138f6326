"""An expression for the terminal: 2Xᵀ((Z − Y) ⊙ 𝟙(XW > 0)), ½(A + Aᵀ)x, σ(x), ‖x‖², Σ⁻¹."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matcalc.language.syntax.names import GREEK
from matcalc.nodes.expr import Node
from matcalc.printing.layout import ATOM, POWER, PRODUCT, Printed, Program, Rope, chain, join, program, render, separated
from matcalc.printing.notation import MathStyle, is_letter, letter
from matcalc.printing.outline import Outline
from matcalc.printing.view import Call, View
from matcalc.rulefiles.signatures import Signatures

_VARIANTS = {"eps": "ϵ", "varepsilon": "ε", "vartheta": "ϑ", "varphi": "φ", "varrho": "ϱ", "varsigma": "ς", "ell": "ℓ"}
_LETTERS = {english: c for c, english in reversed(GREEK.items())} | _VARIANTS
_SUPERSCRIPTS = dict(zip("0123456789+−-knmpijdrstcNK", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ᵏⁿᵐᵖⁱʲᵈʳˢᵗᶜᴺᴷ", strict=True))
_SUBSCRIPTS = dict(zip("0123456789aehijklmnoprstuvx=", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₌", strict=True))
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
_FRACTIONS = {(1, 2): "½", (1, 3): "⅓", (2, 3): "⅔", (1, 4): "¼", (3, 4): "¾"}
_RELATIONS = {">": ">", ">=": "≥", "<": "<", "<=": "≤", "==": "=", "!=": "≠"}


def unicode(e: Node, signatures: Signatures | None = None) -> str:
    """The expression e for the terminal, written out in full."""
    return render(Outline(signatures).view(e), UnicodeStyle())


def unicode_program(roots: Sequence[Node], names: Iterable[str] = (), signatures: Signatures | None = None) -> Program:
    """Several results for the terminal; large shared parts stand before them as `T₁ = …`."""
    return program(roots, UnicodeStyle(), names, signatures)


def unicode_chain(roots: Sequence[Node], names: Iterable[str] = (), signatures: Signatures | None = None) -> Program:
    """The right sides of a chain of equations for the terminal."""
    return chain(roots, UnicodeStyle(), names, signatures)


class UnicodeStyle(MathStyle):
    """Superscripts, subscripts, Greek letters; products by juxtaposition."""

    minus = "−"
    dot_times = " ⊙ "
    dot_over = " ⊘ "
    place = "unicode"
    ones = "𝟏"

    # ---------------------------------------------------------------- names and numbers

    def name(self, view: View, parts: Sequence[Printed]) -> Printed:
        """A letter with its marks, or a word."""
        found = letter(view.data.text)
        base = _LETTERS.get(found.base, found.base) + _ACCENTS.get(found.accent, "")
        look = "differential" if found.differential else "letter" if is_letter(found.base) else "word"
        below = _raised(found.subscript, _SUBSCRIPTS) if len(found.subscript) < 3 else None
        if found.subscript:
            base += below or f"_{found.subscript}"
            look = look if below or len(found.subscript) == 1 or found.differential else "word"
        return Printed(("d" if found.differential else "") + base, opens=look, closes=look)

    def constant(self, view: View, parts: Sequence[Printed]) -> Printed:
        """The constants π, e, ∞."""
        return Printed({"pi": "π", "exp(1)": "e", "inf": "∞"}.get(view.data, view.data), opens="letter", closes="letter")

    def ratio(self, p: int, q: int) -> Printed:
        """The number p/q."""
        shown = str(p) if q == 1 else _FRACTIONS.get((p, q))
        if shown is not None:
            return Printed(shown, opens="number", closes="number")
        return Printed(f"{p}/{q}", PRODUCT, opens="number", closes="fraction")

    def lowered(self, p: Printed) -> str | None:
        """A subscript in small letters."""
        return _raised(join(self.whole(p).rope), _SUBSCRIPTS)

    def identity(self, size: Printed) -> Printed:
        """The identity matrix: Iₙ."""
        shown = join(self.whole(size).rope)
        below = self.lowered(size) or (f"_{shown}" if shown.isalnum() else f"_({shown})")
        return Printed("I" + below, opens="letter", closes="letter")

    # ---------------------------------------------------------------- products and sums

    def sign_between(self, negative: bool, dotted: bool) -> Rope:
        """The operator before a term."""
        return " − " if negative else " + "

    def divided(self, top: Printed, bottom: Sequence[Printed]) -> Printed:
        """The quotient top/bottom."""
        return super().divided(top, bottom)._replace(opens=top.opens, closes="fraction")

    def between(self, left: str, right: str) -> str:
        """What stands between two factors, by how the one ends and the other begins."""
        if "fraction" in (left, right) or (left == right == "number"):
            return " · "
        if "differential" in (left, right):
            return " "
        if "word" in (left, right) or (left, right) == ("call", "group") or right in ("number", ""):
            return "·"
        if left == "number" and right != "call":
            return ""
        return " " if "call" in (left, right) or left == right == "bars" else ""

    def kron(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Kronecker products: A ⊗ B."""
        return self.infix(" ⊗ ", parts)

    # ---------------------------------------------------------------- powers

    def power(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Powers: X², Xᵏ."""
        return self.raised(self.operand(parts[0], ATOM), self.whole(parts[1]))

    def dotpower(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Entrywise powers: X⊙²."""
        base = self.operand(parts[0], ATOM)
        return self.raised(base._replace(rope=(base.rope, "⊙")), self.whole(parts[1]))

    def raised(self, base: Printed, exponent: Printed) -> Printed:
        """The base with its exponent, small where there are letters for it."""
        shown = join(exponent.rope)
        small = _raised(shown.replace(" ", ""), _SUPERSCRIPTS)
        if small is None:
            small = f"^{shown}" if shown.isalnum() else f"^({shown})"
        return Printed((base.rope, small), POWER, opens=base.opens, closes=base.closes)

    def sqrt(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Roots: √d, √(v + ε)."""
        plain = view.parts[0].kind in ("name", "number") and parts[0].closes != "word"
        p = self.operand(parts[0], ATOM) if plain else self.bracketed(parts[0])
        return Printed(("√", p.rope), POWER if plain else ATOM, opens="letter", closes="word" if plain else "group")

    def transpose(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Transposes: Aᵀ, A⁻ᵀ."""
        if view.parts[0].kind == "inverse":
            rope = parts[0].rope
            assert isinstance(rope, tuple)
            return parts[0]._replace(rope=(rope[0], "⁻ᵀ"))
        return self.transposed(parts[0])

    def transposed(self, p: Printed) -> Printed:
        """A transpose: Aᵀ."""
        base = self.operand(p, ATOM)
        return Printed((base.rope, "ᵀ"), POWER, opens=base.opens, closes=base.closes)

    def inverse(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Inverses: A⁻¹."""
        base = self.operand(parts[0], ATOM)
        return Printed((base.rope, "⁻¹"), POWER, opens=base.opens, closes=base.closes)

    # ---------------------------------------------------------------- calls

    def function(self, call: Call, parts: Sequence[Printed]) -> Printed:
        """A function by its spelling: tr(AB)."""
        arguments = [a if isinstance(a, str) else self.whole(parts[a]).rope for a in call.arguments]
        return Printed((call.function, "(", separated(arguments, ", "), ")"), opens="call", closes="call")

    def differential(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Differentials: d(AB), d‖x‖², d log|X|."""
        space = " " if self.speaks_for_itself(parts[0]) and parts[0].opens == "call" else ""
        return Printed(("d", space, self.differentiated(parts[0])), opens="differential", closes="differential")

    def compare(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Indicators: 𝟙(A > B)."""
        left, right = (self.whole(p).rope for p in parts)
        return Printed(("𝟙(", left, f" {_RELATIONS[view.data]} ", right, ")"), opens="letter", closes="call")

    def relation(self, view: View, parts: Sequence[Printed]) -> Printed:
        """The condition of an index: j ≠ y."""
        left, right = (self.whole(p).rope for p in parts)
        return Printed((left, _RELATIONS[view.data], right))

    def sigma(self, said: Sequence[str]) -> str:
        """The sign of a sum: ∑ₜ₌₁ᴺ, ∑_{j=1, j≠y}^c."""
        index, low, high, *conditions = said
        below, above = _raised(f"{index}={low}", _SUBSCRIPTS), _raised(high, _SUPERSCRIPTS)
        if below and above and not conditions:
            return f"∑{below}{above} "
        ends = high if high.isalnum() else f"{{{high}}}"
        return f"∑_{{{', '.join([f'{index}={low}', *conditions])}}}^{ends} "

    def upstream(self, view: View, parts: Sequence[Printed]) -> Printed:
        """The gradient of an unknown function: ∂ℓ/∂y."""
        ell, y = (self.whole(p).rope for p in parts)
        if view.parts[1].kind == "name":
            return Printed(("∂", ell, "/∂", y), PRODUCT, opens="word", closes="fraction")
        return Printed(("∇", ell, self.bracketed(parts[1]).rope), opens="word", closes="call")

    def index(self, view: View, parts: Sequence[Printed]) -> Printed:
        """Entries: xᵢ, X[i,:]."""
        shown = [i if isinstance(i, str) else join(self.whole(parts[i]).rope) for i in view.data]
        small = _raised("".join(shown), _SUBSCRIPTS) if all(len(s) == 1 for s in shown) else None
        if small is not None and view.parts[0].kind == "name" and join(parts[0].rope).isalpha() and parts[0].closes == "letter":
            return Printed((parts[0].rope, small), opens="letter", closes="letter")
        if len(shown) == 1 and shown[0].isalnum() and view.parts[0].kind == "name" and parts[0].closes == "letter":
            return Printed((parts[0].rope, "_", shown[0]), opens="letter", closes="word")
        base = parts[0] if view.parts[0].kind == "name" else self.bracketed(parts[0])
        return super().index(view, [base, *parts[1:]])._replace(opens=parts[0].opens, closes="call")


def _raised(shown: str, table: dict[str, str]) -> str | None:
    """The text in small letters, where there are all of them."""
    return "".join(table[c] for c in shown) if shown and all(c in table for c in shown) else None
