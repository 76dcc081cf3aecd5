"""Quantities and stages, which are written by rule and so are best found by rule.

The patterns are regular expressions over characters. They read texts folded to half width and,
most of them, small letters (``folding``), where offsets stay the same; a group named ``value`` is
what is marked, without it the whole match, and a match that leaves it out is of something else.
All repetitions are bounded, so the time for a text is linear in its length. ``pattern_matcher``
looks for them.
"""

import re
from itertools import pairwise
from typing import NamedTuple

TO = r"\s?[-~–—至到±]\s?"
# A blank parts thousands, unless what is before it is part of a name or a time: D3 800, PD-1 200.
_NAMED = (
    r"(?<![a-z]\d)(?<![a-z]\d\d)(?<![a-z]\d\d\d)(?<!ca\d\d-\d)"
    r"(?<![a-z素]-\d)(?<![a-z素]-\d\d)(?<![a-z素]-\d\d\d)"
)
_THOUSANDS = rf"(?<!\d:)[1-9]\d{{0,2}}(?:(?:,|{_NAMED}\ )\d{{3}}(?!\d)){{1,3}}"
NUMBER = rf"(?:{_THOUSANDS}|\d{{1,6}})(?:\.\d{{1,4}})?"
# Not the second half of a fraction, of a ratio or of a power.
START = r"(?=\d)(?<![\d.^±])(?<!\d/)(?<![a-z克]/)(?<!\de[+-])"
NUMBERS = rf"{START}{NUMBER}(?:{TO}{NUMBER})?"
COUNT = r"(?:\d{1,2}|[一二两三四五六七八九十]{1,2})"
COUNTS = rf"{COUNT}(?:{TO}{COUNT})?"
# 3、4次 is about as many, 1、3次 is not.
_FEW = "|".join(
    f"{low}、{high}"
    for digits in ("123456789", "一二三四五六七八九")
    for low, high in pairwise(digits)
)
ABOUT = rf"(?:{_FEW}|{COUNTS})"
# What may stand behind a unit without a blank: 40mgivbid.
_RUN_ON = (
    r"(?=(?:iv(?:gtt|drip|vp|d)?|i[mh]|sc|po)?(?:q[dn]|[btq]id|qod|q\d{1,2}h|qw)(?![a-z])"
    r"|(?:iv(?:gtt|drip|vp|d)?|i[mh]|sc|po)(?![a-z]))"
)
# Nothing that would make a Latin unit another one: mg/d but not mg/dl.
UNIT_END = rf"(?:{_RUN_ON}|(?![a-z/]|\s?[·•]\s?[dm]?l))"


class Rule(NamedTuple):
    """What to look for.

    needs (re.Pattern): finds something in every text in which the pattern does, and quickly.
    pattern (re.Pattern): the regular expression.
    cased (bool): whether it reads letters as they are written, small or capital.
    """

    needs: re.Pattern[str]
    pattern: re.Pattern[str]
    cased: bool


def _rule(needs: str, pattern: str, *, cased: bool = False) -> Rule:
    return Rule(re.compile(needs), re.compile(pattern, re.VERBOSE), cased)


DIGIT = r"\d"


_NUMERAL = "[一二两三四五六七八九十半]"
_TABLET = (
    r"(?:片|粒|袋|丸|滴|喷|揿|包|瓶|枚"
    r"|支(?!支?架|气管|原体)|吸(?![氧入气烟痰引收])|贴(?![壁敷合近]))"
)
_PORTION = rf"(?:\d{{1,2}}\s?/\s?\d{{1,2}}|{NUMBER})"
_TIME = r"(?:次|日|天|d|小时|h|分钟?|min|周)"
_BODY = r"(?:kg|㎏|m\^?2|m²|㎡)"
_PER = (
    rf"(?:\s?/\s?(?:\(?{_BODY}[·•.*]?{_TIME}?\)?|{_TIME}|{_TABLET})"
    rf"|\s?[·•]\s?(?:\({_BODY}[·•]{_TIME}\)|kg|m|{_TIME})-[12¹²])"
)
_MASS = r"(?:mg|㎎|[uμµ]g|㎍|mcg|微克|毫克)"
_SERIES = rf"{NUMBERS}(?:{TO}{NUMBER}){{0,2}}"
_ABOUT = r"[:为约达共在(<>≤≥超过大小低高于\s]{0,5}"
_LIQUID = r"(?:ml|㎖|cc|毫升)"
_LOST = (
    r"(?:引流|[引抽放吸排导]出|抽[得液]|减压|[呕吐咯]|便血|[胸腹羊]水|积[液血]|血肿|[囊脓胃渗]液|胆汁"
    r"|(?:[色亮浊稠]|[血脓]性)[^\d,。;]{0,2}[液尿汁])"
)
# Thirty in 三十克.
_WRITTEN = (
    rf"(?=百|{_NUMERAL})(?<![第几百])(?<!{_NUMERAL})(?:百|{_NUMERAL}){{1,4}}(?=[毫微]?克|毫升|钱)"
)
_AMOUNT = rf"(?:{NUMBERS}|{_WRITTEN})"
# What is counted and not taken.
_PIECE = r"(?:结石|结节|息肉|淋巴结|支架|胚|卵泡?|瓣膜|弹簧圈|[夹钉牙])"
_COUNTED = (
    rf"(?:肿大|可吸收|金属|钛)?(?:{_PIECE}|(?:血管)?病变|引流|导管|阴影|赘生物|[红白紫瘀淤]斑)"
)
# What parts the number of tablets in 2# tid from one of a bed.
_ROUTE = (
    r"\s?[,×*]?\s?(?:[/每一1][次日天]|\d\s?次|q\.?[dno\d]|b\.?i\.?d|t\.?i\.?d|prn|hs|po"
    r"|[口嚼含吞顿]服|舌下|睡前|[早晚餐饭][^\d床楼])"
)
_PART = r"\d{1,4}(?:\.\d{1,2})?"

