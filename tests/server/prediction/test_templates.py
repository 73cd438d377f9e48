from hypothesis import given
from hypothesis import strategies as st

from sereno_server.prediction import templates
from sereno_server.prediction.templates import Miner, words


def ids(lines):
    miner = Miner()
    learned = [miner.learn(line) for line in lines]
    return [miner.canonical(number) for number in learned]


def test_what_looks_variable_is():
    line = "took 12 ms from 10.0.0.1:80 (0xFF) id 3f2504e0-4f89-11d3-9a0c-0305e82c3301 at Fri Jun 17 07:07:00 2005"
    assert " ".join(words(line)) == "took <*> ms from <*> ( <*> ) id <*> at <*>"


def test_a_list_of_any_length_is_one_thing():
    assert words("delete blk_1 blk_2") != words("delete 1 2 3")
    assert words("delete 1, 2, 3") == words("delete 7")


def test_two_states_stay_two_templates():
    found = ids(["the icon should now be in state Active", "the icon should now be in state Inactive"] * 20)
    assert len(set(found)) == 2


def test_many_names_in_one_place_make_one_template_and_earlier_lines_follow():
    names = ["anna", "ben", "carla", "dora", "emil", "fred", "gina", "hugo"]
    assert len(set(ids([f"session opened for user {name} by the daemon" for name in names]))) == 1


def test_a_word_where_a_number_was_seen_is_the_same_template():
    found = ids(["failed login of peer from host 10.0.0.1 now", "failed login of peer from host gateway now"])
    assert found[0] == found[1]


def test_short_lines_are_never_merged_by_a_word():
    assert len(set(ids(["normal", "warning", "critical", "running", "blocked"] * 9))) == 5


def test_the_number_of_templates_is_bounded():
    assert templates.TEMPLATES_MAX >= 1000
    miner = Miner()
    for k in range(300):
        miner.learn("x" * (k + 1))
    assert len(miner) == 300


def test_a_template_says_what_is_constant():
    miner = Miner()
    assert miner.text(miner.learn("disk sda is 81 % full")) == "disk sda is <*> % full"


@given(st.lists(st.text(max_size=60), max_size=30))
def test_any_text_gets_an_id_and_the_same_line_the_same(lines):
    miner = Miner()
    learned = [miner.learn(line) for line in lines]
    assert all(number >= 1 for number in learned)
    for line, number in zip(lines, learned, strict=True):
        assert miner.canonical(miner.learn(line)) == miner.canonical(number)


@given(st.lists(st.sampled_from(["user a b", "user c b", "user 7 b", "x y z w v 1", "x y z w q 1"]), max_size=30))
def test_an_id_never_comes_to_mean_a_younger_template(lines):
    miner = Miner()
    assert all(miner.canonical(number) <= number for number in [miner.learn(line) for line in lines])
