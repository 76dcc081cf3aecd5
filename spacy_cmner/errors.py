"""Every message a user can meet, with a code to search for.

A message names the value that is wrong and the fix. Codes: CM1xx data, CM2xx resources,
CM3xx models, CM4xx pipeline, CM5xx command line. Released codes keep their meaning.
"""

import lzma
import struct
import tokenize
import zipfile
import zlib
from typing import Any

# What libraries raise where the content of a file is damaged, or is another than they expect.
DAMAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,
    SyntaxError,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    MemoryError,
)


class CmnerError(ValueError):
    """A problem that the user can mend: the message says what and how."""


class CmnerWarning(UserWarning):
    """Something was handled, but not as the user may expect."""


class Message:
    """A message template that carries the name it is assigned to as its code."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.code = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.code = name

    def format(self, **values: Any) -> str:
        return f"[{self.code}] {self.template.format(**values)}"

    def error(self, **values: Any) -> CmnerError:
        return CmnerError(self.format(**values))


class Messages:
    # CM1xx: data and converters
    CM101 = Message("{path} does not exist, or holds nothing of the kind. Check the path.")
    CM102 = Message(
        "{path} is not {encoding} text: byte {offset} cannot be read. Convert the file to UTF-8, "
        "or give the encoding it has, for example gb18030, where there is a setting for it."
    )
    CM103 = Message(
        "{path} is not JSON: {problem}. Mend that place; a file with one JSON object a line has "
        "the format 'jsonl'."
    )
    CM104 = Message("{path} holds {found}, not {expected}. Choose the format that it has.")
    CM105 = Message("Not a valid record: {problem}. Mend it before you make a Record of it.")
    CM106 = Message(
        "{path} gave no record as '{format}' ({skipped} skipped). Choose the format that it has"
        "{hint}. The first finding: {first}"
    )
    CM107 = Message("There is no format '{format}'. Choose one of: {formats}.")
    CM108 = Message("There is no way to flatten called '{flatten}'. Choose one of: {choices}.")
    CM109 = Message("A fraction of {fraction} is not possible. Give a number above 0, up to 1.")
    CM110 = Message(
        "Checksums differ from {path}: {wrong}. Fetch or build those files again, or correct the "
        "list if the change is meant."
    )
    CM111 = Message("{path}, line {line}: not a line that sha256sum writes. Write the list anew.")
    CM112 = Message("{path} is not a DocBin. Give a .spacy file made by `cmner convert`.")
    CM113 = Message(
        "brat cannot hold {what} {value!r}: {problem}. Rename it, or write JSONL instead."
    )
    CM114 = Message("There is no encoding called {encoding}. Use a name such as utf-8 or gb18030.")
    CM115 = Message(
        "The corpus has no path. Give one on the command line, for example --paths.train "
        "corpus/train.spacy."
    )
    CM116 = Message(
        "The folder {path} holds no .spacy file. Give the one that `python -m spacy cmner convert` "
        "or `annotate` has written to."
    )
    CM117 = Message("{path} lists no file, so nothing is verified. Write the list with sha256sum.")
    CM118 = Message(
        "No entity of {path} is of the type {labels}. Its types are: {known}. Mend --labels."
    )
    CM119 = Message("{path} holds no text. Give another file, or convert the annotations again.")
    CM120 = Message("Record {number}: {problem}. Mend the record or leave it out.")
    CM121 = Message("Record {number} has no annotation ({missing}). Gold data must say 'none'.")
    CM122 = Message("Record {number}: {entity} is no entity: {problem}. Mend it.")
    CM123 = Message("Record {number}: entity {entity} is empty. Its end must lie behind its start.")
    CM124 = Message(
        "Record {number}: entity {entity} lies outside the text of {length} characters. Mend its "
        "offsets."
    )
    CM125 = Message(
        "Record {number}: entity {entity} should read {surface!r}, but its offsets give {found!r}. "
        "Mend the offsets or the text."
    )
    CM126 = Message("Record {number}: entity {entity} is given twice. One of them is kept.")
    CM127 = Message(
        "Record {number}: entity {entity} is of a type not asked for ({labels}). Add the type if "
        "it is wanted."
    )
    CM128 = Message(
        "Record {number}: entity {entity} overlaps {chosen}; it is in doc.spans, not in doc.ents."
    )
    CM129 = Message("Record {number}: {count} lone surrogate(s) in the text became U+FFFD.")
    CM130 = Message(
        "Record {number}: {labels} labels for {characters} characters. Give one label a character."
    )
    CM131 = Message(
        "Record {number}: label {label!r} is none of the scheme {scheme}. Mend it, or choose the "
        "right scheme."
    )
    CM132 = Message(
        "Record {number}, token {token}: {problem}. Entity {entity} is what was made of it."
    )
    CM133 = Message(
        "Record {number}, line {line}: {text!r} has no label. Write token, blank or tab, label."
    )
    CM134 = Message("Record {number} is not JSON: {problem}. Mend the line.")
    CM135 = Message(
        "Record {number}: entity {entity} is in pieces. A tagger marks whole spans; mark it as one."
    )
    CM136 = Message("Record {number}: {what} is not an entity, and only entities are read.")
    CM137 = Message(
        "Record {number} has {count} annotations; the first is read, or the first that is marked "
        "as ground truth. Export one a text."
    )
    CM138 = Message(
        "Record {number}: entity {entity} was counted in UTF-16 units; it is now in characters."
    )
    CM139 = Message(
        "{out} has the wrong ending for what is written. Give a name that ends in {ending}."
    )
    CM140 = Message(
        "{path} is no source of texts. Give a file that ends in one of {endings}, or a folder of "
        "them; jq -c '.[]' makes JSON lines of a JSON list."
    )
    CM141 = Message("{path} holds files of several kinds ({kinds}). Give a folder with one kind.")
    CM142 = Message(
        "{path} has no column '{column}'. Name the one that holds the {holds}; there are: "
        "{columns}."
    )
    CM143 = Message("{path} cannot be read as Parquet ({reason}). Copy or write it again.")
    CM144 = Message(
        "pyarrow is needed to read and write Parquet. Run `pip install 'spacy-cmner[parquet]'`."
    )
    CM145 = Message("What to write to {path} is not clear. Give one of the formats {formats}.")
    CM146 = Message(
        "{path} is there already, and was not begun by `cmner annotate`. Choose another name, or "
        "overwrite it."
    )
    CM147 = Message(
        "{path} has lost content that the checkpoint counts as written. Put it back, or begin "
        "anew by overwriting."
    )
    CM148 = Message("{path} is no checkpoint. Choose another output, or overwrite this one.")
    CM149 = Message(
        "{path} was begun with another {what} ({old!r}, now {new!r}). Go on with the same, choose "
        "another output, or begin this one anew (--overwrite)."
    )
    CM150 = Message("Record {number} could not be annotated ({problem}). Leave it out or mend it.")
    CM151 = Message("Ray is needed to use a cluster. Run `pip install 'spacy-cmner[ray]'`.")
    CM152 = Message("{path} is locked: another run writes this output. Wait for it, or end it.")
    CM153 = Message(
        "One of the {n_process} processes has died, mostly for want of memory. Call the run again "
        "with fewer: it goes on where it was."
    )
    CM154 = Message(
        "The Ray cluster has {available} CPU(s), but {needed} are needed: one for an actor and one "
        "for reading and writing. Start it with more, or run without --ray."
    )
    CM155 = Message(
        "Actors of the Ray cluster cannot start, or die again and again ({reason}). The pipeline "
        "must be there on all machines, and its memory suffice."
    )
    CM156 = Message(
        "{value} is no number of processes: give 1 or more, or -1 for as many as there are CPUs."
    )
    CM157 = Message(
        "{out} would be written over, into or around {source}, which is read or written, too. Give "
        "another place to write to."
    )
    CM158 = Message("{path} cannot be read as CSV ({reason}). Mend its first line.")
    CM159 = Message(
        "None of the {n} records could be annotated; {path} says why. The first: {reason}"
    )
    CM160 = Message("batch_size = {value} is not possible. Give a number of texts above 0.")
    CM161 = Message(
        "{n_process} processes cannot share {gpu}: they would start as copies of one that uses it "
        "already. Take one process (--n-process 1), or the CPU (--gpu-id -1); with --ray each "
        "actor can have a GPU of its own."
    )
    CM162 = Message(
        "The Ray cluster has no GPU, but one is needed for each actor. Start it with some, or give "
        "--gpu-id -1 for the CPU."
    )
    CM163 = Message(
        "Record {number}: entity {entity} had blanks around its type, {label!r}. They are removed; "
        "mend the source."
    )
    CM164 = Message(
        "Record {number}: {count} records have its id {id!r:.60}. All are kept; leave copies out, "
        "or give each text an id of its own."
    )
    CM165 = Message(
        "{path} is empty, or holds nothing of the kind. Check that it is the right one, and was "
        "copied whole."
    )
    CM166 = Message(
        "Record {number}, line {line}: {label!r}, the last of {fields} fields, is none of the "
        "scheme {scheme}{hint}. Write the token first and its label last."
    )
    CM167 = Message(
        "Record {number}, line {line}: {text!r:.60} has {fields} fields, other lines have {usual}. "
        "The first is the token, the last its label; mend the line if that is not meant."
    )
    CM168 = Message(
        "The first line of {path} is not {encoding} text. Give the encoding it has, for example "
        "--encoding gb18030, or convert the file to UTF-8."
    )
    CM169 = Message(
        "Record {number}: {problem}. Where that is so of many, give the encoding that the source "
        "has, for example --encoding gb18030; else mend the record or leave it out."
    )
    CM170 = Message(
        "The columns of {path} seem to be separated by {separator!r} ({header!r:.80}). A .csv file "
        "is read with commas, a .tsv file with tabs: write it so, or give it the ending that fits."
    )
    CM171 = Message(
        "Record {number}, line {line}: {text!r:.60} is one token, so all of it is in an entity, "
        "punctuation too. If texts were cut at blanks only, export it in a format with offsets."
    )
    CM172 = Message(
        "Record {number}: entity {entity} has blanks at its ends. It is kept as {kept}, without "
        "them."
    )
    CM173 = Message("Record {number}: entity {entity} holds nothing but blanks. Remove it.")
    CM174 = Message(
        "--labels cannot hold {label!r}. Name a type once, as it is (dis), or with a new name "
        "(疾病=dis)."
    )
    CM175 = Message(
        "limit = {limit!r} is not possible. Give the number of documents to read, or 0 for all."
    )
    CM176 = Message(
        "{count} of {total} texts could not be annotated. They are left out; the first: {first}"
    )
    CM177 = Message(
        "The column {column!r} cannot hold both the texts and their names. Give another one for "
        "the names, or none."
    )
    CM178 = Message(
        "Record {number}: from here on the file cannot be unpacked ({reason}). Copy or pack it "
        "again."
    )

    # CM2xx: resources
    CM201 = Message(
        "There is no {kind} file {path}. Build one with `python -m spacy cmner resources {kind}`, "
        "or leave the path out to use the shipped one."
    )
    CM202 = Message(
        "{path} is damaged or not a resource file of spacy-cmner ({reason}). "
        "Copy it again, or build it with `python -m spacy cmner resources {kind}`."
    )
    CM203 = Message("{path} holds {found}, but {kind} is needed. Give the path of a {kind} file.")
    CM204 = Message(
        "{path} has format version {version}; this release reads version {supported}. "
        "Upgrade spacy-cmner or build the file again."
    )
    CM205 = Message("{library} is needed to {task}. Run `pip install 'spacy-cmner[resources]'`.")
    CM206 = Message(
        "There is no font file {path}. Correct the path, or fetch the font; for the six standard "
        "fonts docs/resources.md has the commands."
    )
    CM207 = Message(
        "Font {path}, face {index}, cannot be read ({reason}). Give a TrueType, OpenType or WOFF2 "
        "file and, for a collection (.ttc), the number of a face in it."
    )
    CM208 = Message(
        "The font description {path} is faulty: {reason}. It is a JSON list of objects with a "
        '"name" and a list "files"; the shipped fonts.json is an example.'
    )
    CM209 = Message(
        "Font {font} lacks {count} of {total} characters ({examples}); they get the images of the "
        "first font that has them. Choose a font with more characters if that is too many."
    )
    CM210 = Message(
        "No font has {count} characters ({examples}); their images are empty. Add a font that has "
        "them, or leave them out."
    )
    CM211 = Message(
        "Glyphs need at least one font, a different name for each, and at least 4 pixels. "
        "Fonts given: {names}; size: {size}."
    )
    CM212 = Message(
        "The glyph table lacks {examples}. Build one with them: "
        "`python -m spacy cmner resources glyphs --text FILE`."
    )
    CM213 = Message("A character has at least one part, its radical; k is {k}. Give 1 or more.")
    CM214 = Message(
        "There is no {path}, nor {path}.bz2. Fetch the sources of the components as "
        "docs/resources.md says, and give their place with --unicode-data and --cjk-decomp."
    )
    CM215 = Message(
        "No line of {path} reads as the file of that name should. Fetch it again as "
        "docs/resources.md says."
    )
    CM220 = Message(
        "{words} words do not fit vectors of shape {shape} and {counts} counts. "
        "Give one row and one count a word."
    )
    CM222 = Message(
        "No word occurs {min_count} times in the texts. Give more text or a smaller --min-count."
    )
    CM223 = Message("There is no text file in {paths}. Give .txt files or folders that hold some.")
    CM224 = Message(
        "{path}, line {line}: not UTF-8 ({problem}). "
        "Convert the file, for example with `iconv -f GB18030 -t UTF-8`."
    )
    CM225 = Message(
        "{path} holds no pkuseg model (weights.npz with features.msgpack or features.pkl). "
        "Unpack one with `python -m spacy cmner resources pkuseg-model`."
    )
    CM226 = Message(
        "No pkuseg model in {home}: jieba segments instead, which knows less of medicine. "
        "`python -m spacy cmner resources pkuseg-model` fetches pkuseg's default model."
    )
    CM227 = Message(
        "The {words} words have no counts, which a lexicon needs to weight their vectors. "
        "Build it with `python -m spacy cmner resources lexicon`, or of a word2vec file with "
        "`… import-vectors --lexicon`."
    )
    CM228 = Message(
        "The pkuseg model cannot be fetched: {reason}. Download pkuseg-0.0.25.tar.gz from PyPI on "
        "another machine and name it with --archive."
    )
    CM229 = Message(
        "{path} is not the pkuseg-0.0.25.tar.gz of PyPI (sha256 {expected}). Download it."
    )
    CM230 = Message(
        "{path} holds no vectors. Give a word2vec file: a word and its values in each line."
    )
    CM231 = Message("{path} is cut short at {place}. Copy or download the file again.")
    CM232 = Message(
        "{path}, line {line}: {found} values, where {dim} are expected. Mend or remove the line; "
        "if it is right, the first line of the file is wrong."
    )
    CM234 = Message("{path}, {place}: a value is no finite number ({problem}). Mend or remove it.")
    CM235 = Message(
        "{path} goes on after {place}, though its first line promises {rows} rows. "
        "Correct the number there."
    )
    CM236 = Message(
        "{path}, row {row}: no word where one must begin ({problem}). The width {dim} in the first "
        "line may be wrong, or the file was changed in transfer: copy it again in binary mode."
    )
    CM237 = Message(
        "{word!r} has the count {count}, but words are weighted by counts of 1 or more. Leave "
        "the word out, or build the lexicon with `python -m spacy cmner resources lexicon`."
    )
    CM238 = Message("A value of {value:g} is too large for 16-bit floats. Leave out --half.")
    CM239 = Message(
        "None of the {words} words belongs into a lexicon: all are longer than ten characters or "
        "have no letter. Take a file of words."
    )

    # CM3xx: models
    CM301 = Message("The labels {labels} hold a duplicate: give every entity label once.")
    CM302 = Message(
        "Unknown entity label {label!r}: use one of {labels}. To teach a trained component another "
        "one, call `add_label({label!r})` on it, and save it before it is sourced."
    )
    CM303 = Message(
        "Entity {start}–{end} ({label}) overlaps another one, is empty, or leaves its text of "
        "{length} characters: give flat spans inside one sentence."
    )
    CM304 = Message(
        "The tag sequence starting {tags} is illegal in BIOES: pass the tags of crf_decode."
    )
    CM305 = Message(
        "CRF inputs do not fit: {name} has the shape {found}, where {expected} is expected. The "
        "lengths (none may be negative) sum to {total}, and transitions are for {n_tags} tags."
    )
    CM306 = Message(
        "Sentence {sentence} (counted from 0) has the score {score}: no legal tag sequence is "
        "allowed there. Check its annotation or forced spans, and that the transitions are finite."
    )
    CM307 = Message(
        "The emissions of sentence {sentence}, character {character} of the batch (both counted "
        "from 0), are not finite: lower the learning rate or check the features."
    )
    CM308 = Message("k = {k!r} is no number of readings. Give 1 or more.")

    CM311 = Message(
        "The layer {name} has no weights yet. Run nlp.initialize() or load a trained pipeline."
    )
    CM312 = Message(
        'The layers of this pipeline are trained by Adam. Use @optimizers = "Adam.v1" with '
        "beta1 and beta2 above 0 and without use_radam."
    )
    CM313 = Message(
        "The saved weights of {name} cannot be read ({reason}). The file is damaged, or was saved "
        "with another config: copy the pipeline again."
    )
    CM314 = Message(
        "Every part of LocalGlobalEmbed is switched off. Switch on at least one of char2vec, "
        "spatial, sequential and use_global."
    )
    CM315 = Message(
        "channels = {channels} does not fit the grouped convolutions of the spatial encoder. "
        "Choose a multiple of 64."
    )
    CM316 = Message(
        "A document of the batch beginning {text!r} … has tokens of several characters, but this "
        "layer needs one token a character. Set [nlp.tokenizer] "
        '@tokenizers = "spacy-cmner.char_tokenizer.v1". (`spacy pretrain` puts [MASK] in the place '
        "of characters, so it cannot train this layer.)"
    )
    CM317 = Message(
        "The layer {layer} is made from a trained one, not initialised. Train the pipeline that "
        "it came from, with the architectures of its config, and run `python -m spacy cmner "
        "compile` on that."
    )
    CM318 = Message(
        "There is nothing to compile: no component of the pipeline holds {architectures}. "
        "A pipeline that is compiled already can be used as it is."
    )

    CM319 = Message(
        "A hit of the evidence has the label {label!r}, which is not among {labels}. Give it one "
        "of these, or name it in `evidence` of the model, which then learns what it says."
    )
    CM320 = Message(
        "ONNX Runtime needs the package {package}: pip install 'spacy-cmner[onnx]', or compile "
        "the pipeline with --runtime torch."
    )
    CM321 = Message(
        "The graph of OnnxBiLSTMEncoder cannot be read ({reason}). The file is damaged, or this "
        "version of onnxruntime is too old for it: copy or compile the pipeline again."
    )
    CM322 = Message(
        "OnnxBiLSTMEncoder cannot be trained. Train the pipeline that it was compiled from and "
        "compile that again."
    )
    CM323 = Message(
        "Pipelines can only be joined if their recognisers have the same {what}: {first} has "
        "{expected}, {other} has {found}. Leave one of them out."
    )
    CM324 = Message(
        "{model} cannot be joined: the model of its component '{name}' listens to another "
        "component. Call nlp.replace_listeners() on it, with the path of the listener's block in "
        "the config, such as model.tok2vec, and save it first, in a pipeline with the character "
        "tokenizer; one of words would lose its entities."
    )
    CM325 = Message(
        "spacy-transformers is needed to use a transformer. "
        "Run `pip install 'spacy-cmner[transformers]'`."
    )
    CM326 = Message(
        "There is no transformer to read in {path} ({reason}). Name a folder with config.json, the "
        "weights and the tokenizer's files, for example with --paths.transformer; nothing is "
        "downloaded."
    )
    CM327 = Message("{n} is too few pipelines to join. Give two or more.")
    CM328 = Message(
        "{model} has no trained recogniser '{name}' to join; its components are {found}. Train it, "
        "or give the name that the component has in all pipelines."
    )
    CM329 = Message(
        "None of the {words} words of the bigram vectors is a pair of characters. Give the path of "
        "a file made by `python -m spacy cmner resources vectors --unit bigram`, or leave it out "
        "to use the shipped one."
    )
    CM330 = Message(
        "The transformer in {path} cannot be made ({reason}). Mend the setting of tokenizer_config "
        "or transformer_config that does not fit; without any, a file of the tokenizer is missing."
    )
    CM331 = Message(
        "The transformer has no folder. Name one with config.json, the weights and the tokenizer's "
        "files, for example with --paths.transformer; nothing is downloaded."
    )
    CM332 = Message(
        "The weights {name} of a layer are not finite in {precision}. Keep them in float32, or "
        "train the layer again with a lower learning rate."
    )
    CM333 = Message("{name} = {value!r} is no size that a model can have. Give {expected}.")
    CM334 = Message(
        "The weights {weights} do not fit {n} pipelines. Give each of them a number above 0."
    )
    CM335 = Message(
        "The transformer cannot read texts in pieces of window = {window} with stride = {stride}. "
        "Give get_spans a window from 1 to {limit}, the tokens that fit in the transformer, and a "
        "stride from 1 to that window; a longer one leaves tokens out."
    )
    CM336 = Message(
        "The tokenizer in {path} has {pieces} wordpieces, but the transformer has vectors for "
        "{vectors} only. Copy the tokenizer's files (vocab.txt or tokenizer.json) from the model "
        "that the weights are from."
    )
    CM337 = Message(
        "None of the {words} words of the character vectors is a single character. Give the path "
        "of a file made by `python -m spacy cmner resources vectors` or `import-vectors`, or leave "
        "it out to use the shipped one."
    )

    # CM4xx: pipeline
    CM401 = Message("alignment_mode = {value!r} is not possible. Choose one of: {allowed}.")
    CM402 = Message("max_length = {value!r} is not possible. Give a number of characters above 0.")
    CM403 = Message("{value!r} is no entity label. Give a string that is not empty.")
    CM404 = Message(
        "There are no entity labels for '{name}'. Give training documents with entities, or "
        "name the labels in [initialize.components.{name}]."
    )
    CM405 = Message(
        "'{name}' has no labels. Add them with add_label and call nlp.initialize(), or load a "
        "trained pipeline."
    )
    CM406 = Message(
        "{n} entities ({examples}) begin or end inside a token and were dropped (alignment_mode "
        "is {mode!r}). Use {others}the tokenizer spacy-cmner.char_tokenizer.v1."
    )
    CM407 = Message(
        "The texts of an example differ: {predicted!r} … is predicted on, {reference!r} … is "
        "annotated. Make both from one text."
    )
    CM408 = Message("threshold = {value!r} is not possible. Give a probability, from 0 to 1.")
    CM409 = Message(
        "batch_characters = {value!r} is not possible. Give a number of characters above 0."
    )
    CM410 = Message("{path} is no term list. Give a file that ends in one of: {endings}.")
    CM411 = Message("{path}, line {line}: expected {expected}. Mend or remove the line.")
    CM412 = Message("There is no segmenter '{tool}'. Choose one of: {tools}.")
    CM413 = Message("match = {value!r} is not possible. Choose one of: {allowed}.")
    CM414 = Message("{value!r} is no term. Give text that is not only white space.")
    CM415 = Message("There is no policy '{value}'. Choose one of: {allowed}.")
    CM416 = Message("There is no pattern '{value}'. Choose from: {allowed}.")
    CM417 = Message("{value!r} is no weight for evidence. Give a finite number.")
    CM418 = Message(
        "doc.spans[{key!r}], which '{name}' reads its evidence from, is on no document of a batch. "
        "Name the component that fills it in [training] annotating_components, before '{name}' "
        "in the pipeline."
    )
    CM419 = Message(
        "The model of '{name}' learns from evidence, but evidence_key is null. Name the span group "
        "that holds the hits."
    )
    CM420 = Message("{value!r} is not {expected}.")
    CM421 = Message(
        "{place} cannot be loaded ({reason}). A file is missing or damaged, or is from another "
        "pipeline or release: copy the pipeline again, as a whole, or train it anew."
    )
    CM422 = Message(
        "The labels {labels} ask for {expected} tags, but the model has {found}. Take the labels "
        "and the model from one pipeline."
    )
    CM423 = Message(
        "No component has read {text!r} … for the model, which listens to one. Run the whole "
        "pipeline, or first the component that it listens to, such as 'transformer' or 'tok2vec'."
    )
    CM424 = Message("decoding = {value!r} is not possible. Choose one of: {allowed}.")
    CM426 = Message(
        "threshold = {value} is too low for decoding = 'marginal', which takes {lowest} for it. "
        "Half of the F1 that the pipeline reaches is best for F1, such as 0.3."
    )
    CM427 = Message(
        "'{name}' has '{key}' among its inputs, but there is no such span group on a document. "
        "Check the name; there are: {groups}."
    )
    CM428 = Message(
        "{n} entities ({examples}) begin or end inside a token and were moved to the boundaries of "
        "tokens (alignment_mode is {mode!r}). Use the tokenizer spacy-cmner.char_tokenizer.v1 to "
        "have them as found."
    )
    CM429 = Message(
        "'{name}' has no inputs, so it would {effect}. Name groups of doc.spans in inputs, or "
        '"ents" for the entities that are there.'
    )
    CM430 = Message("min_precision = {value} is not possible. Give a number from 0 to 1.")
    CM431 = Message(
        "No component of the pipeline ({names}) is a recogniser, whose certainty is asked for. "
        "Give a pipeline with a cmner component."
    )
    CM432 = Message("There is no annotation tool '{tool}'. Choose one of: {tools}.")
    CM433 = Message("{path} holds no text that can be read. Give texts; the first problem: {first}")
    CM434 = Message(
        "min_score = {value} is not possible where possible = {possible}. Give probabilities, "
        "min_score the higher one."
    )
    CM435 = Message("{name} = {value!r} is not possible. Give {expected}.")
    CM436 = Message(
        "{path} has no header that is known, so its first row ({row}) is read as the term "
        "{term!r}, though it looks like names of columns. If it is, name them term, type and id; "
        "if it holds a term, put the line term,type before it."
    )
    CM437 = Message(
        "'{name}' has no terms, so it finds nothing. Give it some with add_terms, or with "
        "from_lists or terms in [initialize.components.{name}], which training does not read for "
        "what is among its frozen_components: name '{name}' there only once it has its terms."
    )
    CM438 = Message(
        "{n} terms are given a second code for a type, and keep the first ({examples}). Mend the "
        "list; to change a code, remove the term before you add it again."
    )
    CM439 = Message(
        "There is no term in {paths}, so nothing would be annotated. Give a list that has some."
    )
    CM440 = Message(
        "Of {steps} steps of training only the first was evaluated, so model-best has learnt from "
        "a single batch. Train again with a training.eval_frequency (now {value}) below {steps}, "
        "such as the number of steps of an epoch."
    )
    CM441 = Message(
        "{names}: another library has registered these before, so what they say is its own. Read "
        "{safe}, which holds what is said of an entity."
    )
    CM442 = Message(
        "nested_in names {names}, which '{name}' does not know. Its types: {labels}. Name some of "
        "these."
    )

    # CM5xx: command line
    CM501 = Message(
        "{path} is neither .spacy nor .jsonl. Turn it into one with `python -m spacy cmner "
        "convert`."
    )
    CM502 = Message(
        "{path} holds predictions for {found} texts, but {expected} have gold annotation. Predict "
        "on the same file with `python -m spacy cmner evaluate --predictions`."
    )
    CM503 = Message(
        "{path}, record {number}: the text {found!r} … is not the gold file's {expected!r} …. "
        "Predict on the same file with `python -m spacy cmner evaluate --predictions`."
    )
    CM504 = Message(
        "{path}: {count} records or entities are at fault, which would falsify the scores. The "
        "first: {first}"
    )
    CM505 = Message(
        "{model} is no pipeline that can be loaded ({reason}). Give the folder that `spacy train` "
        "has written, such as model-best, or the name of an installed package. If it is one, it is "
        "damaged (copy it again), or needs code of yours: `spacy package --code` makes a package "
        "that brings it along; install that, and give its name."
    )
    CM506 = Message(
        "{path} holds no annotated text. Give gold data; 'no entity' is annotation too."
    )
    CM507 = Message("{path} has the wrong ending for a report. Give one of: {endings}.")
    CM508 = Message(
        "Two systems with {a} and {b} documents cannot be compared with {samples} samples. Count "
        "both on the same documents, and draw at least one sample."
    )
    CM509 = Message("{path} is a pipeline that is read here. Give another folder to write to.")
    CM510 = Message(
        "{path} cannot be used: {reason}. Check the path, its permissions and the disk."
    )
    CM511 = Message(
        "GPU {gpu_id} cannot be used: {reason}. Give --gpu-id -1 for the CPU, or install what is "
        "missing."
    )
    CM512 = Message("{path} is given twice. Give each system's predictions once.")
    CM513 = Message("{path} has no ending of a picture. Give one such as .png.")
    CM514 = Message(
        "{path} holds {found}, which is no part of a pipeline. Give a new or an empty folder to "
        "write to."
    )
    CM515 = Message(
        "No entity has a score to calibrate. Give a pipeline with a cmner component that finds "
        "entities in these texts."
    )
    CM516 = Message("matplotlib is needed to draw. Run `pip install 'spacy-cmner[plots]'`.")
    CM517 = Message(
        "All {count} entities are {what}, which says nothing of how sure to be of others. Give "
        "texts with more entities, which the pipeline was not trained on."
    )
    CM518 = Message(
        "Another disk is mounted at {path}, and no folder can take the place of that. Give a "
        "folder in it, such as {example}."
    )
    CM520 = Message("{path} does not describe experiments: {problem}. Mend it.")
    CM521 = Message("There is no {kind} '{name}'. Choose from: {names}.")
    CM522 = Message("{config} cannot take the settings given: {problem}. Mend the settings.")
    CM523 = Message(
        "{folder} holds a run with other settings. Give the same, another --output, or remove it."
    )
    CM524 = Message(
        "The training of {row} with seed {seed} failed (exit code {code}). {log} says why."
    )
    CM525 = Message("These runs failed: {failed}. Mend what their messages say and run again.")
    CM526 = Message(
        "No run of {experiment} on {fraction} of {data} is finished in {folder}. Train its models "
        "with `python -m spacy cmner experiment run {experiment} --data {data} --fraction "
        "{fraction}`, or give the --data, --fraction and --output of those that are."
    )
    CM527 = Message("A fraction of {fraction} leaves no text of {path}. Give a larger one.")
    CM528 = Message("{setting} is decided by this command: {instead}.")
    CM529 = Message(
        "{folder} holds a run that was trained or scored on other texts. Give another --output, or "
        "remove it."
    )
    CM530 = Message(
        "{folder} holds no data set, a folder with train.spacy and dev.spacy. Make both with "
        "`python -m spacy cmner convert`, or give another --corpus."
    )
    CM531 = Message(
        "{folder} was trained on other texts than {other}: they cannot be compared. Remove the "
        "older one and train it anew, or leave a model out by --models."
    )
    CM532 = Message(
        "{folder} was trained with another {setting} than {other}: they cannot be compared. Remove "
        "one and train it anew, or leave a model out by --models."
    )