DOSE = (
    # 0.5g/次, 10 mg/(kg·d), 40万u, 8-8-6u, 0.4g/250ml; no body weights, volumes lost or drinks
    _rule(
        r"\d|[克升钱]",
        rf"""(?: 体重(?<![公千][斤克]..) | 重(?<![体加严减病].) | 体质量 | [尿水血奶入出痰]量 | 量约
          | 尿(?<![利遗速].)液? | 小便 | 痰液 | 潮气量 | vt(?<![a-z]..) | 超滤量? | 血流[量速]
          | 析液流[量速] | 容[积量] | 内容物 | 恶露 | [出失献]血 | 失水 | 饮水 | 限水 | 清水
          | 取汁 | (?:饮酒史?(?:\s?{COUNT}余?年,?)?|[啤白红黄]酒)(?:,?(?:平均)?每[次日天])? | 母乳
          | 新生儿(?=\D{{0,3}}\d{{4}}\s?g)
          | hb(?<![a-z]..) | 血红蛋白 | 尿蛋白(?:定量)? | 清除率 | gfr | ccr | 规格 | 估重
          | 腺 | 脏 | 子宫 | 胎盘 | [大黑]便 ) {_ABOUT} {_AMOUNT}
      | {_LOST} [^\d,。;予给服喂喝吃补输注用]{{0,8}} {_AMOUNT}\s?{_LIQUID}
      | (?P<value> (?:{_SERIES}|{_WRITTEN})\s?
        (?: (?:{_MASS}|n?g|ml|㎖|cc|meq|mci|[mg]bq|gtt|万?\s?i?u)
            (?:{_PER}{{0,2}}|\s?/\s?(?:50|250|500)\s?ml) {UNIT_END}
          | (?:[毫微]?克(?![隆罗拉])|钱|毫升|万?(?:国际)?单位) (?!\s?[/每]\s?升){_PER}{{0,2}} ) )
        (?!\s?[啤白红烈]酒|\s?(?:的|装)?规格|\s?[*×x]\s?\d{{1,3}}\s?{_TABLET})""",
    ),
    # both parts of a compound: 160/4.5μg, 5mg/10mg
    _rule(DIGIT, rf"{START}{_PART}{_MASS}?/{_PART}\s?{_MASS}{_PER}?{UNIT_END}"),
    # grams by custom: 2.0 ivgtt
    _rule(
        r"\.\d",
        rf"""{START}\d\.\d{{1,3}}(?=\s?(?:静[滴点推]|肌注
          |(?:iv\.?(?:gtt|drip|vp|d)?|im|ih|po|q[dn]|q\s?\d{{1,2}}h|[bt]\.?i\.?d)(?![a-z]|\s?期)))""",
    ),
    _rule(
        "[片粒袋丸滴喷揿包瓶枚支吸贴]",
        rf"""(?<!戒)烟(?!酸|酰)[^。;予给服药注]{{0,12}}?{NUMBERS}\s?[支包]
      | {_PIECE}[^\d,。;予给服]{{0,4}}{_PORTION}\s?枚
      | (?P<value> {START}(?<![*×x])(?<![素钙维vt][bdek])(?<![素维v]b1)
          (?!0\d)(?<!\d{{4}}-)(?<!\d{{4}}-\d-)(?<!\d{{4}}-\d\d-)
          {_PORTION}(?:{TO}(?!0\d){_PORTION})?\s?{_TABLET}(?!{_COUNTED}|\s?/\s?[支瓶盒])
          (?:{_PER}|半(?![个年月天日小]))? )""",
    ),
    _rule("#", rf"{START}\d(?:\.5)?\s?\#(?={_ROUTE})"),
    # 一片 is also a patch of something, so numerals need a verb
    _rule(
        rf"{_NUMERAL}{_TABLET}",
        rf"""(?:每次|一次|口服|服用|(?:各|每[顿餐日天晚早]|吃[了过]?)(?={_NUMERAL}[片粒丸滴])
          |(?={_NUMERAL}[片粒丸滴],?\s?(?:每[日天晚早]|[一1][日天])))
        (?P<value>{_NUMERAL}{_TABLET}半?)(?!{_COUNTED})""",
    ),
    _rule("[次服半]", r"(?<![一大小多对抽吸])半[片粒袋包支](?![着茎皮裹围半莲])"),
)

