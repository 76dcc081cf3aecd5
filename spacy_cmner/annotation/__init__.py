"""Annotating a corpus of any size: sources, pipeline, sinks, and a checkpoint after each part."""
