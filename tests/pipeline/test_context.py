import re
from pathlib import Path

import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.scorer import PRFScore

from spacy_cmner.pipeline.context import ContextRules
from spacy_cmner.pipeline.triggers import ATTRIBUTES, Trigger, read_triggers
from spacy_cmner.resources.shipped import shipped
from spacy_cmner.types import TextRange

CASES = Path(__file__).parent / "assertion.jsonl"
RULES = ContextRules(read_triggers(shipped("triggers")))
TRIGGERS = [
    Trigger("无", "forward", "negated", "list"),
    Trigger("无", "backward", "negated", "answer"),
    Trigger("无", "backward", "negated", "last"),
    Trigger("无", "forward", "negated", "inside"),
    Trigger("无力", "pseudo", None, "inside"),
    Trigger("不喘", "either", "negated", "inside"),
    Trigger("阴性", "backward", "negated", "inside"),
    Trigger("不", "forward", "negated", "adjacent"),
    Trigger("阴性", "backward", "negated"),
    Trigger("均阴性", "backward", "negated", "list"),
    Trigger("未见", "either", "negated"),
    Trigger("可能", "either", "uncertain"),
    Trigger("既往", "forward", "past", "sentence"),
    Trigger("待查", "backward", "uncertain", "adjacent", "癌 结核"),
    Trigger("没", "backward", "negated", "closed"),
    Trigger("没", "backward", "uncertain", "open"),
    Trigger("无诱因", "pseudo"),
    Trigger("但", "terminator"),
    Trigger("现", "terminator", "past"),
    Trigger("旧史", "forward", "past", "section"),
    Trigger("今", "terminator", "past", "list"),
    Trigger("此次", "terminator", "past", "section"),
]
SMALL = ContextRules(TRIGGERS)


def marked(text, rules=SMALL):
    """Entities in brackets; returns for each its attributes with the text of their triggers."""
    plain, entities = "", []
    for part in re.split(r"(\[[^\]]*\])", text):
        if part.startswith("["):
            entities.append(TextRange(len(plain), len(plain) + len(part) - 2))
        plain += part.strip("[]")
    found = rules(plain, entities)
    return [{name: plain[start:end] for name, (start, end) in one.items()} for one in found]