_TAKEN = r"[吃喝喂用拉吐][了过]?"
_DONE = r"\s?(?:(?!第)[一-鿿]){0,5}?\s?"
_BOTH = r"早、?(?:中、?)?晚"

FREQUENCY = (
    _rule(
        "[a-z]",
        r"""(?:(?<![a-z\d])|(?<=\d[gu])|(?<=\d(?:mg|ml|[uμµ]g|iu))|(?<=/kg)|(?<=iv|im|ih|sc|po))
        (?:q\.?d | b\.?i\.?d | t\.?i\.?d | q\.?i\.?d | q\.?o\.?d | q\.?n | qhs | qam | qpm
          | hs(?!\s?c?tn) | p\.?r\.?n | sos | qw | biw | tiw
          | q\s?\d{1,2}(?:[-~]\d{1,2})?\s?(?:h|d|w|min)(?:[-~]q\d{1,2}\s?h)?
          | stat | (?:(?<=g\s)|(?<=(?:ml|i[vmh]|po)\s))st(?=[\s,。;)!.]|$))
        (?![a-wyz-]|x(?!\d)|\d(?!\d?(?:[年月天周日]|个月)))""",
    ),
    # 每日3次, 一天三次, 隔日口服1次, 每天早晚各1次, 每半年1次, 一天吃3次, 每月复查1次
    _rule(
        "[次回]",
        rf"""(?<!第)(?:每|隔|一|(?<![\d第])1)
        (?:半?(?:日|天|周|月|年|小时)|[晚夜晨早]|星期|个月)\s?
        (?:口?服|分|{_BOTH}各?|[早晚]上|[上下中]午|睡前|{_TAKEN}|(?<=每[日天晚夜周月年]){_DONE})?
        \s?{ABOUT}\s?(?:次|回(?![事家]))""",
    ),
    # 每周一三五, 每周二、四、六
    _rule(
        "每",
        r"每(?:周|星期)[一二三四五六日天](?:[、,]?[二三四五六日天]){1,5}(?![次片粒个十、日周天])",
    ),
    # 日3次 after a dose or a pause, 早晚各1次
    _rule("次", rf"(?:(?<![^\s,。;(服用片粒丸袋gl])日(?:口?服|分)?|{_BOTH}各)\s?{ABOUT}\s?次"),
    # 每日1剂, 1剂/日 of a decoction
    _rule(
        "[剂付副]",
        rf"""(?:[每一1两2隔][日天]|(?<![^\s,。;服])日)\s?{COUNTS}\s?[剂付副](?!量)
      | (?<!\d){COUNTS}\s?[剂付副]\s?/\s?[日天d]""",
    ),
    # 两天一次, 3天/次
    _rule(
        "次",
        rf"""(?<![\d.第这那前后近今昨孕一二两三四五六七八九十]){COUNTS}\s?
        (?: (?:天|日|周|个月|小时|分钟|h|min)\s?[一1]\s?次(?![都也没半])
          | (?:天|日|周|个?月|d)\s?/\s?次 )""",
    ),
    # 3次/日, 1次/12h, not 80次/分
    _rule(
        "次",
        rf"""(?<!\d){COUNTS}\s?次\s?/\s?
        (?:(?:\d{{1,2}}\s?)?(?:日|天|晚|夜|周|个?月|年|小时|[dwh](?![a-z]))|\d{{1,2}}\s?(?:分钟?|min))""",
    ),
    # 每8小时一次, 每8h, 每3天换药1次
    _rule(
        "[每隔]",
        rf"(?:每隔?|(?<![间相时])隔)\s?{COUNTS}\s?(?:(?:小时|h(?![a-z]))(?:{_DONE}{COUNTS}\s?次)?"
        rf"|(?:天|日|周|个?月|年|分钟|min){_DONE}{COUNTS}\s?次)",
    ),
)

