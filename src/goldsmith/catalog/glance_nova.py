"""Which servers of a cloud were started from which image, as far as Nova tells us."""

from collections.abc import Mapping, Sequence
from typing import Any

import openstack
from keystoneauth1 import exceptions as login
from openstack.exceptions import SDKException
from requests.exceptions import RequestException

from goldsmith.catalog.entry import Image, Visibility
from goldsmith.recipe.project import CloudCatalog

_PATIENCE = 30.0  # seconds for each answer
_MANY = 100  # servers that are counted; more make no difference
_LOST = (login.ClientException, SDKException, RequestException, OSError, ValueError)


def servers_of(said: CloudCatalog, images: Sequence[Image]) -> Mapping[str, int | None]:
    """Return how many servers run from each image, by its id; None where Nova is not there or does not tell all.

    Only who may see all projects knows of an image that others can use. Servers that were started from a volume do
    not need their image.
    """
    try:
        compute = openstack.connect(cloud=said.cloud, region_name=said.region, app_name="goldsmith").compute
        return {one.id: _count(compute, one) for one in images}
    except _LOST:
        return {one.id: None for one in images}


def _count(compute: Any, image: Image) -> int | None:
    if (everywhere := _asked(compute, image, all_tenants="1")) is not None:
        return everywhere
    return _asked(compute, image) if image.visibility is Visibility.PRIVATE else None


def _asked(compute: Any, image: Image, **more: str) -> int | None:
    answer = compute.get(
        "/servers",
        params={"image": image.id, "limit": str(_MANY), **more},
        timeout=_PATIENCE,
        raise_exc=False,
    )
    if answer.status_code != 200:
        return None
    return len(answer.json()["servers"])
