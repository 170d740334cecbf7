"""Pictures of graphs: well-formed, complete, no boxes on each other."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

from tests.unit.plans.pipeline.test_choice import DIAMOND, graph_of
from toolkit.plans.pipeline.layout import lay_out
from toolkit.plans.pipeline.picture import Mark, mermaid, svg

MARKS = {"a": Mark("completed", "1.2 s"), "b": Mark("failed")}
NESTED = {"first": [], "sub.x": ["first"], "sub.y": ["sub.x"]}


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


def test_an_empty_graph_has_a_picture() -> None:
    assert ET.fromstring(svg(graph_of({}), {})) is not None
