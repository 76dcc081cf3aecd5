"""Letters that differ only in width or case made equal, one character for one.

``str.casefold`` and NFKC are no use for finding things in a text: they change its length (ﬁ
becomes fi, ㎎ becomes mg), and offsets found in the result are not offsets in the text.
"""

import unicodedata


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
