import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sereno_server.store.blocks import Matrix, decode, encode, merged

shapes = st.tuples(st.integers(1, 12), st.integers(1, 5))
any_finite = shapes.flatmap(
    lambda shape: arrays.arrays(np.float64, shape, elements=st.floats(allow_nan=False, allow_infinity=False))
)
decimals = shapes.flatmap(
    lambda shape: arrays.arrays(np.float64, shape, elements=st.integers(-(10**9), 10**9).map(lambda n: n / 1000))
)
mixed = st.one_of(any_finite, decimals)


@given(mixed, st.data())
def test_every_finite_value_comes_back_bit_for_bit(values: np.ndarray, data: st.DataObject) -> None:
    times = data.draw(arrays.arrays(np.int64, values.shape[0], elements=st.integers(-(2**53), 2**53)))
    matrix = Matrix(tuple(range(values.shape[1])), times, values)
    (back,) = decode(encode([matrix]))
    assert back.series == matrix.series
    assert back.times.tolist() == times.tolist()
    assert back.values.tobytes() == values.tobytes()


@pytest.mark.parametrize("value", [-0.0, 0.0, 5e-324, 1.7976931348623157e308, 2.0**53, 2.0**53 + 2, -1e15, 0.1, 1e22])
def test_values_at_the_edges_come_back(value: float) -> None:
    values = np.array([[value], [1.0], [value]])
    (back,) = decode(encode([Matrix((7,), np.array([0, 1, 2]), values)]))
    assert back.values.tobytes() == values.tobytes()


def test_matrices_of_the_same_series_become_one_in_order_of_time() -> None:
    late = Matrix((1, 2), np.array([30, 40]), np.array([[3.0, 30.0], [4.0, 40.0]]))
    early = Matrix((1, 2), np.array([10, 20]), np.array([[1.0, 10.0], [2.0, 20.0]]))
    other = Matrix((3,), np.array([10]), np.array([[9.0]]))
    first, second = merged([late, early, other])
    assert first.times.tolist() == [10, 20, 30, 40]
    assert first.values[:, 1].tolist() == [10, 20, 30, 40]
    assert second.series == (3,)


def test_several_matrices_share_a_block() -> None:
    first = Matrix((1,), np.array([1, 2]), np.array([[1.5], [2.5]]))
    second = Matrix((2, 3), np.array([5]), np.array([[0.1, -7.0]]))
    back = decode(encode([first, second]))
    assert [matrix.series for matrix in back] == [(1,), (2, 3)]
    assert back[1].values.tolist() == [[0.1, -7.0]]


@pytest.mark.parametrize(
    "block", [b"", b"\x02abc", b"\x01" * 40, encode([Matrix((1,), np.array([1]), np.ones((1, 1)))])[:-3]]
)
def test_a_damaged_block_is_refused(block: bytes) -> None:
    with pytest.raises(ValueError, match="block"):
        decode(block)
