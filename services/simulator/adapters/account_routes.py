"""Answer Bybit's private account and position endpoints."""

from collections.abc import Callable

from services.simulator.adapters.exchange import Exchange
from services.simulator.adapters.render_account import position_row, wallet_row
from services.simulator.adapters.wire import (
    BAD_PARAMETER,
    Json,
    Params,
    WireError,
    linear_only,
    optional_decimal,
    optional_int,
    plain,
    refusal,
    required,
)
from shared.venue.events import Refused

Route = Callable[[Params], Json]
_ACCOUNT_ID = "10000001"


class AccountRoutes:
    """Private endpoints about the one account."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def table(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/v5/asset/coin/query-info"): self.coins,
            ("GET", "/v5/user/query-api"): self.api_key,
            ("GET", "/v5/account/info"): self.info,
            ("GET", "/v5/account/wallet-balance"): self.wallet,
            ("GET", "/v5/account/fee-rate"): self.fee_rates,
            ("GET", "/v5/position/list"): self.positions,
            ("POST", "/v5/position/set-leverage"): self.set_leverage,
            ("POST", "/v5/position/switch-mode"): self.switch_mode,
        }

    def coins(self, _: Params) -> Json:
        coin = {"name": "Tether USDT", "coin": "USDT", "remainAmount": "0", "chains": []}
        return {"rows": [coin]}

    def api_key(self, _: Params) -> Json:
        return {
            "id": _ACCOUNT_ID,
            "note": "simulator",
            "readOnly": 0,
            "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": []},
            "ips": ["*"],
            "type": 1,
            "unified": 0,
            "uta": 1,
            "userID": int(_ACCOUNT_ID),
            "isMaster": True,
        }

    def info(self, _: Params) -> Json:
        return {
            "marginMode": "REGULAR_MARGIN",
            "updatedTime": str(self._exchange.now()),
            "unifiedMarginStatus": 6,
            "dcpStatus": "OFF",
            "timeWindow": 0,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def wallet(self, params: Params) -> Json:
        kind = required(params, "accountType")
        if kind != "UNIFIED":
            raise WireError(BAD_PARAMETER, f"accountType only support UNIFIED, got {kind}")
        self._exchange.refresh_marks()
        return {"list": [wallet_row(self._exchange.account)]}

    def fee_rates(self, params: Params) -> Json:
        linear_only(params)
        wanted = params.get("symbol")
        rows = [
            {
                "symbol": symbol,
                "takerFeeRate": plain(market.instrument.taker_fee_rate),
                "makerFeeRate": plain(market.instrument.maker_fee_rate),
            }
            for symbol, market in self._exchange.markets.items()
            if not wanted or symbol == wanted
        ]
        return {"list": rows}

    def positions(self, params: Params) -> Json:
        """List the position of one symbol, flat or not, or all open ones."""
        linear_only(params)
        account, symbol = self._exchange.account, params.get("symbol")
        if not symbol and not params.get("settleCoin") and not params.get("baseCoin"):
            raise WireError(BAD_PARAMETER, "params error: symbol or settleCoin is required")
        if symbol and symbol not in self._exchange.markets:
            raise WireError(BAD_PARAMETER, f"params error: symbol {symbol} is invalid")
        self._exchange.refresh_marks()
        held = [account.position(str(symbol))] if symbol else list(account.open_positions())
        rows = [position_row(account, position) for position in held]
        return {"category": "linear", "list": rows, "nextPageCursor": ""}

    def set_leverage(self, params: Params) -> Json:
        linear_only(params)
        buy, sell = optional_decimal(params, "buyLeverage"), optional_decimal(params, "sellLeverage")
        if buy is None or buy != sell:
            raise WireError(BAD_PARAMETER, "params error: buyLeverage and sellLeverage must be equal")
        event = self._exchange.set_leverage(required(params, "symbol"), buy)[0]
        if isinstance(event, Refused):
            raise refusal(event)
        return {}

    def switch_mode(self, params: Params) -> Json:
        linear_only(params)
        if optional_int(params, "mode", 0) == 0:
            raise WireError(110025, "Position mode is not modified")
        raise WireError(BAD_PARAMETER, "params error: only one-way mode is offered")
