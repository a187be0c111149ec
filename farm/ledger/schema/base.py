"""What every table is built with: names of constraints, and the two integer types of our own."""

from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, MetaData
from sqlalchemy.types import TypeDecorator

Id = BigInteger().with_variant(Integer, "sqlite")


class UnitBound(TypeDecorator[int]):
    """A bound 0 … 2^63 of a half-open range, stored one lower: 2^63, the end after the last seed, fits no BIGINT.

    Differences and comparisons of two stored bounds are right as they stand.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, _dialect: Dialect) -> int | None:
        return None if value is None else value - 1

    def process_result_value(self, value: Any, _dialect: Dialect) -> int | None:
        return None if value is None else int(value) + 1


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
