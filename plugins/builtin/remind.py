"""`/remind <when> <what>`: the hub's bot says it again when it is time. Deleting the command calls the reminder off."""

from __future__ import annotations

from plugins.builtin.when import NoTime, read_when, say_when
from plugins.handlers import Context, Message, handler

COMMAND = "/remind"
MAX_WAITING = 20  # a person
MAX_WHAT_CHARS = 1_000
HELP = "/remind 10m tea: a time (10m, 1h30m, in 2 days, at 18:30, tomorrow 9:00, 2027-01-31 18:30), then what of."


@handler(
    "remind",
    types=["chat.text"],
    places=["channel", "bot"],
    starts=[COMMAND],
    title="Reminders: /remind",
    explains="Whoever writes /remind 10m tea in a channel, or to the bot, is reminded there when it is time.",
)
def remind(message: Message, context: Context) -> None:
    """Take a reminder, or, when it is time, say it."""
    is_direct = message.topic == f"user:{context.me}"
    if context.data is not None:
        name = "" if is_direct else f"@{message.author_name} "
        context.answer(f"{name}⏰ {context.data['what']}", mentions=() if is_direct else [message.author])
        return
    said = message.text.removeprefix(COMMAND)
    if said and not said[0].isspace():
        return  # another command that begins alike
    tz = message.tz or 0
    try:
        due, what = read_when(said, context.now, tz)
    except NoTime as error:
        context.answer(str(error) if said.strip() else HELP)
        return
    if not what or len(what) > MAX_WHAT_CHARS:
        context.answer(f"What shall I remind you of, in at most {MAX_WHAT_CHARS:,} characters? {HELP}")
        return
    if context.waiting() >= MAX_WAITING:
        context.answer(f"{MAX_WAITING} reminders of yours wait already. Delete one of your /remind messages first.")
        return
    context.later(due, {"what": what})
    context.answer(f"I will, on {say_when(due, tz)}. Delete your message to call it off.")
