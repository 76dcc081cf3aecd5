"""Labels, updates, missing annotation, new labels and rehearsal."""

import numpy as np
import pytest
import srsly
import tiny
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_cmner.errors import CmnerError

NEW = [("查头颅磁共振。", [(1, 6, "exam")]), ("右肺磁共振正常。", [(0, 2, "bod"), (2, 5, "exam")])]


def predictions(nlp, sentences=tiny.SENTENCES):
    return [tiny.entities(nlp(text)) for text, _ in sentences]


def gold(sentences=tiny.SENTENCES):
    return [entities for _, entities in sentences]


def partial(nlp, text: str, entities: list, missing: list[tuple[int, int]]) -> Example:
    """An example of which some characters are not annotated."""
    doc = nlp.make_doc(text)
    doc.set_ents(
        [Span(doc, *entity) for entity in entities],
        missing=[doc[start:end] for start, end in missing],
        default="outside",
    )
    return Example(nlp.make_doc(text), doc)


def loss_and_gradient(nlp, *examples: Example):
    """For examples of one sentence each."""
    pipe = nlp.get_pipe("cmner")
    loss, gradient = pipe.get_loss(examples, pipe.model.predict([eg.reference for eg in examples]))
    return loss, gradient.dataXd


# Labels


def test_labels_come_from_the_data(trained):
    pipe = trained.get_pipe("cmner")
    assert pipe.labels == tiny.LABELS
    assert pipe.label_data == list(tiny.LABELS)
    assert trained.pipe_labels["cmner"] == list(tiny.LABELS)


def test_given_labels_keep_their_order(resource_dir):
    nlp = tiny.blank()
    labels = ["sym", "ite", "dru", "bod"]
    tiny.initialize(nlp, resource_dir, labels=labels)
    assert nlp.get_pipe("cmner").labels == tuple(labels)


def test_labels_are_read_from_a_file(resource_dir, tmp_path, trained):
    path = tmp_path / "cmner.json"
    srsly.write_json(path, trained.get_pipe("cmner").label_data)
    nlp = tiny.blank()
    reader = {"@readers": "spacy.read_labels.v1", "path": str(path), "require": True}
    tiny.initialize(nlp, resource_dir, labels=reader)
    assert nlp.get_pipe("cmner").labels == tiny.LABELS


def test_labels_added_before_are_kept_first(resource_dir):
    nlp = tiny.blank()
    assert nlp.get_pipe("cmner").add_label("ite") == 1
    assert nlp.get_pipe("cmner").add_label("ite") == 0
    tiny.initialize(nlp, resource_dir)
    assert nlp.get_pipe("cmner").labels == ("ite", *tiny.LABELS)


@pytest.mark.parametrize("label", ["", 3, None])
def test_what_is_no_label(label):
    with pytest.raises(CmnerError, match="CM403"):
        tiny.blank().get_pipe("cmner").add_label(label)


def test_initialising_needs_labels(resource_dir):
    nlp = tiny.blank()
    with pytest.raises(CmnerError, match=r"CM404.*\[initialize\.components\.cmner\]"):
        nlp.initialize()
    with pytest.raises(CmnerError, match=r"CM404"):
        tiny.initialize(nlp, resource_dir, [("无", [])])
    with pytest.raises(CmnerError, match=r"CM404"):
        tiny.initialize(nlp, resource_dir, labels=[])


def test_gold_of_an_unknown_label_is_named(fresh):
    with pytest.raises(CmnerError, match=r"CM302.*'exam'.*bod, dru, sym"):
        fresh.update(tiny.examples(fresh, NEW), sgd=fresh.resume_training())


def test_initialising_again_starts_anew(resource_dir):
    nlp = tiny.blank()
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir))
    assert predictions(nlp) == gold()
    optimizer = tiny.initialize(nlp, resource_dir)
    assert predictions(nlp) != gold()
    tiny.learn(nlp, optimizer)
    assert predictions(nlp) == gold()
    nlp.to_bytes()


