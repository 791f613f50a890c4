"""The pass windowsPE: what Setup does when it is started from its medium."""

from collections.abc import Sequence
from pathlib import Path

from goldsmith.media.windows_setup import drivers, keys, layout, machine, tree
from goldsmith.media.windows_setup.answers import Answers, text_at
from goldsmith.media.windows_setup.hive import Key, dump, dword, string
from goldsmith.media.windows_setup.paths import Drives
from goldsmith.media.windows_setup.registry import Registry
from goldsmith.media.windows_setup.run import command_line
from goldsmith.media.windows_setup.search import find_answers
from goldsmith.media.windows_setup.system import Dialog, End, ImageState, System
from goldsmith.media.windows_setup.wim import WimImage, read_images

SETUP = "Microsoft-Windows-Setup"
LOCALES = "Microsoft-Windows-International-Core-WinPE"
WINDOWS_11_MEMORY = 3_900_000_000  # bytes that Linux shows of 4 GiB, rounded down


def run(system: System, discs: Sequence[str], removable: Sequence[str]) -> None:
    """Install; ends with End("reboot"), or with Dialog where Setup would wait for somebody."""
    medium = next((one for one in discs if system.drives.exists(rf"{one}:\sources\install.wim")), "")
    if not medium:
        raise Dialog("A media driver your computer needs is missing: no medium with install.wim was found.")
    found = find_answers(system, "windowsPE", removable=removable, discs=discs)
    if found is None:
        raise Dialog("Language to install: English (United States)\n[Next]\n(no Autounattend.xml was found)")
    path, answers = found
    system.show(f"Using the answer file {path}")
    _check_pages(answers)
    _run_commands(system, answers)
    loaded = _load_drivers(system, answers)
    image = _choose_image(system, answers, medium)
    _check_requirements(system, image)
    disk = _choose_disk(answers, loaded)
    partitions = _partition(system, answers, disk)
    _apply(system, answers, disk, partitions, image, loaded, system.drives.place(path), medium)
    raise End("reboot")


def _check_pages(answers: Answers) -> None:
    """Refuse what Setup would ask about: it shows a page, and waits."""
    for name in ("SetupUILanguage/UILanguage", "InputLocale", "SystemLocale", "UILanguage", "UserLocale"):
        if not answers.text("windowsPE", LOCALES, name):
            raise Dialog(f"Language to install: English (United States)\n[Next]\n({name} is not answered)")
    if answers.text("windowsPE", SETUP, "UserData/AcceptEula").lower() != "true":
        raise Dialog("Applicable notices and license terms\n[ ] I accept the license terms")


def _run_commands(system: System, answers: Answers) -> None:
    for _, command, _ in answers.commands("windowsPE", SETUP, "RunSynchronous/RunSynchronousCommand", "Path"):
        code = command_line(system, command)
        system.panther.info(f"RunSynchronous [{command}] ended with {code}")
        if code:
            raise Dialog(f"Windows Setup could not run the command [{command}] of the answer file: {code}")


def _load_drivers(system: System, answers: Answers) -> list[drivers.Driver]:
    """Return the drivers of all driver paths; a path that is not there is an error here.

    What Windows does about such a path is not documented; nothing good can come of it.
    """
    found = []
    listed = answers.all(
        "windowsPE", "Microsoft-Windows-PnpCustomizationsWinPE", "DriverPaths/PathAndCredentials"
    )
    for one in listed:
        path = text_at(one, "Path")
        infs = drivers.infs_below(system.drives.place(path)) if system.drives.exists(path) else []
        if not infs:
            system.panther.error(f"Callback_DriverPathsInf: no driver in [{path}]")
            raise Dialog(f"Windows Setup found no drivers in [{path}], which the answer file names.")
        for inf in infs:
            driver = drivers.read_inf(inf)
            system.panther.info(f"PnP: driver package [{inf.name}] for service [{driver.service}] loaded")
            found.append(driver)
    return [one for one in found if one.kind != "SCSIAdapter"] if system.fault == "no-driver" else found


