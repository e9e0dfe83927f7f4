"""The catalogues hold what the sources say, no less and no more (docs/translating.md)."""

from __future__ import annotations

import pytest

from accord_hub.words import SOURCE, catalogue, languages
from tests.words.sources import Reader, places_of, sayings

OTHERS = [language for language in languages() if language != SOURCE]
HOW = "python -m tests.words sorts the catalogues, drops what is dead and prints what they lack"


def read(source: str) -> list[tuple[list[str], set[str] | None, str]]:
    return [(each.texts, each.places, each.problem) for each in Reader(source, "x").read()]


def test_texts_are_found_in_sources() -> None:
    source = """
    // t("in a comment")
    const a = t("One " + 'and "two"', { name, when: f({x: 1}, [y]) });
    const b = `${plural("{count} day", "{count} days", all(1, 2).length)} of ${x ? `${t("deep")}` : {}}`;
    h("p", null, rich("by {who}", { who: h("b", null, "t('no')") }), /["']t\\(/u.test(x), other.t("no"));
    throw new ClientError("gone", toSay("It went."));
    """
    assert read(source) == [
        (['One and "two"'], {"name", "when"}, ""),
        (["{count} day", "{count} days"], {"count"}, ""),
        (["deep"], set(), ""),
        (["by {who}"], {"who"}, ""),
        (["It went."], set(), ""),
    ]
    assert "takes its text as it is written" in read("t(name)")[0][2]
    assert "takes its text as it is written" in read("t(`Hello ${name}`)")[0][2]


def test_sources_give_what_their_texts_have_places_for() -> None:
    for saying in sayings():
        assert not saying.problem
        if saying.places is not None:
            wanted = set().union(*(places_of(text) for text in saying.texts))
            assert saying.places == wanted, f"{saying.where}: {saying.key}"


@pytest.mark.parametrize("language", OTHERS)
def test_catalogue_has_every_text_and_no_other(language: str) -> None:
    said, held = {saying.key for saying in sayings()}, catalogue(language)
    assert not said - set(held), f"{language} lacks texts; {HOW}"
    assert not set(held) - said, f"{language} has texts that nobody says; {HOW}"
    assert list(held) == sorted(held), HOW


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_places_of_their_text(language: str) -> None:
    forms = {saying.key: len(saying.texts) == 2 for saying in sayings()}
    for key, translated in catalogue(language).items():
        assert isinstance(translated, dict) == forms[key], f"{language}: {key}"
        for form, text in translated.items() if isinstance(translated, dict) else [("", translated)]:
            assert text.strip(), f"{language}: {key}"
            assert "other" in translated or not form, f"{language}: {key}"
            lacking, strange = places_of(key) - places_of(text), places_of(text) - places_of(key)
            assert not strange, f"{language}: {key}"
            assert not lacking - ({"count"} if form in ("zero", "one", "two") else set()), f"{language}: {key}"