def test_empty_texts_are_no_obstacle_to_initialising(resource_dir):
    nlp = tiny.blank()
    tiny.initialize(nlp, resource_dir, [("", []), *tiny.SENTENCES])
    assert nlp.get_pipe("cmner").labels == tiny.LABELS
    nlp = tiny.blank()
    tiny.initialize(nlp, resource_dir, [("", [])], labels=["sym"])
    assert nlp("无发热").has_annotation("ENT_IOB")


def test_words_as_tokens_are_no_obstacle_to_initialising(resource_dir):
    nlp = tiny.blank({"nlp": {"tokenizer": {"segmenter": "jieba"}}})
    sentences = tiny.SENTENCES[4:5]
    tiny.learn(nlp, tiny.initialize(nlp, resource_dir, sentences), sentences=sentences)
    assert predictions(nlp, sentences) == gold(sentences)


# Updates


def test_examples_may_come_from_any_iterable(fresh):
    recogniser, batch = fresh.get_pipe("cmner"), tiny.examples(fresh)
    scores = recogniser.model.predict([example.reference for example in batch])
    losses = [recogniser.get_loss(examples, scores)[0] for examples in (batch, iter(batch))]
    assert losses[0] == losses[1]
    losses = [recogniser.update(examples)["cmner"] for examples in (batch, iter(batch))]
    assert losses[0] == pytest.approx(losses[1])


def test_losses_have_names_and_fall(resource_dir):
    nlp = tiny.blank()
    optimizer = tiny.initialize(nlp, resource_dir)
    batch = tiny.examples(nlp)
    log = [nlp.update(batch, sgd=optimizer, losses={}) for _ in range(20)]
    assert set(log[0]) == {"cmner", "cmner_reconstruction"}
    for name in log[0]:
        assert 0 <= log[-1][name] < 0.7 * log[0][name]


def test_losses_are_means_over_the_sentences(trained):
    wrong = [partial(trained, text, [], []) for text, _ in tiny.SENTENCES[:2]]
    alone = [loss_and_gradient(trained, example)[0] for example in wrong]
    together, _ = loss_and_gradient(trained, *wrong)
    assert together == pytest.approx(sum(alone) / 2, rel=1e-4)


def test_losses_add_up_and_none_are_needed(fresh):
    batch = tiny.examples(fresh)
    losses = {"cmner": 5.0, "cmner_reconstruction": 5.0}
    assert fresh.get_pipe("cmner").update(batch, losses=losses) is losses
    assert min(losses.values()) > 5.0
    assert fresh.get_pipe("cmner").update([], losses={}) == {"cmner": 0.0}
    empty = Example.from_dict(fresh.make_doc(""), {"entities": []})
    assert fresh.update([empty], sgd=fresh.resume_training()) == {"cmner": 0.0}


