"""Lines of runs, sensors and schedules say whose they are, and quote no error."""

import json
from importlib import import_module

import dagster as dg
import pytest

from stack.dagster_logs import _MADE_BY, write_lines
from stack.logs import readable

SECRET = "what the error quotes"


@dg.op
def speak(context: dg.OpExecutionContext) -> None:
    """Leaves a line."""
    context.log.info("30 days\nand more")


@dg.op
def fail() -> None:
    """Fails."""
    raise ValueError(SECRET)


@dg.job
def both() -> None:
    """Does both."""
    speak()
    fail()


@dg.sensor(job=both)
def watchful(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Leaves a line."""
    context.log.debug("said to nobody")
    context.log.info("%s events", 5)
    return dg.SkipReason("Nothing new.")


@pytest.fixture(autouse=True)
def _afterwards_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _MADE_BY:
        module = import_module(name)
        monkeypatch.setattr(module, "create_console_logger", module.create_console_logger)


def test_lines_of_a_run_have_its_id_and_no_error_s_message(capsys: pytest.CaptureFixture[str]) -> None:
    write_lines({"REPORTS_LOG_FORMAT": "json"})
    run = both.execute_in_process(raise_on_error=False)
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert {(line["run_id"], line["job"]) for line in lines} == {(run.run_id, "both")}
    [said] = [line for line in lines if line["level"] == "info"]
    assert (said["message"], said["step"], said["logger"]) == ("30 days", "speak", "dagster")
    assert {line["error"] for line in lines if line["level"] == "error"} == {"ValueError"}
    assert SECRET not in written
    shown = readable(json.dumps(said) + "\n")
    assert shown == f"{said['time']} info dagster: 30 days step=speak run={run.run_id}\n"


def test_lines_of_a_sensor_have_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    write_lines({"REPORTS_LOG_FORMAT": "json"})
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, sensor_name="watchful", repository_name="reports")
        with context:
            watchful.evaluate_tick(context)
    [line] = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["message"], line["instigator"]) == ("5 events", "watchful")


def test_text_stays_as_dagster_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    write_lines({"REPORTS_LOG_FORMAT": "text"})
    dg.GraphDefinition(name="alone", node_defs=[speak]).to_job().execute_in_process()
    assert " - dagster - INFO - alone - " in capsys.readouterr().err


def test_lines_of_dagster_s_servers_are_shown_as_text() -> None:
    line = '{"event": "Started.", "logger": "dagster.daemon", "level": "info", "timestamp": "2026-11-21T12:00:00Z"}\n'
    assert readable(line) == "2026-11-21T12:00:00Z info dagster.daemon: Started.\n"
