"""What a template of replays does around the import of its target."""

from __future__ import annotations

import gc

import pytest

from genmon_otel.regression.processes.loaded import rarely_collected


def test_garbage_is_looked_for_as_before_after_an_import() -> None:
    """Rarely within the block, as before after it, also where the import fails."""
    before = gc.get_threshold()
    with pytest.raises(ImportError), rarely_collected():
        assert gc.get_threshold()[0] > 100 * before[0]
        raise ImportError
    assert gc.get_threshold() == before


def test_what_an_import_sets_stays() -> None:
    """An application that sets how often garbage is looked for has it so in its replays."""
    before = gc.get_threshold()
    try:
        with rarely_collected():
            gc.set_threshold(50_000, 20, 20)
        assert gc.get_threshold() == (50_000, 20, 20)
    finally:
        gc.set_threshold(*before)
