"""The providers, as an administrator meets them."""

from __future__ import annotations

from typing import Final, Literal, Self

from common.providers.spec import PARTNER_PARAMETER, Callback, Parameter, ProviderSpec
from common.providers.specs import SPECS
from common.store.control import NumberType
from health.access.roles import Role
from health.api.paths import PREFIX
from health.web.routes import Answer, Call, ListView, Route, View


class ParameterView(View):
    """A value that a connection needs."""

    name: str
    label: str
    help: str
    secret: bool
    required: bool
    kind: Literal["text", "url"]
    max_length: int

    @classmethod
    def of(cls, parameter: Parameter) -> Self:
        """As the API shows it."""
        return cls(
            name=parameter.name,
            label=parameter.label,
            help=parameter.help,
            secret=parameter.secret,
            required=parameter.required,
            kind=parameter.kind,
            max_length=parameter.max_length,
        )


class CallbackView(View):
    """An address that the provider is to be told."""

    label: str
    path_template: str
    help: str

    @classmethod
    def of(cls, callback: Callback) -> Self:
        """As the API shows it."""
        return cls(label=callback.label, path_template=callback.path_template, help=callback.help)


class ProviderView(View):
    """A provider; only one that is `available` can be connected."""

    name: str
    title: str
    available: bool
    feature: str
    portal: str
    parameters: tuple[ParameterView, ...]
    partner_parameter: ParameterView | None
    number_types: tuple[NumberType, ...]
    rotating: tuple[str, ...]
    callbacks: tuple[CallbackView, ...]

    @classmethod
    def of(cls, spec: ProviderSpec, *, available: bool) -> Self:
        """As the API shows it."""
        return cls(
            name=spec.name,
            title=spec.title,
            available=available,
            feature=spec.feature,
            portal=spec.portal,
            parameters=tuple(map(ParameterView.of, spec.parameters)),
            partner_parameter=ParameterView.of(PARTNER_PARAMETER) if spec.partners else None,
            number_types=spec.number_types,
            rotating=spec.rotating or (),
            callbacks=tuple(map(CallbackView.of, spec.callbacks)),
        )


async def list_providers(call: Call) -> Answer:
    """Every provider, those too that this release cannot speak to yet."""
    available = call.desks.connections.available
    items = tuple(
        ProviderView.of(spec, available=name in available) for name, spec in SPECS.items()
    )
    return Answer(body=ListView[ProviderView](items=items))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_providers",
        method="GET",
        path=f"{PREFIX}/providers",
        needs=Role.VIEWER,
        handler=list_providers,
        summary="List providers and what each needs",
        answer=ListView[ProviderView],
        tag="Providers",
    ),
)
