"""How much a number may send: the published tables, what follows from them and from a number's own
rules, and the algorithm that keeps to it."""

from common.limits.allowance import allowance_of
from common.limits.tables import Carrier

__all__ = ["Carrier", "allowance_of"]
