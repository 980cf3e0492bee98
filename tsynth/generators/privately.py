"""`Generator.fit` under differential privacy: all that is kept goes through a ledger, or is named as a leak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsynth.data.encoding import Encoder
from tsynth.data.encoding.noised import learn_noised, take_rules, take_schema, undisclosed
from tsynth.data.privacy import Ledger, Privacy
from tsynth.data.streams import Streams
from tsynth.errors import UsageError

if TYPE_CHECKING:
    from tsynth.data.constraints import Constraints
    from tsynth.data.sequences import Sequences
    from tsynth.generators.base import Generator

__all__ = ["fit_noised"]


def fit_noised(
    generator: Generator,
    data: Sequences,
    bare: Sequences,
    found: Constraints,
    privacy: Privacy,
    seed: int,
) -> None:
    """Learn `data`, which is `bare` without the structure `found`.

    Raises
    ------
    UsageError
        The generator cannot learn with differential privacy.
    """
    if generator.takes != "rows":
        raise UsageError(
            f"{generator.name} cannot learn with differential privacy",
            fix="use markov_renewal or autoregressive",
        )
    ledger = Ledger(privacy, data.n_entities)
    take_schema(data.schema, ledger)
    take_rules(found, ledger)
    kept = undisclosed(data.schema, privacy).replace(constraints=tuple(found.to_list()))
    generator.constraints_, generator.schema_ = found, kept
    generator.bare_schema_ = undisclosed(bare.schema, privacy)
    generator._origin = data.origin
    generator.encoder_ = Encoder(generator.bare_schema_)
    generator.statics_ = {}
    noised = learn_noised(generator.encoder_, bare, ledger)
    generator.n_entities_, generator.n_rows_ = noised.sizes()
    streams = Streams(seed, f"fit:{generator.name}", range(bare.n_entities))
    generator._learn_noised(generator._view(bare), noised, ledger, streams)
    generator.privacy_ = ledger.to_dict()
