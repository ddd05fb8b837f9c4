"""What a package says that it offers is there, is described, and is typed."""

import importlib

import pytest

from ..tree import PACKAGES, module_name, relative, source_files

each_package = pytest.mark.parametrize("package", PACKAGES, ids=relative)


def modules(package):
    # A __main__ runs when it is imported; what it runs is tested by itself.
    names = [module_name(path) for path in source_files(package) if path.name != "__main__.py"]
    return {name: importlib.import_module(name) for name in names}


@each_package
def test_each_package_tells_type_checkers_that_it_is_typed(package):
    assert (package / "py.typed").is_file()


@each_package
def test_each_name_in_all_is_there(package):
    missing = [
        f"{name}.{exported}"
        for name, module in modules(package).items()
        for exported in getattr(module, "__all__", ())
        if not hasattr(module, exported)
    ]
    assert not missing


@each_package
def test_each_package_names_its_exports_once(package):
    exported = importlib.import_module(module_name(package / "__init__.py")).__all__
    assert exported
    assert len(exported) == len(set(exported))


@each_package
def test_each_public_module_says_what_it_is_for(package):
    found = {name: module for name, module in modules(package).items() if "._" not in name}
    assert found
    assert not [name for name, module in found.items() if not (module.__doc__ or "").strip()]