NO = {"negated": "无"}
MAYBE = {"uncertain": "可能"}
ASKED = {"uncertain": "没"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("无[咳]、[喘]", [NO, NO]),
        ("[咳]，无[喘]", [{}, NO]),
        ("无[咳]。[喘]", [NO, {}]),
        ("无[咳]\n[喘]", [NO, {}]),
        ("无[咳]，[喘]，[痰]及[热]", [NO, NO, NO, NO]),
        ("无[咳]，[喘]明显", [NO, {}]),
        ("无[咳]但[喘]", [NO, {}]),
        ("不[咳]，不太[喘]，不知[痰]何时有", [{"negated": "不"}] * 3),
        ("不知是否[咳]", [{}]),
        ("[咳][喘]阴性", [{"negated": "阴性"}] * 2),
        ("[咳]，[喘]阴性", [{}, {"negated": "阴性"}]),
        ("有[咳]，[喘]，[痰]均阴性", [{}, {"negated": "均阴性"}, {"negated": "均阴性"}]),
        ("[咳]未见[喘]", [{}, {"negated": "未见"}]),
        ("[咳]未见", [{"negated": "未见"}]),
        ("[咳]：无。[喘]（无），[痰]:无", [NO] * 3),
        ("[咳]、[喘]： 无，[痰]：有", [NO, NO, {}]),
        ("[咳]：无，[喘]，[痰]明显", [NO, {}, {}]),  # no list begins there
        ("[肺]：无[喘]", [{}, NO]),
        ("[肺]：无力", [{}]),
        ("[咳]（未见）", [{"negated": "未见"}]),
        ("可能[咳]；[喘]可能", [{"uncertain": "可能"}] * 2),
        ("既往[咳]，[喘]，现[热]", [{"past": "既往"}, {"past": "既往"}, {}]),
        ("无诱因[咳]", [{}]),
        ("[无力]，[喘]", [{}, {}]),
        ("既往无[咳]", [{"past": "既往", "negated": "无"}]),
        ("无[咳]，可能[喘]", [NO, {"uncertain": "可能"}]),
        ("[咳]无，[喘]", [NO, {}]),
        ("[咳]，[喘]无", [{}, NO]),
        ("[咳]没，[喘]没", [{"negated": "没"}, ASKED]),
        ("[咳]无[喘]", [{}, NO]),
        ("无[咳]，[食欲差]，[喘]", [NO, {}, {}]),
        ("无[咳]，[食欲差]、[喘]", [NO, {}, {}]),
        ("无[咳]、[食欲差]", [NO, NO]),
        ("无[咳]，[四肢无力]，[喘]", [NO, {}, {}]),
        ("无[咳]，[无力]", [NO, {}]),
        ("无[咳]、[四肢无力]", [NO, NO]),
        ("无[咳]，[肌无力]", [NO, NO]),
        ("无[咳]，[走路不稳]", [NO, {}]),
        ("无[咳]，[不稳定型心绞痛]", [NO, NO]),
        ("无[咳]，[全身痒]", [NO, {}]),
        ("[肺癌]待查，[肺结核]待查", [{"uncertain": "待查"}] * 2),
        ("[咳]待查，[结核性咳]待查", [{}, {}]),
        ("[肺癌]的原因待查", [{}]),
        ("無[咳]，[喘]", [{"negated": "無"}] * 2),
        ("无[咳]，[體重減輕]，[喘]", [NO, {}, {}]),
        ("无[咳]，[双肺喘]，[肺喘]", [NO, {}, {}]),
        ("无[咳]，[淋巴结肿大]", [NO, NO]),
        ("无[咳]，[体温][38.5℃]，[痰]", [NO, {}, {}, {}]),
        ("无[咳]，[白细胞] [12.3×10^9/L]", [NO, {}, {}]),
        ("无[咳]，[体温39.8℃]，[麻木][Ⅰ级]", [NO, {}, {}, {}]),
        ("无[咳]，[2型糖尿病]，[维生素B12缺乏]", [NO, NO, NO]),
        ("无分泌物，[咳]", [{}]),  # what is not found is denied
        ("无：[咳]，[喘]", [NO, NO]),
        ("[咳声大]，[痰]均阴性", [{}, {"negated": "均阴性"}]),
        ("[咳]，有[痰]均阴性", [{}, {"negated": "均阴性"}]),
        ("[咳]可能[喘]", [{}, MAYBE]),
        ("[咳]可能 [喘]", [MAYBE, {}]),
        ("[咳]可能、[喘]", [MAYBE, {}]),
        ("[咳]可能2.[喘]", [MAYBE, {}]),
        ("[咳]可能②[喘]", [MAYBE, {}]),
        ("[咳] 可能 [喘]", [{}, MAYBE]),
        ("见[咳] 未见[喘] [痰]未见 [热]", [{}, {"negated": "未见"}, {"negated": "未见"}, {}]),
        ("无[咳] [喘] [痰] 旧史 [热]", [NO, NO, NO, {"past": "旧史"}]),
        ("[咳] 1.[喘] 2.[热]可能", [{}, {}, MAYBE]),
        ("无[咳]. [喘]. [热]5.6", [NO, {}, {}]),
        ("1.[咳] 2.[喘]可能 3.[痰]", [{}, MAYBE, {}]),
        ("1.可能[咳] 2.[喘]", [MAYBE, {}]),
        ("可能：1.[咳] 2.[喘]", [MAYBE, MAYBE]),
        ("可能[咳] 药：[喘]", [MAYBE, {}]),
        ("[咳]待查：[喘]可能", [{}, MAYBE]),
        ("[咳]：双侧均阴性", [{"negated": "均阴性"}]),
        ("[咳]：无  [喘]：有", [NO, {}]),
        ("病史：无 [喘]", [NO]),
        ("无[咳]  [喘]", [NO, {}]),
        ("无[咳]\t[喘]", [NO, {}]),
        ("可能 [咳] [喘]", [MAYBE, MAYBE]),
        ("诊  断 可能[咳]", [MAYBE]),
        ("①左[咳] ②右[喘]可能", [{}, MAYBE]),
        ("①无[咳]②[喘]③[痰]", [NO, {}, {}]),
        ("①[咳]：有②[喘]：无③[痰]：有", [{}, NO, {}]),
        ("（1）无[咳]（2）[喘]（3）[痰]可能（4）[热]", [NO, {}, MAYBE, {}]),
        ("无（1）[咳]（2）[喘]", [NO, NO]),
        ("无以下症状：①[咳]②[喘]", [NO, NO]),
        ("无特殊 查体：1.[咳] 2.[喘]", [{}, {}]),
        ("无[咳]（2）、[喘]（1）", [NO, NO]),
        ("无[咳]【查体】[喘]", [NO, {}]),
        ("无[咳]【[片]】[喘]", [NO, {}, {}]),
        ("无【[咳]】、[喘]", [NO, NO]),
        *((f"无[咳]{mark}[喘]", [NO, {}]) for mark in ("——", "……", "→", "|")),
        ("“无[咳]”，[喘]，“[痰]”阴性", [NO, {}, {"negated": "阴性"}]),
        ("[咳]未见喘，[喘]未见，[痰]未见。", [{}, *[{"negated": "未见"}] * 2]),
        ("[咳]阳性[喘]阴性[痰]阴性", [{}, *[{"negated": "阴性"}] * 2]),
        ("[咳]（+）、[喘]（2+）、[痰]阴性", [{}, {}, {"negated": "阴性"}]),
        ("[咳]+ [喘] [痰]阴性", [{}, *[{"negated": "阴性"}] * 2]),
        ("[咳]\t无\t[喘]\t有\t[痰]\t无", [NO, {}, NO]),
        ("| [咳] | 无 |\n| [喘] | 有 |\n| [痰] | 阴性 |", [NO, {}, {"negated": "阴性"}]),
        ("[咳]  有  [喘]  无  [痰]  有", [{}, NO, {}]),
        ("[咳]\t阳性\t阴性\n[喘]\t阴性（-）\t阴性", [{}, {"negated": "阴性"}]),
        ("[咳]\t无[喘]", [{}, NO]),
        ("可能诊断(1)[咳](2)[喘]", [MAYBE, MAYBE]),
        ("可能诊断为1.[咳] 2.[喘]", [MAYBE, MAYBE]),
        ("无以下①[咳]②[喘]", [NO, NO]),
        ("无[咳]、\n[喘]\n[痰]", [NO, NO, {}]),
        ("无[咳]，[喘]，[痰]等不适", [NO, NO, NO]),
        ("无[咳]，[腹]不适", [NO, {}]),
        ("[咳]但阴性", [{"negated": "阴性"}]),
        ("[咳]但[喘]阴性", [{}, {"negated": "阴性"}]),
        ("[咳]未见后，[喘]未见后壁", [{"negated": "未见"}, {}]),
        ("[咳]（90%）、[喘]（约5%+）、[痰]阴性", [{}, {}, {"negated": "阴性"}]),
        ("[咳]过敏史无，[喘]病史无。[痰]史无[热]", [NO, NO, {}, NO]),
        ("无", []),
        ("", []),
    ],
)
def test_scopes(text, expected):
    assert marked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[肺无音]、[喘]", [NO, {}]),
        ("[无咳]、[喘]，[痰]", [NO, NO, NO]),
        ("[无咳][喘]", [NO, NO]),
        ("[无咳]的[喘]", [NO, {}]),
        ("[无咳]但[喘]", [NO, {}]),
        ("[无咳]、[食欲差]、[喘]", [NO, {}, {}]),
        ("无[咳]，[无喘]，[痰]", [NO, NO, NO]),
        ("[无力]，[喘]", [{}, {}]),
        ("[咳无]，[喘]", [{}, {}]),
        ("[咳，无喘]", [{}]),
        ("[咳、无喘]", [{}]),
        ("[咳但无喘]", [{}]),
        ("[不喘]，[咳]", [{"negated": "不喘"}, {}]),
        ("[咳]、[抗体阴性]", [{}, {"negated": "阴性"}]),
        ("[阴性菌]", [{}]),
        ("既往[无咳]", [{"past": "既往", "negated": "无"}]),
    ],
)
def test_words_inside_of_entities(text, expected):
    assert marked(text) == expected


