"""The names that the English patterns use, as data: who, what, how long, which list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.optout.patterns import listed

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "me": listed(
        """
        me, us, this|my number|phone|cell|line, this|my phone|cell|mobile|work number,
        this|my cell|mobile|work phone, this telephone|phone? number
        """
    ),
    "ever": listed(
        """
        again ever?, ever again?, any more, any longer, no more, now, right now|away, immediately,
        from now on, going forward, in the future, for good, already, permanently, at all, forever,
        effective immediately, once and for all, any? further
        """
    ),
    "for_good": listed(
        """
        again ever?, ever again?, any more, any longer, no more, from now on, in the future,
        for good, permanently, at all, going forward, forever, any? further
        """
    ),
    "do_not": listed("do not, do not you? dare, you? are not to, you may|must|should|can not"),
    "stop": listed(
        """
        stop|quit|cease|discontinue, stop|quit fucking|freaking|goddamn|damn,
        cease and desist from?, refrain|desist from
        """
    ),
    "kind": listed(
        """
        text|sms|spam|junk|marketing|promotional|promo|automated|political|unwanted|group,
        unsolicited|annoying|stupid|damn|fucking|ridiculous|sales|robo|mass|bulk
        """
    ),
    "messages": listed("<texts>, <kind>? text|message"),
    "texts": listed("<kind>? texts|messages|sms|spam|robotexts, <kind>? text messages"),
    "stuff": listed(
        """
        <messages>, <kind>? stuff|crap|shit|junk|garbage|bullshit|bs|nonsense|things,
        <kind>? ads|offers|promos|promotions|deals|advertisements|solicitations|alerts,
        <kind>? notifications|reminders|updates|coupons|surveys
        """
    ),
    "these": listed(
        """
        these|this|the|those|your|all|any|more|that|such, all? of? these|this|your|the,
        all? of? these|your|the damn|stupid, any more|further|other
        """
    ),
    "texting": listed(
        """
        texting|messaging|contacting|spamming|bothering|harassing|pestering|annoying|bugging,
        texting|calling|emailing and|or calling|texting|emailing|messaging, writing to?,
        reaching out to, soliciting|disturbing
        """
    ),
    "text": listed(
        """
        text|message|contact|sms|bother|write|disturb|solicit, reach out to, write to,
        call|text|email|contact and|or call|text|email|message|contact
        """
    ),
    "about": listed("about *, about * *, about * * *, on|at this|my number|phone|cell"),
    "the": listed(
        """
        your|the|this|that|these|those|any|all|every|ur|you|yours, all? of? your|the|these
        """
    ),
    "list": listed(
        """
        <listed>? list|lists, <listed> <listed> list|lists, <messages>,
        text|texting|sms|messaging|contact database|group|system|service|subscription,
        distribution|campaign|subscribers
        """
    ),
    "their_base": listed(
        """
        database|contacts|system|records|phonebook|files|directory, customer|contact records,
        call|phone|contact|marketing|customer database|system
        """
    ),
    "listed": listed(
        """
        text|texting|sms|mailing|message|messaging|contact|contacts|call|calling|marketing,
        distribution|spam|phone|number|notification|subscriber|campaign|promo|promotional,
        damn|stupid|fucking|political|sales|subscription|broadcast|blast|alert|solicitation
        """
    ),
    "from_list": listed(
        """
        off|from|of|out of? <the>? <list>, off of <the>? <list>,
        off|from|out of? your|all <their_base>, off|from of? your <list>
        """
    ),
    "my_number": listed(
        """
        my|this|our number|cell|digits, my|this phone number, my|this cell phone? number,
        my contact number
        """
    ),
    "our_number": listed(
        """
        my|our number|cell|digits, my phone number, my cell phone? number, my contact number
        """
    ),
    "my_name": listed(
        """
        my name|info|information|contact|data, my contact info|information, my phone
        """
    ),
    "listee": listed("<me>, <my_number>, my name"),
    "the_a": listed("your|the|a|an|ur internal?"),
    "do_not_list": listed("do not call|text|contact|message|disturb list|registry, dnc list?"),
    "to_me": listed("to <me>, sent|coming to <me>"),
    "from_you": listed("from you all|guys|people?, from <me>, from this company|sender|business"),
    "by_you": listed("by you all|guys|people?, by this company|sender|business|number"),
    "with_me": listed("with <me>, to <me>"),
    "any_consent": listed(
        """
        my|our|any|all prior|previous? consent|permission|authorization|opt, consent|permission
        """
    ),
    "to_text_me": listed(
        """
        to <text> <me>, to <receive> <these>? <messages>, to|for <these>? <messages>,
        for you to <text> <me>, to be texted|contacted|messaged, for <texting> <me>
        """
    ),
    "want": listed("want|wish|need|care|like, would like"),
    "receive": listed(
        """
        to? receive|get|have|see, to? be? getting|receiving, to be sent, to get|receive
        """
    ),
    "i_want": listed(
        """
        i|we? want|wish|need|choose|elect|prefer|request|asked to, i|we? would like to,
        i am|was trying to, trying to, let me, i am going to, i would prefer to
        """
    ),
}
