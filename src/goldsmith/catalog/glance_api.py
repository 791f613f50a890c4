"""The one door to a Glance: the SDK logs in and finds the service, the questions are our own.

The SDK's way to send bytes is not used: it sends a file again after a 503 although it stands at its end by then.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import openstack
from keystoneauth1 import exceptions as login
from openstack.config import OpenStackConfig
from openstack.exceptions import ConfigException, SDKException
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from goldsmith import __version__
from goldsmith.catalog.glance_errors import Refused, refused, unanswered
from goldsmith.errors import UsageError
from goldsmith.host.clock import outside
from goldsmith.host.retry import persistently
from goldsmith.recipe.project import CloudCatalog

T = TypeVar("T")
Json = dict[str, Any]
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
_BLOCK = 1 << 20
_CONNECT = 20.0  # seconds for a connection to be made
_ONCE = {"connect_retries": 0, "status_code_retries": 0, "redirect": False}
logging.getLogger("keystoneauth").addHandler(logging.NullHandler())  # what it warns of, our errors tell
_LOST = (login.ClientException, SDKException, RequestException, HTTPError, OSError)


def clouds() -> tuple[str, ...]:
    """Return the names in clouds.yaml, wherever the SDK looks for it."""
    named = os.environ.get("OS_CLIENT_CONFIG_FILE")
    try:
        config = OpenStackConfig()
    except (SDKException, login.ClientException, OSError) as error:
        raise UsageError(f"clouds.yaml cannot be read: {error}", fix="mend it") from None
    if named and config.config_filename != named:  # the SDK goes on with the next one, or with none
        raise UsageError(f"{named} cannot be read", fix="mend it; OS_CLIENT_CONFIG_FILE names it")
    return tuple(sorted(config.get_cloud_names())) if config.config_filename else ()


@dataclass(frozen=True)
class Api:
    """Questions to one Glance; ``catalog`` is what people call it, ``service`` what of the cloud is asked."""

    catalog: str
    said: CloudCatalog
    service: str = "image"  # or key_manager

    def ask(self, what: str, path: str, **params: object) -> Json:
        """Return the JSON answer to a GET, asked again while the reason for a refusal may pass."""
        wanted = {name: value for name, value in params.items() if value is not None}
        return self.patiently(lambda: self.once(what, "GET", path, params=wanted))

    def patiently(self, work: Callable[[], T]) -> T:
        """Do again what may be done twice, within the time for an answer."""
        with outside.waiting():
            return persistently(work, again=may_pass, deadline=self.said.timeouts.answer)

    def once(
        self,
        what: str,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> Json:
        """Ask once; raise Refused for what is no success."""
        answer = self._call(
            what, method, path, self.said.timeouts.answer, json=body, headers=headers, params=params
        )
        self._check(what, answer)
        found: Json = (
            answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else {}
        )
        return found

    def send(self, what: str, path: str, blocks: Iterable[bytes], *, size: int, store: str | None) -> None:
        """Send bytes once, never again: whoever wants to, begins with a new image."""
        headers = {"Content-Type": "application/octet-stream", "X-OpenStack-Image-Size": str(size)}
        if store:
            headers["X-Image-Meta-Store"] = store
        answer = self._call(
            what, "PUT", path, self.said.timeouts.stall, data=blocks, headers=headers, allow_reauth=False
        )
        self._check(what, answer)

    def fetch(self, what: str, path: str, *, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes of an answer, from ``start`` on."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        answer = self._call(what, "GET", path, self.said.timeouts.stall, headers=headers, stream=True)
        self._check(what, answer)
        if start and answer.status_code != 206:
            raise unanswered("it cannot go on where it broke off", what=what, catalog=self.catalog)
        with self._told(what):
            try:
                yield from answer.iter_content(_BLOCK)
            finally:
                answer.close()

    def refresh(self, least: float) -> None:
        """Have a token that is good for ``least`` seconds, as far as the cloud's way to log in can say."""
        session = self._image.session
        with self._told("log in"):
            known = getattr(session.auth, "get_access", None)
            if known and known(session).will_expire_soon(stale_duration=int(least)):
                session.invalidate()

    @property
    def delegated(self) -> bool:
        """Say whether the cloud is entered by an application credential, which can do less than its user."""
        with self._told("log in"):
            return "application" in type(self._image.session.auth).__module__

    def log_in_again(self) -> None:
        self._image.session.invalidate()

    @property
    def project(self) -> str | None:
        """Return the id of our own project, where the cloud's way to log in tells it."""
        with self._told("log in"):
            found = self._image.session.get_project_id()
        return str(found) if found else None

    @cached_property
    def _image(self) -> Any:
        with self._told("log in"):
            try:
                cloud = openstack.connect(
                    cloud=self.said.cloud,
                    region_name=self.said.region,
                    app_name="goldsmith",
                    app_version=__version__,
                )
                with (
                    warnings.catch_warnings()
                ):  # of a service that tells no version; its answers are read anyhow
                    warnings.simplefilter("ignore")
                    return getattr(cloud, self.service)
            except ConfigException as error:
                raise UsageError(
                    f"the cloud {self.said.cloud} of clouds.yaml cannot be used: {error}",
                    fix="mend its section in clouds.yaml",
                ) from None

    def _call(self, what: str, method: str, path: str, patience: float, **more: Any) -> Any:
        headers = {"Accept": "application/json", **(more.pop("headers", None) or {})}
        with self._told(what):
            return self._image.request(
                path, method, headers=headers, timeout=(_CONNECT, patience), raise_exc=False, **_ONCE, **more
            )

    def _check(self, what: str, answer: Any) -> None:
        if answer.status_code >= 300:
            raise refused(
                answer.status_code,
                answer.text,
                what=what,
                catalog=self.catalog,
                cloud=self.said.cloud,
                request=answer.headers.get("x-openstack-request-id", ""),
                delegated=lambda: self.delegated,
            )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn what the libraries raise into errors that say what to do."""
        try:
            yield
        except login.HttpError as error:
            status, body = int(error.http_status or 0), str(error.details or error.message or error)
            raise refused(status, body, what=what, catalog=self.catalog, cloud=self.said.cloud) from None
        except (login.MissingRequiredOptions, login.MissingAuthPlugin, login.NoMatchingPlugin) as error:
            raise self._too_little(error) from None
        except _LOST as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise unanswered(reason[:400], what=what, catalog=self.catalog) from None
        except Exception as error:
            if type(error) is Exception and "required attribute" in str(
                error
            ):  # keystoneauth's word for a gap
                raise self._too_little(error) from None
            raise

    def _too_little(self, error: Exception) -> UsageError:
        return UsageError(
            f"the cloud {self.said.cloud} of clouds.yaml says too little to log in: {error}",
            fix="mend its section in clouds.yaml (a password may stand in secure.yaml beside it)",
        )


def may_pass(error: BaseException) -> bool:
    return isinstance(error, Refused) and error.passing
