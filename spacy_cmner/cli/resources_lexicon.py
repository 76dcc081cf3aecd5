"""`python -m spacy cmner resources vectors | import-vectors | lexicon | pkuseg-model`."""

import tempfile
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from wasabi import msg

from spacy_cmner.about import __version__
from spacy_cmner.cli._util import errors_shown
from spacy_cmner.cli.resources import resources_cli
from spacy_cmner.data.files import check_apart, check_ending, check_outputs, check_writable
from spacy_cmner.resources import raw_text
from spacy_cmner.resources.lexicon import build_lexicon, import_lexicon
from spacy_cmner.resources.pkuseg_model import unpack_pkuseg_model
from spacy_cmner.resources.raw_text import Sentences
from spacy_cmner.resources.segment import load_segmenter, read_words, segment_files
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.resources.vectors import train_skipgram
from spacy_cmner.resources.word2vec import load_word2vec

Output = Annotated[Path, typer.Argument(help="Where to write the resource file (.npz).")]
Texts = Annotated[
    list[Path],
    typer.Argument(
        help="UTF-8 text files, or folders of .txt files; one paragraph a line.", exists=True
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", help="Passes over the texts.", min=1)]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", help="The same texts and seed give the same file.", min=0, max=2**32 - 1
    ),
]
Half = Annotated[bool, typer.Option("--half", help="Store 16-bit floats: half the size.")]
Note = Annotated[
    str, typer.Option("--note", help="What the texts are, and for what use; kept in the file.")
]


class Unit(str, Enum):
    """What gets a vector."""

    char = "char"
    bigram = "bigram"
    word = "word"


SPLITTERS = {
    Unit.char: raw_text.characters,
    Unit.bigram: raw_text.bigrams,
    Unit.word: raw_text.words,
}


@resources_cli.command("vectors")
@errors_shown()
def vectors_command(
    output: Output,
    texts: Texts,
    unit: Annotated[
        Unit, typer.Option("--unit", help="What gets a vector; words have blanks between them.")
    ] = Unit.char,
    dim: Annotated[int, typer.Option("--dim", help="Width of the vectors.", min=1)] = 100,
    window: Annotated[
        int, typer.Option("--window", help="Largest distance to a context unit.", min=1)
    ] = 5,
    min_count: Annotated[
        int, typer.Option("--min-count", help="Rarer units get no vector.", min=1)
    ] = 3,
    max_words: Annotated[
        int | None, typer.Option("--max-words", help="Keep that many frequent units.", min=1)
    ] = None,
    epochs: Epochs = 5,
    seed: Seed = 0,
    half: Half = False,
    note: Note = "",
) -> None:
    """Train skip-gram vectors of characters, character bigrams or words on raw text."""
    check_outputs([output], texts)
    check_ending(output, ".npz")
    check_writable(output)
    settings: dict[str, Any] = {
        "dim": dim,
        "window": window,
        "min_count": min_count,
        "max_words": max_words,
        "epochs": epochs,
        "seed": seed,
    }
    vectors = train_skipgram(Sentences(texts, SPLITTERS[unit]), progress=True, **settings)
    vectors.save(output, half=half, metadata=_origin(note, unit=unit.value, **settings))
    msg.good(f"{len(vectors)} vectors of {vectors.dim}: {output}")


