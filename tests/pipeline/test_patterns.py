import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_cmner.errors import CmnerError
from spacy_cmner.pipeline.folding import Folding
from spacy_cmner.pipeline.patterns import PATTERNS, PatternMatcher

# label → (text, what is marked in it)
FOUND = {
    "dose": [
        ("阿莫西林0.5g/次，口服", "0.5g/次"),
        ("按10 mg/kg给药", "10 mg/kg"),
        ("静滴10～15ｍｇ／（kg•d）", "10～15ｍｇ／（kg•d）"),
        ("青霉素80万U肌注", "80万U"),
        ("地高辛125μg", "125μg"),
        ("VitC0.2g", "0.2g"),
        ("布洛芬混悬液5毫升", "5毫升"),
        ("二甲双胍1片", "1片"),
        ("每次两粒，饭后", "两粒"),
        ("多巴胺5 μg/kg/min泵入", "5 μg/kg/min"),
        ("胰岛素8单位", "8单位"),
        ("剂量20mg/d。", "20mg/d"),
        ("地高辛口服1/2片", "1/2片"),
        ("每次1/3包", "1/3包"),
        ("青霉素1,000mg", "1,000mg"),
        ("肝素12，500单位", "12，500单位"),
        ("肝素5 000U", "5 000U"),
        ("每公斤体重10mg", "10mg"),
        ("体重60kg，予0.5g", "0.5g"),
    ],
    "frequency": [
        ("0.5g tid", "tid"),
        ("口服，每日3次", "每日3次"),
        ("q8h静滴", "q8h"),
        ("一天三次", "一天三次"),
        ("3次/日", "3次/日"),
        ("2～3次／天", "2～3次／天"),
        ("每8小时一次", "每8小时一次"),
        ("隔日1次", "隔日1次"),
        ("1片 B.I.D", "B.I.D"),
        ("每周2次透析", "每周2次"),
        ("Qn服", "Qn"),
        ("每天早晚各1次", "每天早晚各1次"),
        ("每日分3次服", "每日分3次"),
        ("1次/12h", "1次/12h"),
        ("1次/8 小时", "1次/8 小时"),
    ],
    "lab_value": [
        ("血红蛋白 98 g/L", "98 g/L"),
        ("WBC 12.3×10^9/L", "12.3×10^9/L"),
        ("白细胞11.2*10⁹/L", "11.2*10⁹/L"),
        ("肌酐 132μmol/L", "132μmol/L"),
        ("ALT 85U/L", "85U/L"),
        ("PCT <0.05 ng/ml", "<0.05 ng/ml"),
        ("中性粒细胞 78.5%", "78.5%"),
        ("血糖７.８ｍｍｏｌ／Ｌ", "７.８ｍｍｏｌ／Ｌ"),
        ("血沉 45mm/h", "45mm/h"),
        ("eGFR 56 ml/min/1.73m2", "56 ml/min/1.73m2"),
        ("白细胞5-8个/HP", "5-8个/HP"),
        ("总胆固醇210 mg/dL", "210 mg/dL"),
        ("HBV-DNA 5.6×10^4拷贝/ml", "5.6×10^4拷贝/ml"),
        ("1.2×10⁵IU/ml", "1.2×10⁵IU/ml"),
        ("HBV-DNA 3.5E+05 IU/mL", "3.5E+05 IU/mL"),
    ],
    "stage": [
        ("胃癌T2N1M0", "T2N1M0"),
        ("肺腺癌Ⅲ期", "Ⅲ期"),
        ("分期为III b期", "III b期"),
        ("pT1aN0M0，术后", "pT1aN0M0"),
        ("CKD 3期", "3期"),
        ("CKD4-5期", "4-5期"),
        ("宫颈癌ⅠB1期", "ⅠB1期"),
        ("二期梅毒", "二期"),
        ("心功能Ⅲ级", "Ⅲ级"),
        ("高血压3级", "3级"),
        ("Ⅱ－Ⅲ期", "Ⅱ－Ⅲ期"),
        ("肝功能Child-Pugh B级", "B级"),
        ("T4N2Mx", "T4N2Mx"),
        ("膀胱癌T2期", "T2期"),
        ("T1a期", "T1a期"),
        ("T1-2N0M0", "T1-2N0M0"),
        ("高血压病3级（很高危）", "3级"),
        ("Child-Pugh分级：B级", "B级"),
    ],
    "blood_pressure": [
        ("测得120/80 mmHg", "120/80 mmHg"),
        ("血压150/95，", "150/95"),
        ("BP：130／85mmHg", "130／85mmHg"),
        ("血压波动在140-160/90-100mmHg", "140-160/90-100mmHg"),
        ("血压为 110/70mmHg", "110/70mmHg"),
        ("收缩压180mmHg", "180mmHg"),
        ("160/100毫米汞柱", "160/100毫米汞柱"),
        ("16.0/10.5kPa", "16.0/10.5kPa"),
        ("舒张压达100 mmHg", "100 mmHg"),
        ("收缩压140～160mmHg", "140～160mmHg"),
        ("收缩压≥140 mm Hg", "140 mm Hg"),
    ],
    "temperature": [
        ("体温38.5℃", "38.5℃"),
        ("T 36.8℃，P 80次/分", "36.8℃"),
        ("发热，最高39.2°C", "39.2°C"),
        ("体温波动在37.5～38.5℃", "37.5～38.5℃"),
        ("烧到39度", "39度"),
        ("体温：３８．５℃", "３８．５℃"),
        ("体温38.2，咽红", "38.2"),
        ("体温40摄氏度", "40摄氏度"),
        ("T:37.2，神清", "37.2"),
        ("38度5", "38度5"),
    ],
    "duration": [
        ("发热3天", "3天"),
        ("咳嗽2周余", "2周余"),
        ("头痛半年", "半年"),
        ("糖尿病史10余年", "10余年"),
        ("间断腹痛2-3个月", "2-3个月"),
        ("持续30分钟", "30分钟"),
        ("病程3月余", "3月余"),
        ("高血压二十多年", "二十多年"),
        ("腹泻数小时", "数小时"),
        ("抽搐持续5min", "5min"),
        ("胸痛2h", "2h"),
        ("一个半月", "一个半月"),
        ("咳嗽两个星期了", "两个星期"),
        ("1个多月前", "1个多月"),
        ("2个多小时", "2个多小时"),
        ("一个多星期", "一个多星期"),
        ("烧了3个礼拜", "3个礼拜"),
        ("一个半小时", "一个半小时"),
        ("10+年", "10+年"),
        ("发热3d，", "3d"),
        ("咳嗽5 d", "5 d"),
        ("加重2w。", "2w"),
        ("5mg bid×7d", "7d"),
        ("住院3～5d", "3～5d"),
        ("腹痛3+月", "3+月"),
        ("半月前受凉", "半月"),
        ("停药2月后", "2月"),
        ("1-2月来消瘦", "1-2月"),
    ],
}
NOT_FOUND = {
    "dose": [
        "血红蛋白98 g/L",
        "体重60kg",
        "出生体重3200g",
        "尿量1500ml",
        "肌酐1.2mg/dl",
        "置入2支支架",
        "肺内见一片阴影",
        "5克隆氏病",
        "总蛋白65 g/L",
        "5g/100ml",
        "尿量：1500ml",
        "尿量约为1500ml",
        "术中出血约 200ml",
        "体重 3200g",
    ],
    "frequency": [
        "心率80次/分",
        "QTc间期",
        "ST段抬高",
        "既往手术3次",
        "每日进食",
        "hs-CRP升高",
        "一日游",
        "hs cTnT 0.01",
    ],
    "lab_value": [
        "发病率为10%",
        "体重60kg",
        "阿司匹林0.1g",
        "10 mg/kg",
        "80次/分",
        "2-8℃",
        "鳞状细胞癌占30%",
        "淋巴结转移5%",
    ],
    "stage": [
        "Ⅲ期临床试验",
        "Ⅰ期缝合",
        "T2加权像",
        "T4降低",
        "早期妊娠",
        "Ⅰ期愈合",
        "第3期杂志",
        "二期手术",
        "维生素B1",
        "HIV期间",
        "Ⅰ级护理",
        "左下肢肌力Ⅳ级",
    ],
    "blood_pressure": [
        "2021/12/08",
        "眼压20mmHg",
        "约1/2",
        "PaO2 60mmHg",
        "视力120/80",
        "血压正常",
    ],
    "temperature": [
        "储存于2-8℃",
        "抬高床头30度",
        "38.5kg",
        "35度角",
        "138℃",
        "3.5℃",
        "膝关节屈曲40度",
        "Cobb角38度",
    ],
    "duration": [
        "2021年3月5日",
        "患者3岁",
        "术后第3天",
        "每8小时一次",
        "一天三次",
        "3日龄新生儿",
        "24小时尿蛋白",
        "周围性面瘫",
        "星期三复诊",
        "孕39周",
        "每4～6小时",
        "第5～8天",
        "q8h静滴",
        "孕 39 周",
        "孕38+2周",
        "术后第 3 天",
        "每 4～6 小时",
        "三日疟",
        "3D重建",
        "3D-CT",
        "T2W像",
        "CD3 d",
        "功率40W",
        "晶状体24D",
        "图9-9d",
        "怀孕三个半月",
        "孕38w",
        "POD3d",
        "半月板损伤",
        "2021年2月后",
        "2月前后",
        "5月龄",
    ],
}


