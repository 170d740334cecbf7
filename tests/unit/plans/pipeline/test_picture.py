"""Pictures of graphs: well-formed, complete, no boxes on each other."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest

from tests.unit.plans.pipeline.test_choice import DIAMOND, graph_of
from toolkit.plans.pipeline.layout import lay_out
from toolkit.plans.pipeline.picture import Mark, mermaid, svg

MARKS = {"a": Mark("completed", "1.2 s"), "b": Mark("failed")}
NESTED = {"first": [], "sub.x": ["first"], "sub.y": ["sub.x"]}

LONG = {
    "fetch": [],
    "clean": ["fetch"],
    "split": ["clean"],
    "features.text": ["split"],
    "features.images": ["split"],
    "features.join": ["features.text", "features.images", "fetch"],
    "train.small": ["features.join"],
    "train.large": ["features.join", "split"],
    "tune": ["features.join"],
    "evaluate": ["train.small", "train.large", "tune", "split"],
    "report": ["evaluate", "clean", "fetch"],
    "register": ["evaluate", "train.large"],
}


def test_mermaid_names_steps_edges_and_states() -> None:
    text = mermaid(graph_of(DIAMOND), MARKS, title='a "title"')
    assert 'title: "a \\"title\\""' in text
    assert 's0["a<br/>completed · 1.2 s"]' in text
    assert "s0 -->|i0| s1" not in text or text.count("-->") == 5
    assert text.count("-->") == 5
    assert "class s0 completed" in text


def test_mermaid_frames_nested_pipelines() -> None:
    text = mermaid(graph_of(NESTED), {})
    assert 'subgraph in_sub ["sub"]' in text
    assert text.count("end\n") == 1


def test_svg_is_xml_with_every_step() -> None:
    root = ET.fromstring(svg(graph_of(DIAMOND), MARKS, title="<&>"))
    texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {*DIAMOND, "<&>", "completed · 1.2 s"} <= texts


def test_boxes_do_not_overlap_and_point_downwards() -> None:
    wide = {"top": [], **{f"m{n}": ["top"] for n in range(30)}, "end": [f"m{n}" for n in range(30)]}
    graph = graph_of(wide)
    layout = lay_out(graph, dict.fromkeys(graph.steps, 100.0), 40.0)
    for one, other in itertools.combinations(layout.boxes.values(), 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert apart or one.y != other.y
    for before, after in graph.edges():
        assert layout.boxes[before].y < layout.boxes[after].y
    assert all(box.x + box.width <= layout.width for box in layout.boxes.values())


def _along(way: tuple[tuple[float, float], ...], end: int) -> list[tuple[float, float]]:
    """Points of the line as it is drawn: curves from layer to layer, straight through each."""
    found = []
    for number, ((x1, y1), (x2, y2)) in enumerate(itertools.pairwise(way)):
        for step in range(end + 1):
            t = step / end
            sway = 3 * t**2 - 2 * t**3 if number % 2 == 0 else t
            bend = 1.5 * t * (1 - t) + t**3 if number % 2 == 0 else t
            found.append((x1 + (x2 - x1) * sway, y1 + (y2 - y1) * bend))
    return found


@pytest.mark.parametrize("graph", [LONG, DIAMOND, NESTED])
def test_no_line_runs_behind_a_box(graph: dict[str, list[str]]) -> None:
    made = graph_of(graph)
    layout = lay_out(made, {name: 60.0 + 20 * len(name) for name in graph}, 40.0)
    assert {(line.before, line.after) for line in layout.lines} == set(made.edges())
    for line in layout.lines:
        for x, y in _along(line.way, 20):
            for name, box in layout.boxes.items():
                inside = box.x < x < box.x + box.width and box.y < y < box.y + box.height
                assert not inside, f"{line.before} -> {line.after} runs behind {name}"


def test_lines_of_one_step_share_their_way() -> None:
    made = graph_of({"a": [], "b": ["a"], "c": ["b", "a"], "d": ["c", "a"]})
    layout = lay_out(made, dict.fromkeys(made.steps, 100.0), 40.0)
    ways = {(line.before, line.after): line.way for line in layout.lines}
    assert ways["a", "c"][:3] == ways["a", "d"][:3]


def test_steps_stand_in_the_middle_of_what_they_need() -> None:
    made = graph_of(DIAMOND)
    boxes = lay_out(made, dict.fromkeys(made.steps, 100.0), 40.0).boxes
    assert boxes["a"].middle == pytest.approx((boxes["b"].middle + boxes["c"].middle) / 2)
    assert boxes["d"].middle == pytest.approx((boxes["b"].middle + boxes["c"].middle) / 2)


def test_an_empty_graph_has_a_picture() -> None:
    assert ET.fromstring(svg(graph_of({}), {})) is not None
