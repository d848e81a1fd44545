"""Folds the log into what people look at; pure, one file per subject."""