def _choose_image(system: System, answers: Answers, medium: str) -> WimImage:
    images = read_images(system.drives.place(rf"{medium}:\sources\install.wim"))
    wanted = {
        text_at(one, "Key").upper(): text_at(one, "Value")
        for one in answers.all("windowsPE", SETUP, "ImageInstall/OSImage/InstallFrom/MetaData")
    }
    found = [
        one
        for one in images
        if wanted.get("/IMAGE/NAME", one.name) == one.name
        and wanted.get("/IMAGE/INDEX", str(one.index)) == str(one.index)
    ]
    if system.fault == "image-name":
        found = []
    if len(found) != 1:
        names = ", ".join(f"[{one.name}]" for one in images)
        system.panther.error(f"CImageList: no image fits {wanted}; the medium holds {names}")
        raise Dialog(
            "Select the operating system you want to install\n"
            + "\n".join(f"  {one.name}" for one in images)
            + f"\n[Next]\n(the answer file's {wanted} fits {len(found)} of them)"
        )
    key = answers.text("windowsPE", SETUP, "UserData/ProductKey/Key")
    problem = keys.REFUSED if system.fault == "wrong-key" else keys.problem_with(key, found[0])
    if problem:
        system.panther.error(f"Callback_Productkey_Validate: {problem}")
        raise Dialog(problem)
    system.panther.info(f"Selected image [{found[0].name}]")
    return found[0]


def _check_requirements(system: System, image: WimImage) -> None:
    if int(image.text("WINDOWS/VERSION/BUILD")) < 22000 or image.text("WINDOWS/PRODUCTTYPE") != "WinNT":
        return
    bypassed = {
        name: system.registry.number(r"HKLM\SYSTEM\Setup\LabConfig", f"Bypass{name}Check") == 1
        for name in ("TPM", "SecureBoot", "RAM")
    }
    missing = []
    if not bypassed["TPM"] and not Path("/sys/firmware/acpi/tables/TPM2").exists():
        missing.append("TPM 2.0")
    if not bypassed["SecureBoot"] and not machine.is_uefi():
        missing.append("Secure Boot")
    if not bypassed["RAM"] and machine.memory() < WINDOWS_11_MEMORY:
        missing.append("4 GB of memory")
    if missing:
        raise Dialog(f"This PC can't run Windows 11\nIt lacks: {', '.join(missing)}")


def _choose_disk(answers: Answers, loaded: Sequence[drivers.Driver]) -> machine.Disk:
    have = {one.service.lower() for one in loaded}
    visible = [one for one in machine.disks() if not one.driver or one.driver in have]
    listed = answers.all("windowsPE", SETUP, "DiskConfiguration/Disk")
    if len(listed) != 1:
        raise Dialog("Where do you want to install Windows?\n(DiskConfiguration names no disk, or several)")
    number = int(text_at(listed[0], "DiskID", "0"))
    if number >= len(visible):
        raise Dialog(
            f"Windows Setup could not find disk [{number}], which the answer file names: "
            "no driver was found for the storage controller, or the disk is not there."
        )
    return visible[number]


def _partition(system: System, answers: Answers, disk: machine.Disk) -> Sequence[layout.Partition]:
    uefi = machine.is_uefi()
    try:
        found = layout.read_layout(answers.all("windowsPE", SETUP, "DiskConfiguration/Disk")[0], uefi=uefi)
        system.show(f"Partitioning the disk of {disk.size // 2**30} GiB")
        layout.make(disk.device, found, uefi=uefi)
    except layout.LayoutError as error:
        system.panther.error(f"DiskConfiguration: {error}")
        raise Dialog(str(error)) from None
    system.panther.info(f"DiskConfiguration: {len(found)} partitions made")
    return found