def test_a_word_inside_says_only_what_it_says_at_its_place():
    negation = Trigger("无", "forward", "negated", "inside")
    doubt = Trigger("无", "backward", "uncertain", "inside")
    rules = ContextRules([negation, doubt])
    assert marked("[无咳]，[咳无]", rules) == [NO, {"uncertain": "无"}]
    rules = ContextRules([negation, doubt, Trigger("但", "terminator", "uncertain")])
    assert marked("[但无咳]，[但咳无]", rules) == [NO, {}]


# Of the triggers that ship.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[发烧]没有，[咳嗽]有", [{"negated": "没有"}, {}]),
        ("[发烧]没有？[痰]没有\n[咳嗽]没有", [{"uncertain": w} for w in ("？", "没有", "没有")]),
        ("[发烧]：没有，[咳嗽]也没有", [{"negated": "没有"}, {"negated": "也没有"}]),
        ("以前有没有[哮喘]", [{"uncertain": "以前有没有", "past": "以前有没有"}]),
        ("[咳嗽]有没有，[发烧]没", [{"uncertain": "有没有"}, {"uncertain": "没"}]),
        ("[咳嗽]没有好转", [{}]),
        ("[发热]待查", [{}]),
        ("[肺癌]待查", [{"uncertain": "待查"}]),
        ("[肺炎]待排", [{"uncertain": "待排"}]),
        ("[咳嗽]几天了？[感冒]？", [{}, {"uncertain": "？"}]),
        ("[咯血]停止，[肿瘤]停止生长", [{"negated": "停止"}, {}]),
        ("以前有[哮喘]，现[咳嗽]", [{"past": "以前有"}, {}]),
        ("我妈有[哮喘]，我有[咳嗽]", [{"family": "我妈"}, {}]),
        ("若[发热]，及时就诊", [{"uncertain": "若"}]),
        ("沒有[發燒]，否認[過敏]史", [{"negated": "沒有"}, {"negated": "否認", "past": "史"}]),
        ("[无力]、[不孕症]、[非小细胞肺癌]、[未分化癌]，[咳嗽]", [{}] * 5),
        ("[无症状性心肌缺血]，[胸痛]", [{}, {}]),
        *((f"[克氏征]（{minus}）", [{"negated": f"（{minus}）"}]) for minus in "-－—–−"),
        ("既往：体健。3天前出现[咳嗽]，伴[发热]。", [{}, {}]),
        ("拟诊：[肺炎]。拟诊讨论：诊断：[肺炎]。", [{"uncertain": "拟诊"}, {}]),
        ("[5年]前[脑梗死]", [{}, {"past": "年前"}]),
        ("既往史：[高血压]。[3天]前[发热]。", [{"past": "既往史"}, {}, {}]),
        ("既往史：[高血压]。入院后[发热]。", [{"past": "既往史"}, {}]),
        ("家族史：[肺癌]。患者[咳嗽]3天", [{"family": "家族史"}, {}]),
        ("[阑尾炎]可排除，[肺炎]不考虑。", [{"negated": "可排除"}, {"negated": "不考虑"}]),
        ("[CT]可排除[肺炎]。[胸痛]不考虑心源性。", [{}, {"negated": "可排除"}, {}]),
        ("[真菌]未检出，未找到[癌细胞]", [{"negated": "未检出"}, {"negated": "未找到"}]),
        ("[积液]已吸收，[炎症]已吸收大半", [{"negated": "已吸收"}, {}]),
        ("[头孢曲松]（皮试阴性），[青霉素]皮试（-），[PPD]阴性", [{}, {}, {"negated": "阴性"}]),
        ("1.休息。2.如[胸痛]随诊。3.如厕[头晕]", [{"uncertain": ".如"}, {}]),
        ("[热]、[疹]均已消退，[瘀斑]部分消失", [*[{"negated": "均已消退"}] * 2, {}]),
        (
            "[跌倒]、[坠床]均未发生，[出血]未发生",
            [{"negated": w} for w in ("均未发生",) * 2 + ("未发生",)],
        ),
        ("有[跌倒]风险，交代[手术]风险", [{"uncertain": "风险"}, {}]),
        ("防[跌倒]，以免[误吸]", [{"uncertain": "防"}, {"uncertain": "以免"}]),
        ("[HBsAg]（+） [HCV]（-） [HIV]（-）", [{}, {"negated": "（-）"}, {"negated": "（-）"}]),
        ("[CK7]+，[P63]-，[T]细胞-，[水肿]：—", [{}, {"negated": "-"}, {}, {"negated": "—"}]),
        (
            "[哮喘]史、[结核]史及[肿瘤]、[癫痫]家族史",
            [{"past": "史"}, {"past": "史"}, {"family": "家族史"}, {"family": "家族史"}],
        ),
        ("[高血压]、[糖尿病]史均无", [{"past": "史", "negated": "均无"}] * 2),
        ("并非没有[发热]，不无[焦虑]，非首次[发热]", [{}, {}, {}]),
        ("[腹痛]，伴或不伴[呕吐]", [{}, {"uncertain": "伴或不伴"}]),
        ("未曾[发热]", [{"negated": "未曾"}]),
        ("鉴别：①[肺癌]：略。②[结核]", [{"uncertain": "鉴别"}] * 2),
        ("母孕期[贫血]，足月产，无[窒息]", [{"family": "母孕期"}, {"negated": "无"}]),
        ("从未有[抽搐]、[晕厥]", [{"negated": "从未有"}] * 2),
        ("否认曾患有[肝炎]", [{"negated": "否认曾患有", "past": "否认曾患有"}]),
        ("未述[头痛]、[头晕]", [{"negated": "未述"}] * 2),
        (
            "[HBsAg]、[HCV]均为阴性，[HIV]检测结果为（-）",
            [{"negated": "均为阴性"}, {"negated": "均为阴性"}, {"negated": "（-）"}],
        ),
        ("[皮疹]今日消失，[发热]用药后消失", [{"negated": "消失"}] * 2),
        ("[核酸]已转阴", [{"negated": "已转阴"}]),
        ("[药物]过敏史否认", [{"past": "过敏史", "negated": "否认"}]),
        ("[转移]考虑。[咳嗽]考虑[肺炎]", [{"uncertain": "考虑"}, {}, {"uncertain": "考虑"}]),
        ("[跌倒]高危，[高血压]高危", [{"uncertain": "高危"}, {}]),
        ("曾祖母、大舅患[哮喘]，父患[肺癌]", [{"family": "大舅"}, {"family": "父患"}]),
        ("家中无[水痘]患者", [{"negated": "家中无", "family": "家中无"}]),
        ("在家中无[发热]，[咳嗽]", [{"negated": "在家中无"}] * 2),
        ("患儿奶奶发现其[发热]，其女儿代诉[头痛]，被邻居发现[昏迷]", [{}, {}, {}]),
        ("患者之父有[肺癌]，依次子宫、[附件]", [{"family": "之父"}, {"family": "之父"}]),
        (
            "未感[头晕]、[恶心]，从不[咯血]、[盗汗]",
            [{"negated": w} for w in ("未感",) * 2 + ("从不",) * 2],
        ),
        ("未探及明显[结节]，[血流]未探及", [{"negated": "未探及"}] * 2),
        ("无任何诱因[头痛]，没有明显诱因[头晕]", [{}, {}]),
        (
            "[头痛]、[头晕]全无，首先考虑[肺癌]",
            [*[{"negated": "全无"}] * 2, {"uncertain": "首先考虑"}],
        ),
        (
            "可以排除[肺炎]，均未发生[出血]、[感染]",
            [{"negated": w} for w in ("可以排除", "均未发生", "均未发生")],
        ),
        ("从未有过[抽搐]", [{"negated": "从未有过", "past": "从未有过"}]),
        ("无[发热].[咳]伴[痰]2.5ml", [{"negated": "无"}, {}, {}]),
    ],
)
def test_triggers_that_ship(text, expected):
    assert marked(text, RULES) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[肺炎]（[真菌感染]待排）、[气胸]", [{}, {"uncertain": "待排"}, {}]),
        ("[结节]（[癌]？[结核]？）", [{}, {"uncertain": "？"}, {"uncertain": "？"}]),
        ("[发热]（无[寒战]）、[咳嗽]", [{}, {"negated": "无"}, {}]),
        ("[结节]（[恶性]病变可能）、[囊肿]", [{}, {"uncertain": "可能"}, {}]),
        ("[乏力]（父亲有[乙肝]）、[纳差]", [{}, {"family": "父亲"}, {}]),
        ("[头孢]（[皮试]阴性）", [{}, {"negated": "阴性"}]),
        ("[肝炎]（[甲肝]、[乙肝]）阴性", [{"negated": "阴性"}] * 3),
        ("[发热]（无）", [{"negated": "无"}]),
        ("无[瘤]（[肝]、[肾]）、[癌]", [{"negated": "无"}] * 4),
        ("（无[寒战]\n[咳嗽]）", [{"negated": "无"}, {}]),
    ],
)
def test_scopes_do_not_leave_brackets_around_entities(text, expected):
    assert marked(text, RULES) == expected


