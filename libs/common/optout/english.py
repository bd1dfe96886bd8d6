"""What people write who want no more texts, in English: rules as data.

`common.optout.patterns` explains the notation, `common.optout.wording` how the rules are applied,
`common.optout.sentences` what was done to the words before: "don't" is "do not", "anymore" is "any
more", "pls" is "please". What a `<name>` stands for is in `common.optout.english_names`.
"""

from __future__ import annotations

from typing import Final

from common.optout.rules import Rule, Weight

RULES: Final = (
    Rule(
        "stop_texting",
        Weight.PLAIN,
        (
            "<stop> <texting> <me> <about>? <ever>?",
            "<stop> sending <me>? <these>? <stuff> <to_me>? <about>? <ever>?",
            "<stop> blowing up my phone <ever>?",
            "<stop> blowing|hitting me up <about>? <ever>?",
            "would you mind stopping <these>? <messages>",
        ),
    ),
    Rule(
        "stop_the_texts",
        Weight.PLAIN,
        (
            "stop <these>? <messages> <to_me>? <ever>?",
            "end|cease|halt|discontinue|cancel|quit <these>? <texts> <to_me>? <ever>?",
            "stop|quit with <these> <messages>",
            "turn|shut off <these>? <texts>",
            "cancel|stop|end|turn off? <these>? text|sms alerts|notifications|reminders",
            "cancel|end my text|sms|texting subscription",
            "cease|stop|end all? communication|communications|contact <with_me>? <ever>?",
            "cease and desist all? communication|communications|contact? <with_me>?",
            "make these|the|this texts|messages|spam stop",
            "i want|need these|the|your <messages> to? stop|stopped <ever>?",
        ),
    ),
    Rule(
        "no_more_texts",
        Weight.PLAIN,
        (
            "no more <messages> <to_me>? <ever>?",
            "no further <messages> <to_me>? <ever>?",
            "no further|more contact|communication|communications <with_me>?",
            "enough with|of? the|these|your <messages>",
            "i|we? want|need no more <messages>",
        ),
    ),
    Rule(
        "do_not_text_again",
        Weight.CLEAR,
        (
            "<do_not> ever? <text> <me> <for_good>",
            "<do_not> ever <text> <me>",
            "never ever? <text> <me> <ever>?",
            "<do_not> ever? send <me>? <these>? <stuff> <to_me>? <for_good>",
            "<do_not> send <me> any? more <stuff> <to_me>?",
            "never send <me> <these>? <stuff> <ever>?",
            "<do_not> <text> <me> about this|anything <for_good>",
        ),
    ),
    Rule(
        "no_wish_for_texts",
        Weight.CLEAR,
        (
            "i|we? do not <want> <receive>? <these>? <messages> <from_you>? <ever>?",
            "i|we? do not <want> any? more <messages> <from_you>?",
            "i|we no longer <want> <receive>? <these>? <messages> <from_you>? <ever>?",
            "no longer <want> <receive> <these>? <messages> <from_you>? <ever>?",
            "i|we? do not <want> to be texted|contacted|messaged|bothered <by_you>? <ever>?",
            "i|we no longer <want> to be texted|contacted|messaged <by_you>? <ever>?",
            "i|we? do not <want> to hear from you all? guys|people? <ever>?",
            "i|we? do not <want> to be on|in <the> <list> <ever>?",
            "i|we no longer <want> to be on|in <the> <list>",
            "i|we am|are? not interested in receiving|getting <these>? <messages> <ever>?",
            "<i_want> stop receiving|getting <these>? <messages> <from_you>? <ever>?",
            "i|we? do not <want> you to <text> <me> <ever>?",
        ),
    ),
    Rule(
        "off_the_list",
        Weight.CLEAR,
        (
            "take|get|remove|delete|erase|drop|strike|scratch|pull|unsubscribe <me> <from_list>",
            "take|get|remove|delete|erase|drop|strike|scratch|pull <my_number> <from_list>",
            "take|remove|delete|erase|drop|strike|scratch <my_name> off|from of? your <list>",
            "take|remove|delete|erase|drop|strike|scratch <my_name> off|from of? your <their_base>",
            "remove|removed|unsubscribe <from_list>",
            "<i_want> be|get taken|removed|off|deleted <from_list>",
            "<i_want> off|out <from_list>",
            "i want off|out of? <the> <list>",
            "put|add|place|include <listee> on|to|in|onto <the_a> <do_not_list>",
        ),
    ),
    Rule(
        "my_number_removed",
        Weight.ALONE,
        (
            "remove|delete|erase|lose|forget|drop|take|scrub|unlist <our_number> off? <ever>?",
            "remove|lose|take <my_number> off? <ever>?",
            "take|remove|delete me|us off?",
            "remove my phone off?",
        ),
    ),
    Rule(
        "unsubscribe",
        Weight.BARE,
        (
            "unsubscribe <me>? <ever>?",
            "unsubscribe from? all",
            "<i_want> unsubscribe <me>? <ever>?",
            "<i_want> be unsubscribed",
            "get me unsubscribed",
            "i am? unsubscribing",
        ),
    ),
    Rule(
        "unsubscribe_from_texts",
        Weight.PLAIN,
        (
            "unsubscribe <me>? <from_list> <ever>?",
            "unsubscribe <me>? from|to <these>? <stuff> <ever>?",
            "unsubscribe <my_number>",
            "<i_want> unsubscribe <me>? <from_list> <ever>?",
            "<i_want> be unsubscribed <from_list>",
            "get me unsubscribed <from_list>",
        ),
    ),
    Rule(
        "opt_out",
        Weight.BARE,
        (
            "opt|opting <me>? out <ever>?",
            "<i_want> opt <me>? out <ever>?",
            "<i_want> be opted out",
            "i am? opting out",
            "i opt out",
        ),
    ),
    Rule(
        "opt_out_of_texts",
        Weight.PLAIN,
        (
            "opt <me>? out of|from <these>? <stuff>",
            "opt <me>? out of|from <the>? <list>",
            "<i_want> opt out of|from <these>? <stuff>",
        ),
    ),
    Rule(
        "consent_revoked",
        Weight.CLEAR,
        (
            "i|we? hereby? revoke|withdraw|rescind <any_consent> <to_text_me>?",
            "consent|permission is|has? been? revoked|withdrawn|rescinded",
            "my consent|permission is|has? been? revoked|withdrawn",
            "i|we do not consent|agree to? <receive>? <these>? <messages>",
            "i|we do not consent|agree to? <receive> <these>? <messages>",
            "i|we no longer consent|agree to? receive|receiving|getting? <these>? <messages>",
            "you do not have my? consent|permission to <text> <me>",
            "you no longer have my? consent|permission to <text> <me>",
        ),
    ),
    Rule(
        "leave_me_alone",
        Weight.PLAIN,
        (
            "leave me|us alone <ever>?",
            "leave my family alone <ever>?",
            "leave me the hell|fuck? alone",
        ),
    ),
    Rule(
        "do_not_text",
        Weight.ALONE,
        (
            "<do_not> <text> <me>",
            "<do_not> text|contact|message",
            "<do_not> send <me>? <these>? <messages>",
            "<do_not> send <me> anything else|more?",
            "no texts|texting|spam|sms please",
            "no solicitation|solicitations|soliciting",
            "i|we? do not <want> <these>? <messages>",
        ),
    ),
    Rule(
        "stop",
        Weight.ALONE,
        (
            "stop <ever>?",
            "stop all|this|these|everything <ever>?",
            "stop this nonsense|harassment|madness|crap|shit|bullshit",
            "<stop> sending these|those|them|this <ever>?",
            "<stop> sending <me> this|these|those|it? <ever>?",
            "stop to end|quit|cancel|stop|unsubscribe",
            "stop to opt out",
            "<stop> <texting> <ever>?",
            "<stop> sending <ever>?",
            "i told|asked you all? to stop",
            "i said|say to? stop",
            "i want|need|would like? you all? to stop <ever>?",
            "i am asking you to stop",
        ),
    ),
)
