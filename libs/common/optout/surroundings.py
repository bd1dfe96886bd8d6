"""What stands around an opt-out: what does not weaken it, and what means that it is none. Data.

The notation is that of `common.optout.patterns`; Spanish and French stand beside the English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.optout.patterns import listed

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "asked": ("told|asked|begged|warned|texted|informed|notified",),
    "you": ("you all|guys|people|folks?", "your company|team|office"),
    "often": (
        *("already", "before", "twice", "once", "repeatedly", "again", "nicely", "politely"),
        *("* times", "several|many|multiple times", "so many times", "over and over"),
    ),
    "this": ("this", "it", "that", "these", "this|these|the|your texts|messages|spam|stuff|list"),
}

COURTESIES: Final = listed(
    """
    please, kindly, thanks, thank you very? much?, many thanks, thanks a lot, hi there?,
    hello there?, hey there?, good morning|afternoon|evening|day, dear,   sir, madam,
    maam, mam, guys, folks, people, team,    sorry, apologies, just, now, right now,
    right away, immediately,     damn, fucking,   again, look,
    listen,   and, but, also, then,  all of you, you all, for the love of god,
    for gods sake, for the last|second|third|final time, enough,
    last|final|second|third time|notice|warning|request, have a good|nice|great|blessed day,
    have a good one, take care, bye, goodbye, god bless you?, once and for all, much appreciated,
    i? appreciate it, asshole, idiots, jerk,
    you jerk|idiot|idiots|creep|creeps|scammer|scammers|people|moron, por favor, gracias,
    muchas gracias, hola, buenos dias, buenas tardes|noches?, ya, senor, senora, disculpe,
    disculpa, perdon, de una vez, saludos, oiga, sil vous|te plait, merci, merci beaucoup,
    bonjour, bonsoir, salut, de suite, tout de suite, desole, pardon, immediatement, maintenant,
    madame, monsieur
    """
)
"""Stand anywhere beside an opt-out, and change nothing."""

EXCLAMATIONS: Final = listed(
    """
    ok, okay, dude, bro, man, omg, ugh, wtf, jesus, god, well, so, seriously, honestly
    """
)
"""Stand anywhere too, but not beside the lightest rules: "omg stop" is a thank-you."""

TAGS: Final = frozenset({"ok", "okay", "alright", "understand", "understood", "right", "thanks"})
"""End a demand that is written as a question: "stop texting me, ok?"."""

STATING: Final = (
    "i want|need <you> to",
    "i would like <you> to",
    "i am|was asking <you> to",
    "i am|was kindly? requesting|asking that <you>",
    "i ask|request|demand|insist that? <you> to?",
    "i have? <often>? <asked> <you> <often>? to",
    "i have? <often>? <asked> <you> <often>?",
    "i have? already? said|say <often>? to?",
    "<you> need|have|got to",
    "<you> better|must|should",
    "i would really? appreciate it? if <you> would|could",
    "<you> please",
)
"""Lead into a demand: "I told you twice to ...". They would make a demand of a bare "stop" too, and
of "you can stop now", so the lightest rules do not follow them."""

ASKING: Final = (
    "can|could|would|will <you> please|kindly?",
    "can|could|would|will someone|somebody|anyone",
    "is there a way to",
    "how many times do i have|need to tell|ask <you> to",
    "puede|pueden|podria|podrian|puedes|podrias",
    "pouvez|pourriez vous",
    "peux|pourrais tu",
)
"""Lead into a demand that is polite enough to be a question."""

REASONS: Final = listed(
    """
    <you>? have? got? the|a? wrong number|person|guy|lady, this is the|a? wrong number,
    you got|reached|texted|have the|a wrong number|person, wrong person|guy|number buddy|again?,
    i do not even? know you, i do not know who you are, i do not know who this is,
    you are texting|messaging|contacting the wrong number|person, i am asking nicely|politely,
    i am not *, this is not *, who is this, who are you|this, who the hell|fuck is this,
    do i know you, not interested, i am not interested <often>?, we are not interested,
    not interested in this|it, no longer interested <for_this>?,
    i|we am|are no longer interested <for_this>?, no thanks, no thank you, i am good,
    we are good, go away, get lost, fuck off|you, screw you,
    i never signed up <for_this>?, i never subscribed,
    i did not sign up <for_this>?, i did not ask|subscribe|agree <for_this>?,
    i never asked|subscribed|agreed|opted|consented in? <for_this>?, this is spam|harassment,
    i never gave you? permission|consent|my number, this is annoying|ridiculous|illegal,
    i am so? tired|sick of <this>, i am done with? <this>?, too many texts|messages,
    <you> text too much, <you> keep texting|messaging|spamming|harassing|bothering me,
    why do|would <you> keep texting|messaging|contacting|spamming|bothering me,
    why are <you> still? texting|messaging|contacting|spamming|bothering me,
    this is getting annoying|old|ridiculous, i have had enough of? <this>?, that is enough,
    enough is enough, i do not want|need it|this|any|anything, i do not want|need your *,
    i have? moved, i already voted|donated|bought one?, i will report|block you|this, or else,
    i got|have a new number|phone, this is a new number|phone, new phone,
    i have? already? <asked> <you>? <often>? no?, i <often>? said no, i said stop,
    this is my last|second|third|final|personal|work *?, i am on the do not call list,
    or i will|am block|report|reporting|blocking|call|sue|contact|file you|this|this number?,
    or i will|am report|reporting you|this|it to the? *, or i will call the? *,
    or i will|am sue|suing|report|reporting|block|blocking,
    or i am calling the? *, not the right|correct person|number,
    this is a business|work|private line|number|phone, numero equivocado, es|esta equivocado,
    tiene|tienen el numero equivocado, se equivoco|equivocaron de numero, no me interesa,
    no estoy interesado|interesada, no gracias, quien es|eres, no lo|los|la|te conozco,
    ya no me interesa, mauvais numero, vous avez le mauvais numero, vous vous trompez de numero,
    cest le mauvais numero, pas interesse|interessee, je ne suis pas interesse|interessee,
    non merci, qui etes vous, cest qui, je ne vous connais pas, ca suffit
    """
)
"""Beside an opt-out even the lightest rule counts."""

WHOLE_REASONS: Final = listed(
    """
    this is not * * number|phone, my name is not *, i am not * *,
    there is no * here, there is no * at this number, * does not live here <often>?,
    * no longer has|owns|uses this number, this number belongs to * *?, this is * now,
    * * is not my name, i do not know * *, i do not know *, not * number, not *, yo no soy *,
    no soy *, je ne suis pas *, este no es el numero de *
    """
)
"""Reasons with names in them: only where they are all that stands between two marks, for `*` takes
any word."""

NAMES_OF_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    "for_this": (
        *("for|to|in <this>", "for any|anything of? this?", "for texts|messages", "to be texted"),
    ),
}

NEVER: Final = listed(
    """
    unless, except, excepto, salvo, sauf, until, till, til, hasta, jusqua, jk, just kidding,
    kidding, joking, lyrics, lyric, wrong chat|text|thread, told|asked|texted|tell him|her|them,
    was|meant|is for him|her|them|someone,
    he|she|who|mom|dad|boss said|says|told|asked|texted|wrote|goes|replied|yelled|keeps|wants,
    he|she was|is like, sorry i told|asked|said|texted, not saying|asking|telling|suggesting,
    keep texting|sending|me posted, only text|message|send|contact|call|if|when|for,
    but you? can|keep|still, changed my mind, a menos que, le|les dije|dijo, me dijo, a moins que,
    il|elle a dit, ma dit
    """
)
"""Found anywhere in a text they mean that it is a story, a joke, or a wish with an exception."""

IN_SENTENCE: Final = frozenset(
    {
        *("if", "when", "whenever", "while", "before", "after", "once", "whether", "whenever"),
        *("said", "says", "say", "saying", "told", "tell", "telling", "asked", "ask", "asking"),
        *("wrote", "texted", "texts", "replied", "answered", "quote", "called", "titled", "named"),
        *("means", "mean", "translate", "spell", "spelled", "he", "she", "maybe", "suppose"),
        *("imagine", "example", "should", "could", "would", "signed", "reads", "sings", "song"),
        *("si", "cuando", "mientras", "dice", "dijo", "dijeron", "digo", "ella", "quand", "dit"),
        *("lorsque", "pendant", "disait", "elle"),
    }
)
"""Words that, between other marks of the same sentence, make a condition or a report of what
follows ("if you can't help, ...", "she said: ...")."""

DANGLING: Final = frozenset({"not", "never", "nunca", "jamais", "pas"})
"""At the end of what stands before it, it turns a demand round ("please don't, ... stop")."""

OF_THE_MOMENT: Final = listed(
    """
    driving, in a meeting, in meetings, meeting, busy, sleeping, asleep, sleep, class,
    movie|movies|theater|cinema, church, in bed, in court, shower, exam, phone is dying, at work,
    call|email me, on vacation|holiday, roaming, abroad, battery, tonight, later, tomorrow,
    manejando, ocupado|ocupada, en clase, reunion, conduciendo, llamame|llameme, au travail,
    au volant, appelez|appelle moi
    """
)
"""Reasons of this moment: who is driving wants peace now, not no texts ever."""
