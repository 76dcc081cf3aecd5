import gc

import pytest

from spacy_cmner.pipeline.garbage import no_collection


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_is_afterwards_as_it_was(enabled):
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ValueError), no_collection():
            assert not gc.isenabled()
            raise ValueError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