def test_updates_do_not_depend_on_the_tokens(resource_dir):
    """The same texts, once with words as tokens."""
    losses = []
    for as_words in (False, True):
        nlp = tiny.blank()
        tiny.initialize(nlp, resource_dir)
        batch = tiny.examples(nlp)
        if as_words:
            words = ["患者", "右肺", "疼痛", "三天", "。"]
            ents = ["O", "B-bod", "B-sym", "O", "O"]
            doc = Doc(nlp.vocab, words=words, spaces=[False] * 5, ents=ents)
            batch[0] = Example(nlp.make_doc(doc.text), doc)
        losses.append(nlp.update(batch)["cmner"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_dropout_reaches_the_model(fresh):
    batch = tiny.examples(fresh)
    plain = [fresh.get_pipe("cmner").update(batch, drop=0.0)["cmner"] for _ in range(2)]
    dropped = fresh.get_pipe("cmner").update(batch, drop=0.5)["cmner"]
    assert plain[0] == pytest.approx(plain[1])
    assert dropped > 2 * plain[0]


def test_texts_of_an_example_must_agree(fresh):
    example = Example(fresh.make_doc("右肺"), fresh.make_doc("左肺"))
    with pytest.raises(CmnerError, match=r"CM407.*'右肺'.*'左肺'"):
        fresh.update([example])


def test_an_entity_across_sentences_can_be_learnt(resource_dir):
    nlp = tiny.blank()
    sentences = [("右肺\n疼痛三天。", [(1, 4, "sym")]), ("咳嗽！", [(0, 2, "sym")])]
    optimizer = tiny.initialize(nlp, resource_dir, sentences)
    first = nlp.update(tiny.examples(nlp, sentences), sgd=optimizer)["cmner"]
    tiny.learn(nlp, optimizer, sentences=sentences)
    assert nlp.update(tiny.examples(nlp, sentences))["cmner"] < 0.05 * first


def test_averages_are_used_in_prediction(resource_dir):
    nlp = tiny.blank()
    optimizer = tiny.initialize(nlp, resource_dir)
    optimizer.averages = {}
    tiny.learn(nlp, optimizer, 10)
    doc = [nlp.make_doc("患者右肺疼痛三天。")]
    model = nlp.get_pipe("cmner").model
    current = model.predict(doc).dataXd
    with nlp.use_params(optimizer.averages):
        averaged = model.predict(doc).dataXd
    assert not np.allclose(averaged, current, atol=1e-2)
    np.testing.assert_array_equal(model.predict(doc).dataXd, current)


# Missing annotation


def test_nothing_annotated_teaches_nothing(trained):
    doc = trained.make_doc("服用阿莫西林后咳嗽减轻。")
    loss, gradient = loss_and_gradient(trained, Example(trained.make_doc(doc.text), doc))
    assert loss == pytest.approx(0.0, abs=1e-5)
    assert not np.abs(gradient).max() > 1e-5


def test_missing_characters_are_marginalised_over(trained):
    text = "服用阿莫西林后咳嗽减轻。"
    wrong = partial(trained, text, [(2, 6, "sym"), (7, 9, "sym")], [])
    open_ = partial(trained, text, [(7, 9, "sym")], [(2, 6)])
    right = partial(trained, text, [(2, 6, "dru"), (7, 9, "sym")], [])
    losses = [loss_and_gradient(trained, example)[0] for example in (open_, right, wrong)]
    assert losses[0] < losses[1] < losses[2]


def test_an_unannotated_sentence_gives_no_gradient_beside_an_annotated_one(trained):
    docs = [trained.make_doc("无发热。"), trained.make_doc("无咳嗽。")]
    annotated = partial(trained, "无发热。", [], [])
    loss, gradient = loss_and_gradient(trained, annotated, Example(docs[1].copy(), docs[1]))
    assert loss > 1.0
    assert np.abs(gradient[:4]).max() > 0.1
    assert np.abs(gradient[4:]).max() < 1e-5


def test_learns_from_a_few_annotated_characters(resource_dir):
    nlp = tiny.blank()
    optimizer = tiny.initialize(nlp, resource_dir)
    batch = tiny.examples(nlp)
    text = "心脏无杂音，肝脏不大。"
    batch[2] = partial(nlp, text, [(0, 2, "bod")], [(2, len(text))])
    for _ in range(40):
        nlp.update(batch, sgd=optimizer)
    assert (0, 2, "bod") in tiny.entities(nlp(text))


def test_missing_words(trained):
    words = ["无", "发热", "，", "无咳嗽。"]
    doc = Doc(trained.vocab, words=words, spaces=[False] * 4)
    doc.set_ents([], missing=[doc[1:2]], default="outside")
    pipe = trained.get_pipe("cmner")
    scores = pipe.model.predict([trained.make_doc(doc.text)])
    same = partial(trained, doc.text, [], [(1, 3)])
    by_words, _ = pipe.get_loss([Example(trained.make_doc(doc.text), doc)], scores)
    assert by_words == pytest.approx(pipe.get_loss([same], scores)[0])


# More to learn


def test_a_new_label_changes_no_prediction(fresh):
    texts = [text for text, _ in tiny.SENTENCES + NEW] + ["".join(t for t, _ in tiny.SENTENCES)]
    before = [tiny.entities(fresh(text)) for text in texts]
    assert fresh.get_pipe("cmner").add_label("exam") == 1
    assert [tiny.entities(fresh(text)) for text in texts] == before


def test_a_new_label_can_be_learnt(fresh):
    fresh.get_pipe("cmner").add_label("exam")
    optimizer = fresh.resume_training()
    optimizer.learn_rate = 0.02
    both = [*tiny.SENTENCES, *NEW]
    tiny.learn(fresh, optimizer, 60, both)
    assert predictions(fresh, both) == gold(both)


def test_a_new_label_in_the_midst_of_training(resource_dir):
    nlp = tiny.blank()
    optimizer = tiny.initialize(nlp, resource_dir)
    tiny.learn(nlp, optimizer, 5)
    nlp.get_pipe("cmner").add_label("exam")
    both = [*tiny.SENTENCES, *NEW]
    tiny.learn(nlp, optimizer, 60, both)
    assert predictions(nlp, both) == gold(both)


def test_rehearsal_leads_back(fresh):
    optimizer = fresh.resume_training()
    optimizer.learn_rate = 0.005
    tiny.learn(fresh, optimizer, 5, [("心脏疼痛。", []), ("无咳嗽。", [])])
    examples = [Example.from_dict(fresh.make_doc(text), {}) for text, _ in tiny.SENTENCES]
    pipe = fresh.get_pipe("cmner")
    losses = [pipe.rehearse(examples, sgd=optimizer)["cmner"] for _ in range(20)]
    assert losses[0] > 0.01
    assert losses[-1] < 0.2 * losses[0]


def test_rehearsal_lowers_a_mean_over_characters_and_known_tags(fresh):
    optimizer = fresh.resume_training()
    pipe = fresh.get_pipe("cmner")
    docs = [fresh.make_doc(text) for text, _ in tiny.SENTENCES]
    before = pipe.model.predict(docs).dataXd
    pipe.add_label("exam")
    tiny.learn(fresh, optimizer, 5, [("心脏疼痛。", []), ("无咳嗽。", [])])
    difference = pipe.model.predict(docs).dataXd[:, : before.shape[1]] - before
    losses = pipe.rehearse([Example(doc, doc) for doc in docs])
    assert losses["cmner"] == pytest.approx((difference**2).mean(), rel=1e-4)
    gradient = pipe.model.get_ref("output_layer").get_grad("b")
    expected = np.zeros_like(gradient)
    expected[: before.shape[1]] = difference.sum(axis=0) / difference.size  # half of the slope
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-6)


def test_rehearsal_by_the_pipeline(fresh):
    optimizer = fresh.resume_training()
    optimizer.learn_rate = 0.005
    tiny.learn(fresh, optimizer, 5, [("心脏疼痛。", []), ("无咳嗽。", [])])
    examples = [Example.from_dict(fresh.make_doc(text), {}) for text, _ in tiny.SENTENCES]
    losses = [fresh.rehearse(examples, sgd=optimizer)["cmner"] for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]


def test_rehearsal_needs_a_model_from_before(fresh):
    assert fresh.get_pipe("cmner").rehearse(tiny.examples(fresh)) == {"cmner": 0.0}


def test_rehearsal_has_dropout_and_adds_to_the_losses(fresh):
    fresh.resume_training()
    pipe, batch, losses = fresh.get_pipe("cmner"), tiny.examples(fresh), {"cmner": 5.0}
    assert pipe.rehearse(batch, losses=losses) is losses
    assert losses["cmner"] == pytest.approx(5.0)
    assert pipe.rehearse(batch, losses=losses, drop=0.5)["cmner"] > 5.01


def test_rehearsal_of_empty_texts(fresh):
    optimizer = fresh.resume_training()
    empty = Example(fresh.make_doc(""), fresh.make_doc(""))
    assert fresh.get_pipe("cmner").rehearse([empty], sgd=optimizer) == {"cmner": 0.0}


def test_rehearsal_leaves_new_labels_alone(fresh):
    optimizer = fresh.resume_training()
    fresh.get_pipe("cmner").add_label("exam")
    losses = fresh.get_pipe("cmner").rehearse(tiny.examples(fresh), sgd=optimizer)
    assert losses["cmner"] == pytest.approx(0.0, abs=1e-8)
