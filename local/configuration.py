"""`python -m local.configuration` writes docs/configuration.md from the services' settings classes.

With `--check` it writes nothing and exits with 1 where the file is not what it would write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from common.settings import PREFIX, ServiceSettings
from health.settings import HealthSettings
from local import generated
from processor.settings import ProcessorSettings
from sender.settings import SenderSettings
from webhook.settings import WebhookSettings

PAGE: Final = Path(__file__).parents[1] / "docs" / "configuration.md"

SERVICES: Final[Mapping[str, type[ServiceSettings]]] = {
    "webhook": WebhookSettings,
    "processor": ProcessorSettings,
    "sender": SenderSettings,
    "health": HealthSettings,
}

_INTRODUCTION: Final = f"""\
<!-- Written by `python -m local.configuration` from the settings classes; change those. -->

# Configuration

Every setting is an environment variable with the prefix `{PREFIX}`. An unusable setting stops the
process at its start with one line that names the variable, and exit code 78.

Each setting can also be read from a file, as secrets are mounted: `{PREFIX}MONGODB_URI_FILE`
stands for `{PREFIX}MONGODB_URI` with the content of the file that it names, without blanks and line
ends around it. Both forms of one variable at once are an error, as is a file that cannot be read.

A default of *required* means that there is none. The defaults of secrets are not shown: they suit
servers on the same machine and nothing else.
"""

_HEADINGS: Final = ("variable", "default", "meaning")


def page() -> str:
    """The whole page, in Markdown."""
    sections = [
        _INTRODUCTION,
        "## Every service\n",
        _table(ServiceSettings.model_fields),
        *(part for name, settings in SERVICES.items() for part in _section(name, settings)),
    ]
    return "\n".join(sections)


def _section(name: str, settings: type[ServiceSettings]) -> Iterator[str]:
    own = {
        field: info
        for field, info in settings.model_fields.items()
        if field not in ServiceSettings.model_fields
    }
    yield f"## {name}\n"
    yield _table(own) if own else "Nothing beside the settings of every service.\n"


def _table(fields: Mapping[str, FieldInfo]) -> str:
    rows = [
        _HEADINGS,
        ("---",) * len(_HEADINGS),
        *(
            (f"`{PREFIX}{name.upper()}`", default(info), meaning(info))
            for name, info in fields.items()
        ),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def default(info: FieldInfo) -> str:
    """A field's default as the page shows it."""
    if info.is_required():
        return "*required*"
    value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        return "*not shown*" if value.get_secret_value() else "*none*"
    if value is None or value in ("", (), []):
        return "*none*"
    return f"`{_plain(value)}`"


def meaning(info: FieldInfo) -> str:
    """A field's description, with the values that it may have."""
    said = (info.description or "").replace("|", r"\|").strip()
    if not said:
        raise ValueError("a setting without a description")
    limits = _choices(info.annotation) or _range(info)
    return f"{said} {limits}" if limits else said


def _plain(value: object) -> str:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (tuple, list, set, frozenset)):
        return ",".join(_plain(item) for item in value)
    return str(value)


def _choices(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return f"One of {', '.join(f'`{_plain(choice)}`' for choice in get_args(annotation))}."
    if origin in (Union, UnionType):
        return " ".join(filter(None, map(_choices, get_args(annotation))))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"One of {', '.join(f'`{_plain(choice)}`' for choice in annotation)}."
    return ""


def _range(info: FieldInfo) -> str:
    found: dict[str, object] = {}
    for limit in info.metadata:
        match limit:
            case Ge(ge):
                found["low"] = f"{_plain(ge)} or more"
            case Gt(gt):
                found["low"] = f"more than {_plain(gt)}"
            case Le(le):
                found["high"] = f"at most {_plain(le)}"
            case Lt(lt):
                found["high"] = f"less than {_plain(lt)}"
            case _:
                pass
    text = ", ".join(str(found[side]) for side in ("low", "high") if side in found)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def main(arguments: list[str] | None = None, *, target: Path = PAGE) -> int:
    """Write the page, or compare it with what is there."""
    return generated.main("local.configuration", page, target, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
