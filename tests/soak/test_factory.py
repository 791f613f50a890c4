"""What the soak holds a state folder to."""

import pytest

from .factory import CHECKS, Factory


@pytest.mark.parametrize(
    "left",
    [
        "store/media/.goldsmith-medium.x1y2z3ab/",
        "cache/.goldsmith-demo-root-1.x1y2z3ab/",
        "cache/.guestfs-0/appliance.d.x1y2z3ab/",
        "cache/.guestfs-0/appliance.d/.kernel.x1y2z3ab",
        "builds/b1/logs/.fetch.log.x1y2z3ab",
        "run/b1/",
    ],
)
def test_what_is_left_of_files_and_folders_is_seen(tmp_path, left):
    (check,) = (one for one in CHECKS if one.__name__ == "_no_temporary_file")
    place = tmp_path / left
    place.parent.mkdir(parents=True)
    assert check(Factory(tmp_path)) == ""
    if left.endswith("/"):
        place.mkdir()
    else:
        place.touch()
    assert str(place) in check(Factory(tmp_path))
