"""What a recipe may say about a Windows guest; none of it means anything to other families."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import Many, refuse
from goldsmith.recipe.secrets import TextOrSecret
from goldsmith.recipe.steps import Refresh

DIGEST = r"^[0-9a-fA-F]{64}$"
ACCOUNT = (
    r"^[A-Za-z][A-Za-z0-9_-]{0,19}$"  # what Windows allows in a local account's name, and we quote nowhere
)
CLASS_NAME = r"^[A-Za-z_][A-Za-z0-9_.]*$"


class Edition(StrEnum):
    STANDARD = "standard"
    DATACENTER = "datacenter"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Requirements(StrEnum):
    """What to do about the TPM and Secure Boot that Windows 11 asks for."""

    REAL = "real"
    BYPASS = "bypass"


class FirstLogon(StrEnum):
    """Cloudbase-Init's ``first_logon_behaviour``: when the user must choose another password."""

    INJECTED = "clear_text_injected_only"
    NO = "no"
    ALWAYS = "always"


class Iso(Part):
    """A medium that is attached besides the one of Windows."""

    iso: str = Field(min_length=1, description="Path, URL, or a name known to `goldsmith media`.")
    sha256: str | None = Field(
        default=None, pattern=DIGEST, description="Digest that the medium must have; a URL needs one."
    )


class Msi(Part):
    """An installer package that Goldsmith puts on the answer medium."""

    msi: str = Field(min_length=1, description="Path, URL, or a name known to `goldsmith media`.")
    sha256: str | None = Field(
        default=None, pattern=DIGEST, description="Digest that the file must have; a URL needs one."
    )


def _of(key: str) -> BeforeValidator:
    """Take a path or URL alone for ``{key: PATH}``."""

    def long(value: Any) -> Any:
        return {key: value} if isinstance(value, str) else value

    return BeforeValidator(long)


class CloudbaseOptions(Part):
    """What goes into cloudbase-init.conf; names are those of Cloudbase-Init."""

    metadata_services: Many[Annotated[str, Field(pattern=CLASS_NAME)]] = Field(
        default=(
            "cloudbaseinit.metadata.services.configdrive.ConfigDriveService",
            "cloudbaseinit.metadata.services.httpservice.HttpService",
        ),
        min_length=1,
        description="Where an instance finds its metadata, in the order they are asked.",
    )
    plugins: Many[Annotated[str, Field(pattern=CLASS_NAME)]] = Field(
        default=(
            "cloudbaseinit.plugins.common.mtu.MTUPlugin",
            "cloudbaseinit.plugins.windows.ntpclient.NTPClientPlugin",
            "cloudbaseinit.plugins.common.sethostname.SetHostNamePlugin",
            "cloudbaseinit.plugins.windows.createuser.CreateUserPlugin",
            "cloudbaseinit.plugins.common.networkconfig.NetworkConfigPlugin",
            "cloudbaseinit.plugins.windows.licensing.WindowsLicensingPlugin",
            "cloudbaseinit.plugins.common.sshpublickeys.SetUserSSHPublicKeysPlugin",
            "cloudbaseinit.plugins.windows.extendvolumes.ExtendVolumesPlugin",
            "cloudbaseinit.plugins.windows.sanpolicy.SANPolicyPlugin",
            "cloudbaseinit.plugins.common.userdata.UserDataPlugin",
            "cloudbaseinit.plugins.common.setuserpassword.SetUserPasswordPlugin",
            "cloudbaseinit.plugins.windows.winrmlistener.ConfigWinRMListenerPlugin",
            "cloudbaseinit.plugins.common.localscripts.LocalScriptsPlugin",
        ),
        min_length=1,
        description="What Cloudbase-Init does on an instance's first boots.",
    )
    unattend_plugins: Many[Annotated[str, Field(pattern=CLASS_NAME)]] = Field(
        default=(
            "cloudbaseinit.plugins.common.mtu.MTUPlugin",
            "cloudbaseinit.plugins.common.sethostname.SetHostNamePlugin",
            "cloudbaseinit.plugins.windows.extendvolumes.ExtendVolumesPlugin",
        ),
        description="What it does while Windows still sets itself up (pass specialize); keep it short: "
        "one that always fails makes the instance reboot for ever.",
    )
    first_logon_behaviour: Annotated[FirstLogon, Field(strict=False)] = Field(
        default=FirstLogon.NO, description="When the user must choose another password at logon."
    )
    inject_user_password: bool = Field(
        default=True, description="Take the password that the cloud gives in the metadata."
    )
    netbios_host_names: bool = Field(default=True, description="Cut host names to 15 characters.")
    real_time_clock_utc: bool = Field(
        default=False, description="False fits Nova, whose os_type=windows gives a clock in local time."
    )


class Windows(Part):
    """The choices of a Windows guest."""

    edition: Annotated[Edition | None, Field(strict=False)] = Field(
        default=None,
        description="standard or datacenter; pro or enterprise. The version's first when not given.",
    )
    core: bool = Field(default=False, description="Server Core: the server without a desktop.")
    image_name: str | None = Field(
        default=None, min_length=1, max_length=200,
        description="The image's name in install.wim as wiminfo shows it, for media that name it otherwise.",
    )  # fmt: skip
    image_index: int | None = Field(
        default=None, ge=1, le=99, description="The image's number in install.wim, instead of its name."
    )
    product_key: TextOrSecret = Field(
        default="generic",
        description="generic (Microsoft's public KMS client key), none (evaluation media), or a key.",
    )
    drivers: Annotated[Iso | None, _of("iso")] = Field(
        default=None, description="The virtio-win ISO; the one tried with this Windows when not given."
    )
    driver_letters: Many[Annotated[str, Field(pattern=r"^[D-Z]$")]] = Field(
        default=("E",), min_length=1, description="Drive letters under which Setup finds the virtio-win ISO."
    )
    cloudbase_init: Annotated[Msi | None, _of("msi")] = Field(
        default=None, description="The Cloudbase-Init MSI; the pinned one when not given."
    )
    guest_agent: Annotated[Msi | None, _of("msi")] = Field(
        default=None, description="The QEMU guest agent's MSI; the virtio-win ISO's own when not given."
    )
    requirements: Annotated[Requirements, Field(strict=False)] = Field(
        default=Requirements.REAL,
        description="real gives Windows 11 a TPM and Secure Boot; bypass has Setup not ask for them.",
    )
    update_rounds: int = Field(
        default=0, ge=0, le=10, description="How often Windows Update is run until nothing is left."
    )
    update_refresh: Annotated[Refresh, Field(strict=False)] = Field(
        default=Refresh.WEEKLY, description="Update anew after a day, a week, never, or always."
    )
    rdp: bool = Field(default=True, description="Allow Remote Desktop, with network level authentication.")
    admin_user: str = Field(
        default="Admin", pattern=ACCOUNT, description="Account that Cloudbase-Init gives an instance."
    )
    ui_language: str = Field(
        default="en-US", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$",
        description="Language of the windows and texts; the medium must have it.",
    )  # fmt: skip
    input_locale: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9:;-]+$",
        description="Keyboard, such as de-DE or 0409:00000407; that of install.locale when not given.",
    )
    cloudbase: CloudbaseOptions = CloudbaseOptions()

    @model_validator(mode="after")
    def _one_image(self) -> Self:
        if self.image_name is not None and self.image_index is not None:
            raise refuse("the image is given by name and by number", "keep image_name or image_index")
        return self
