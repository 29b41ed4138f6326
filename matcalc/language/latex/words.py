r"""The vocabulary of LaTeX: what each control word is."""

from __future__ import annotations

from matcalc.language.syntax.names import GREEK

IGNORED = frozenset(
    """displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits mathstrut strut quad qquad enspace thinspace
    negthinspace medspace thickspace nonumber notag noindent null relax mathopen mathclose mathbin mathrel mathord mathinner
    hfill centering , ; : ! > /""".split()
) | {" ", "\n", "\t"}
"""Spacing, size and placement: nothing to a reader of the meaning."""
SKIPPED = frozenset("label tag phantom hphantom vphantom hspace vspace mspace color textcolor ref eqref".split())
"""Commands that are left out with their argument."""
SIZING = {"left": "(", "right": ")", "middle": ""} | {
    f"{size}{side}": {"l": "(", "r": ")"}.get(side, "") for size in "big Big bigg Bigg".split() for side in ("", "l", "r", "m")
}
"""Sizes of brackets, and whether what follows opens or closes."""
UPRIGHT = frozenset(
    """text textrm textit textup textbf textsf texttt textnormal mathrm mathit mathsf mathtt mathnormal operatorname
    operatorname* mbox mathop rm""".split()
)
"""What encloses a word."""
BOLD = frozenset("mathbf boldsymbol bm vec mathbfit symbf pmb bf bold".split())
FONTS = BOLD | frozenset("mathcal mathscr mathfrak cal".split())
BLACKBOARD = frozenset("mathbb mathbbm mathds Bbb".split())
ACCENTS = {
    "hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde", "widetilde": "tilde", "dot": "dot",
    "check": "check", "breve": "breve", "underline": "under",
}  # fmt: skip
_VARIANTS = {
    "varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varpi": "pi", "varrho": "rho", "varsigma": "sigma",
    "varkappa": "kappa",
}  # fmt: skip
LETTERS = {name: name for name in GREEK.values()} | _VARIANTS | {f"var{n}": n for n in GREEK.values() if n[0].isupper()}
"""Letters by their control words: \\varphi is phi."""

PRODUCTS = {
    "cdot": "*", "times": "*", "ast": "*", "bullet": "*", "odot": ".*", "circ": ".*", "oslash": "./", "otimes": "kron",
    "div": "/",
}  # fmt: skip
FROBENIUS = "frobenius"
"""The operator between two matrices whose inner product is meant, A:B; it binds least of all."""
RELATIONS = {
    "ge": "ge", "geq": "ge", "geqslant": "ge", "geqq": "ge", "le": "le", "leq": "le", "leqslant": "le", "leqq": "le",
    "gt": "gt", "lt": "lt", "neq": "ne", "ne": "ne",
}  # fmt: skip
TURNED = {"ge": "le", "le": "ge", "gt": "lt", "lt": "gt"}
"""Relations with their sides exchanged."""
ASSIGNMENTS = frozenset("coloneqq coloneq triangleq equiv doteq leftarrow gets".split())
BRACKETS = {
    "lbrace": "\\{", "rbrace": "\\}", "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")", "langle": "<(",
    "rangle": ">)",
    "lvert": "|(", "rvert": "|)", "lVert": "||(", "rVert": "||)", "vert": "|", "Vert": "||", "|": "||", "{": "\\{", "}": "\\}",
    "mid": "|", "parallel": "||",
}  # fmt: skip
DEFINITE = {"succ": "S++", "succeq": "S+", "succcurlyeq": "S+"}
"""Relations to 0 that say what a matrix is, and the set that it lies in."""
CONSTANTS = frozenset("const constant cst Const".split())
"""Words for a term that is not written out."""
PLAIN = frozenset("top intercal prime dagger in over infty".split())
"""Words that the scanner looks at one by one."""
TRANSPOSES = frozenset(["T", "top", "intercal", "prime"])
"""What a transpose is marked with."""
COMMANDS = {"frac": 2, "tfrac": 2, "dfrac": 2, "cfrac": 2, "sqrt": 1, "norm": 1, "abs": 1, "substack": 1, "underset": 2}
"""Commands and how many arguments they take."""

CHARACTERS = {
    "⋅": "cdot", "·": "cdot", "×": "times", "⊙": "odot", "∘": "circ", "⊘": "oslash", "⊗": "otimes", "≤": "le", "≥": "ge",
    "≠": "ne", "⊤": "top", "′": "prime", "∑": "sum", "∏": "prod", "∞": "infty", "∈": "in", "‖": "|", "⟨": "langle",
    "⟩": "rangle", "∗": "ast", "†": "dagger",
}  # fmt: skip
"""Characters that stand for control words."""