def test_traditional_triggers_are_those_of_the_simplified_script():
    rules = ContextRules([Trigger("否認", "forward", "negated")])
    assert marked("否认[咳]。否認[喘]", rules) == [{"negated": "否认"}, {"negated": "否認"}]
    assert marked("家族史：[癌]。輔助檢查 [喘]", RULES) == [{"family": "家族史"}, {}]


OLD = {"past": "旧史"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("旧史：[咳]；[喘]。有[痰]，现[热]。", [OLD] * 4),
        ("[咳]。旧史：[喘]。[痰]", [{}, OLD, OLD]),
        ("【旧史】[咳]。[喘]", [OLD, OLD]),
        ("旧史 [咳]。[喘]", [OLD, OLD]),
        ("[痰]。旧史 [咳]，[喘]。查体 [热]", [{}, OLD, OLD, {}]),
        ("[痰]。旧史有 [咳]", [{}, {}]),
        ("姓名 张  旧史 [咳]，[喘]  一般检查 [热]", [OLD, OLD, {}]),
        ("三、旧史：[咳]。[喘]", [OLD, OLD]),
        ("（三）旧史\n①[咳]嗽：1年\n②[喘]\n（四）查体：[痰]", [OLD, OLD, {}]),
        ("• 旧史：\n  - [咳]\n  - [喘]\n• 查体：[痰]", [OLD, OLD, {}]),
        ("[咳]。2.旧史:[喘]。3.查体:[痰]", [{}, OLD, {}]),
        ("旧史：[咳]。查体：[喘]。[痰]", [OLD, {}, {}]),
        ("旧史：[咳]。查 体：[喘]。[痰]", [OLD, {}, {}]),
        ("旧史：[咳]。[敏]史：[痰]", [OLD, {}, {}]),
        ("旧史：[咳]。[查体]：[痰]", [OLD, {}, {}]),
        ("旧史：[咳嗽]：1年。[气喘]：2年", [OLD, OLD]),
        ("[旧]史：[咳]", [{}, OLD]),
        ("旧 史：[咳]", [{"past": "旧 史"}]),
        ("旧史：[咳]\n[喘]", [OLD, {}]),
        ("旧史\n[咳]。[喘]\n[痰]", [OLD, OLD, {}]),
        ("旧史：\n\n查体：[咳]", [{}]),
        ("旧史：1.[咳]\n2.[喘]\n[痰]", [OLD, OLD, {}]),
        ("旧史：\n（1）[咳]\n（2）[喘]\n3、查体：[痰]", [OLD, OLD, {}]),
        ("旧史：\n（1）[咳]\n（2）5年前[喘]", [OLD, OLD]),
        ("旧史及他史：[咳]", [{"past": "旧史及他史"}]),
        ("旧史同前：[咳]", [{"past": "旧史同前"}]),
        ("旧史\n[咳] □有 ☑无\n[喘] ☑有 □无\n[痰]", [OLD | NO, OLD, {}]),
        ("旧史：[咳]，今[喘]，[热]，无[痰]。[疹]", [OLD, {}, {}, OLD | NO, OLD]),
        ("旧史：[咳]，此次[喘]。[痰]", [OLD, {}, {}]),
        ("旧史：无[咳]。[喘]", [OLD | NO, OLD]),
        ("有旧史：[咳]", [{}]),
        ("[咳]旧史：[喘]", [{}, {}]),
        ("旧史有[咳]", [{}]),
        ("查体【旧史】[咳]【今史】[喘]", [OLD, {}]),
        ("旧史", []),
    ],
)
def test_sections(text, expected):
    assert marked(text) == expected


