"""Learning with few labels: term lists from annotated texts, annotation by term lists, and texts
for people to correct, the least certain first."""