_A_LITRE = r"(?:\s?/\s?l|\s?[·•.]\s?l-[1¹])"
_PER_LITRE = (
    rf"(?:[munpμµ]?mol|m?eq|[mnuμµ]?g|[mkuμµ]?i?u|mosm|t){_A_LITRE}"
    r"|(?:[毫微纳]摩尔|[毫微]?克|(?:国际)?单位)\s?[/每]\s?升"
)
_POWER = rf"[×x*]?\s?10\s?(?:\^|\*{{1,2}}|e|的)?\s?(?:9|12|6|3|⁹|¹²|⁶|³)(?:次方)?{_A_LITRE}"
_EXPONENT = r"(?:\s?[×x*]\s?10\s?\^?\s?-?(?:\d{1,2}|[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,2})|e[+-]?\d{1,2}|\s?[万亿])"
# 5.1、10.2、8.8 in one unit; whole numbers with 、 may be items.
_VALUES = rf"{_SERIES}(?:(?:(?<=\.\d)|(?<=\.\d\d))(?:\s?[、/]\s?\d{{1,3}}\.\d{{1,2}}){{1,4}})?"
_TEST = (
    r"(?:细胞|中性粒|淋巴(?!结)|血红蛋白|饱和度|(?<![动静])脉氧|糖化|比容|压积|百分比|比率|射血分数"
    r"|hba1c|spo2|sao2|lvef|ef|hct|ret|[a-z]%|(?<![a-z])[nl](?=[:\s]))"
)
_BOUND = r"(?:[<>≤≥]\s?)"
_NEARBY = r"[^\d,。;<>≤≥]{0,4}"
# What notes give without a unit: 白细胞2.3, CRP 35, CA125 88. Alternatives that begin with a single
# character are looked for by a table of these, in a fraction of the time: 白细胞|红细胞, and not
# [白红]细胞; what must not be before a code stands behind it.
_ANALYTE = (
    "白细胞|红细胞|网织红|中性粒细胞|嗜酸性?粒细胞|血小板|血红蛋白|血色素|降钙素原|c反应蛋白|血沉"
    "|白蛋白|球蛋白|总蛋白|铁蛋白|肌钙蛋白[it]?|肌红蛋白|肌酸激酶|乳酸(?:脱氢酶)?|淀粉酶|脂肪酶|转氨酶"
    "|胆红素|肌酐|尿素氮?|尿酸|胱抑素c|滤过率|二聚体|纤维蛋白原|血糖|血钾|血钠|血氯|血钙|血磷|血镁|血氨"
    "|甘油三酯|胆固醇|促甲状腺激?素|甲胎蛋白|癌胚抗原"
)
_CODES = (
    "wbc rbc hgb hg hba1c hb plt neut neu hscrp hs-crp crp pct esr alb alt ast ggt alp ldh tbil"
    " dbil ckmb ck-mb ck ctni ctnt tni tnt ntprobnp nt-probnp probnp bnp myo scr cr bun ua egfr gfr"
    " glu fbg fpg tc tg ldl-c ldl hdl-c hdl tsh ft3 ft4 t3 t4 cea afp tpsa psa ca125 ca199 ca19-9"
    " ca153 ca15-3 ca242 ca24-2 ca724 ca72-4 nse ddimer d-dimer dd d-d lac fib pao2 paco2 hco3-"
    " hco3 ige cd4 β-hcg βhcg hcg amy lip"
)
_ANALYTE_CODE = "|".join(f"{code}(?<![a-z/]{code})" for code in _CODES.split())
_REACHED = (
    r"(?:计数|总数)?(?:\([a-z\d-]{1,8}\))?"
    r"(?:[:=为是约达有到至升降高低于从由↑↓\s]|控制在|波动[在于]|最[高低]){0,4}"
)
_NO_UNIT = (
    r"(?![\d%‰℃°a-zμµ×*^/~:+]|\.[\d一-鿿]|[-–—]\d|</|\s?(?:[×x*]\s?10|[%‰℃]|\([+-]|[到至]\s?\d"
    r"|(?:[mμµ]?g|ml|i?u|[mc]m)(?![a-z])|小时|[次天日月年岁周倍个项支片粒袋瓶例名号级期度分秒点万亿克毫微单]))"
)
_BARE = rf"(?P<value>{_BOUND}?{NUMBERS}){_NO_UNIT}"