def test_the_nearest_trigger_is_named():
    rules = ContextRules([Trigger("{否认,无}", "forward", "negated")])
    assert marked("否认并无[咳]", rules) == [NO]


def test_no_scope_is_endless():
    """Or texts without punctuation would take a square of their length."""
    assert marked("无" + "[喘]、" * 600) == [NO] * 250 + [{}] * 350
    assert marked("、[喘]" * 600 + "均阴性") == [{}] * 350 + [{"negated": "均阴性"}] * 250


def test_full_width_punctuation_and_triggers():
    rules = ContextRules([Trigger("(-)", "backward", "negated")])
    assert marked("[征]（－）", rules) == [{"negated": "（－）"}]


def test_overlapping_entities_and_hostile_text():
    text = "无\0发热😀，\u2028"
    entities = [TextRange(2, 4), TextRange(2, 3), TextRange(0, len(text)), TextRange(3, 3)]
    assert SMALL(text, entities) == [{}] * 4
    assert SMALL(text, entities[:2]) == [{"negated": (0, 1)}] * 2
    assert SMALL("无发热", [TextRange(0, 3), TextRange(1, 3)]) == [{"negated": (0, 1)}] * 2


@given(st.text("无不未见可能，。[咳]但", max_size=25), st.data())
def test_triggers_lie_in_the_same_sentence_and_in_no_entity_in_part(text, data):
    ends = data.draw(st.lists(st.integers(0, len(text)), unique=True, max_size=6).map(sorted))
    entities = [TextRange(*pair) for pair in zip(ends[::2], ends[1::2], strict=False)]
    for entity, assertion in zip(entities, SMALL(text, entities), strict=True):
        for start, end in assertion.values():
            is_inside = entity.start <= start and end <= entity.end
            assert is_inside or end <= entity.start or start >= entity.end
            between = text[min(end, entity.end) : max(start, entity.start)]
            inside = [place for place in entities if "。" in text[place.start : place.end]]
            assert inside or "。" not in between


