import json
from pathlib import Path

import pytest

from tests.fakes import Listener
from toolkit.errors import NotFound, SpecError
from toolkit.live.load.run import summary
from toolkit.live.record import Record, Replay, load_record, records, replay, the_record
from toolkit.live.router.exchange import Exchange
from toolkit.live.router.keep import as_document
from toolkit.live.score import Answer
from toolkit.live.target import Target


def exchange(
    id_: str, *, body: bytes = b"{}", answer: bytes = b'{"a": 1}', cut: bool = False
) -> Exchange:
    return Exchange(
        id=id_,
        time=0.0,
        endpoint="iris",
        deployment="blue",
        replica="iris.blue.1",
        method="POST",
        path="/score",
        headers={"Authorization": "[redacted]", "X-Mine": "yes"},
        body=body,
        status=200,
        model_status=200,
        answer_headers={},
        answer=answer,
        milliseconds=1.0,
        request_cut=cut,
    )


def kept(folder: Path, *exchanges: Exchange) -> Path:
    for each in exchanges:
        (folder / f"{each.id}.json").write_text(json.dumps(as_document(each)))
    return folder


def answer(status: int, body: bytes) -> Answer:
    return Answer(status=status, headers={}, body=body)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = kept(tmp_path, exchange("a1", body=bytes(range(256))), exchange("b2"))
    first, second = records(folder)
    assert (first.id, first.body, first.answer) == ("a1", bytes(range(256)), b'{"a": 1}')
    assert the_record(folder, None) == second
    assert the_record(folder, "a") == first
    assert records(folder, deployment="green") == []


@pytest.mark.parametrize("id_", ["c", ""])
def test_an_id_that_names_none_or_several(tmp_path: Path, id_: str) -> None:
    folder = kept(tmp_path, exchange("a1"), exchange("b2"))
    with pytest.raises(NotFound, match="begins with"):
        the_record(folder, id_)


def test_nothing_recorded(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        the_record(tmp_path, None)
    assert "--record" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"request": 1, "answer": 2}'])
def test_a_file_that_is_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(SpecError, match="not a recorded request"):
        load_record(path)


def the_only(folder: Path) -> Record:
    return the_record(kept(folder, exchange("a1")), None)


@pytest.mark.parametrize(
    ("status", "body", "same"),
    [
        (200, b'{ "a":1 }', True),
        (200, b'{"a": 2}', False),
        (424, b'{"a": 1}', False),
        (200, b"text", False),
    ],
)
def test_answers_are_compared_by_their_meaning(
    tmp_path: Path, status: int, body: bytes, *, same: bool
) -> None:
    assert Replay(record=the_only(tmp_path), answer=answer(status, body)).is_same is same


def test_the_difference_is_shown_line_by_line(tmp_path: Path) -> None:
    changed = Replay(record=the_only(tmp_path), answer=answer(200, b'{"a": 2}'))
    assert [line for line in changed.diff() if line[0] in "+-"][2:] == ['-  "a": 1', '+  "a": 2']


def test_what_was_cut_is_not_sent_again(tmp_path: Path) -> None:
    record = the_record(kept(tmp_path, exchange("a1", cut=True)), None)
    nowhere = Listener(None)
    try:
        with pytest.raises(SpecError, match="too large to be kept whole"):
            replay(record, Target(name="iris", address=nowhere.address))
    finally:
        nowhere.close()


def test_what_load_measured() -> None:
    answers = [(10.0 + n / 10, float(n), "200") for n in range(1, 100)] + [(20.0, 1000.0, "429")]
    result = summary(answers)
    assert (result.requests, result.failures) == (100, 1)
    assert dict(result.statuses) == {"200": 99, "429": 1}
    assert (result.percentiles[50], result.percentiles[99], result.largest) == (50.0, 99.0, 1000.0)
    assert result.per_second == pytest.approx(100 / (20.0 - 10.099))
