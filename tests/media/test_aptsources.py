import pytest

from goldsmith.errors import HostError
from goldsmith.host.process import LocalHost
from goldsmith.media.aptsources import Distribution, read_apt_sources, this_distribution

BOOKWORM = Distribution("debian", "bookworm")


@pytest.fixture
def sources(fake_tool, tmp_path):
    """Return a reader of sources: rows as ``apt-get indextargets`` prints them, and apt's configuration."""

    def read(*rows, config=""):
        lines = "\n".join(rows)
        fake_tool("apt-get", f"cat <<'END'\n{lines}\nEND")
        fake_tool("apt-config", f"cat <<'END'\n{config}\nEND")
        return read_apt_sources(LocalHost(), BOOKWORM)

    return read


@pytest.fixture
def listing(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_only_the_suite_its_updates_and_its_security_count(sources):
    found = sources(
        "http://m/debian/|bookworm|main|Debian|x:1",
        "http://m/debian/|bookworm|contrib|Debian|x:1",
        "http://m/debian/|bookworm-updates|main|Debian|x:1",
        "http://s/debian-security/|bookworm-security|main|Debian|x:2",
        "http://m/debian/|trixie|main|Debian|x:3",
        "http://apt.example/|bookworm|main|Hashi|x:4",
    )
    assert [(one.uri, one.suite, one.components) for one in found.entries] == [
        ("http://m/debian/", "bookworm", ("main",)),
        ("http://m/debian/", "bookworm-updates", ("main",)),
        ("http://s/debian-security/", "bookworm-security", ("main",)),
    ]


def test_sources_whose_lists_were_never_fetched_count_too(sources):
    (entry,) = sources("http://m/debian/|bookworm|main|$(ORIGIN)|x:1").entries
    assert entry.suite == "bookworm"


def test_keys_are_those_of_the_entry(sources, listing):
    deb822 = listing(
        "a.sources",
        "# first\nTypes: deb\nURIs: http://other\nSuites: x\n\nTypes: deb\nURIs: http://m/debian\n"
        "Suites: bookworm\nSigned-By:\n -----BEGIN PGP\n .\n -----END PGP\nTrusted: yes\n",
    )
    line = listing(
        "b.list", "# mirror\ndeb [arch=amd64 signed-by=/k.gpg] http://m2/debian bookworm-updates main\n"
    )
    found = sources(
        f"http://m/debian/|bookworm|main|Debian|{deb822}:2",
        f"http://m2/debian/|bookworm-updates|main|Debian|{line}:2",
    )
    first, second = found.entries
    assert first.signed_by == "\n -----BEGIN PGP\n .\n -----END PGP"
    assert first.trusted
    assert (second.signed_by, second.trusted) == ("/k.gpg", False)
    assert "Signed-By: /k.gpg\n" in found.for_build()


def test_no_credential_and_no_local_mirror_reaches_the_guest(sources):
    found = sources(
        "https://me:pw@m/debian/|bookworm|main|Debian|x:1",
        "file:/srv/debian/|bookworm-updates|main|Debian|x:2",
    )
    assert "me:pw" in found.for_build()
    assert "URIs: https://m/debian/" in found.for_guest()
    assert "pw" not in found.for_guest()
    assert "file:" not in found.for_guest()


def test_a_list_of_mirrors_gives_its_first(sources, listing):
    mirrors = listing("mirrors", "# all\n\nhttps://first/debian\nhttps://second/debian\n")
    (entry,) = sources(f"mirror+file:{mirrors}/|bookworm|main|Debian|x:1").entries
    assert entry.uri == "https://first/debian"


def test_of_apts_options_only_those_for_reaching_the_mirror_are_taken(sources):
    found = sources(
        "http://m/|bookworm|main|Debian|x:1",
        config='Acquire::http::Proxy "http://p";\nAcquire::Check-Valid-Until "false";\nDPkg::Post-Invoke "rm -rf";\n'
        'Acquire::Languages "none";',
    )
    assert found.options == ('Acquire::http::Proxy "http://p";', 'Acquire::Check-Valid-Until "false";')


def test_a_host_without_a_mirror_of_its_release_is_told_so(sources):
    with pytest.raises(HostError, match="apt has no source for bookworm here") as caught:
        sources("http://m/|trixie|main|Debian|x:1")
    assert "apt-get update" in caught.value.fix


def test_a_host_without_apt_is_told_what_to_do():
    with pytest.raises(HostError, match="apt-get is not installed") as caught:
        read_apt_sources(LocalHost(), BOOKWORM)
    assert "goldsmith media add FILE" in caught.value.fix


def test_the_release_is_read_from_os_release(listing):
    path = listing("os-release", 'PRETTY_NAME="Debian"\nID=debian\nVERSION_CODENAME="bookworm"\n')
    assert this_distribution(path) == BOOKWORM
    path = listing("fedora", 'PRETTY_NAME="Fedora 40"\nID=fedora\n')
    with pytest.raises(HostError, match="Fedora 40 has no Debian packages") as caught:
        this_distribution(path)
    assert "on a Debian or Ubuntu host" in caught.value.fix
