"""What is asked of a publisher, whom it may send us to, and what of an address may be shown."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin, urlsplit

from lma.errors import InputError, LmaError, SourceMovedError

# Names of parameters that hold a key; their values are masked even where the YAML does not call them secret.
_SECRET_NAMES = (
    r"[\w.-]*(?:key|token|secret|password|passwd|signature|credential|auth|sig|subscription)[\w.-]*"
)
_SECRET_VALUES = re.compile(rf"(?i)((?:^|[?&;\s\"'(]){_SECRET_NAMES}=)[^&#;\s]*")
_USER = re.compile(r"(//)[^/?#\s@]+@")


class UnfinishedError(Exception):
    """A failure that may pass; the text says what, ``wait_seconds`` how long the publisher asks to wait."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def explain_nothing(status: int, body: bytes) -> Exception | None:
    """No meaning of the publisher's own for a status."""
    return None


@dataclass(frozen=True)
class Request:
    """One GET: where, with which headers, within which limits. ``url`` holds no secret, ``secrets`` are added when it is sent."""

    url: str
    file_name: str
    source_id: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    pause_seconds: float = 1.0
    timeout_seconds: float = 60.0
    min_bytes: float = 0
    max_bytes: int = 2 << 30
    explain: Callable[[int, bytes], Exception | None] = explain_nothing

    @property
    def shown(self) -> str:
        """The address as it may stand in a message."""
        return mask(self.url)

    @property
    def address(self) -> str:
        """The address as it is sent."""
        pairs = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.secrets.items()]
        joint = "&" if urlsplit(self.url).query else "?"
        return self.url + (joint + "&".join(pairs) if pairs else "")

    def quote(self, body: bytes, most: int) -> str:
        """The beginning of an answer as it may stand in a message: scrubbed first, so that no half of a secret is left."""
        return scrub(body.decode("utf-8", "replace").strip(), self.secrets)[:most]

    @property
    def advice(self) -> str:
        """What a person can do when the publisher does not deliver."""
        return (
            f"correct download in sources/{self.source_id}.yaml, or download {self.file_name} by hand and give it to "
            "`lma ingest`; the last landed vintage stays in use"
        )


def mask(text: str) -> str:
    """A text with addresses, without the values of their keys and without users and passwords."""
    return _USER.sub(r"\1***@", _SECRET_VALUES.sub(r"\1***", text))


def scrub(text: str, secrets: Mapping[str, str]) -> str:
    """``mask``, and the values of these secrets in plain and in percent-encoded form."""
    for value in sorted(filter(None, secrets.values()), key=len, reverse=True):
        text = text.replace(value, "***").replace(quote(value, safe=""), "***")
    return mask(text)


# ---------------------------------------------------------------- whom a publisher may send us to


def follow(request: Request, current: str, location: str, status: int) -> str:
    """The address a redirect leads to; refused unless it stays with the publisher and as safe as before."""
    wanted = urljoin(current, location)
    refusal = _refuse_address(request, current, wanted)
    if refusal is None:
        return wanted
    kind: type[LmaError] = SourceMovedError if status in (301, 308) else InputError
    raise kind(
        f"{request.shown} of {request.source_id} sends us to {mask(wanted)} (HTTP {status}), which is refused: {refusal}. "
        f"If that is the publisher's new address, {request.advice}."
    )


def check_address(request: Request, wanted: str) -> str:
    """The same for an address found inside an answer; plain http of a publisher that was asked over https becomes https."""
    if wanted.startswith("http://") and request.url.startswith("https://"):
        wanted = "https://" + wanted.removeprefix("http://")
    refusal = _refuse_address(request, request.url, wanted)
    if refusal:
        raise InputError(
            f"{request.shown} of {request.source_id} names {mask(wanted)} as the place of its file, which is refused: {refusal}."
        )
    return wanted


def _refuse_address(request: Request, current: str, wanted: str) -> str | None:
    """Why an address is not followed; None for one that may be."""
    before, after = urlsplit(current), urlsplit(wanted)
    host = (after.hostname or "").rstrip(".").lower()
    if after.scheme not in ("http", "https"):
        return f"{after.scheme or 'no scheme'} is neither http nor https"
    if before.scheme == "https" and after.scheme == "http":
        return "it leads from https to unprotected http"
    own = (urlsplit(request.url).hostname or "").lower()
    if host == own:
        return None
    if _is_inside(host):
        return f"{host} is no public host"
    if not any(
        host == known or host.endswith(f".{known}") for known in (own.removeprefix("www."), *request.hosts)
    ):
        return f"{host} is no host of this publisher (download.hosts)"
    return None


def _is_inside(host: str) -> bool:
    """Whether a host is this machine or one of a private network."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "" or host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