LAB_VALUE = (
    _rule(
        DIGIT,
        rf"""(?=[\d<>≤≥-])(?:{_BOUND}|(?<=be)-|(?<=be[\s:])-|(?<=剩余)-)?(?<!hco){_VALUES}{_EXPONENT}?\s?
        (?: {_PER_LITRE} | {_POWER}
          | (?:[mnpuμµ]?g|[mruμµ]?i?u|copies|拷贝|cfu)\s?/\s?ml(?:/h)? | [mnuμµ]?g\s?/\s?dl
          | m?g/24h | ml/\(?min[/·•.*]1\.73\s?(?:m2|m²|㎡)\)? | mm/(?:1?h|第?[1一]?小时)
          | fl | pg | (?:m?mol|[mnuμµ]?g)/(?:m?mol|g) | mosm/\(?kg(?:[·•.*]?h2o\)?)?
          | (?:个|cells?)?\s?/\s?(?:hpf?|lpf?|高倍视?野|低倍视?野|[uμµ]l|mm[3³]) )
        (?![a-z\d])""",
    ),
    # 中性粒细胞 78%, but no percentage of anything else
    _rule(
        "%",
        rf"(?:{_TEST}[^\d,。;<>≤≥瘤癌]{{0,6}}(?<![\d.^±])|s[pa]o2)"
        rf"(?P<value>{_BOUND}?(?:{NUMBER}\s?%{TO})?{NUMBER}(?:{TO}{NUMBER})?\s?%)",
    ),
    # pH 7.35, PaO2 62mmHg, PT 18.5s, ANA 1:320
    _rule(
        "[a-z]", rf"(?<![a-z])ph{_NEARBY}(?P<value>{_BOUND}?\d\.\d{{1,2}}(?:{TO}\d\.\d{{1,2}})?)"
    ),
    _rule(
        "hg|kpa",
        rf"(?:p(?:et|[av])?c?o2(?:/fio2)?|etco2|氧分压|碳分压|氧合指数){_NEARBY}"
        rf"(?P<value>{_BOUND}?{NUMBER}(?:{TO}{NUMBER})?\s?(?:mm\s?hg|kpa))",
    ),
    _rule(
        "h2o|hg",
        rf"(?:(?<![a-z])(?:cvp|icp)|静脉压|颅内?压|脑脊液压力|[初末]压){_NEARBY}"
        rf"(?P<value>{_BOUND}?{NUMBERS}\s?(?:[cm]m\s?h2o|mm\s?hg))",
    ),
    _rule(
        "t",
        rf"(?<![a-z])(?:pt|a?ptt|tt)\)?\s?[:为]?\s?(?P<value>{NUMBERS}\s?(?:s|sec|秒)(?![a-z]))",
    ),
    _rule(
        "酶原?时间",
        rf"凝血(?:酶原|活酶|酶)时间{_NEARBY}(?P<value>{_BOUND}?{NUMBERS}\s?(?:s|sec|秒)(?![a-z]))",
    ),
    # Without a unit by their nature: INR 2.3, 尿比重 1.015.
    _rule(
        "inr|标准化比",
        r"(?:(?<![a-z])inr|国际标准化比[值率]?)[):为\s]{0,3}(?P<value>\d{1,2}\.\d{1,2})(?!\d)",
    ),
    _rule("比重", rf"比重{_NEARBY}(?P<value>{_BOUND}?1\.0\d{{1,2}}(?:{TO}1\.0\d{{1,2}})?)(?!\d)"),
    _rule("定量", rf"定量{_NEARBY}(?P<value>{_BOUND}?{NUMBERS}\s?m?g/(?:d|24h|天|日))(?![a-z])"),
    _rule("ml", rf"(?:清除率|gfr|ccr){_NEARBY}(?P<value>{_BOUND}?{NUMBERS}\s?ml/min(?![\w/]))"),
    _rule(DIGIT, rf"(?:{_ANALYTE}){_REACHED}{_BARE}"),
    _rule("[a-z]", rf"(?:{_ANALYTE_CODE}){_REACHED}{_BARE}"),
    # K+ 3.5, Na 138
    _rule(
        "[kal]",
        rf"""(?<![a-z/素])(?:(?:k\+?|ca(?:2?\+)?)\s?[:=]?\s?(?=\d\.)|(?:na|cl)[+-]?\s?[:=]?\s?(?=\d\d))
        {_BARE}""",
    ),
    # of a dipstick: 尿蛋白2+, 隐血（++）
    _rule(
        r"\+",
        rf"""(?:蛋白|[尿萄]糖|[潜隐]血|酮体|胆原|胆红素|[白红]细胞)[:\s]?\(?
        (?P<value>[1-4]\+(?:{TO}[1-4]\+)?(?=[\s,。;、)]|$)|(?<=\()\+{{1,4}}(?=\)))""",
    ),
    _rule(
        "1:",
        r"(?:滴度|抗体|阳性|\(\+\)|(?<![a-z])(?:ana|rpr|trust|ig[gam]))[^\d,。;比]{0,4}"
        r"(?P<value>1:\d{1,5})(?!\d)",
    ),
)

