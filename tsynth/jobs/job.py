"""The job: everything that `tsynth run` does, as one file that a person reads and edits."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tsynth.data.privacy import Privacy
from tsynth.data.schema import Kind, Role, TimeUnit
from tsynth.errors import UsageError
from tsynth.jobs.mistakes import mistakes

__all__ = [
    "ColumnEdit",
    "ConstraintsPart",
    "GeneratorPart",
    "Job",
    "PrivacyPart",
    "ReleasePart",
    "SamplePart",
    "SchemaPart",
    "ScorePart",
    "SourcePart",
    "SplitPart",
]


def _several(value: Any) -> Any:
    """A single name or path as a list of one."""
    return [value] if isinstance(value, str | Path) else value


Names = Annotated[list[str], BeforeValidator(_several)]
Paths = Annotated[list[Path], BeforeValidator(_several)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=False)


class SourcePart(_Part):
    """The table to learn from."""

    path: Paths = Field(
        min_length=1, description="File or folder of the rows; several are merged on entity and time."
    )
    entity: str | None = Field(
        default=None, description="Column that says whose row it is; without it, all is one sequence."
    )
    time: Names | None = Field(
        default=None, description="Column that says when; two where date and hour stand apart."
    )
    entities: Path | None = Field(
        default=None, description="File with one row an entity: its statics, its outcome."
    )
    null_entity: Literal["error", "drop"] = Field(
        default="error", description="What to do with rows without an entity."
    )
    roles: dict[str, Role] = Field(
        default_factory=dict, description="Part that a column plays, by column name."
    )
    order: Literal["content", "file"] = Field(
        default="content", description="What orders rows of one entity and time: their values, or the file."
    )
    inf: Literal["error", "null"] = Field(default="error", description="What to do with infinite numbers.")
    time_zone: str | None = Field(default=None, description="Zone of times that come without one.")
    separator: str | None = Field(default=None, description="CSV: what stands between fields.")
    encoding: str | None = Field(default=None, description="CSV: encoding of the text.")
    decimal: Literal[".", ","] | None = Field(default=None, description="CSV: the decimal point.")
    dayfirst: bool | None = Field(default=None, description="CSV: whether 3/4/2024 is the third of April.")
    date_format: str | None = Field(default=None, description='CSV: how dates are written, "%d.%m.%Y".')
    null_values: Names = Field(default_factory=list, description="CSV: further spellings of null.")


class ColumnEdit(_Part):
    """What inference got wrong about a column; only what is written here changes."""

    kind: Kind | None = None
    role: Role | None = None
    static: bool | None = None
    nullable: bool | None = None
    unit: str | None = None
    bounds: tuple[float, float] | None = None
    decimals: int | None = Field(default=None, ge=0, le=18)
    levels: list[str | int | float | bool] | None = None
    inf: Literal["error", "null"] | None = None


class SchemaPart(_Part):
    """What the columns mean: a whole schema from a file, or edits to the one that is inferred."""

    file: Path | None = Field(default=None, description="A schema that `tsynth inspect --schema` wrote.")
    columns: dict[str, ColumnEdit] = Field(default_factory=dict, description="Edits by column name.")
    time_unit: TimeUnit | None = Field(default=None, description="Unit in which time is counted.")
    frequency: str | None = Field(
        default=None, description='Grid of the times ("D", "MS"); "none" says that rows are events.'
    )
    event_levels: dict[str, str] = Field(
        default_factory=dict, description="Meaning of the codes of an event."
    )


class ConstraintsPart(_Part):
    """Rules that the synthetic rows must keep."""

    find: bool = Field(default=True, description="Whether to look for rules in the training rows.")
    drop: Names = Field(
        default_factory=list,
        description="Rules to let go: a kind (`totals`), or words of the printed sentence.",
    )
    add: list[dict[str, Any]] = Field(
        default_factory=list, description='Rules to add, as {rule = "...", columns = [...]}.'
    )


class GeneratorPart(_Part):
    """What learns; without a name, the one that fits the data and the time best."""

    name: str | None = Field(
        default=None,
        description='A name that `tsynth list generators` shows; "auto" chooses, as without one.',
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="Parameters of its constructor.")
    minutes: float | None = Field(
        default=None,
        gt=0,
        description="Time to learn, by which the generator is chosen and that one which learns by steps may take; 10, "
        "unless told.",
    )
    steps: int | None = Field(
        default=None, ge=1, description="Exact number of steps; repeats an earlier fit."
    )

    @property
    def named(self) -> str | None:
        """The generator's name, None where it is to be chosen."""
        return None if self.name == "auto" else self.name


class SamplePart(_Part):
    """What is made."""

    n: int | None = Field(
        default=None, ge=1, description="Entities to make; as many as the source has, unless told."
    )
    seed: int | None = Field(
        default=None, ge=0, description="Seed of the draw; that of the job, unless told."
    )
    parts: int | None = Field(default=None, ge=1, description="Files that the rows are written in.")
    workers: int = Field(default=1, ge=1, description="Processes that make parts side by side.")
    conditions: Path | None = Field(default=None, description="File with given statics, one row an entity.")
    shares: dict[str, dict[str, float]] | None = Field(
        default=None, description="Share of the entities of each level, by static column."
    )


class SplitPart(_Part):
    """What is held out, so that the scores have real rows that the generator has not seen."""

    holdout: float = Field(default=0.3, gt=0, lt=1, description="Share held out.")
    by: Literal["auto", "entity", "time"] = Field(
        default="auto", description="Whole entities, or the end of time."
    )


