import subprocess
import sys

HEAVY = {"tensorflow", "keras", "torch", "matplotlib", "ipywidgets", "IPython", "pandas", "sklearn"}


def test_importing_the_package_needs_numpy_alone():
    rooms = ("tbptt.ceilings", "tbptt.picture", "tbptt.splits", "tbptt.windows")
    code = f"import sys, {', '.join(rooms)}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    top = {name.split(".")[0] for name in told.stdout.split()}
    assert "numpy" in top
    assert not top & HEAVY
    assert "truncated_time" not in top


def test_code_is_a_source_root_and_never_a_package():
    import code

    assert code.__name__ == "code"
    assert hasattr(code, "InteractiveConsole")
