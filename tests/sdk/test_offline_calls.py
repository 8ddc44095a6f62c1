"""What a body may call on an experiment that is offline or disabled, and what `upload` makes of its artifacts."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import comet_ml
import pytest
import wrapt
from flytekitplugins.comet_ml.errors import OfflineCallError
from flytekitplugins.comet_ml.sdk import offline_calls
from pytest_mock import MockerFixture

from tests.support.comet_http import Answer, Fault, Request
from tests.support.comet_records import ArtifactVersion
from tests.support.comet_server import CometServer
from tests.support.offline_runs import Sender
from tests.support.tracked import track


def only_archive(work: Path) -> Path:
    (path,) = (work / ".cometml-runs").glob("*.zip")
    return path


def artifact(directory: Path, version: str | None = "1.2.3", text: str = "weights") -> comet_ml.Artifact:
    (directory / "model.bin").write_text(text)
    made = comet_ml.Artifact(
        "digits-model", "model", version=version, aliases=["best"], metadata={"loss": 0.5}, version_tags=["tried"]
    )
    made.add(str(directory / "model.bin"), logical_path="model.bin", metadata={"bits": 8})
    made.add(io.StringIO("words"), logical_path="notes/words.txt")
    made.add_remote("s3://bucket/data.csv", logical_path="data.csv", sync_mode=False)
    return made


def log(*artifacts: comet_ml.Artifact) -> Callable[[], list[comet_ml.LoggedArtifact]]:
    @track()
    def body() -> list[comet_ml.LoggedArtifact]:
        return [comet_ml.get_running_experiment().log_artifact(each) for each in artifacts]

    return body


@pytest.fixture
def sender(tmp_path: Path, comet: CometServer) -> Sender:
    return Sender(tmp_path / "machine", comet)


def in_folder(comet: CometServer) -> list[str]:
    """The assets in the folder in which artifacts are kept."""
    names = [asset["fileName"] for asset in comet.only_experiment.assets.values()]
    return [name for name in names if name.startswith("artifacts/")]


def is_the_artifact(made: ArtifactVersion) -> None:
    assert (made.name, made.type, made.version, made.workspace) == ("digits-model", "model", "1.2.3", "my-team")
    assert (made.aliases, made.tags) == (["best"], ["tried"])
    assert json.loads(made.metadata or "") == {"loss": 0.5}
    assert made.state == "CLOSED"
    assert set(made.files) == {"model.bin", "notes/words.txt", "data.csv"}
    assert b"weights" in made.files["model.bin"]["content"]
    assert b"words" in made.files["notes/words.txt"]["content"]
    assert sorted(made.uploads) == sorted(set(made.uploads)), "a file was sent twice"


def test_an_artifact_that_is_logged_offline_is_in_the_archive(canary: object, tmp_path: Path) -> None:
    (logged,) = log(artifact(tmp_path))()
    assert (logged.name, logged.artifact_type, str(logged.version), logged.workspace) == (
        "digits-model",
        "model",
        "1.2.3",
        "my-team",
    )
    assert (set(logged.aliases), logged.metadata, logged.size) == ({"best"}, {"loss": 0.5}, 12)
    with zipfile.ZipFile(only_archive(tmp_path / "work")) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
        messages = archive.read("messages.json").decode()
    assert b"weights" in contents
    assert "artifacts/digits-model/model.bin" in messages


def test_of_such_an_artifact_nothing_can_be_downloaded(canary: object, tmp_path: Path) -> None:
    (logged,) = log(artifact(tmp_path))()
    for name in ("download", "get_asset", "assets", "update_aliases"):
        with pytest.raises(OfflineCallError, match="needs an answer of Comet"):
            getattr(logged, name)
    assert not hasattr(logged, "no_such_thing")


def test_its_archive_makes_the_artifact(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    log(artifact(tmp_path))()
    assert sender.send(only_archive(tmp_path / "work")).status == 0
    (made,) = comet.artifacts
    is_the_artifact(made)
    assert in_folder(comet) == [], "its files are in the artifact, and not assets besides"


@pytest.mark.slow
def test_an_artifact_is_made_once_however_often_its_archive_is_sent(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    log(artifact(tmp_path, version=None))()
    for _ in range(2):
        assert sender.send(only_archive(tmp_path / "work")).status == 0
    (made,) = comet.artifacts
    assert (made.version, made.state) == ("1.0.0", "CLOSED")
    assert len(made.uploads) == 3


@pytest.mark.slow
def test_an_upload_that_was_cut_off_goes_on_with_the_same_version(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    log(artifact(tmp_path))()

    def refuse(request: Request) -> Answer | None:
        return (500, {}) if request.query.get("fileName") == "model.bin" else None

    with comet.fault(refuse):
        upload = sender.send(only_archive(tmp_path / "work"), COMET_HTTP_SESSION_RETRY_TOTAL="0")
    assert upload.status == 1
    (made,) = comet.artifacts
    assert made.state != "CLOSED"
    assert sender.send(only_archive(tmp_path / "work")).status == 0
    (made,) = comet.artifacts
    assert sorted(made.uploads) == ["data.csv", "model.bin", "notes/words.txt"]
    assert made.state == "CLOSED"


def test_a_version_that_exists_already_is_refused_and_everything_else_is_sent(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    for key in ("a" * 32, "b" * 32):
        os.environ["COMET_EXPERIMENT_KEY"] = key
        log(artifact(tmp_path))()
    first, second = sorted((tmp_path / "work" / ".cometml-runs").glob("*.zip"))
    assert sender.send(first).status == 0
    upload = sender.send(second)
    assert upload.status == 1
    assert "Comet refuses the artifact 'digits-model' (" in "".join(upload.err)
    assert len(comet.artifacts) == 1
    assert comet.experiments["b" * 32].states[-1] == "finished"


@pytest.mark.slow
def test_two_versions_of_one_artifact_stay_two(sender: Sender, comet: CometServer, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    log(artifact(tmp_path), artifact(tmp_path / "later", "1.3.0", "better"))()
    assert sender.send(only_archive(tmp_path / "work")).status == 0
    versions = {made.version: made.files["model.bin"]["content"] for made in comet.artifacts}
    assert b"weights" in versions["1.2.3"]
    assert b"better" in versions["1.3.0"]


@pytest.mark.slow
def test_a_file_of_the_user_s_that_has_the_name_of_a_description_is_an_asset(
    sender: Sender, comet: CometServer, tmp_path: Path
) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_asset_data('{"mine": 1}', name="artifacts/x/artifact.json")

    body()
    assert sender.send(only_archive(tmp_path / "work")).status == 0
    assert comet.artifacts == []
    assert in_folder(comet) == ["artifacts/x/artifact.json"]


@pytest.mark.slow
@pytest.mark.newest
def test_an_artifact_whose_server_has_gone_does_not_fail_the_task(laptop: CometServer, tmp_path: Path) -> None:
    @track()
    def body() -> str:
        laptop.faults.append(lambda request: (500, {}) if "artifacts" in request.path else None)
        return str(comet_ml.get_running_experiment().log_artifact(artifact(tmp_path)).name)

    assert body() == "digits-model"
    assert "artifacts/digits-model/model.bin" in str(laptop.only_experiment.assets)


@pytest.mark.slow
def test_an_artifact_that_was_made_before_the_server_went_away_is_finished_by_its_archive(
    laptop: CometServer, sender: Sender, tmp_path: Path
) -> None:
    @track()
    def body() -> None:
        laptop.faults.append(lambda request: (500, {}) if "asset/upload" in request.path else None)
        comet_ml.get_running_experiment().log_artifact(artifact(tmp_path))

    body()
    (made,) = laptop.artifacts
    assert "model.bin" not in made.files
    laptop.faults.clear()
    assert sender.send(only_archive(tmp_path / "work")).status == 0
    is_the_artifact(made)


def test_an_artifact_online_is_made_by_the_sdk(laptop: CometServer, tmp_path: Path) -> None:
    (logged,) = log(artifact(tmp_path))()
    assert isinstance(logged, comet_ml.LoggedArtifact)
    (made,) = laptop.artifacts
    is_the_artifact(made)


@pytest.mark.by_default("gone")
@pytest.mark.newest
@pytest.mark.parametrize("how", ["gone", "failing", "hanging"])
def test_in_an_outage_the_body_waits_for_no_answer_longer_than_it_may(
    laptop: CometServer, tmp_path: Path, how: str
) -> None:
    faults: dict[str, Fault] = {"failing": lambda request: (500, {}), "hanging": laptop.hang}

    @track(end_timeout=4)
    def body() -> float:
        experiment = comet_ml.get_running_experiment()
        if how == "gone":
            laptop.stop()
        else:
            laptop.faults.append(faults[how])
        begun = time.monotonic()
        with pytest.raises(OfflineCallError, match="Comet cannot be reached"):
            experiment.get_artifact("digits-model")
        assert experiment.log_artifact(artifact(tmp_path)).name == "digits-model"
        # A call that fails tells Comet that it has failed.
        experiment.log_figure("no figure")
        for name, arguments in [*SHOWING, ("add_tag", ("late",)), ("add_tags", (["later"],))]:
            assert getattr(experiment, name)(*arguments) is None
        return time.monotonic() - begun

    # One of them may wait, and the others do not: the SDK alone takes minutes.
    assert body() < 60
    with zipfile.ZipFile(only_archive(tmp_path / "work")) as archive:
        assert {"late", "later"} <= set(json.loads(archive.read("experiment.json"))["tags"])


@pytest.mark.newest
def test_an_answer_of_comet_is_the_sdk_s_business(laptop: CometServer) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().get_artifact("no-such-thing")

    with pytest.raises(comet_ml.exceptions.ArtifactNotFound):
        body()


@pytest.mark.parametrize("name", ["get_artifact", "get_hf_dataset"])
def test_what_needs_an_answer_says_so_with_the_remedy(canary: object, name: str) -> None:
    if not hasattr(comet_ml.OfflineExperiment, name):
        pytest.skip(f"this comet-ml has no {name}")

    @track()
    def body() -> None:
        getattr(comet_ml.get_running_experiment(), name)("digits-model")

    with pytest.raises(OfflineCallError, match="on_unavailable='raise'") as raised:
        body()
    assert isinstance(raised.value, NotImplementedError)


SHOWING = [
    ("display", ()),
    ("display_project", ()),
    ("send_notification", ("done",)),
    ("create_symlink", ("other",)),
    ("register_callback", (print,)),
]


@pytest.mark.newest
@pytest.mark.parametrize(("name", "arguments"), SHOWING)
def test_what_only_shows_something_does_nothing_offline(
    canary: object, name: str, arguments: tuple[object, ...]
) -> None:
    @track()
    def body() -> None:
        assert getattr(comet_ml.get_running_experiment(), name)(*arguments) is None

    body()


def test_a_disabled_experiment_takes_all_of_it(laptop: CometServer, tmp_path: Path) -> None:
    @track(disabled=True)
    def body() -> str:
        experiment = comet_ml.start()
        assert experiment.disabled
        for name, arguments in SHOWING:
            getattr(experiment, name)(*arguments)
        with pytest.raises(OfflineCallError, match="the experiment is disabled in this process"):
            experiment.get_artifact("digits-model")
        return str(experiment.log_artifact(artifact(tmp_path)).name)

    assert body() == "digits-model"
    assert laptop.requests == []


@pytest.mark.newest
def test_an_embedding_that_is_logged_offline_is_in_the_archive(canary: object, tmp_path: Path) -> None:
    @track()
    def body() -> None:
        comet_ml.get_running_experiment().log_embedding(
            vectors=[[1, 2], [3, 4]], labels=["one", "two"], title="numbers", template_filename="numbers.json"
        )

    body()
    with zipfile.ZipFile(only_archive(tmp_path / "work")) as archive:
        assert "numbers.json" in archive.read("messages.json").decode()


def test_the_address_of_an_offline_experiment_is_the_one_that_it_will_have(canary: object) -> None:
    @track(experiment_key="0123456789abcdef0123456789abcdef", workspace="my team")
    def body() -> str:
        return str(comet_ml.get_running_experiment().url)

    assert body() == "https://www.comet.com/my%20team/digits/0123456789abcdef0123456789abcdef"


def test_an_older_sdk_that_refuses_an_embedding_offline_does_not_fail_the_task(
    canary: object, caplog: pytest.LogCaptureFixture, mocker: MockerFixture
) -> None:
    log()()  # The table is in force.
    refuse = wrapt.FunctionWrapper(lambda *args, **kwargs: _refuse(), offline_calls.log_embedding)
    mocker.patch.object(comet_ml.OfflineExperiment, "log_embedding", refuse)

    @track()
    def body() -> None:
        assert comet_ml.get_running_experiment().log_embedding(vectors=[[1, 2]], labels=["one"]) is None

    body()
    assert caplog.text.count("logs no embedding offline") == 1


def _refuse() -> None:
    raise NotImplementedError


@pytest.mark.newest
def test_outside_of_a_tracked_call_the_sdk_does_what_it_does(canary: object, tmp_path: Path) -> None:
    log()()
    experiment = comet_ml.start(online=False, project_name="digits")
    assert experiment.url is None
    with pytest.raises(NotImplementedError) as raised:
        experiment.log_artifact(artifact(tmp_path))
    assert not isinstance(raised.value, OfflineCallError)
    experiment.end()
