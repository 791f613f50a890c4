"""What holds for every catalog: the embedded one, and Glances of two releases."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from glance_server import RELEASES

from goldsmith.catalog.entry import (
    BUILD_KEY,
    Changes,
    NewImage,
    Query,
    Status,
    Visibility,
    min_disk_for,
)
from goldsmith.catalog.facts import MemberStatus
from goldsmith.catalog.local import LocalCatalog
from goldsmith.errors import CatalogError, GateError, GoldsmithError, UsageError
from goldsmith.host.files import digest

NEW = NewImage("debian-12", disk_format="raw", properties={"os_distro": "debian"}, tags=("nightly", "b"))


GLANCES = [pytest.param(release, marks=pytest.mark.real, id=f"glance-{release}") for release in RELEASES]


@pytest.fixture(params=["local", *GLANCES])
def catalog(request, tmp_path):
    if request.param == "local":
        return LocalCatalog(tmp_path / "catalog")
    server = request.getfixturevalue("glance")(request.param)
    return request.getfixturevalue("cloud")(server)


@pytest.fixture
def embedded(tmp_path):
    return LocalCatalog(tmp_path / "catalog")


def test_a_new_image_waits_for_its_bytes(catalog):
    image = catalog.create(NEW)
    assert image.status is Status.QUEUED
    assert (image.size, image.checksum, image.os_hash_value, image.sha256) == (None, None, None, None)
    assert catalog.get(image.id) == image


def test_an_uploaded_image_is_active_and_has_the_digests_of_the_file(catalog, make_file):
    file = make_file()
    image = catalog.upload(catalog.create(NEW).id, file)
    data = file.read_bytes()
    assert image.status is Status.ACTIVE
    assert image.size == image.virtual_size == len(data)
    assert image.checksum == hashlib.md5(data).hexdigest()
    assert image.os_hash_algo == "sha512"
    assert image.os_hash_value == hashlib.sha512(data).hexdigest()
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert catalog.get(image.id) == image


def test_an_image_gets_its_bytes_once(catalog, make_file):
    file = make_file()
    image = catalog.register(file, NEW)
    with pytest.raises(CatalogError, match="is active, but only queued"):
        catalog.upload(image.id, file)
    assert catalog.get(image.id) == image


def test_an_image_object_has_the_names_of_the_image_api(catalog, make_file):
    image = catalog.register(make_file(), NEW)
    assert (
        image.as_json().items()
        >= {
            "id": image.id,
            "name": "debian-12",
            "status": "active",
            "visibility": "private",
            "protected": False,
            "os_hidden": False,
            "disk_format": "raw",
            "container_format": "bare",
            "os_distro": "debian",
            "file": f"/v2/images/{image.id}/file",
            "self": f"/v2/images/{image.id}",
            "schema": "/v2/schemas/image",
        }.items()
    )
    assert image.as_json()["created_at"] == image.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sorted(image.as_json()["tags"]) == ["b", "nightly"]


def test_the_same_build_is_registered_once(catalog, make_file):
    file = make_file()
    new = replace(NEW, properties={BUILD_KEY: "9c41f0"})
    first = catalog.register(file, new, digest(file))
    assert catalog.register(file, new, digest(file)) == first
    assert catalog.list() == (first,)


def test_a_deleted_build_is_registered_anew(catalog, make_file):
    new = replace(NEW, properties={BUILD_KEY: "9c41f0"})
    first = catalog.register(make_file(), new)
    catalog.delete(first.id)
    assert catalog.register(make_file(), new).id != first.id


def test_several_images_may_have_one_name(catalog, make_file):
    older, newer = (catalog.register(make_file(), NEW) for _ in range(2))
    assert [image.id for image in catalog.list(Query(name="debian-12"))] == [newer.id, older.id]
    with pytest.raises(UsageError, match=f"means 2 images:\n  . {newer.id}(.|\n)*{older.id}"):
        catalog.find("debian-12")
    assert catalog.find("debian-12@latest") == newer
    assert catalog.find(older.id) == older
    assert catalog.find(older.id[:18]) == older


def test_the_latest_image_is_one_that_has_bytes(catalog, make_file):
    image = catalog.register(make_file(), NEW)
    catalog.create(NEW)
    assert catalog.find("debian-12@latest") == image


def test_what_is_not_there_is_not_found(catalog):
    for ask in (catalog.find, catalog.get, catalog.verify, catalog.delete, catalog.deactivate):
        with pytest.raises(CatalogError, match=r"has no image 'debain(.|\n)*fix: "):
            ask("debain")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (Query(), ["c", "a"]),
        (Query(name="a"), ["a"]),
        (Query(tags=("x",)), ["c", "a"]),
        (Query(tags=("x", "y")), ["c"]),
        (Query(properties={"os_distro": "debian"}), ["a"]),
        (Query(status=Status.QUEUED), ["c", "a"]),
        (Query(status=Status.ACTIVE), []),
        (Query(visibility=Visibility.SHARED), ["c"]),
        (Query(hidden=True), ["c", "b", "a"]),
        (Query(os_hash_value="f" * 128), []),
    ],
)
def test_a_list_holds_what_was_asked_for(catalog, query, names):
    catalog.create(NewImage("a", tags=("x",), properties={"os_distro": "debian"}))
    catalog.create(NewImage("b", hidden=True))
    catalog.create(NewImage("c", tags=("x", "y"), visibility="shared", properties={"os_distro": "rhel"}))
    found = [image.name for image in catalog.list(query)]
    # Image API tells seconds only, and hidden images apart from the others: there is no order among these.
    assert (sorted(found, reverse=True) if query.hidden else found) == names


def test_an_update_changes_what_it_says_and_nothing_else(catalog):
    image = catalog.create(NEW)
    changes = Changes(
        name="debian",
        visibility="shared",
        protected=True,
        hidden=True,
        min_disk=8,
        min_ram=512,
        set_properties={"hw_disk_bus": "virtio", "os.dotted/name": ""},
        unset_properties=frozenset({"os_distro"}),
        add_tags=frozenset({"new"}),
        remove_tags=frozenset({"b"}),
    )
    after = catalog.update(image.id, changes)
    assert after == replace(
        image,
        name="debian",
        visibility=Visibility.SHARED,
        protected=True,
        hidden=True,
        min_disk=8,
        min_ram=512,
        properties={"hw_disk_bus": "virtio", "os.dotted/name": ""},
        tags=("new", "nightly"),
        updated_at=after.updated_at,
    )
    assert after.updated_at >= image.updated_at
    assert catalog.get(image.id) == after
    assert catalog.update(image.id, Changes(protected=False)).name == "debian"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (Changes(name="x", unset_properties=frozenset({"nope"})), "has no property nope"),
        (Changes(name="x", remove_tags=frozenset({"nope"})), "has no tag nope"),
    ],
)
def test_an_update_that_cannot_be_done_changes_nothing(catalog, changes, problem):
    image = catalog.create(NEW)
    with pytest.raises(CatalogError, match=problem):
        catalog.update(image.id, changes)
    assert catalog.get(image.id) == image


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (Changes(set_properties={BUILD_KEY: "1"}), "says what the bytes are"),
        (Changes(set_properties={"size": "1"}), "size is a field of the image"),
        (Changes(set_properties={"os_glance_x": "1"}), "belongs to Glance"),
        (Changes(name=""), "name of the image is empty"),
        (Changes(visibility="secret"), "visibility is 'secret', but there are only: public community"),
        (Changes(min_disk=-1), "min_disk is -1"),
        (Changes(set_properties={"a": "1"}, unset_properties=frozenset({"a"})), "a is both set and unset"),
        (Changes(add_tags=frozenset({"a"}), remove_tags=frozenset({"a"})), "'a' is both added and removed"),
        (Changes(set_properties={f"p{n}": "" for n in range(128)}), "129 properties are more than the 128"),
    ],
)
def test_an_update_that_the_image_api_refuses_is_refused_before(catalog, changes, problem):
    image = catalog.create(NEW)
    with pytest.raises(UsageError, match=problem):
        catalog.update(image.id, changes)
    assert catalog.get(image.id) == image


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (NewImage(" "), "name of the image is empty"),
        (NewImage("x" * 256), "has 256 characters, the longest that fits has 255"),
        (NewImage("disk \N{PILE OF POO}"), "which Glance refuses"),
        (NewImage("two\nlines"), r"the character '\\n'"),
        (
            NewImage("a", disk_format="vpc"),
            "disk_format is 'vpc', but there are only: qcow2 raw vmdk vdi vhd",
        ),
        (NewImage("a", container_format="tar"), "container_format is 'tar'"),
        (NewImage("a", properties={"hw_rng": 1}), "is 1, but the Image API takes text only"),  # type: ignore[dict-item]
        (NewImage("a", properties={"": "1"}), "a property has no name"),
        (NewImage("a", properties={"x" * 256: "1"}), "the name of the property x.* has 256 characters"),
        (NewImage("a", properties={"goldsmith_sha256": "1"}), "is set by the catalog itself"),
        (NewImage("a", properties={str(n): "" for n in range(129)}), "129 properties are more than"),
        (NewImage("a", tags=("",)), "a tag is empty"),
        (NewImage("a", min_ram=-5), "min_ram is -5"),
    ],
)
def test_a_new_image_that_the_image_api_refuses_is_refused_before(catalog, new, problem):
    with pytest.raises(UsageError, match=problem):
        catalog.create(new)
    assert catalog.list() == ()


def test_a_long_property_value_fits(catalog):
    image = catalog.create(NewImage("a", properties={"note": "x" * 70_000}))
    assert catalog.get(image.id).properties["note"] == "x" * 70_000


def test_a_download_is_a_file_of_its_own_with_the_same_bytes(catalog, make_file, tmp_path):
    file = make_file()
    image = catalog.register(file, NEW, digest(file))
    out = tmp_path / "out.raw"
    assert catalog.download(image.id, out) == image
    assert out.read_bytes() == file.read_bytes()
    out.write_bytes(b"changed by its new owner")
    assert catalog.verify(image.id).good


def test_a_download_replaces_nothing(catalog, make_file, tmp_path):
    image = catalog.register(make_file(), NEW)
    mine = make_file("mine", b"mine")
    with pytest.raises(CatalogError, match="mine exists already"):
        catalog.download(image.id, mine)
    assert mine.read_bytes() == b"mine"


def test_a_deactivated_image_gives_its_bytes_to_nobody_until_it_is_reactivated(catalog, make_file, tmp_path):
    image = catalog.register(make_file(), NEW)
    assert catalog.deactivate(image.id).status is Status.DEACTIVATED
    with pytest.raises(CatalogError, match="is deactivated, so its bytes are given to nobody"):
        catalog.download(image.id, tmp_path / "out")
    assert catalog.reactivate(image.id).status is Status.ACTIVE
    catalog.download(image.id, tmp_path / "out")


def test_a_protected_image_cannot_be_deleted(catalog, make_file):
    image = catalog.register(make_file(), replace(NEW, protected=True))
    with pytest.raises(GateError, match=f"{image.id} .debian-12. is protected\n  fix: .*--unprotected"):
        catalog.delete(image.id)
    catalog.update(image.id, Changes(protected=False))
    assert catalog.delete(image.id).status is Status.DELETED


def test_a_deleted_image_is_gone_for_everybody(catalog, make_file):
    image = catalog.register(make_file(), NEW)
    catalog.delete(image.id)
    assert catalog.list(Query(hidden=True)) == ()
    for ask in (catalog.find, catalog.get, catalog.delete, catalog.verify):
        with pytest.raises(CatalogError, match="has no image"):
            ask(image.id)


def test_an_upload_that_fails_leaves_no_image(catalog, make_file, tmp_path):
    good = digest(make_file("good"))
    with pytest.raises(UsageError, match=r"empty\.raw is empty, so it is no image"):
        catalog.register(make_file("empty.raw", b""), NEW)
    with pytest.raises(CatalogError, match=r"other\.raw is not the file that was measured"):
        catalog.register(make_file("other.raw", b"not as good"), NEW, good)
    image = catalog.create(NEW)
    with pytest.raises(Exception, match=r"missing\.raw"):
        catalog.upload(image.id, tmp_path / "missing.raw")
    assert catalog.list(Query(hidden=True, deleted=True)) == ()


def test_an_upload_that_is_interrupted_leaves_no_image(catalog, make_file):
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        catalog.register(make_file(), NEW, on_bytes=stop)
    assert catalog.list(Query(hidden=True, deleted=True)) == ()


def test_a_listener_hears_of_every_byte(catalog, make_file):
    heard: list[int] = []
    image = catalog.register(make_file(), NEW, on_bytes=heard.append)
    assert sum(heard) == image.size
    assert catalog.verify(image.id, on_bytes=heard.append).good
    assert sum(heard) == 2 * (image.size or 0)


def test_a_purge_tells_before_it_acts(embedded, make_file):
    catalog = embedded
    image = catalog.register(make_file(), NEW)
    catalog.delete(image.id)
    assert catalog.purge(older_than=timedelta(days=30), apply=True).images == ()
    told = catalog.purge(older_than=timedelta(0), apply=False)
    assert [one.id for one in told.images] == [image.id]
    assert catalog.purge(older_than=timedelta(0), apply=True) == told
    assert catalog.purge(older_than=timedelta(0), apply=True).images == ()


@pytest.fixture
def tenants(catalog, request):
    """Give the same catalog as the project `tenants` sees it."""
    if isinstance(catalog, LocalCatalog):
        return catalog
    server = request.getfixturevalue("glance")(request.node.callspec.params["catalog"])
    return request.getfixturevalue("cloud")(server, token="you:tenants:member", name="tenants")


def test_an_image_is_shared_with_projects_that_accept_or_reject_it(catalog, tenants):
    image = catalog.create(replace(NEW, visibility="shared"))
    assert catalog.members(image.id) == ()
    added = catalog.add_member(image.id, "tenants")
    assert (added.image_id, added.project, added.status) == (image.id, "tenants", MemberStatus.PENDING)
    for said in (MemberStatus.ACCEPTED, MemberStatus.REJECTED):
        assert tenants.answer(image.id, "tenants", said).status is said
        assert [one.status for one in catalog.members(image.id)] == [said]
    catalog.add_member(image.id, "others")
    assert sorted(one.project for one in catalog.members(image.id)) == ["others", "tenants"]
    with pytest.raises(CatalogError, match="tenants"):
        catalog.add_member(image.id, "tenants")
    catalog.remove_member(image.id, "others")
    assert [one.project for one in catalog.members(image.id)] == ["tenants"]
    with pytest.raises(CatalogError, match=f"{image.id} is not shared with others"):
        catalog.remove_member(image.id, "others")


def test_a_command_that_a_message_names_is_for_the_catalog_that_refused(catalog, make_file):
    image = catalog.register(make_file(), NEW)
    catalog.update(image.id, Changes(protected=True))
    hidden = catalog.register(make_file("b", b"b" * 600), NEW)
    catalog.deactivate(hidden.id)
    shared = catalog.create(replace(NEW, visibility="shared"))
    refused = [
        (lambda: catalog.find("nope"), "image list --all"),
        (lambda: catalog.get("nope"), "image list --all"),
        (lambda: catalog.update(image.id, Changes(unset_properties={"nope"})), f"image show {image.id}"),
        (lambda: catalog.update(image.id, Changes(remove_tags={"nope"})), f"image show {image.id}"),
        (lambda: catalog.delete(image.id), f"image set {image.id} --unprotected"),
        (lambda: catalog.reactivate(image.id), f"image show {image.id}"),
        (lambda: catalog.download(hidden.id, make_file("c").with_suffix(".d")), f"reactivate {hidden.id}"),
        (lambda: catalog.add_member(image.id, "x"), f"image set {image.id} --visibility shared"),
        (lambda: catalog.remove_member(shared.id, "x"), f"image members list {shared.id}"),
        (
            lambda: catalog.update(image.id, Changes(set_properties={"goldsmith_channel_dev": "x"})),
            "promote NAME@VERSION --to dev",
        ),
    ]
    where = "" if isinstance(catalog, LocalCatalog) else " --catalog cloud"
    for act, words in refused:
        with pytest.raises(GoldsmithError) as told:
            act()
        assert f"{words}{where}" in told.value.fix
        assert told.value.fix.count("--catalog") == bool(where)


def test_only_a_shared_image_has_members(catalog):
    image = catalog.create(NEW)
    with pytest.raises(
        CatalogError, match=r"is private, only shared images have members\n  fix: .*--visibility shared"
    ):
        catalog.add_member(image.id, "tenants")
    assert catalog.members(image.id) == ()
    with pytest.raises(CatalogError, match="has no image 'nope'"):
        catalog.members("nope")


def test_a_catalog_tells_its_stores_limits_and_properties(catalog):
    stores = catalog.stores()
    assert stores[0].default
    assert not any(one.default for one in stores[1:])
    assert catalog.limits().refusal(1) is None
    assert catalog.rules().problems({"os_distro": "debian", "something_of_ours": "1"}) == []


def test_a_copy_to_a_store_that_is_not_there_is_refused(catalog, make_file):
    image = catalog.register(make_file(), NEW)
    with pytest.raises(UsageError, match="has no store 'moon'\n  fix: "):
        catalog.copy_to_stores(image.id, ("moon",))


def test_an_owner_is_changed_by_those_who_may(catalog):
    image = catalog.create(NEW)
    try:
        assert catalog.update(image.id, Changes(owner="others")).owner == "others"
    except CatalogError as refusal:
        assert "(403)" in refusal.problem  # noqa: PT017  a cloud lets administrators alone
        assert catalog.get(image.id) == image


def test_min_disk_is_the_next_whole_gibibyte():
    assert [min_disk_for(size) for size in (1, 1 << 30, (1 << 30) + 1)] == [1, 1, 2]
