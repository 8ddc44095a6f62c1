"""The Comet SDK: the one package that imports `comet_ml`, and that reads a name of it which is not public.

`comet_sdk` is the adapter that the session uses, `patches` the table of everything that is replaced in the SDK, `call`
the experiments of one tracked call. What the wrappers do stands in `running_experiment`, `constructors`, `sending`,
`http`, `threads` and `offline_calls`.
"""
