"""Arrow tables as data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiqx_trt.errors import DependencyError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["arrow_to_pandas"]


def arrow_to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a data frame; whole numbers have the nullable type ``Int64``.

    Raises
    ------
    DependencyError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise DependencyError(
            'to_pandas() needs pandas: pip install "fiqx-trt[pandas]"; or use to_arrow() or rows'
        ) from error
    import pyarrow as pa

    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