def _target(answers: Answers, partitions: Sequence[layout.Partition]) -> layout.Partition:
    number = answers.text("windowsPE", SETUP, "ImageInstall/OSImage/InstallTo/PartitionID")
    found = [one for one in partitions if str(one.number) == number]
    if not found or found[0].format != "NTFS":
        raise Dialog(
            f"Windows cannot be installed to partition {number or 'nowhere'}: it is no NTFS partition."
        )
    return found[0]


def _apply(
    system: System,
    answers: Answers,
    disk: machine.Disk,
    partitions: Sequence[layout.Partition],
    image: WimImage,
    loaded: Sequence[drivers.Driver],
    answer_file: Path,
    medium: str,
) -> None:
    """Lay Windows down on the target partition and make the disk start."""
    uefi, target = machine.is_uefi(), _target(answers, partitions)
    system.show(f"Copying Windows files: {image.name}")
    root = machine.mount(layout.part(disk.device, target.number), "c", "ntfs")
    early = root / "$WINDOWS.~BT/Sources/Panther"
    early.mkdir(parents=True)
    system.panther.add(early)
    tree.lay_down(root, system.drives.roots[medium])
    registry = Registry(root / "Windows/System32/config", root / "Users/Administrator/NTUSER.DAT")
    tree.fill_registry(registry, image)
    tree.map_drive(registry, disk.device, target.number, "C", uefi=uefi)
    installed = System(
        Drives({**system.drives.roots, "C": root}), registry, system.panther, system.screen, system.serial
    )
    for driver in loaded:
        drivers.install(installed, driver)
    lua = (
        answers.text("offlineServicing", "Microsoft-Windows-LUA-Settings", "EnableLUA", "true").lower()
        == "true"
    )
    policies = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
    registry.put(policies, dword("EnableLUA", int(lua)))
    registry.put(r"HKLM\SOFTWARE\Goldsmith\Standin", string("Fault", system.fault))
    installed.set_state(ImageState.GENERALIZED)
    (root / "Windows/Panther/unattend.xml").write_bytes(answer_file.read_bytes())
    registry.save()
    system.panther.info("Applied the image; the computer restarts")
    system.panther.leave(early)
    for name in ("setupact.log", "setuperr.log"):
        (root / "Windows/Panther" / name).write_bytes((early / name).read_bytes())
    _empty(root / "$WINDOWS.~BT")
    machine.unmount(root)
    _make_bootable(disk, partitions, uefi=uefi)


def _empty(folder: Path) -> None:
    for one in sorted(folder.rglob("*"), reverse=True):
        one.rmdir() if one.is_dir() else one.unlink()
    folder.rmdir()


def _make_bootable(disk: machine.Disk, partitions: Sequence[layout.Partition], *, uefi: bool) -> None:
    """Put what starts the disk, and the boot configuration, on the system partition."""
    boot = Path("/home/boot")
    place = next(one for one in partitions if (one.kind == "EFI" if uefi else one.active))
    root = machine.mount(layout.part(disk.device, place.number), "s", "vfat" if uefi else "ntfs")
    folder = root / ("EFI/Microsoft/Boot" if uefi else "Boot")
    folder.mkdir(parents=True, exist_ok=True)
    store = Key("NewStoreRoot")
    store.put("Description", string("KeyName", "BCD00000000"), dword("System", 1))
    elements = r"Objects\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\Elements"
    store.put(rf"{elements}\25000004", dword("Element", 0))
    (folder / "BCD").write_bytes(dump(store, name="BCD"))
    if uefi:
        program = (boot / "disk.efi").read_bytes()
        (folder / "bootmgfw.efi").write_bytes(program)
        (root / "EFI/Boot").mkdir(exist_ok=True)
        (root / "EFI/Boot/bootx64.efi").write_bytes(program)
    else:
        (root / "bootmgr").write_bytes(tree.program())
    machine.unmount(root)
    if not uefi:
        layout.write_boot_code(disk.device, boot)
