"""KaTeX, the renderer of most web pages with formulas, in a JavaScript engine: whether it takes what we write.

`mini-racer` is the engine because its wheels serve every version of Python; `sphinxcontrib-katex` is there for the file.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from py_mini_racer import MiniRacer

_OPTIONS = json.dumps({"displayMode": True, "throwOnError": True, "strict": "error", "output": "mathml"})


@cache
def _engine() -> MiniRacer:
    files = distribution("sphinxcontrib-katex").files or ()
    source = next(Path(str(file.locate())) for file in files if file.name == "katex.min.js")
    engine = MiniRacer()
    engine.eval(source.read_text(encoding="utf-8"))
    return engine


def render(latex: str) -> str:
    """The formula as KaTeX's MathML; an error where KaTeX has anything against it."""
    return str(_engine().eval(f"katex.renderToString({json.dumps(latex)}, {_OPTIONS})"))
