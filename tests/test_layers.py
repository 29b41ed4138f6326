"""The house keeps its layers: who may import whom, how long a file may be, who may touch SymPy's constructors."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINES = 400

# fmt: off
LAYERS = [
    "version", "errors", "arguments",
    "language.scalars", "language.shapes", "language.syntax.names", "numeric.linalg", "rulefiles.records",
    "catalogue", "language.syntax.scanner", "language.syntax.tree", "nodes.graph", "nodes.expr", "numeric.entrywise",
    "nodes.families", "nodes.unknown", "numeric.arrays", "numeric.operation", "numeric.verdict", "numeric.unknown",
    "rulefiles.signatures",
    "language.misfit", "language.scope", "language.syntax.builder", "nodes.algebra", "nodes.blocks",
    "language.entering", "nodes.differentials", "nodes.indices", "nodes.places", "language.problem",
    "numeric.kernels", "numeric.selection", "numeric.batched", "numeric.batch", "printing.spread", "printing.view",
    "calculus.cases", "calculus.match", "calculus.parts", "calculus.simplify.cost", "language.syntax.reader", "printing.over",
    "printing.questions", "printing.outline", "rulebase.contract",
    "rulebase.differential", "rulebase.templates",
    "sides", "language.sizes", "printing.layout", "printing.mathml", "printing.markup", "document",
    "language.calls", "printing.text",
    "language.latex.words", "language.latex.angles", "language.latex.pieces", "language.latex.arguments",
    "language.latex.heads",
    "language.latex.statements", "language.latex.context", "language.latex.families", "language.latex.reading",
    "language.latex.scripts",
    "language.latex.naming", "language.latex.scanner", "language.latex.products", "language.latex.sums",
    "language.latex.builder", "language.latex.reader",
    "exchange.fits", "language.name_shapes", "printing.notation",
    "language.indexing",
    "language.infer", "printing.latex", "printing.unicode", "statement",
    "language.conventions", "language.elements", "language.elaborate", "language.notes",
    "language.parser",
    "rulebase.formulas",
    "rulebase.base",
    "calculus.adjoint", "calculus.structure", "exchange.export", "numeric.evaluate", "numeric.labels",
    "calculus.conditions", "calculus.facts", "calculus.forms", "calculus.reasons", "calculus.simplify.strategy",
    "exchange.symbols",
    "codegen.outputs", "codegen.templates", "codegen.sizes", "codegen.numbers", "codegen.values", "codegen.forms",
    "codegen.factor", "codegen.symmetric", "codegen.divide", "codegen.order", "codegen.definite", "codegen.scale",
    "codegen.contract", "codegen.ranges", "codegen.lower", "codegen.places", "codegen.structural", "codegen.functions",
    "codegen.build", "codegen.backend", "codegen.layout", "codegen.arithmetic", "codegen.spell", "codegen.kronecker",
    "codegen.endless",
    "codegen.reuse", "codegen.write", "codegen.source", "codegen.function",
    "numeric.spaces",
    "calculus.simplify.identities", "calculus.simplify.products", "calculus.simplify.scalars", "exchange.interchange",
    "calculus.simplify.stack", "numeric.sample", "numeric.trial",
    "calculus.simplify.axes", "calculus.simplify.entries", "calculus.simplify.table", "calculus.simplify.units",
    "calculus.simplify.indexed",
    "calculus.simplify.names", "calculus.simplify.sums", "numeric.verify", "numeric.agree",
    "calculus.simplify.engine", "calculus.vectorize", "numeric.lines", "numeric.selfcheck",
    "calculus.stand_ins",
    "calculus.atoms", "calculus.wording",
    "calculus.expander", "calculus.recorder",
    "calculus.engine", "calculus.free", "calculus.independent", "calculus.separate",
    "stationary.terms", "stationary.linear", "stationary.solver", "stationary.constrained", "stationary.kinds",
    "stationary.confirm",
    "program", "autodiff", "request", "steps",
    "explain",
    "result",
    "derivation", "generate", "differentials", "jacobians",
    "hessians", "products",
    "claims.question", "claims.points", "claims.reading", "claims.relations", "claims.conditions", "claims.termwise",
    "claims.smallest", "claims.mends", "claims.chains", "claims.verdict", "claims.check", "claims.report",
    "report",
    "options",
    "stationary.page", "solution", "stationarity",
    "__init__",
    "cli",
]
# fmt: on
"""Every module imports only from modules before it, in the order of reading."""

LAZY = {"__init__", "cli", "program"}
"""Where an import may wait inside a function: `import matcalc` and `--help` stay light, deriving loads no code generator."""

SYMPY_MATRICES = {"nodes.expr", "exchange.export", "exchange.interchange", "exchange.symbols"}
"""Who may touch SymPy's matrix classes: the nodes, and the way in and out for a person's own SymPy expressions."""

MODULES = {
    ".".join(path.relative_to(ROOT / "matcalc").with_suffix("").parts): path
    for path in sorted((ROOT / "matcalc").rglob("*.py"))
    if path.name != "__init__.py" or path.parent == ROOT / "matcalc"
}
PACKAGES = sorted({path.parent for path in MODULES.values()} - {ROOT / "matcalc"})
FILES = [*sorted((ROOT / "matcalc").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py")), ROOT / "cli.py"]


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node below tree, but for what is imported for its type alone."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            yield node
            yield from walk(node)


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name) of every import below tree, also those inside functions; name is "" for `import module`."""
    for node in walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def own_imports(tree: ast.AST) -> Iterator[str]:
    """The names of our own modules that are imported below tree."""
    for module, name in imports(tree):
        for dotted in (f"{module}.{name}", module):
            if dotted.removeprefix("matcalc.") in MODULES or dotted == "matcalc":
                yield "__init__" if dotted == "matcalc" else dotted.removeprefix("matcalc.")
                break
        else:
            assert module.split(".")[0] != "matcalc", f"no module {module}"


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_every_module_has_its_layer() -> None:
    assert sorted(MODULES) == sorted(LAYERS)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_inside_is_only_a_folder(package: Path) -> None:
    tree = parse(package / "__init__.py")
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_layers_above_it(module: str) -> None:
    above = set(LAYERS[: LAYERS.index(module)])
    assert set(own_imports(parse(MODULES[module]))) <= above


@pytest.mark.parametrize("module", sorted(set(MODULES) - LAZY))
def test_imports_stand_at_the_top(module: str) -> None:
    functions = [n for n in ast.walk(parse(MODULES[module])) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    assert not [found for function in functions for found in imports(function)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("module", sorted(set(MODULES) - SYMPY_MATRICES))
def test_only_expr_makes_matrix_nodes(module: str) -> None:
    tree = parse(MODULES[module])
    assert not [found for found in imports(tree) if found[0].startswith(("sympy.matrices", "sympy.core"))]
    attributes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    assert not attributes & {"MatrixSymbol", "MatMul", "MatAdd", "Matrix", "__new__"}


def test_the_packages_of_the_tree_are_those_that_are_installed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.parent for path in (ROOT / "matcalc").rglob("*") if path.suffix in (".py", ".lark")}
    packages = {".".join(folder.relative_to(ROOT).parts) for folder in folders if folder.name != "__pycache__"}
    assert set(settings["packages"]) == packages | {"matcalc.rules"}


def test_the_top_level_is_what_it_always_was() -> None:
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    generated = {"build", "dist", "shared"} | {name for name in names if name.endswith(".egg-info")}
    assert names - generated <= {"pyproject.toml", "README.md", "LICENSE", "matcalc", "rules", "tests", "cli.py"}