_ROMAN = r"(?:[ⅰⅱⅲⅳⅴ]|iv|v|i{1,3})"
_SUBSTAGE = r"\s?[a-d]?[1-3]?(?:-n[0-3])?"
# Phases of trials and operations in stages are no stages of a disease.
_NO_STAGE = r"(?!间|临床|试验|研究|缝合|愈合|手术|切除|修复|吻合|闭合|重建|植)"

STAGE = (
    _rule(
        "t",
        r"""(?<![a-z\d])[cpyra]{0,2}
        t(?:[0-4](?:mi|[a-d])?(?:-[0-4][a-d]?)?|x|is)(?:\([a-z\d]{1,4}\))?[,、\s]{0,2}
        n(?:[0-3](?:mi|[a-c])?|x|\+)(?:(?:\([a-z\d/+-]{1,6}\))?[,、\s]{0,2}m(?:[01][a-c]?|x))?
        (?![a-z\d])""",
    ),
    _rule(
        "期", rf"(?<![a-z\d])[cpyra]{{0,2}}(?:t(?:[0-4][a-d]?|x|is)|n[0-3][a-c]?)\s?期{_NO_STAGE}"
    ),
    _rule(
        "[期级]",
        rf"""(?:[肌握张]力|成熟度)(?:(?:[^,。;]{{0,6}}?|[,;][左右双上下近远健患侧肢体端为]{{1,8}})
          {_ROMAN}[-+]?(?:{TO}{_ROMAN}[-+]?)?\s?级){{1,4}}
      | (?P<value> (?:(?<![a-zⅰ-ⅿ\d])|(?<=[a-z])(?=[ⅰⅱⅲⅳⅴ]))(?<![肢端]){_ROMAN}{_SUBSTAGE}
          (?:\s?[-~/至到]\s?{_ROMAN}{_SUBSTAGE})?\s?(?:期{_NO_STAGE}|级(?!护理|切口)) )""",
    ),
    _rule(
        "期",
        rf"(?<![\d.第tn])(?:(?<![a-z\d])(?:g[1-5][ab]?)?[abcghs](?=[1-4]))?[0-5](?:[a-d]|\.5)?(?:\s?[-~至到]\s?[1-5][a-d]?)?\s?期{_NO_STAGE}",
    ),
    _rule("期", rf"(?<![第这那每上下同])[一二三四]期{_NO_STAGE}"),
    _rule(
        "级",
        rf"(?:[a-z]{{2}}(?<![^m]mrc)(?<!mmt)|心功能|高血压病?|分级|抑制|毒性)\s?[:为(]?\s?"
        rf"(?P<value>[0-5一二三四五](?:{TO}[0-5])?\s?级(?!护理|医院))",
    ),
    _rule("[癌化]", r"(?:癌|分化)[(,:\s]{0,2}(?P<value>g[1-4](?:-g?[1-4])?)(?![a-z\d])"),
    _rule(
        "[期级]",
        r"(?:child(?:-pugh)?|dukes'?|binet|bclc)[-\s]?(?:分[级期])?\s?[:为]?\s?(?P<value>[a-d]\d?\s?[级期])",
    ),
)

_MMHG = r"(?:(?:mm|㎜)\s?hg|毫米汞柱)"
# A systolic one of under 40 is that of an eye.
_PRESSURE = rf"(?:[4-9]\d|\d{{3}})(?:{TO}\d{{2,3}})?\s?/\s?\d{{2,3}}(?:{TO}\d{{2,3}})?"
_PRESSURES = rf"{_PRESSURE}(?:{TO}{_PRESSURE})?"

BLOOD_PRESSURE = (
    _rule("/", rf"(?=\d)(?<![\d./]){_PRESSURES}\s?{_MMHG}"),
    _rule("/", r"(?=\d)(?<![\d./])\d{1,2}(?:\.\d)?\s?/\s?\d{1,2}(?:\.\d)?\s?kpa"),
    _rule(
        "/",
        rf"""(?:(?:血压|(?<![a-z])n?i?bp)[^\d,。;]{{0,8}}|[左右][上下]肢[:为\s]{{0,2}}(?=\d{{3}}))
        (?P<value>{_PRESSURES})(?![\d/]|\.\d)""",
    ),
    _rule(
        "hg|汞",
        rf"""(?:收缩压|舒张压|动脉压(?<!肺动脉压)|(?<![a-z])(?:map|[sd]bp)|(?<![眼脉内颅腔])高压|低压)[^\d,。;]{{0,4}}
        (?P<value>\d{{2,3}}(?:{TO}\d{{2,3}})?\s?{_MMHG})""",
    ),
    _rule(
        "[高低]压",
        r"""(?<![眼脉内颅腔])[高低]压[:为是到达有才\s]{0,3}(?P<value>\d{2,3})
        (?=[,。;、了多]|左右|\s?/?\s?[高低]压|\s?$)""",
    ),
)

