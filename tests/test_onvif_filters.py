from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from onvif_protocol.duration import format_duration, parse_duration
from onvif_protocol.event_filter import EventFilterError, parse_event_filter
from onvif_protocol.soap import element
from onvif_protocol.xpath_filter import MAX_DEPTH, MAX_LENGTH, FilterError, compile_filter

RECORDING = etree.fromstring(
    "<RecordingInformation><RecordingToken>unit-1</RecordingToken>"
    "<Source><Name>Unit 1</Name><Location>Basement</Location></Source>"
    "<Track kind='main'><TrackType>Video</TrackType><Size>20</Size><DataFrom>2026-01-31T10:00:00Z</DataFrom></Track>"
    "<Track><TrackType>Audio</TrackType><Size>3</Size><DataFrom>2026-01-31T11:00:00Z</DataFrom></Track>"
    "</RecordingInformation>"
)
MESSAGE = etree.fromstring(
    '<tt:Message xmlns:tt="http://www.onvif.org/ver10/schema">'
    '<tt:Source><tt:SimpleItem Name="Source" Value="unit-1"/></tt:Source>'
    '<tt:Data><tt:SimpleItem Name="State" Value="true"/></tt:Data></tt:Message>'
)


# ---- XPath's subset


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ('boolean(//Track[TrackType = "Video"])', True),
        ('boolean(//Track[TrackType = "Metadata"])', False),
        ("boolean(//Track[TrackType = “Audio”])", True),  # as the specification itself has it
        ('boolean(//Source[Location = "Basement"]) and boolean(//Track[TrackType = "Video"])', True),
        ('boolean(//Source[Location = "Attic"]) or not(boolean(//Track[TrackType = "Metadata"]))', True),
        ('boolean(//tt:Track[tt:DataFrom >= "2026-01-31T10:30:00Z"])', True),
        ('boolean(//Track[DataFrom < "2026-01-31T10:00:00Z"])', False),
        ("boolean(//Track[Size < 5])", True),
        ('contains(//Source/Name, "nit")', True),
        ('contains(//RecordingToken, "2")', False),
        ('boolean(/RecordingInformation/Track[@kind = "main"])', True),
        ("boolean(/Track)", False),
        ("//Track[@kind]", True),
    ],
)
def test_a_recording_fits_or_not(expression: str, fits: bool) -> None:
    assert compile_filter(expression)(RECORDING) is fits


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "boolean(//Track",
        "boolean(//Track[TrackType = Video])",
        'boolean(//Track[TrackType = "Video"]) boolean(//Track)',
        "count(//Track) > 1",
        "//*",
        "//Track[//Track[//Track]]",
        "document('file:///etc/passwd')",
        "boolean(Track)",
        "//Track[@kind = @kind]",
        "(" * (MAX_DEPTH + 1) + "//Track" + ")" * (MAX_DEPTH + 1),
        "//Track or " * (MAX_LENGTH // 10) + "//Track",
    ],
)
def test_anything_else_is_refused(expression: str) -> None:
    with pytest.raises(FilterError):
        compile_filter(expression)


def expressions() -> st.SearchStrategy[str]:
    """Expressions of which XPath 1.0 says the same."""
    names = st.sampled_from(["Track", "Source", "TrackType", "Name", "Size", "RecordingInformation", "Nothing"])
    texts = st.sampled_from(["Video", "Audio", "20", "Unit 1", ""]).map(lambda text: f'"{text}"')
    left = st.one_of(names, st.just("@kind"))
    compared = st.tuples(left, st.sampled_from(["=", "!="]), texts).map(" ".join)
    predicate = st.one_of(compared, left)
    joined = st.recursive(predicate, _joined, max_leaves=4)
    slashes = st.sampled_from(["//", "/"])
    paths = st.tuples(slashes, st.lists(names, min_size=1, max_size=3).map("/".join)).map("".join)
    tested = st.one_of(paths, st.tuples(paths, joined).map(lambda parts: f"{parts[0]}[{parts[1]}]"))
    basic = st.one_of(
        tested.map(lambda path: f"boolean({path})"),
        st.tuples(paths, texts).map(lambda parts: f"contains({parts[0]}, {parts[1]})"),
    )
    return st.recursive(basic, _joined, max_leaves=5)


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join),
        inner.map(lambda text: f"not({text})"),
        inner.map(lambda text: f"({text})"),
    )


@given(expressions())
@settings(max_examples=40, deadline=None)
def test_what_is_understood_means_what_xpath_means(expression: str) -> None:
    test = compile_filter(expression)
    assert test(RECORDING) is bool(etree.XPath(f"boolean({expression})")(etree.ElementTree(RECORDING)))


@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*"/[]()@=<\"'a ", "and", "not(", "//A"]), max_size=20).map("".join)
)
@settings(max_examples=50)
def test_no_text_does_anything_else_than_fit_or_be_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        compile_filter(text)(MESSAGE)


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=50)
def test_no_topic_does_either(topic: str, dialect: str) -> None:
    filtered = element("tev:Filter")
    try:
        filtered.append(element("wsnt:TopicExpression", topic, Dialect=dialect))
    except ValueError:
        return  # XML cannot carry it
    with contextlib.suppress(EventFilterError):
        parse_event_filter(filtered, ["tns1:VideoSource/SignalLoss"])


# ---- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT60S", 60), ("PT0.5S", 0.5), ("P1DT1H1M1S", 90_061), ("-PT1M", -60), ("P1Y2M", 365 * 86400 + 60 * 86400)],
)
def test_a_duration_has_a_length(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "60", "PT60", "P1S", "PT1H1D", "PT-1S", "pt1s"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@given(st.integers(0, 10**9).map(lambda ms: ms / 1000))
@settings(max_examples=50)
def test_a_duration_is_read_as_it_is_written(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-3)
