"""The command line: one module for each group of verbs, imported when the verb is used."""
