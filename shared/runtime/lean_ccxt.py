"""Imports ccxt's bybit class without importing the other hundred exchanges.

`import ccxt.pro` executes every exchange of the library: 94 MB of resident memory against 35 MB for the
one class. The classes themselves are ccxt's own, untouched: only the three packages' `__init__` modules,
which do nothing but import names, are replaced by ones that find a name when it is asked for. Where ccxt
is already imported in full, it is used as it is.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

_SOURCES = {
    "ccxt": ("ccxt.base.errors", "ccxt.base.exchange", "ccxt.base.precise", "ccxt.base.decimal_to_precision"),
    "ccxt.async_support": ("ccxt.base.errors", "ccxt.async_support.base.exchange"),
    "ccxt.pro": ("ccxt.base.errors", "ccxt.async_support.base.exchange"),
}


def _lazy_package(name: str, sources: tuple[str, ...]) -> ModuleType:
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is installed"
    package = importlib.util.module_from_spec(spec)

    def find(attribute: str) -> Any:
        if not attribute.startswith("__"):
            for source in sources:
                module = importlib.import_module(source)
                if hasattr(module, attribute):
                    return getattr(module, attribute)
            if importlib.util.find_spec(f"{name}.{attribute}") is not None:
                module = importlib.import_module(f"{name}.{attribute}")
                # As in the full package, an exchange's name means its class.
                found = getattr(module, attribute, module)
                setattr(package, attribute, found)
                return found
        raise AttributeError(f"module {name!r} has no attribute {attribute!r}")

    package.__dict__["__getattr__"] = find
    return package


def _install() -> None:
    for name, sources in _SOURCES.items():
        sys.modules[name] = _lazy_package(name, sources)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])


if "ccxt" not in sys.modules:
    _install()

_errors = importlib.import_module("ccxt.base.errors")

bybit: Any = importlib.import_module("ccxt.pro.bybit").bybit
# Importing a submodule binds its name in the package to the module; in ccxt it means the class.
for _name in ("ccxt.async_support", "ccxt.pro"):
    sys.modules[_name].bybit = sys.modules[f"{_name}.bybit"].bybit  # type: ignore[attr-defined]

VenueError: type[Exception] = _errors.BaseError
NetworkError: type[Exception] = _errors.NetworkError
UnsubscribeError: type[Exception] = _errors.UnsubscribeError
