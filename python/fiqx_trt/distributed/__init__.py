"""Runs over numbered units of the inputs, by several processes or machines.

===========  ===============================================================================
module       does
===========  ===============================================================================
`folder`     the folder of a run, on a disk or in an object store
`parts`      the file of one unit: rows and what describes them
`plan`       what a run is: settings and units; refuses what does not belong to it
`worker`     opens the model once, then one unit after the other becomes a part
`crew`       what starts workers and hears of them; in this process, in others (`local`), by `ray`
`driver`     gives units to a crew until every unit has its part
`run`        the whole: plan, drive, finish
`merge`      the parts as one table
`shards`     the archives that a run writes
`listing`    the units of the inputs, the same ones every time they are listed
`pack`       pictures of any inputs as numbered tar shards
===========  ===============================================================================
"""
