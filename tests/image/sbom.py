"""Lists what is in an image, as CycloneDX: distributions of Python, packages of Debian, and a Python that is neither.

Of each that says so, the licence, too. The identities are made from the contents, so that the same image has the same
list.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.parser import HeaderParser
from importlib.metadata import Distribution, distributions
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

PREFIX = "opt/noderouter"


def sbom(root: Path, *, name: str, version: str, seconds: int) -> str:
    """List what is below `root`, in JSON; `seconds` is when the image was made."""
    described = Component(name=name, version=version, type=ComponentType.CONTAINER, bom_ref=f"{name}@{version}")
    parts = sorted([*of_python(root), *of_debian(root), *interpreter(root)], key=lambda part: str(part.purl))
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, "\n".join(str(part.purl) for part in parts)),
        metadata=BomMetaData(component=described, timestamp=datetime.fromtimestamp(seconds, UTC)),
        components=parts,
    )
    bom.register_dependency(described, parts)
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise ValueError(f"not CycloneDX: {wrong}")
    return text + "\n"


def component(purl: PackageURL, kind: ComponentType = ComponentType.LIBRARY, licence: str = "") -> Component:
    """Make one part of the list."""
    licences = [LicenseFactory().make_from_string(licence)] if licence else []
    return Component(name=purl.name, version=purl.version, purl=purl, bom_ref=str(purl), type=kind, licenses=licences)


def site_packages(root: Path) -> Path:
    """Return where the router and its libraries are."""
    [found] = (root / PREFIX / "lib").glob("python3.*/site-packages")
    return found


def of_python(root: Path) -> Iterator[Component]:
    """List the distributions of the router's environment."""
    for each in distributions(path=[str(site_packages(root))]):
        name = re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower()
        yield component(PackageURL("pypi", None, name, each.version), licence=licence_of(each))


def licence_of(each: Distribution) -> str:
    """Return what a distribution says in a line; some paste the whole text."""
    known = each.metadata.json
    said = str(known.get("license_expression") or known.get("license") or "")
    return "" if "\n" in said or len(said) > 80 else said


def of_debian(root: Path) -> Iterator[Component]:
    """List the packages that dpkg has installed."""
    release = os_release(root)
    for paragraph in (root / "var/lib/dpkg/status").read_text().split("\n\n"):
        package = HeaderParser().parsestr(paragraph.lstrip("\n"))
        if package.get("Status", "").endswith(" installed"):
            known = {"arch": package["Architecture"], "distro": f"{release['ID']}-{release['VERSION_ID']}"}
            yield component(PackageURL("deb", release["ID"], package["Package"], package["Version"], known))


def interpreter(root: Path) -> Iterator[Component]:
    """List a Python that no package brought, as the published base has it."""
    for include in (root / "usr/local/include").glob("python3.*/patchlevel.h"):
        found = re.search(r'PY_VERSION\s+"([^"]+)"', include.read_text())
        if found:
            yield component(PackageURL("generic", None, "python", found[1]), ComponentType.PLATFORM, "PSF-2.0")


def os_release(root: Path) -> dict[str, str]:
    """Read which Debian it is."""
    pairs = (line.partition("=") for line in (root / "etc/os-release").read_text().splitlines())
    return {name: value.strip('"') for name, _, value in pairs}


def names(text: str) -> set[tuple[str, str]]:
    """Return kind and version of all that a list has: `pkg:pypi/trio`, `0.35.0`."""
    purls = [PackageURL.from_string(each["purl"]) for each in json.loads(text)["components"]]
    return {(f"pkg:{each.type}/{each.name}", each.version or "") for each in purls}