class ScorePart(_Part):
    """What is asked about the synthetic rows."""

    scores: Literal["standard", "all"] | list[str] = Field(
        default="standard", description="A suite, or names of scores."
    )
    tasks: Names = Field(
        default_factory=list, description="What synthetic rows are to be used for; as `--task` takes it."
    )
    groups: Names = Field(default_factory=list, description="Columns by which fairness is asked.")
    gate: str | None = Field(
        default=None, description="A ready gate, or a TOML file of thresholds that the scores must keep."
    )


class PrivacyPart(_Part):
    """Learn with differential privacy of whole entities."""

    epsilon: float = Field(
        gt=0, description="How much may be told of one entity: 1 is strong, 10 says little."
    )
    delta: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Chance that the bound fails; 1 / (10 n) of n entities, unless told.",
    )
    rows: int | None = Field(
        default=None,
        ge=1,
        description="Contribution bound: rows that an entity counts as; learned, unless told.",
    )
    public: Names = Field(
        default_factory=list,
        description='Columns whose bounds and levels come from elsewhere than these rows; "*" for all.',
    )

    @classmethod
    def of(cls, epsilon: float, delta: float | None) -> Self:
        """From what a command says.

        Raises
        ------
        UsageError
            A number is out of its range.
        """
        Privacy(epsilon, delta)
        return cls(epsilon=epsilon, delta=delta)

    def asked(self) -> Privacy:
        """As generators take it."""
        return Privacy(self.epsilon, self.delta, rows=self.rows, public=tuple(self.public))


class ReleasePart(_Part):
    """The folder that is handed out."""

    out: Path = Field(description="The folder; must be new, or hold an unfinished run of this job.")
    title: str | None = Field(
        default=None, description="Heading of report and card; the file's name, unless told."
    )
    force: bool = Field(default=False, description="Whether a finished release there may be replaced.")
    model: Path | None = Field(
        default=None, description="Where to save the fitted model; it is not part of the release."
    )


class Job(_Part):
    """From a real table to a documented synthetic release.

    Parameters
    ----------
    seed : int
        Seed of everything: split, fit, sample, scores.
    source, schema, constraints, generator, privacy, sample, split, score, release
        The tables of the file, each a model of its own.
    """

    model_config = ConfigDict(extra="forbid", title="tsynth job", populate_by_name=True)

    seed: int = Field(default=0, ge=0, description="Seed of everything: split, fit, sample, scores.")
    source: SourcePart
    schema_: SchemaPart = Field(default=SchemaPart(), alias="schema")
    constraints: ConstraintsPart = ConstraintsPart()
    generator: GeneratorPart = GeneratorPart()
    privacy: PrivacyPart | None = None
    sample: SamplePart = SamplePart()
    split: SplitPart = SplitPart()
    score: ScorePart = ScorePart()
    release: ReleasePart

    @model_validator(mode="after")
    def _steps_or_minutes(self) -> Self:
        if self.generator.minutes is not None and self.generator.steps is not None:
            raise ValueError("generator: minutes and steps contradict each other; give one of them")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Job:
        """Read a TOML file; paths in it are relative to its folder.

        Raises
        ------
        UsageError
            It is missing, is no TOML, or has keys or values that a job does not have; each is named.
        """
        path = Path(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError as error:
            raise UsageError(f"{path} does not exist", fix="check the path of the job file") from error
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path} cannot be read: {error}", fix="check the path of the job file"
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{path.name} is not TOML: {error}", fix="correct it there") from error
        return cls.read(content, where=path.name).placed(path.parent)

    @classmethod
    def read(cls, content: Mapping[str, Any], *, where: str = "the job") -> Job:
        """Check a mapping of the form of the file.

        Raises
        ------
        UsageError
            As `load`.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            lines = mistakes(error, cls, "the job")
            raise UsageError(
                f"{where} cannot be run as a job:\n  " + "\n  ".join(lines) + "\n ",
                fix="`tsynth run --schema` says what may stand in it",
            ) from error

    def placed(self, folder: Path) -> Job:
        """With paths relative to `folder` instead of the current one."""

        def at(path: Path | None) -> Path | None:
            return None if path is None else folder / path.expanduser()

        source = self.source.model_copy(
            update={
                "path": [folder / p.expanduser() for p in self.source.path],
                "entities": at(self.source.entities),
            }
        )
        return self.model_copy(
            update={
                "source": source,
                "schema_": self.schema_.model_copy(update={"file": at(self.schema_.file)}),
                "score": self.score.model_copy(update={"gate": _gate_at(self.score.gate, folder)}),
                "sample": self.sample.model_copy(update={"conditions": at(self.sample.conditions)}),
                "release": self.release.model_copy(
                    update={"out": at(self.release.out), "model": at(self.release.model)}
                ),
            }
        )

    def shown(self) -> dict[str, Any]:
        """The job for a reader: JSON types, only what was set, and no folder of anybody's machine."""
        content: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        source = content["source"]
        source["path"] = [Path(p).name for p in self.source.path]
        for table, key in (
            ("source", "entities"),
            ("schema", "file"),
            ("sample", "conditions"),
            ("release", "model"),
            ("score", "gate"),
        ):
            if content.get(table, {}).get(key):
                content[table][key] = Path(content[table][key]).name
        content["release"]["out"] = self.release.out.name
        content["release"].pop("force", None)
        return content

    @classmethod
    def json_schema(cls) -> str:
        """The form of a job file as JSON schema, for editors."""
        return json.dumps(cls.model_json_schema(by_alias=True), indent=1, ensure_ascii=False)


def _gate_at(gate: str | None, folder: Path) -> str | None:
    """A gate's file beside the job; a ready gate's name as it is."""
    if gate is None or not (gate.endswith(".toml") or "/" in gate):
        return gate
    return str(folder / Path(gate).expanduser())