def found(text, label):
    return [text[start:end] for start, end, _ in PatternMatcher([label])(text)]


@pytest.mark.parametrize(
    ("label", "text", "value"),
    [(label, text, value) for label, cases in FOUND.items() for text, value in cases],
)
def test_finds(label, text, value):
    assert found(text, label) == [value]


@pytest.mark.parametrize(
    ("label", "text"), [(label, text) for label, texts in NOT_FOUND.items() for text in texts]
)
def test_does_not_find(label, text):
    assert found(text, label) == []


def test_every_pattern_is_tested():
    assert FOUND.keys() == NOT_FOUND.keys() == PATTERNS.keys()
    assert min(map(len, FOUND.values())) >= 8
    assert min(map(len, NOT_FOUND.values())) >= 4


def test_all_labels_together():
    text = "体温38.5℃3天，血压120/80mmHg，头孢0.5g tid"
    assert [(text[start:end], label) for start, end, label in PatternMatcher()(text)] == [
        ("38.5℃", "temperature"),
        ("3天", "duration"),
        ("120/80mmHg", "blood_pressure"),
        ("0.5g", "dose"),
        ("tid", "frequency"),
    ]


def test_another_label_is_refused():
    with pytest.raises(CmnerError, match=r"CM416.*weight"):
        PatternMatcher(["weight"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1" * 20000,
        "1/" * 10000,
        "血压" * 10000,
        "一" * 20000,
        "细胞 " * 5000,
        "1 " * 10000,
        "1," * 10000,
        "体重 " * 9000,
        "100 " * 5000,
    ],
)
def test_hostile_texts_take_no_time_and_hold_nothing(text):
    assert PatternMatcher()(text) == []


RULES = [rule for rules in PATTERNS.values() for rule in rules]
PIECES = [
    *("1", "2", "38", "90", "/", "-", ".", "%", "t", "n", "m", "q", "d", "h", "mg", "l", "bid"),
    *("ef", "x", "a", "kpa", "child", "mmhg", "ii", "ⅱ", "次", "日", "天", "周", "年", "小时"),
    *("w", "月", "前", "后"),
    *("每", "片", "口服", "一", "三", "半", "期", "级", "度", "体温", "血压", "收缩压", "心功能"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_rule_is_passed_over_in_a_text_that_holds_what_it_finds(text):
    for rule in RULES:
        assert rule.needs.search(text) or not rule.pattern.search(text)


def test_each_rule_finds_something_in_the_examples():
    texts = [text.translate(Folding()) for cases in FOUND.values() for text, _ in cases]
    assert all(any(rule.pattern.search(text) for text in texts) for rule in RULES)
