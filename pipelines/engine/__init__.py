"""How a pipeline runs: the one Beam pipeline that all of them are tasks of, in this process or on an engine."""
