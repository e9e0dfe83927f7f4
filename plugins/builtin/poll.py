"""`/poll question | a | b`: people answer with reactions under what the bot asks; `/poll close` counts them.

The poll is what the bot has said in the channel, and nothing else is kept of it: it burns, and is pruned, as that is.
"""

from __future__ import annotations

from plugins.handlers import Context, Message, handler

COMMAND = "/poll"
CLOSE = "close"
DIGITS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟")
ASKS = "📊 "
CLOSED = "📊 Closed: "
MAX_QUESTION_CHARS = 300
MAX_OPTION_CHARS = 100
VARIATION = "\ufe0f"  # some keyboards leave it out
HELP = "/poll Where to? | the sea | the hills asks, with 2 to 10 answers; /poll close counts them."


@handler(
    "poll",
    types=["chat.text"],
    places=["channel"],
    starts=[COMMAND],
    title="Polls: /poll",
    explains="Whoever writes /poll question | a | b in a channel has the bot ask it there; reactions are the answers.",
)
def poll(message: Message, context: Context) -> None:
    """Ask, or count."""
    said = message.text.removeprefix(COMMAND)
    if said and not said[0].isspace():
        return
    if said.strip().lower() == CLOSE:
        _close(message, context)
        return
    question, *options = (" ".join(part.split()) for part in said.split("|"))
    options = [option for option in options if option]
    if not question or not 2 <= len(options) <= len(DIGITS):
        context.answer(HELP)
    elif len(question) > MAX_QUESTION_CHARS or max(map(len, options)) > MAX_OPTION_CHARS:
        context.answer(f"A question has at most {MAX_QUESTION_CHARS} characters, an answer {MAX_OPTION_CHARS}.")
    else:
        lines = [f"{digit} {option}" for digit, option in zip(DIGITS, options, strict=False)]
        text = "\n".join([f"{ASKS}{question}", *lines])
        context.answer(text, mentions=[message.author], reactions=DIGITS[: len(options)])


def _find(message: Message, context: Context) -> Message | None:
    """The poll that is answered, or the newest; open, and asked for by the same author."""
    said = context.said()
    closed = {ident for each in said if each.text.startswith(CLOSED) for ident in each.answers}
    answered = context.message(message.answers[0]) if message.answers else None
    for each in [answered] if answered else said:
        is_poll = each.author == context.me and each.text.startswith(ASKS) and not each.text.startswith(CLOSED)
        if is_poll and each.id not in closed and message.author in each.mentions:
            return each
    return None


def _close(message: Message, context: Context) -> None:
    found = _find(message, context)
    if found is None:
        context.answer("I see no open poll of yours here.")
        return
    question, *lines = found.text.removeprefix(ASKS).split("\n")
    given: dict[str, set[str]] = {}
    for emoji, keys in context.reactions(found.id).items():
        given.setdefault(emoji.replace(VARIATION, ""), set()).update(keys)
    counts, people = [], set()
    for line in lines:
        digit, _, option = line.partition(" ")
        by = given.get(digit.replace(VARIATION, ""), set()) - {context.me}
        people |= by
        counts.append((len(by), f"{digit} {option}: {len(by)}"))
    best = max(count for count, _ in counts)
    shown = [f"{line} ✔" if count == best > 0 else line for count, line in counts]
    who = {0: "Nobody has answered.", 1: "1 person has answered."}
    shown.append(who.get(len(people), f"{len(people)} people have answered."))
    context.say(message.topic, "\n".join([f"{CLOSED}{question}", *shown]), reply_to=found.id)