@given(st.lists(st.text("无不未见可能既往，咳但现", max_size=12), max_size=4), st.data())
def test_a_sentence_is_judged_without_its_neighbours(sentences, data):
    alone, entities, text = [], [], ""
    for sentence in sentences:
        ends = data.draw(st.lists(st.integers(0, len(sentence)), unique=True, max_size=4))
        pairs = zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False)
        places = [TextRange(*pair) for pair in pairs]
        for assertion in SMALL(sentence, places):
            alone.append({name: sentence[a:b] for name, (a, b) in assertion.items()})
        entities += [TextRange(a + len(text), b + len(text)) for a, b in places]
        text += sentence + "。"
    order = data.draw(st.permutations(range(len(entities))))
    together = SMALL(text, [entities[i] for i in order])
    for i, assertion in zip(order, together, strict=True):
        assert {name: text[a:b] for name, (a, b) in assertion.items()} == alone[i]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("医生：[咳]没", [ASKED]),
        ("患者：[咳]没", [{"negated": "没"}]),
        ("医生：有[痰]，[咳]没\n患者：不[烧] 有点[咳]", [{}, ASKED, {"negated": "不"}, {}]),
        ("患者：无[咳] [喘] 有[痰]", [NO, NO, {}]),
        ("无[咳] [喘] 有[痰]", [NO, NO, NO]),  # nobody speaks
        ("无[咳] [喘] 有[痰]\n怎么了？\n好\n吃药没\n没\n谢谢", [NO, NO, {}]),  # a chat
        ("无[咳] [喘] 有[痰]\n怎么了？\n好\n吃药\n没\n谢谢", [NO, NO, NO]),
    ],
)
def test_dialogues(text, expected):
    assert marked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("其父有[咳]史", {"family"}),
        ("其父曾有[咳]", {"family", "past"}),
        ("家族史：否认[哮喘]病史", {"family", "negated"}),
        ("患者：我妈有[糖尿病]", {"family"}),
        ("患者：我妈65，有[糖尿病]", set()),
        ("我外公，今年80岁，[糖尿病]", set()),
        ("我妈65，我爸有[糖尿病]", {"family"}),
        ("我妈10年前得了[糖尿病]", {"family", "past"}),
        ("大夫您好，我父亲67岁，[黑便]", set()),
        ("患者：您好，替我妈妈问的，她有[肌瘤]", set()),
        ("患者：您好，我妈妈有[肌瘤]", {"family"}),
        ("CT排除[脑出血]", {"negated"}),
        ("建议做CT排除[脑出血]", {"uncertain"}),
        ("建议手术。CT排除[脑出血]", {"negated"}),
        ("先查血HCG，排除[宫外孕]", {"uncertain"}),
        ("[脑出血]已由CT排除", {"negated"}),
        ("[萎缩性胃炎]待胃镜除外", {"uncertain"}),
        ("若[胸痛]，口服[硝酸甘油]", {"uncertain"}),
        ("T≥38.5℃予[布洛芬]", {"uncertain"}),
        ("如[气促]加重随诊", {"uncertain"}),
        ("[气促]来诊", set()),
        ("患者[咳嗽]加重来诊", set()),
        ("存在[出血]、[血栓]风险", {"uncertain"}),
        ("2019年因[结石]行[胆囊切除]，[胰腺炎]", {"past"}),
        ("近2年因[结石]加重", set()),
        ("[结核]治愈20年", {"past"}),
        ("可治愈[结核]", set()),
        ("既往高血压，母有[消渴]", {"family"}),
        ("既往有哮喘，目前无[喘息]", {"negated"}),
        ("既往有癫痫，现无[抽搐]", {"negated"}),
        ("既往史：高血压，暂无[头晕]", {"negated"}),
        ("既往癫痫，否认近期[抽搐]", {"negated"}),
        ("既往癫痫，没有近期[抽搐]", {"negated"}),
        ("既往癫痫，否认目前有[抽搐]", {"negated"}),
        ("婚育史：[剖宫产]1次", {"past"}),
        ("个人史：生后[黄疸]", {"past"}),
        ("既往史（家属述）：[癫痫]", {"past"}),
        ("主要是[脑出血]", set()),
        ("肚子[疼]不疼", {"uncertain"}),
        ("[肚子疼]没疼？", {"uncertain"}),
        ("[疼]不痒", set()),
        ("家里有没有[哮喘]", {"family", "uncertain"}),
        ("家里有[头孢]", set()),
        ("有没有得过[肺炎]", {"uncertain", "past"}),
        ("[肺炎]没得过", {"negated", "past"}),
        ("[打呼噜]以前有", {"past"}),
        ("高中的时候[骨折]过", {"past"}),
        ("没看到[疹子]", {"negated"}),
        ("[疹子]没看到", {"negated"}),
        ("[结核]基本不考虑", {"negated"}),
        ("除外结核后考虑[肺癌]", {"uncertain"}),
        ("未见出血首先考虑[脑梗死]", {"uncertain"}),
        ("无发热考虑为[鼻炎]", {"uncertain"}),
        ("[鼻咽癌]也要排除", {"uncertain"}),
        ("看看是不是[流感]", {"uncertain"}),
        ("别吃[头孢]", {"negated"}),
        ("不要吃易[过敏]的", set()),
        ("我怕又[抽]", {"uncertain"}),
        ("如果没好，就做[胃镜]", {"uncertain"}),
        ("有没有出现[脑出血]", {"uncertain"}),
        ("鉴别诊断：[肺炎]", {"uncertain"}),
        ("鉴别诊断：无[肺炎]", {"negated"}),
    ],
)
def test_what_does_not_go_together(text, expected):
    assert all(found.keys() == expected for found in marked(text, RULES))


