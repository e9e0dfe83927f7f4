"""`python -m tests.words`: sort the catalogues, drop what nobody says any more, print as JSON what they lack."""

from __future__ import annotations

import json

from accord_hub.words import OPENING, read_catalogue
from tests.hubs import ROOT
from tests.words.sources import sayings


def main() -> None:
    """For every catalogue in static/words."""
    said = {saying.key: saying for saying in sayings() if saying.texts}
    for path in sorted((ROOT / "static" / "words").glob("??.js")):
        head, _, _ = path.read_text().partition(OPENING)
        held = read_catalogue(path.read_text())
        kept = {key: held[key] for key in sorted(held) if key in said}
        lines = ",\n".join(f"  {_json(key)}: {_json(text)}" for key, text in kept.items())
        path.write_text(f"{head}{OPENING}{{\n{lines}\n}};\n")
        lacking = {
            key: {"one": "", "other": ""} if len(said[key].texts) == 2 else "" for key in said if key not in held
        }
        print(f"{path.name}: {len(kept)} texts, {len(held) - len(kept)} dropped, {len(lacking)} lacking")
        if lacking:
            print(json.dumps(lacking, ensure_ascii=False, indent=2, sort_keys=True))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
