#!/usr/bin/env python3
"""Checks the syntax of the recipes for Buildroot, OpenWrt and Yocto, outside of their trees.

Makefiles are read by GNU make with the macros of their build systems replaced by nothing, the Kconfig
fragment by kconfiglib, the BitBake recipe by oelint-parser (both from PyPI). Versions must be the crate's.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'^version = "(.*)"', (HERE.parent / "Cargo.toml").read_text(), re.M).group(1)


def make(text, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".mk") as file:
        file.write(text + "\ncheck:\n\t@echo '$(SHOW)'\n")
        file.flush()
        done = subprocess.run(["make", "-s", "--warn-undefined-variables", "-f", file.name, "check", *arguments],
                              capture_output=True, text=True)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout.strip()


def buildroot_makefile():
    text = (HERE / "buildroot/nopoll.mk").read_text()
    for tls in ("y", ""):
        shown = make(text, "cmake-package=", f"BR2_PACKAGE_NOPOLL_TLS={tls}", "SHOW=$(NOPOLL_VERSION) $(NOPOLL_CONF_OPTS)")
        assert shown.startswith(VERSION + " "), shown
        assert ("NOPOLL_TLS=ON" in shown) == (tls == "y"), shown


def buildroot_kconfig():
    import kconfiglib

    stubs = "".join(f"config {name}\n\tbool\n\tdefault y\n" for name in (
        "BR2_PACKAGE_HOST_RUSTC_TARGET_ARCH_SUPPORTS", "BR2_TOOLCHAIN_HAS_THREADS",
        "BR2_PACKAGE_HOST_RUSTC", "BR2_PACKAGE_OPENSSL"))
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write(f"{stubs}source \"{HERE}/buildroot/Config.in\"\n")
        file.flush()
        config = kconfiglib.Kconfig(file.name, warn_to_stderr=False)
    config.syms["BR2_PACKAGE_NOPOLL"].set_value(2)
    assert config.syms["BR2_PACKAGE_OPENSSL"].str_value == "y"
    assert not config.warnings, config.warnings


def openwrt():
    text = re.sub(r"^include .*$", "", (HERE / "openwrt/Makefile").read_text(), flags=re.M)
    shown = make(text, "BuildPackage=$(info $(value Package/$(1)/install))", "SHOW=$(PKG_VERSION)")
    assert shown.endswith(VERSION) and "libnopoll.so.0" in shown, shown


def yocto():
    from oelint_parser.cls_stash import Stash

    [recipe] = (HERE / "yocto").glob("*.bb")
    assert recipe.stem == f"nopoll_{VERSION}", recipe
    stash = Stash(quiet=True)
    stash.AddFile(str(recipe))
    stash.Finalize()
    names = {item.VarName for item in stash.GetItemsFor() if hasattr(item, "VarName")}
    assert {"LICENSE", "LIC_FILES_CHKSUM", "DEPENDS", "EXTERNALSRC"} <= names, names


def main():
    failed = 0
    checks = [buildroot_makefile, buildroot_kconfig, openwrt, yocto]
    for check in checks:
        try:
            check()
            print(f"ok   {check.__name__}: syntax only")
        except Exception as error:
            failed += 1
            print(f"FAIL {check.__name__}: {type(error).__name__}: {error}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
