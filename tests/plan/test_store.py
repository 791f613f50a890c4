from goldsmith.plan.store import Store


def filled(tmp_path, key="a" * 64):
    store = Store(tmp_path)
    store.prepare()
    folder = store.begin(key)
    (folder / "disk.qcow2").write_bytes(b"layer")
    return store, key


def commit(store, key):
    return store.commit(key, stage="paint", recipe="demo", parent="", inputs={"colour": "red"}, seconds=1.5)


def test_an_entry_is_there_only_after_its_commit(tmp_path):
    store, key = filled(tmp_path)
    assert not store.has(key)
    assert store.get(key) is None
    entry = commit(store, key)
    assert store.has(key)
    assert entry.disk.read_bytes() == b"layer"
    assert store.facts(key)["inputs"] == {"colour": "red"}


def test_what_a_killed_build_left_is_swept_and_entries_stay(tmp_path):
    store, whole = filled(tmp_path)
    commit(store, whole)
    half = "b" * 64
    (store.begin(half) / "disk.qcow2").write_bytes(b"half")
    assert store.sweep() == [half]
    assert store.has(whole)
    assert not (store.layers / half).exists()


def test_what_no_build_makes_is_neither_swept_nor_told(tmp_path):
    store, whole = filled(tmp_path)
    commit(store, whole)
    (other := tmp_path / "other").mkdir()
    for folder in ("lost+found", "B" * 64, "b" * 63, "old-" + "b" * 64):
        (store.layers / folder).mkdir()
    for file in ("notes.txt", "c" * 64, "kept-notes"):
        (store.layers / file).write_text("mine")
    for link, target in (("d" * 64, other), ("kept-b1", other), ("e" * 64, tmp_path / "nowhere")):
        (store.layers / link).symlink_to(target)
    before, locks = sorted(store.layers.iterdir()), sorted(store.locks.iterdir())
    assert store.sweep() == []
    assert sorted(store.layers.iterdir()) == before
    assert sorted(store.locks.iterdir()) == locks
    assert other.is_dir()


def test_what_another_build_is_making_is_not_swept(tmp_path):
    store, key = filled(tmp_path)
    with store.locked(key, on_wait=lambda holder: None):
        assert store.sweep() == []
    assert (store.layers / key / "disk.qcow2").exists()


def test_beginning_again_throws_the_old_result_away(tmp_path):
    store, key = filled(tmp_path)
    commit(store, key)
    assert list(store.begin(key).iterdir()) == []
    assert not store.has(key)


def test_the_list_tells_stage_recipe_and_size(tmp_path):
    store, key = filled(tmp_path)
    commit(store, key)
    (one,) = store.entries()
    assert (one.stage, one.recipe, one.seconds) == ("paint", "demo", 1.5)
    assert one.size > 0


def test_a_damaged_note_costs_the_reason_only(tmp_path):
    store, key = filled(tmp_path)
    commit(store, key)
    (store.layers / key / "entry.json").write_text("{")
    assert store.facts(key) == {}
    assert list(store.entries()) == []


def test_the_folders_let_the_qemu_user_through_but_not_look_in(tmp_path):
    store, _ = filled(tmp_path / "state")
    assert store.layers.stat().st_mode & 0o111 == 0o111
