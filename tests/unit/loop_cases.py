"""Loops, and conversations that are none: `<` begins a text of theirs, `>` one of ours."""

from __future__ import annotations

import pytest

AWAY = "I am out of the office until 9 March and have no access to my texts."
LOOPS = [
    pytest.param((f"< {AWAY}", "> Thanks! A colleague will be in touch.") * 3, id="out of office"),
    pytest.param(
        (
            "< Auto-reply: your request 4711 was received at 10:01.",
            "> Thanks for your message. Your ticket number is 91.",
            "< Auto-reply: your request 4712 was received at 10:02.",
            "> Thanks for your message. Your ticket number is 92.",
            "< Auto-reply: your request 4713 was received at 10:03.",
            "> Thanks for your message. Your ticket number is 93.",
        ),
        id="numbers count on",
    ),
    pytest.param(
        (
            "> How can I help you?",
            "< Sorry, I did not understand that. Reply MENU for options.",
            "> I am sorry to hear that! How can I help you?",
            "< SORRY, I did not understand that.  Reply MENU for options",
            "> I am sorry to hear that. How can I help you?",
            "< Sorry, I did not understand that! Reply MENU for options.",
            "> I am sorry to hear that! How can I help you?",
        ),
        id="case and punctuation differ",
    ),
    pytest.param(("< 👍", "> 👍") * 3, id="emoji without words"),
    pytest.param(
        ("< 您好，我现在不方便回复。", "> 谢谢您的留言，我们会尽快回复。") * 3, id="Chinese"
    ),
    pytest.param(
        ("< Your message", "< was received.", "> Thank you!", "> Anything else?") * 3,
        id="two texts in each turn",
    ),
    pytest.param(("< 5", "> Please reply with a name.") * 3, id="the very same answer to a number"),
    pytest.param(
        (
            "< Hello, how are you today?",
            "> We are closed now. Please call later.",
            "< I am fine, thanks for asking.",
            "> Our office hours are nine to five on weekdays.",
        )
        * 3,
        id="two things said in turn",
    ),
    pytest.param(
        (
            "< Hello, how are you today?",
            "< I am an automatic assistant.",
            "> We are closed now. Please call later.",
            "< I am fine, thanks for asking.",
            "< Do you have any questions?",
            "< Just write to me.",
            "> Our office hours are nine to five on weekdays.",
        )
        * 3,
        id="two things said in turn, in several texts",
    ),
]
CONVERSATIONS = [
    pytest.param(("> Your table is booked for 7.",), id="a first text"),
    pytest.param(("< ok", "> Great, see you at 7!") * 2, id="ok twice"),
    pytest.param(
        ("< yes", "> Is it for two?", "< yes", "> Indoors?", "< yes", "> A window seat?"),
        id="yes to three questions",
    ),
    pytest.param(
        (
            "< 5",
            "> Rate the room from 1 to 5.",
            "< 5",
            "> Rate the food from 1 to 5.",
            "< 5",
            "> Rate the staff from 1 to 5.",
        ),
        id="a survey",
    ),
    pytest.param(
        tuple(
            line
            for place in range(1, 8)
            for line in ("< 5", f"> Question {place} of 10: how would you rate us from 1 to 5?")
        ),
        id="a survey with numbered questions",
    ),
    pytest.param(
        tuple(
            line
            for minutes in (12, 9, 5, 3)
            for line in ("< next bus", f"> The next bus to the harbour leaves in {minutes} minutes")
        ),
        id="somebody asks for news",
    ),
    pytest.param(
        (
            "< yes",
            "> Is there anything else that I can do for you?",
            "< no thanks",
            "> Good. Have a nice day and come back soon!",
        )
        * 2,
        id="two things said in turn, twice",
    ),
    pytest.param(
        (
            "< 1",
            "> Reply 1 for opening hours, 2 for bookings.",
            "< 2",
            "> Reply 1 for opening hours, 2 for bookings.",
            "< 3",
            "> Reply 1 for opening hours, 2 for bookings.",
        ),
        id="somebody tries the menu",
    ),
    pytest.param(
        (
            "< Where is my order?",
            "> It left at 9 and is on its way.",
            "< Where is my order?",
            "> It is in your street now.",
            "< Where is my order?",
            "> It was left at your door.",
        ),
        id="an impatient customer with new answers",
    ),
    pytest.param(
        (
            "< hello?",
            "> Hi! What can I do for you?",
            "< hello?",
            "> Hi! What can I do for you?",
            "< I want to book a table",
            "> Hi! What can I do for you?",
        ),
        id="the person goes on",
    ),
    pytest.param(("> Reminder: your rent is due.",) * 6, id="nobody answers"),
    pytest.param(
        ("< 👍", "> See you then!", "< ❤️", "> See you then!", "< 😂", "> See you then!"),
        id="other emoji",
    ),
    pytest.param(
        ("> Anything else?", "< no thanks", "> Have a good day!", "< you too", "> Bye!"),
        id="a farewell",
    ),
]
