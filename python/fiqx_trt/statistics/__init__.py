"""Statistics of maps: streaming, mergeable, and small where maps are upsampled from small grids."""

from fiqx_trt.statistics.grids import GridStatistics
from fiqx_trt.statistics.maps import MapStatistics
from fiqx_trt.statistics.upsampling import CompactMaps

__all__ = ["CompactMaps", "GridStatistics", "MapStatistics"]
