"""The demonstration runs, and a wrong folder is one clear line."""

from typer.testing import CliRunner

import edml
from edml.cli import app


def test_demo_runs_on_the_sample():
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 0, result.output
    assert "none is on both sides" in result.output
    assert result.output.count("days ") >= 6


def test_wrong_folder_and_version(tmp_path):
    result = CliRunner().invoke(app, ["demo", "--oulad", str(tmp_path / "no")])
    assert result.exit_code == 1
    assert "There is no folder" in result.output.replace("\n", " ")
    version = CliRunner().invoke(app, ["--version"]).output
    assert version == f"edml {edml.__version__}\n"
