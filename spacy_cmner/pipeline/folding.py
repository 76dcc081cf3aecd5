"""Letters that differ only in width or case made equal, one character for one.

``str.casefold`` and NFKC are no use for finding things in a text: they change its length (ﬁ
becomes fi, ㎎ becomes mg), and offsets found in the result are not offsets in the text.
"""

import unicodedata

# The traditional forms of the characters that rules look for: those of the triggers that ship, and
# of the expressions of ``context`` and ``patterns``.
_TRADITIONAL = (
    "無无 沒没 認认 見见 聞闻 觸触 訴诉 診诊 現现 發发 髮发 懷怀 慮虑 從从 傳传 傷伤 "
    "僅仅 會会 體体 兒儿 別别 創创 劃划 則则 動动 勁劲 協协 卻却 嗎吗 嘔呕 啞哑 囑嘱 "
    "處处 媽妈 寧宁 對对 屬属 帶带 幾几 張张 彈弹 徵征 後后 惡恶 應应 據据 擔担 擬拟 "
    "斷断 時时 暈晕 暫暂 條条 機机 檢检 歷历 曆历 氣气 淚泪 減减 為为 爲为 燒烧 熱热 "
    "爺爷 狀状 環环 異异 當当 瘺瘘 瘻瘘 療疗 癢痒 癥症 稱称 種种 穩稳 節节 糾纠 紅红 "
    "線线 結结 統统 經经 綜综 緩缓 縮缩 繫系 係系 義义 聲声 腫肿 脈脉 腦脑 脹胀 與与 "
    "臟脏 藥药 規规 親亲 計计 許许 詳详 誘诱 調调 該该 證证 識识 貝贝 質质 輕轻 轉转 "
    "較较 過过 運运 進进 適适 遺遗 醫医 鈎钩 鉤钩 針针 鑑鉴 鑒鉴 長长 鏈链 閉闭 間间 "
    "關关 陰阴 難难 須须 頭头 頻频 預预 顯显 類类 鳥鸟 鹽盐 麼么 點点 黃黄 齊齐 傾倾 "
    "兩两 雙双 週周 裏里 裡里 術术 壓压 喫吃 夾夹 敗败 組组 軟软 寬宽 強强 遲迟 鈍钝 "
    "輩辈 內内 況况 層层 妳你 瘡疮 脫脱 併并 並并 顏颜 們们 圍围 寶宝 視视 論论 議议 "
    "瀉泻 癒愈 變变 圖图 復复 複复 嬸婶 學学 實实 開开 曉晓 潛潜 電电 評评 問问 鏡镜 "
    "險险 題题 風风 觀观 鄰邻 姪侄 蘭兰 萬万 箇个 個个 嚴严 臨临 億亿 準准 劑剂 製制 "
    "單单 號号 噴喷 國国 嬰婴 宮宫 導导 歲岁 彎弯 態态 總总 護护 擡抬 換换 撳揿 攝摄 "
    "數数 來来 標标 氫氢 濁浊 溫温 滲渗 濾滤 煙烟 獻献 瘧疟 盤盘 確确 禮礼 積积 纖纤 "
    "約约 級级 納纳 細细 織织 縫缝 網网 羅罗 膽胆 髒脏 膿脓 莖茎 蓮莲 補补 裝装 試试 "
    "貼贴 贅赘 輸输 邊边 達达 爾尔 鈣钙 鈦钛 鐘钟 鍾钟 鈉钠 錢钱 鉀钾 鐵铁 鎂镁 陽阳 "
    "際际 隱隐 項项 頓顿 顱颅 額额 飯饭 飲饮 飽饱 驗验 齡龄 靜静 餘余 倆俩 樓楼 給给 "
    "維维 這这 釘钉 於于 餵喂 澱淀 畫画 牀床"
)
SIMPLIFIED = {ord(pair[0]): ord(pair[1]) for pair in _TRADITIONAL.split()}


class Folding(dict[int, int]):
    """A table for ``str.translate`` that fills itself; texts keep their lengths.

    width (bool): full-width and half-width forms become the usual ones (Ａ A, ， ,).
    case (bool): capital letters become small ones, where they have one.
    """

    def __init__(self, width: bool = True, case: bool = True) -> None:
        super().__init__()
        self.width = width
        self.case = case

    def __missing__(self, code: int) -> int:
        char = chr(code)
        if self.width:
            form, _, usual = unicodedata.decomposition(char).partition(" ")
            if form in ("<wide>", "<narrow>"):
                char = chr(int(usual, 16))
        if self.case and len(char.lower()) == 1:
            char = char.lower()
        self[code] = ord(char)
        return self[code]