MATRICES = frozenset("matrix bmatrix pmatrix Bmatrix vmatrix Vmatrix smallmatrix array".split())
DISPLAYS = frozenset(
    """equation equation* align align* aligned alignat alignat* gather gather* gathered split displaymath math multline
    multline* eqnarray eqnarray* flalign flalign*""".split()
)

ALIASES = {
    "Tr": "tr", "Trace": "tr", "TR": "tr", "Sp": "tr", "Det": "det", "Diag": "diag", "diagonal": "diag", "Vec": "vec",
    "vect": "vec", "ReLU": "relu", "RELU": "relu", "Relu": "relu", "sgn": "sign", "Exp": "exp", "Log": "log", "Max": "max",
    "Min": "min", "Softmax": "softmax", "SoftMax": "softmax", "Sigmoid": "sigmoid", "sigm": "sigmoid", "LogSumExp": "logsumexp",
    "LSE": "logsumexp", "erfc": "erfc", "Inv": "inv", "softplus": "softplus", "adjugate": "adj", "etr": "etr",
}  # fmt: skip
"""Other spellings of functions."""

_DERIVATIVE = "give the function itself; what it is differentiated by is chosen with --wrt"
_SUMS = "write the sum out with \\sum and its limits"
REFUSED = {
    "partial": ("a derivative is no input", _DERIVATIVE),
    "nabla": ("a derivative is no input", _DERIVATIVE),
    "int": ("integrals are not read", "give the integrand, or a sum"),
    "iint": ("integrals are not read", "give the integrand, or a sum"),
    "oint": ("integrals are not read", "give the integrand, or a sum"),
    "lim": ("limits are not read", "give the expression without its limit"),
    "sup": ("a supremum is not read", "\\max(a, b) is the larger of two"),
    "inf": ("an infimum is not read", "\\min(a, b) is the smaller of two; infinity is \\infty"),
    "ldots": ("dots are not read", _SUMS),
    "dots": ("dots are not read", _SUMS),
    "cdots": ("dots are not read", _SUMS),
    "vdots": ("dots are not read", "blocks of matrices are written out"),
    "ddots": ("dots are not read", "blocks of matrices are written out"),
    "lfloor": ("rounding has no derivative", "leave the brackets out"),
    "lceil": ("rounding has no derivative", "leave the brackets out"),
    "binom": ("binomials are not read", "write \\frac and factorials as \\operatorname{gamma}(n + 1)"),
    "pm": ("two signs at once are not read", "give one of + and -"),
    "mp": ("two signs at once are not read", "give one of + and -"),
    "bigcup": ("sets are not read", "give the expression"),
    "forall": ("quantifiers are not read", "give the expression"),
    "approx": ("an approximation is no definition", "a definition is written with ="),
    "sim": ("a distribution is no definition", "give its log-likelihood as an expression"),
    "propto": ("proportionality is no definition", "a definition is written with ="),
    "to": ("a map is not read", "a definition is written f(x) = …"),
    "rightarrow": ("a map is not read", "a definition is written f(x) = …"),
    "mapsto": ("a map is not read", "a definition is written f(x) = …"),
    "Rightarrow": ("an implication is not read", "give one of the formulas"),
    "implies": ("an implication is not read", "give one of the formulas"),
    "iff": ("an equivalence is not read", "give one of the formulas"),
    "ddagger": ("there is no such operation", "the transpose is ^T, the pseudo-inverse ^{+}"),
    "underbrace": ("braces below are not read", "give the expression without them"),
    "overbrace": ("braces above are not read", "give the expression without them"),
    "newcommand": ("macros are not read", "write them out"),
    "def": ("macros are not read", "write them out"),
}
"""Control words that are known and not read: what is wrong, and what to do."""

WHERE = frozenset("where with and for let given".split())
"""Words between a formula and what is said of its names."""


def function_of(word: str, functions: frozenset[str]) -> str | None:
    """The function that a word in upright letters names; None for none."""
    for spelling in (word, ALIASES.get(word), word.lower(), word.lower().replace("-", "_"), word.lower().replace(" ", "")):
        if spelling is not None and len(spelling) > 1 and spelling in functions:
            return spelling
    return None
