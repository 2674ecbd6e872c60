"""Questions to the storage, without HTTP."""
