"""Measures drywire beside its peers: same machine, same run, in turn. See README.md."""
