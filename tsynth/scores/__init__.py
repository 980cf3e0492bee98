"""Scores: one question each, answered as a gap (0 is perfect, lower is better), beside what real data score.

`evaluate` in `tsynth.scores.harness` asks every score and returns a `Report`. A score never draws: it returns the
numbers behind its picture in `Result.curve`, JSON types only. What each curve holds is settled here, because the
pages read it.

Rules for all curves
--------------------
* ``real`` are shares of the reference half of the holdout, ``synthetic`` those of the synthetic data, cut to the
  same number of entities. Shares are fractions of 1.
* Cells hold at least 10 entities of the real data; extremes are clipped, that is, the outermost cells hold
  everything beyond the outermost edge. A number that would rest on fewer than 10 real entities is None.
* A histogram is ``{"edges": [k + 1 numbers], "real": [k shares], "synthetic": [k shares]}``; cells are unequally
  wide, so a density is share / width. ``"dates": true`` says that edges are ISO texts ("1993-02-01") in place of
  numbers. A cell of width 0 (both edges equal) is a single value that occurs often; draw it as a spike.
* Bars are ``{"levels": [k texts], "real": [k shares], "synthetic": [k shares]}``; the last may be "other".
* An empty curve ``{}`` means that there is nothing to show.

Pictures of any score
---------------------
A curve may hold ``"pictures"``, a list that the pages draw behind the score whatever the score is, so that a new
score (a plug-in's, too) needs no code in `tsynth.reports`. Each is one of:

* ``{"kind": "lines", "title", "x": [k], "real": [k] or None, "synthetic": [k], "x_label", "y_label"}``, with the
  optional keys ``"dates": true``, ``"log_x": true``, ``"step": true`` (a staircase, such as a survival curve) and
  ``"shares": true`` (the y axis runs from 0 to 1);
* ``{"kind": "histogram", "title", "edges", "real", "synthetic"}`` with ``"log"``, ``"unit"``, as above;
* ``{"kind": "bars", "title", "levels", "real", "synthetic"}``, as above, with ``"shares": false`` where they are no
  shares;
* ``{"kind": "ranking", "title", "names": [k], "values": [k], "label"}``: one bar a name;
* ``{"kind": "table", "title", "columns": [names], "rows": [[texts or numbers]]}``.

``"caption"`` may stand on each. The rules for all curves hold for them.

Curves by score
---------------
marginals
    ``{"columns": [...], "missing": [...]}``. A column is ``{"name", "kind", "unit" (or None), "static", "gap",
    "picture": "histogram" or "bars", ...the histogram or bars..., "null": {"real", "synthetic"}}``, worst gap first;
    shares are of values that are not null. ``missing``, one for each column with nulls:
    ``{"name", "by": "time" or "place", "x": [k], "dates": bool, "real": [k], "synthetic": [k]}``, the share of nulls
    in each of k spans; ``x`` is the middle of the span, in time units or rows since the start of the entity.
pairs
    ``{"columns": [c names], "gap": [[c x c numbers, None on the diagonal]]}``.
lengths
    A histogram of rows per entity, and ``"log": bool`` (a log axis suits), ``"unit": "rows"``.
gaps
    A histogram of the time between neighbouring rows that are not simultaneous, ``"log": true``, ``"unit"``, and
    ``"zero": {"real", "synthetic"}``, the share of simultaneous rows.
autocorrelation
    ``{"lags": [1, 2, ...], "columns": [{"name", "what": "level", "size" or "same", "real": [...], "synthetic":
    [...]}]}``: the correlation of a row with the row so many rows before it, of values ("level") or of their
    distance from the middle ("size"); for categories the share of rows with the same value ("same").
transitions
    ``{"codes": [at most 12 names], "real": m, "synthetic": m, "difference": m}`` where ``m[i][j]`` is the share of
    rows of code i that are followed by code j; the last code may be "other"; "end" is the last column, so that rows
    of m have one entry more than there are codes: ``"next": [names of the columns]``.
calendar
    ``{"volume": histogram over time with "dates": true, "profiles": [{"name": "weekday", "day of month",
    "days to month end", "hour" or "month", "levels", "real", "synthetic"}], "codes": [{"code", "name", "levels",
    "real", "synthetic"}]}``; ``codes`` holds the worst profiles of single codes. ``volume`` is None where train and
    holdout lie in different times.
constraints
    ``{"rules": [{"name", "sentence", "real", "synthetic"}]}``, shares of rows that hold the rule.
classifier_entities, classifier_rows
    ``{"auc": number, "folds": int, "roc": {"false": [...], "true": [...]}, "features": [{"name", "drop"}]}``;
    ``drop`` is the loss of AUC when the feature is shuffled. ``"examples": [{"entity", "rows", "probability", "away":
    [sentences]}]`` are the synthetic entities that the judge was surest of, out of fold, with what gave them away;
    ``sequence_judge`` has them without "away", and "interval", the AUC's. ``classifier_rows`` adds ``"auc_alone"``
    (lone rows) beside ``"auc"`` (rows with the rows before them).
utility
    ``{"task": sentence, "target": name, "measure": "AUC", "R2", "concordance" or "skill", "real": number, "synthetic":
    number, "both": number, "constant": number, "tasks": [...], "pictures": [a table]}`` of the worst task; ``tasks``
    holds one such entry a task, worst first. ``real`` is trained on real data of the same size, ``both`` on these
    and the synthetic ones, ``constant`` is reached without a model.
survival_curve, hazard_ratio
    Pictures alone: staircases of everyone, of each arm and each event; a table of both hazard ratios.
exact_rows, exact_runs
    ``{"share": {"real", "synthetic"}, "columns": [names compared]}``.
nearest
    ``{"share": number, "chance": number, "distances": {"edges", "train", "holdout"}}``: how far the synthetic
    entities are from the nearest training and from the nearest holdout entity.
membership_density, membership_nearest, known_rows, visit_times
    ``{"auc", "interval": [low, high], "true_positive_rate": [{"false_positive_rate", "rate", "interval"}], "roc":
    {"false", "true"}, "outliers": {"auc", "interval", "members"} or None, "attacker": a sentence on what he knows}``;
    a rate is None where the false-positive rate is not one unseen entity.
attribute_disclosure
    ``{"success": {"members", "others"}, "attacker"}``: how often the secrets are guessed.
adversarial_accuracy
    ``{"accuracy": {"train", "reference"}}``.
near_copies
    ``{"share", "expected"}``.
time_goes_back
    ``{"share": {"real", "synthetic"}}``.
representation, group_fidelity, group_utility, group_attacks
    ``{"columns": [names that make groups], "groups": [{"name", "entities": {"real", "synthetic"}, "small": bool,
    ...}]}``, the largest group first, alone and then together; a small group has fewer than 30 real entities and is not
    ranked. Beside these a group holds ``"gap"``, ``"share"`` and ``"rows"`` (``{"real", "synthetic"}`` each); ``"gap"``
    and ``"chance"``; ``"real"`` and ``"synthetic"``, the loss after training on either; ``"auc"``, with
    ``"entities": {"real", "train"}``.
"""
