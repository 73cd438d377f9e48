"""Messages on a pipe: whole ones come out, whatever pieces go in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_agent.delimited import Decoder, encode
from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import Command, DropPlan


@given(st.lists(st.text(max_size=300), max_size=6), st.integers(1, 400))
def test_messages_come_out_as_they_went_in(names, size):
    sent = [Command(id=name, drop_plan=DropPlan(plan_id=name)) for name in names]
    stream = b"".join(encode(message) for message in sent)
    decoder = Decoder()
    found = []
    for start in range(0, len(stream), size):
        found += decoder.feed(stream[start : start + size], Command.FromString)
    assert found == sent
    assert not decoder.torn


@pytest.mark.parametrize("stream", [b"\xff\xff\xff\xff\xff", b"\x81\x80\x80\x01"])
def test_a_length_beyond_the_limit_is_refused(stream):
    with pytest.raises(SerenoError) as caught:
        Decoder().feed(stream, Command.FromString)
    assert caught.value.code == "E_LIMIT"


def test_a_message_cut_short_shows_as_torn():
    decoder = Decoder()
    assert decoder.feed(encode(Command(id="cmd_1"))[:-1], Command.FromString) == []
    assert decoder.torn
