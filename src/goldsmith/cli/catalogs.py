"""Which catalog a command means: the embedded one, one that goldsmith.yaml names, or a cloud of clouds.yaml."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from goldsmith.catalog.contract import Catalog
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import Settings
from goldsmith.errors import GateError, UsageError
from goldsmith.publish.item import Destination
from goldsmith.recipe.project import LOCAL, CloudCatalog, load_project
from goldsmith.signing.names import CERTIFICATE

if TYPE_CHECKING:
    from goldsmith.catalog.glance import GlanceCatalog


def local_catalog(settings: Settings) -> LocalCatalog:
    return LocalCatalog(settings.state / "catalog")


def open_catalog(settings: Settings, name: str | None = None) -> Catalog:
    """Return the catalog of this name, or that of --catalog, or the project's default; no cloud is asked yet.

    Raises UsageError, with the names there are, for one that nobody knows.
    """
    cloud = catalog_name(settings, name)
    return cloud_catalog(settings, cloud) if cloud else local_catalog(settings)


def catalog_name(settings: Settings, name: str | None = None) -> str:
    """Return the name of the catalog that open_catalog gives, "" for the embedded one."""
    wanted = name or settings.catalog or load_project(settings.project).catalog
    return "" if wanted == LOCAL else wanted


def cloud_catalog(settings: Settings, name: str) -> "GlanceCatalog":
    """Return the Glance of this name; UsageError for the embedded catalog and for what nobody knows."""
    from goldsmith.catalog.glance import GlanceCatalog  # the SDK takes half a second to import
    from goldsmith.catalog.glance_api import clouds

    if name == LOCAL:
        raise UsageError(
            f"{LOCAL} is the embedded catalog, not a cloud's", fix="name another one with --catalog"
        )
    project = load_project(settings.project)
    said = project.catalogs.get(name)
    known = clouds()
    cloud = said.cloud if said else name
    if cloud not in known:
        have = ", ".join(sorted({LOCAL, *project.catalogs, *known}))
        problem = f"there is no cloud {cloud!r} in clouds.yaml" if said else f"there is no catalog {name!r}"
        fix = f"there are: {have}" if not said else f"clouds there are: {', '.join(known) or 'none'}"
        raise UsageError(problem, fix=fix, at=project.at("catalogs", name, "cloud") if said else None)
    return GlanceCatalog(name, said or CloudCatalog(cloud=cloud), settings.state / "clouds" / name)


def destination(settings: Settings, name: str, *, format: str | None = None) -> Destination:  # noqa: A002
    """Return a catalog outside with how goldsmith.yaml wants its images; ``format`` wins over that.

    Raises UsageError for the embedded catalog and for what nobody knows.
    """
    catalog = cloud_catalog(settings, name)
    said = catalog.said
    return Destination(
        name=name,
        open=lambda: catalog,
        format=format or (said.format.value if said.format else None),
        visibility=said.visibility.value if said.visibility else None,
        signature=lambda properties: _signed_there(settings, catalog, properties),
        signatures=said.signatures,
    )


def _signed_there(
    settings: Settings, cloud: "GlanceCatalog", properties: Mapping[str, str]
) -> Mapping[str, str]:
    """Name the certificate by its id in the cloud's Barbican, where it is put if it is not there."""
    from goldsmith.catalog.certificates import KeptCertificates
    from goldsmith.catalog.glance_keys import PublishedCertificates
    from goldsmith.signing.certificates import check_dates, parse

    pem = KeptCertificates(settings.state / "catalog" / "certificates").find(properties[CERTIFICATE])
    if pem is None:  # somebody else has signed it, and says where the certificate is
        return properties
    certificate = parse(pem.encode(), f"the certificate {properties[CERTIFICATE]}")
    if wrong := check_dates(certificate):
        raise GateError(
            f"the image is not sent: of its certificate ({certificate.subject}) {wrong}",
            fix="goldsmith sign signs it again, by a certificate that is valid",
        )
    ident = PublishedCertificates(cloud.api).publish(certificate.pem, certificate.fingerprint)
    return {**properties, CERTIFICATE: ident}


def embedded_only(settings: Settings, why: str) -> LocalCatalog:
    """Return the embedded catalog; UsageError with ``why`` when --catalog names another one."""
    if settings.catalog not in (None, LOCAL):
        raise UsageError(
            f"{settings.catalog} cannot do this: {why}", fix=f"leave out --catalog, or name {LOCAL}"
        )
    return local_catalog(settings)
