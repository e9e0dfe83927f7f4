"""The plain client stands on its own: what it is worth depends on sharing nothing with the hub."""

import ast
import sys
from pathlib import Path

ALLOWED = {"cryptography", "websockets"}


def test_the_plain_client_imports_nothing_of_this_project() -> None:
    tree = ast.parse((Path(__file__).parent / "plain_client.py").read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "exec", "eval")
    assert "importlib" not in imported
    assert imported - sys.stdlib_module_names == ALLOWED
