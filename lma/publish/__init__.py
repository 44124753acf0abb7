"""One module per output form of an edition; import the module you need, none is heavy to import."""
