"""Says what a gateway's process can be told, and refuses what would expose a desk."""

from ipaddress import ip_address

from shared.runtime.settings import Section, Settings, SettingsInvalid

TOKEN_CHARACTERS_MIN = 32


class GatewaySection(Section, frozen=True, kw_only=True):
    """Where the gateway listens and whom it answers.

    `token` (or `token_file`) is the bearer token that every request must carry; required as soon as
    `host` is not loopback. `origins` are the web origins, comma-separated, that may use it besides
    its own; `presets_dir` replaces the folder that presets are read from. In a container `host` must be
    0.0.0.0; `published_on_loopback` says that whoever runs it publishes the port on 127.0.0.1 alone.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""
    origins: str = ""
    presets_dir: str = ""
    command_timeout_s: float = 5.0
    published_on_loopback: bool = False


class GatewaySettings(Settings, frozen=True, kw_only=True):
    """The settings of one gateway process."""

    gateway: GatewaySection = GatewaySection()


def check(section: GatewaySection) -> None:
    """Refuse to show a desk to a network without asking who is there.

    Raises:
        SettingsInvalid: naming the variable to set.
    """
    token = "BREAKOUT__GATEWAY__TOKEN"  # noqa: S105  the variable's name, not its value
    if section.token and len(section.token) < TOKEN_CHARACTERS_MIN:
        raise SettingsInvalid(f"{token}: at least {TOKEN_CHARACTERS_MIN} characters are required")
    exposed = not is_loopback(section.host) and not section.published_on_loopback
    if exposed and not section.token:
        raise SettingsInvalid(
            f"BREAKOUT__GATEWAY__HOST={section.host!r} is no loopback address: set {token} (or {token}_FILE) "
            "so that only its bearers can command this desk"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