_DEGREES = r"(?:3[4-9]|4[0-2])(?:\.\d{1,2})?"
_ANGLE = r"[角曲屈伸展弯翻旋斜]"
_REACHES = r"[最高峰低升降波动超过达大至到在于为约是:\s(℃)]{0,6}"

TEMPERATURE = (
    _rule(
        "[℃°氏]",
        rf"(?:水温|箱温?|室温|冷藏)[^\d,。;]{{0,4}}{_DEGREES}|(?P<value>(?=[34])(?<![\d.])"
        rf"{_DEGREES}(?:\s?(?:℃|°c)?{TO}{_DEGREES}){{0,2}}\s?(?:℃|°c|摄氏度))",
    ),
    _rule(
        "[度°]",
        rf"""(?=[34])(?<![\d.])(?<!{_ANGLE})(?<!{_ANGLE}约)(?<!抬高)(?<!床头)
        {_DEGREES}(?:{TO}{_DEGREES})?\s?(?:度\d?|°\d(?![\d'′]))(?![角数]|的?[热温开]?水|白?酒)""",
    ),
    # 三十八度五
    _rule(
        "十",
        r"""(?<![一二两三四五六七八九百])(?:三十[五六七八九]|四十[一二]?)度
        (?:[一二三四五六七八九半](?![十百天年月日次个周]))?(?![角数]|的?[热温开]?水)""",
    ),
    _rule(
        DIGIT,
        rf"""(?:[体腋肛口耳额]温{_REACHES}|[烧热]{_REACHES}(?=\d\d\.)|烧到\s?|(?<![a-z])t\s?[:为]?\s?)
        (?P<value>{_DEGREES}(?:{TO}{_DEGREES})?(?:°(?!\s?c))?)
        (?!\d|[.。]\d|\s?(?:[℃°度床天周岁次例%多余]|h(?!r)|小时|分钟))""",
    ),
)

_DRAWN = (
    r"(?:打印|重建|超声|彩超|成像|[图影][像象]|技术|模型|立体|可视|适形|动画|导航|腹?腔镜|[cm][tr])"
)
_DIGITS = r"[\d一二两俩三四五六七八九十数几半多]"
_MONTHS = rf"\d{{1,2}}(?:\s?月?{TO}\d{{1,2}})?\s?月"
_MEASURE = r"(?:个[余多半来]?)"
_SOME = r"(?:(?<![\d.])\d{1,3}(?:\.\d)?|(?!百)[一二两俩三四五六七八九十百数几半多]{1,5})"
# Days of a month and years of a century: 于12日, 15日出院, 08年, 19年发现.
_DATE = (
    r"(?:0\d年|(?<=[于自从])\d{1,2}日(?![内前后之以余多])|(?<![^,。;于自从])(?:"
    r"\d\d年(?:[行在因查起]|出?生(?!存)|发现|诊断|确诊|体检)|"
    r"\d{1,2}日(?:[上下中]午|[夜晚凌早晨行]|[出入转]院|转入|手术|确诊|诊断|就诊|复查)))"
)
_PER_DAY = (
    rf"(?<=[一1][天日])\s?"
    rf"(?:(?:{_TAKEN}|{_BOTH}各?){COUNTS}\s?次|{_SERIES}\s?(?:[mμµu]?g|ml|万?u|毫))"
)
# What follows is an age, of a child before or after its birth.
_YEARS = r"[\d一二两三四五六七八九十]岁"
_NO_AGE = (
    r"(?<!孕[周龄约])(?<!孕[周龄][:为约\s])(?<![胎日月年]龄)(?<![胎日月年]龄[:为约\s])"
    rf"(?<!{_YEARS})(?<!{_YEARS}[零十])"
)
_INFANT = r"(?<=宝宝|孩子|[男女小]孩|[男女]婴|[男女],)\d{1,2}个半?月(?![前后余来内多以没未不])"
# A time that is a laboratory value, see LAB_VALUE.
_NO_CLOTTING = "".join(
    rf"(?<!{name})(?<!{name}\s)"
    for name in ("pt", "ptt", r"pt\)", "酶原时间", "活酶时间", "血酶时间")
)
# Not after these is 2月 a length: months of a year, and ages.
_NO_LENGTH = (
    r"年于自从在第每为是到至同现今本去月季节历期峰末份中春夏秋冬宝孩儿子女男岁大婴者孕怀周龄"
)

