"""The fixtures are those of the Python suite."""

import importlib.util
import pathlib

_path = pathlib.Path(__file__).parent.parent / "python" / "conftest.py"
_spec = importlib.util.spec_from_file_location("leat_python_conftest", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
aws, name, serdetool = _module.aws, _module.name, _module.serdetool
