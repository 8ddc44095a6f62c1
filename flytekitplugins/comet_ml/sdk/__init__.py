"""The Comet SDK: the one package that imports `comet_ml`, and that reads a name of it which is not public.

`comet_sdk` is the adapter that the session uses, `patches` the table of everything that is replaced in the SDK, `call`
the experiments of one tracked call. The wrappers of the table are in the module of what they are about: `constructors`,
`waiting`, `sending`, `message_list`, `disk_room`, `http`, `threads`, `offline_calls` and others.
"""