DURATION = (
    _rule(
        _DIGITS,
        rf"""(?:第|[前后])\s?\d{{1,2}}(?:、\s?\d{{1,2}}){{1,6}}\s?(?:[天日周年]|个月|小时)
      | (?P<value> (?={_DIGITS})(?<![第每孕月q/~–—至到+-])(?<!(?<!间)隔)(?<![第每隔孕q~–—至到+-]\s)
        (?<!妊娠)(?<!妊娠\s){_NO_AGE}(?<!停经后)(?<!\d:){_NO_CLOTTING}
        (?!{_DATE}|{_INFANT}){_SOME}\+?(?:{TO}{_SOME})?\s?[余多来]?
        (?: 年(?:\s?零?{_SOME}个半?月)?(?![级龄轻代度底]|\s?\d{{1,2}}\s?月)
          | {_MEASURE}月(?!龄|大(?![便量小汗出])|的?(?:宝宝|婴|小?孩))
          | 月[余多] | (?<=\+)月(?!龄) | (?<=[两俩数])月(?![经份龄亮])
          | (?<=半)(?<!个半)月(?=[前后来内,。;]|以[来前后上内]|左右|$) | (?<=近半)月(?!板)
          | {_MEASURE}?(?:周|星期|礼拜)(?![期围边岁末龄年一二三四五六日天])(?:\s?\+\s?\d[天日])?
          | [天日](?![龄常期间程然花生疟])
          | {_MEASURE}?(?:小时|钟头)(?:\s?零?{_SOME}\s?分(?:钟|(?!钟)))?
          | 分钟(?:\s?零?{_SOME}\s?秒钟?)? | 秒(?!钟?[量率用])钟?
          | h\s?\d{{1,2}}\s?min(?![a-z\d]) | (?:h|hrs?(?!\s?:?\s?\d)|min)(?![a-z\d]) )
        (?:[余多半]|\+(?=[,。;、)\s]|$))?
        (?!尿|(?<=[钟n])\s?(?:apgar|[:评得为]{{0,2}}\s?\d{{1,2}}\s?分(?!钟))
          | [出入]{{1,2}}量|动态|步行[试距]|\s?{ABOUT}\s?[次回剂付]
          | \s?[一二两三四五六七八九十\d]{{1,2}}[片粒]
          | (?<=[天日周])\s?/\s?[次周月] | {_PER_DAY}) )""",
    ),
    # 咳嗽3、4天, but 2、3天后复查 is an item
    _rule(
        "、",
        rf"""(?<=[一-鿿])(?<![第每年月日至到和及与、])(?:{_FEW})\s?
        (?:[天日周年](?![龄级])|个[半多]?月|小时)(?!\s?{ABOUT}\s?次)""",
    ),
    # 3d, 5 d, ×7d, 2w; no 3D, no dioptres, no watts
    _rule(
        r"\d\s?[dw]",
        rf"""(?<![A-Za-wyz第每隔孕图表~–—至到+/.\d-])(?<![第每隔孕]\s)(?<!妊娠)(?<!妊娠\s)(?<!停经)
        \d{{1,3}}(?:{TO}\d{{1,3}})?\s?[dw]
        (?![A-Za-z\d]|\s?-|\s?{_DRAWN}|\s?{COUNTS}\s?次|\s?/\s?(?:[次周月]|min))""",
        cased=True,
    ),
    # 2月前 may be before February, and seldom is
    _rule(
        "月",
        rf"""(?={_DIGITS})(?<![年孕第\d./~–—至到一二三四五六七八九十-])
        (?:{_MONTHS}|[一二三四五六七八九十]{{1,2}}月)
        (?=[前后来]|以[上内]|内(?!分泌|科|镜|瘘))(?!前后)""",
    ),
    # 近1月, 术后2月
    _rule("月", rf"(?<=[近前后])\s?(?P<value>{_MONTHS})(?![份龄中底初末]|\s?\d)"),
    # 术后1周、1月、3月
    *(
        _rule(
            "月",
            rf"""[前后]\s?(?:\d{{1,2}}\s?(?:[天日周月年]|个月)\s?[、和及]\s?){{{before}}}
            (?P<value>{_MONTHS})(?![份龄中底初末]|\s?\d)""",
        )
        for before in (1, 2, 3)
    ),
    # 咳嗽2月, but not 宝宝2月
    _rule(
        "月",
        rf"""(?=[\d\s])(?<=[一-鿿])(?<![{_NO_LENGTH}])(?<!月经)\s?(?P<value>{_MONTHS})
        (?=[,。;、)]|\s(?!\d)|$|[伴再余]|加重|入院)""",
    ),
)

PATTERNS = {
    "dose": DOSE,
    "frequency": FREQUENCY,
    "lab_value": LAB_VALUE,
    "stage": STAGE,
    "blood_pressure": BLOOD_PRESSURE,
    "temperature": TEMPERATURE,
    "duration": DURATION,
}