@resources_cli.command("import-vectors")
@errors_shown()
def import_vectors_command(
    output: Output,
    source: Annotated[
        Path,
        typer.Argument(
            help="word2vec file, text or binary, also gzipped.", exists=True, dir_okay=False
        ),
    ],
    max_words: Annotated[
        int | None, typer.Option("--max-words", help="Read that many rows only.", min=1)
    ] = None,
    as_lexicon: Annotated[
        bool, typer.Option("--lexicon", help="Make a lexicon: of the words that belong into one.")
    ] = False,
    count_in: Annotated[
        list[Path] | None,
        typer.Option(
            "--count-in",
            help="UTF-8 text file, or folder of .txt files, to count the words of the lexicon in; "
            "may be repeated. Without it all count alike.",
            exists=True,
        ),
    ] = None,
    half: Half = False,
    note: Note = "",
) -> None:
    """Turn a word2vec file, such as gigaword_chn.all.a2b.uni.ite50.vec, into a resource file."""
    if count_in and not as_lexicon:
        raise typer.BadParameter("counts are for --lexicon", param_hint="--count-in")
    check_outputs([output], [source, *(count_in or [])])
    check_ending(output, ".npz")
    check_writable(output)
    vectors = load_word2vec(source, max_words)
    origin = {"note": note, "source": source.name}
    if as_lexicon:
        texts = raw_text.stream_lines(count_in, "counting") if count_in else ()
        lexicon = import_lexicon(vectors, texts)
        lexicon.save(output, half=half, metadata=origin)
        msg.good(f"{len(lexicon.vectors)} words of {vectors.dim}: {output}")
        return
    vectors.save(output, half=half, metadata=origin)
    msg.good(f"{len(vectors)} vectors of {vectors.dim}: {output}")


@resources_cli.command("lexicon")
@errors_shown()
def lexicon_command(
    output: Output,
    texts: Texts,
    user_dict: Annotated[
        list[Path] | None,
        typer.Option(
            "--user-dict",
            help="Terms to keep whole, the first column of each line; may be repeated. "
            "Without it, the shipped THUOCL medical terms.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    pkuseg_model: Annotated[
        Path | None,
        typer.Option(
            "--pkuseg-model",
            help="Folder of a pkuseg model, best 'medicine'.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    segmented: Annotated[
        Path | None, typer.Option("--segmented", help="Keep the segmented text in this file.")
    ] = None,
    dim: Annotated[int, typer.Option("--dim", help="Width of the vectors.", min=1)] = 50,
    window: Annotated[
        int, typer.Option("--window", help="Largest distance to a context word.", min=1)
    ] = 4,
    min_count: Annotated[
        int, typer.Option("--min-count", help="Rarer words are no part of the lexicon.", min=1)
    ] = 5,
    epochs: Epochs = 5,
    seed: Seed = 0,
    half: Half = False,
    note: Note = "",
) -> None:
    """Segment raw text and make the domain lexicon of it: words, counts and vectors."""
    check_outputs([output, segmented], [*texts, *(user_dict or [])])
    check_ending(output, ".npz")
    check_writable(output, segmented)
    if segmented is not None:
        for path in texts:
            check_apart(path, segmented)
    settings: dict[str, Any] = {
        "dim": dim,
        "window": window,
        "min_count": min_count,
        "epochs": epochs,
        "seed": seed,
    }
    with tempfile.TemporaryDirectory() as folder:
        terms = read_words(user_dict or [shipped("terms")])
        segmenter = load_segmenter(pkuseg_model, terms)
        target = segmented or Path(folder, "segmented.txt")
        segment_files(texts, segmenter, target, progress=True)
        lexicon = build_lexicon(Sentences([target], raw_text.words), progress=True, **settings)
    origin = _origin(note, segmenter=segmenter.name, terms=len(terms), **settings)
    lexicon.save(output, half=half, metadata=origin)
    msg.good(f"{len(lexicon.vectors)} words of {lexicon.vectors.dim}, {segmenter.name}: {output}")


@resources_cli.command("pkuseg-model")
@errors_shown()
def pkuseg_model_command(
    target: Annotated[
        Path | None,
        typer.Argument(help="Folder to write; by default where `lexicon` looks for it."),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive",
            help="pkuseg-0.0.25.tar.gz; if not given, pip downloads it.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Unpack pkuseg's default segmentation model from its source package on PyPI (170 MB)."""
    target = unpack_pkuseg_model(target, archive)
    msg.good(f"pkuseg's default model: {target}")


def _origin(note: str, **settings: Any) -> dict[str, Any]:
    versions = {"spacy-cmner": __version__, "gensim": version("gensim")}
    return {"note": note, "settings": settings, "made_with": versions}
