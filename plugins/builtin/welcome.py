"""Says hello to whoever claims an invite: to them alone, or in the lounge for all to see."""

from __future__ import annotations

from plugins.handlers import Context, Message, Setting, handler

LOUNGE = "lounge"
TEXT = (
    "Welcome to {hub}! Everyone meets in the lounge. I am a program: in any channel, or here, "
    "`/remind 10m tea` reminds you, and `/poll question | a | b` asks everyone in a channel."
)


@handler(
    "welcome",
    types=["replace_account"],
    places=["hub"],
    title="Welcome of newcomers",
    explains="The hub's bot says hello to everyone who claims an invite. It takes one place of the hub's capacity.",
    settings=[
        Setting(
            "where",
            "where",
            "Whether the newcomer alone reads it, or everyone in the lounge.",
            "direct",
            (("direct", "a direct message"), ("lounge", "in the lounge")),
        ),
        Setting("text", "words", "What it says; {hub} stands for the hub's name.", TEXT),
    ],
)
def welcome(message: Message, context: Context) -> None:
    """Greet the new key that a claim names."""
    newcomer = message.body["new_pubkey"]
    text = context.settings["text"].replace("{hub}", context.hub_name)
    if context.settings["where"] == "direct":
        context.say(f"user:{newcomer}", text)
        return
    lounge = context.channel(LOUNGE)
    if lounge is not None:
        name = message.body.get("account_name")
        context.say(lounge, f"@{name} {text}" if name else text, mentions=[newcomer])
