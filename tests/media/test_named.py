"""A medium that is made here counts as good only with the digest that was noted of it."""

import pytest

from goldsmith.host.process import LocalHost
from goldsmith.media.named import NAMED

PACKAGE = NAMED["goldsmith-standin-qemu-ga"]


@pytest.mark.parametrize("noted", [True, False])
def test_what_is_empty_after_a_power_cut_is_made_again_with_or_without_its_note(tmp_path, noted):
    path = PACKAGE.build(LocalHost(), tmp_path)
    good, said = path.read_bytes(), []
    PACKAGE.build(LocalHost(), tmp_path, on_phase=said.append)
    assert said == [], "it is there"
    path.write_bytes(b"")
    if not noted:
        path.with_name(f"{path.name}.made").unlink()
    assert PACKAGE.build(LocalHost(), tmp_path, on_phase=said.append).read_bytes() == good
    assert said == ["writing the package"]
