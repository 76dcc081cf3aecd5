"""`python -m spacy cmner demo`: what a pipeline finds, on the terminal and as a page."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_cmner.cli import cmner_cli
from spacy_cmner.cli._util import PipelineArgument, errors_shown, load_pipeline
from spacy_cmner.data.files import check_writable, write_text
from spacy_cmner.display import to_page, to_terminal

SENTENCES = (
    "患者昨夜突发右上腹剧痛，伴寒战、黄疸，急查血常规示白细胞升高，腹部B超提示胆总管结石，收入肝胆外科。",
    "痰培养检出鲍曼不动杆菌，改用亚胺培南静滴，于右侧颈部留置深静脉导管，气管插管后接呼吸机。",
    "大夫，我妈吃了二甲双胍以后老是恶心、拉肚子，空腹血糖还是11点多，要不要换成胰岛素？",
)


@cmner_cli.command("demo")
@errors_shown()
def demo_command(
    model: PipelineArgument,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", help="A text of your own; may be repeated. Else three of ours."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write an HTML page.")
    ] = None,
) -> None:
    """Annotate a few sentences, on the terminal and as an HTML page."""
    check_writable(output)
    nlp = load_pipeline(model)
    docs = list(nlp.pipe(text or SENTENCES))
    for doc in docs:
        typer.echo(to_terminal(doc))
        typer.echo()
    if output is not None:
        write_text(output, to_page(docs, f"Entities found by {model}"))
        msg.good(f"{output}: open it in a browser")
