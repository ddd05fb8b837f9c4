"""What a package says that it offers is there, is described, and is typed."""

import importlib

import pytest

from ..tree import PACKAGES, module_name, relative, source_files

# A __main__ runs when it is imported; what it runs is tested by itself.
MODULES = [module_name(path) for path in source_files() if path.name != "__main__.py"]


@pytest.mark.parametrize("package", PACKAGES, ids=relative)
def test_each_package_tells_type_checkers_that_it_is_typed(package):
    assert (package / "py.typed").is_file()


@pytest.mark.parametrize("name", MODULES)
def test_each_name_in_all_is_there(name):
    module = importlib.import_module(name)
    missing = [exported for exported in getattr(module, "__all__", ()) if not hasattr(module, exported)]
    assert not missing


@pytest.mark.parametrize("name", [module_name(package / "__init__.py") for package in PACKAGES])
def test_each_package_names_its_exports_once(name):
    exported = importlib.import_module(name).__all__
    assert exported
    assert len(exported) == len(set(exported))


@pytest.mark.parametrize("name", [name for name in MODULES if "._" not in name])
def test_each_public_module_says_what_it_is_for(name):
    assert (importlib.import_module(name).__doc__ or "").strip()