@pytest.mark.parametrize(
    ("split", "size", "floor"),
    [
        ("development", 250, 0.99),
        ("held-out", 60, 0.75),
        ("held-out-2", 20, 0.95),
        ("development-2", 49, 0.9),
        ("held-out-3", 49, 0.85),
        ("sections", 18, 0.99),
        ("notes", 30, 0.95),
        ("notes-2", 24, 0.85),
        ("notes-3", 15, 0.75),
        ("notes-4", 12, 0.85),
        ("dialogues-3", 12, 0.7),
        ("notes-held-out", 24, 0.85),
        ("notes-held-out-2", 15, 0.55),
        ("notes-held-out-3", 12, 0.65),
        ("dialogues-held-out-3", 12, 0.5),
        ("dialogues", 20, 0.65),
        ("dialogues-2", 20, 0.55),
        ("dialogues-held-out", 20, 0.65),
        ("dialogues-held-out-2", 20, 0.65),
    ],
)
def test_written_texts(split, size, floor):
    scores = {attribute: PRFScore() for attribute in ATTRIBUTES}
    cases = [case for case in srsly.read_jsonl(CASES) if case["split"] == split]
    for case in cases:
        places = [TextRange(entity["start"], entity["end"]) for entity in case["entities"]]
        for entity, found in zip(case["entities"], RULES(case["text"], places), strict=True):
            for attribute, score in scores.items():
                gold = {attribute} & set(entity["attributes"])
                score.score_set({attribute} & found.keys(), gold)
    assert len(cases) >= size
    for score in scores.values():
        assert score.precision >= floor
        assert score.recall >= floor
