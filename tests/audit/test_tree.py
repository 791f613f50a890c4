import pytest

from goldsmith.audit.listing import depths
from goldsmith.audit.tree import DEEP, Entry, Kind, Tree, Unseen, fixed_part


def tree(links=(), files=(), **more):
    entries = {path: Entry(Kind.LINK, target=to) for path, to in dict(links).items()}
    entries |= {path: Entry(Kind.FILE, size=1) for path in files}
    return Tree(entries, **more)


@pytest.mark.parametrize(
    ("link", "target", "path", "leads_to"),
    [
        ("/lib", "usr/lib", "/lib/x", "/usr/lib/x"),
        ("/etc/a", "/etc/b", "/etc/a", "/etc/b"),
        ("/etc/a", "../../../../etc/passwd", "/etc/a", "/etc/passwd"),
        ("/a/up", "..", "/a/up/b", "/b"),
        ("/etc/a", "a", "/etc/a", "/etc/a"),
        ("/etc/a", "", "/etc/a", "/etc"),
    ],
)
def test_links_lead_nowhere_but_inside_the_guest(link, target, path, leads_to):
    assert tree({link: target}).resolve(path) == leads_to


def test_globs_match_names_of_one_folder_and_two_stars_everything_below():
    folders = {path: Entry(Kind.FOLDER) for path in ("/home/ann", "/home/ann/.ssh", "/var/log/a")}
    guest = Tree({**folders, **tree(files=["/home/ann/.ssh/id", "/home/x", "/var/log/a/b.log"]).entries})
    assert guest.match("/home/*/.ssh/*") == ["/home/ann/.ssh/id"]
    assert guest.match("/home/[xy]") == ["/home/x"]
    assert guest.match("/var/log/**") == ["/var/log/a", "/var/log/a/b.log"]
    assert guest.match("/etc/nothing") == []


def test_a_folder_behind_a_link_is_searched_where_it_leads():
    guest = tree({"/var/mail": "spool/mail"}, ["/var/spool/mail/ann"], hidden=frozenset({"/var/mail"}))
    guest = Tree(
        {**guest.entries, "/var/spool/mail": Entry(Kind.FOLDER)}, seen={"/var/spool": 2}, hidden=guest.hidden
    )
    assert guest.match("/var/mail/*") == ["/var/mail/ann"]


def test_an_absent_folder_behind_a_link_is_known_to_be_absent():
    guest = tree({"/lib": "usr/lib"}, hidden=frozenset({"/lib/x.wants"}), seen={"/usr/lib/x.wants": 1})
    assert guest.match("/lib/x.wants/*") == []


def test_a_folder_that_a_link_hides_does_not_count_as_empty():
    guest = tree({"/var/log": "/elsewhere"}, hidden=frozenset({"/var/log"}))
    with pytest.raises(Unseen, match="/var/log was not looked at: a link leads there"):
        guest.match("/var/log/**")
    with pytest.raises(Unseen):
        guest.text("/var/log/x")


def test_a_file_that_was_not_read_does_not_count_as_absent():
    guest = tree(
        files=["/etc/shadow"], unread={"/etc/shadow": "was not read: it has 9 bytes, the limit is 1"}
    )
    with pytest.raises(Unseen, match="/etc/shadow was not read: it has 9 bytes"):
        guest.text("/etc/shadow")
    assert guest.text("/etc/other") is None


def test_the_text_of_a_link_is_that_of_its_target():
    guest = tree({"/etc/grub.conf": "../boot/grub.conf"}, texts={"/boot/grub.conf": "default=0"})
    assert guest.text("/etc/grub.conf") == "default=0"


@pytest.mark.parametrize(
    ("pattern", "folder", "depth"),
    [
        ("/etc/ssh/ssh_host_*", "/etc/ssh", 1),
        ("/home/*/.ssh", "/home", 2),
        ("/.autorelabel", "/", 1),
        ("/vmlinuz", "/", 1),
        ("/var/log/**", "/var/log", DEEP),
    ],
)
def test_the_fixed_part_of_a_glob_is_the_folder_to_list(pattern, folder, depth):
    assert fixed_part(pattern) == (folder, depth)


def test_a_link_among_the_matches_hides_nothing():
    guest = tree({"/home/ann": "/data/ann"}, ["/home/bob/.ssh/id"])
    with pytest.raises(Unseen, match="/home/ann was not looked at: a link leads there"):
        guest.match("/home/*/.ssh")


def test_a_link_to_a_folder_that_was_listed_less_deep_hides_nothing():
    guest = tree({"/var/log": "/etc"}, ["/etc/passwd"], seen={"/etc": 1}, hidden=frozenset({"/var/log"}))
    assert guest.match("/var/log/*") == ["/var/log/passwd"]
    with pytest.raises(Unseen):
        guest.match("/var/log/**")


def test_folders_are_listed_once_and_as_deep_as_asked():
    wanted = [
        "/etc/passwd",
        "/etc/shadow",
        "/home/*/.ssh/*",
        "/home/x",
        "/var/log/**",
        "/var/log/apt/*",
        "/vmlinuz",
    ]
    assert depths(wanted) == {"/": 1, "/etc": 1, "/home": 3, "/var/log": 99}
