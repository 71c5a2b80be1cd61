"""In which letters a text is written. Comes in: a file and what the source says. Goes out: its encoding; a guess is noted."""

from __future__ import annotations

import codecs
import errno
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from segments.config.source import Reader
from segments.data.reading.kinds import refuse_foreign
from segments.errors import DataError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
WESTERN = ("Unknown", "English", "French", "German", "Spanish", "Portuguese", "Italian", "Dutch")
# Code pages that files outside the West come in: others are only ever guessed by mistake (German text as hp_roman8).
OTHER_PAGES = re.compile(
    r"cp(125[013-8]|866|852|932|949)|koi8_[ru]|shift_jis.*|euc_.*|gb.*|big5.*|iso8859_[2-9]|mac_(cyrillic|greek|turkish)|tis_620|cp874"
)
# Letters that tables in East Asian languages are full of, by the code page that such files come in.
_KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)))
EVERYDAY = {
    "cp932": frozenset(
        _KANA
        + "顧客会員番号購入日付時注文店舗金額数量単価商品名前男女年月東京大阪都道府県市区町村売上合計円税込送料住所電話氏性別分類"
    ),
    "gb18030": frozenset(
        "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运男客户编号单额付款省京州广城店商购买卡积级姓职岁"
    ),
    "big5": frozenset(
        "的一是不在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於下自之年過發後作用道行所家事成方多經去法學如都同當沒動起看定天分還進好小部其些主日月名男女客戶編號單額付款數量商品店訂購買員金電話地址市區路台北高雄"
    ),
    "cp949": frozenset(
        "이다는에의가을고지도한하기로사시서인자리어나대수정부은를상보일제전스원주성국학구아동장산고객명번호금액회품목날짜매월년남여울경광천포총량단점분류출판결입등급주소연락처코드합계김박최강조윤임오신권황안송류홍"
    ),
}
# Letters of languages that are written in Latin ones, small, by the code pages their files come in: the first that has all letters of a text is it.
LATIN = (
    ("cp1252", "äöüß"),
    ("cp1252", "éèêëàâæçîïôœùûÿ"),
    ("cp1252", "áéíóúüñ"),
    ("cp1252", "áâãàçéêíóôõúü"),
    ("cp1252", "àèéìíîòóùú"),
    ("cp1252", "åäöøæé"),
    ("cp1254", "çğıiöşüâîû"),
    ("cp1252", "áðéíóúýþæö"),
    ("cp1250 iso8859_2", "ąćęłńóśźż"),
    ("cp1250 iso8859_2", "áäčďéěíĺľňóôŕřšťúůýž"),
    ("cp1250 iso8859_2", "áéíóöőúüű"),
    ("cp1250 iso8859_2", "ăâîşţ"),
    ("cp1250 iso8859_2", "čćđšž"),
    ("cp1257", "āčēģīķļņšūž"),
    ("cp1257", "ąčęėįšųūž"),
    ("cp1252", "äöüßéèêëàâæçîïôœùûÿáíóúñãõìòåø"),  # of several languages
)
# Of the others, the most frequent letters: a text read by another page is letters as well, but rare ones.
ALPHABETS = (("cp1251 koi8_r cp866 iso8859_5 mac_cyrillic", "оеаинтсрвлкм"), ("cp1253 iso8859_7", "αοιετσνηυρςάέήίόύώ"))
RAISED = re.compile(
    rb"(?<![\w\x80-\xff])([a-z]?m|n|\d+)[\xaa\xb0\xb2\xb3\xb9\xba](?![\w\x80-\xff])", re.IGNORECASE
)  # m³, Nº
NO_LETTER = re.compile(
    r"(?<=[^\W\d_])[¹²³¼½¾]|(?<=[^\W\d_])[¿¡¤¦§¨©¬®¯°±´µ¶¸×÷\x80-\x9f\ufffd](?=[^\W\d_])|[¢£¥\ufffd](?=[^\W\d_])"
)  # in a word
SURE = 0.95  # of the letters beyond ASCII: a language has these and no others
FREQUENT = 0.6  # of the letters are among the most frequent ones: by chance it is a third to a half


def encoding_of(path: Path, head: bytes, reader: Reader, notes: list[str]) -> str:
    """The encoding of a text: as configured, by its byte order mark, or guessed.

    Parameters
    ----------
    path : Path
        The file.
    head : bytes
        Its beginning.
    reader : Reader
        How the source says it is written.
    notes : list of str
        Takes the sentence on a guess.

    Returns
    -------
    str
        As Python calls it.

    Raises
    ------
    DataError
        If the source names none that there is, or the file is no text.

    Examples
    --------
    >>> encoding_of(Path("a.csv"), codecs.BOM_UTF8 + b"id,age", Reader(), [])
    'utf-8-sig'
    """
    marks = (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    )
    marked = next((name for mark, name in marks if head.startswith(mark)), None)
    if reader.encoding is not None:
        try:
            codec = codecs.lookup(reader.encoding).name
            io.TextIOWrapper(io.BytesIO(), codec)  # hex and the like are codecs too, not of text
        except (LookupError, ValueError):
            raise DataError(
                f"'{reader.encoding}' is not an encoding",
                where="source.*.read.encoding",
                fix="use utf-8, latin-1, cp1252, utf-16, ... or leave it out: it is then detected",
            ) from None
        return "utf-8-sig" if codec == "utf-8" else codec
    if marked is None and b"\0" in head:
        marked = _bare_utf16(head)
        if marked is None:
            raise DataError(
                f"{path} is a binary file, not text",
                where=str(path),
                fix="export the table as CSV or parquet, and name the file so",
            )
    if marked is not None:
        refuse_foreign(path, head.decode(marked, errors="replace")[:500].encode(), "csv")
        return marked
    refuse_foreign(path, head, "csv")
    if _is_utf8(path):
        return "utf-8"
    control = sum(byte < 32 and byte not in (9, 10, 12, 13) for byte in head[:4096])
    if control > len(head[:4096]) / 50:
        raise DataError(
            f"{path} is a binary file, not text",
            where=str(path),
            fix="export the table as CSV or parquet, and name the file so",
        )
    guess = _guess_encoding(path)
    notes.append(
        f"{path.name} is not UTF-8; read as {guess}, which is a guess: if letters look wrong, set read.encoding"
    )
    return guess


def _bare_utf16(head: bytes) -> str | None:
    """UTF-16 without its mark: every second byte of mostly Latin text is zero."""
    even, odd = head[0:2000:2].count(0), head[1:2000:2].count(0)
    half = len(head[:2000]) / 2
    if odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guess_encoding(path: Path) -> str:
    """Name the encoding by the lines that hold letters beyond ASCII; Western Windows text unless others fit better."""
    from charset_normalizer import from_bytes

    telling, size = [], 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                telling.append(line)
                size += len(line)
                if size > 100_000:
                    break
    sample = b"".join(telling)
    if (page := eastern_page(sample) or western_page(sample)) is not None:
        return page
    guesses = ["cp1252", "latin_1"]
    if size > 2_000:  # a few letters fit every code page
        best = from_bytes(sample).best()
        if best is not None and best.language not in WESTERN and OTHER_PAGES.fullmatch(best.encoding):
            guesses.insert(0, best.encoding)
    for guess in guesses:
        with suppress(UnicodeDecodeError):
            sample.decode(guess)
            return guess
    return "latin_1"


def eastern_page(sample: bytes) -> str | None:
    """The code page under which most letters beyond ASCII are everyday ones of its language; none where that is not so.

    Bytes of one of these pages are letters in the others too, but rare ones.

    Examples
    --------
    >>> [eastern_page("会员编号,金额".encode("gb18030")), eastern_page("Müller, Größe".encode("cp1252"))]
    ['gb18030', None]
    """
    shares = {}
    for page, everyday in EVERYDAY.items():
        with suppress(UnicodeDecodeError):
            letters = [letter for letter in sample.decode(page) if not letter.isascii()]
            shares[page] = sum(letter in everyday for letter in letters) / len(letters)
    best = max(shares, key=lambda page: shares[page], default=None)
    return best if best is not None and shares[best] > 0.5 else None  # most


def western_page(sample: bytes) -> str | None:
    """The code page of one byte a letter whose languages have the letters of a text; none where that is not clear.

    Examples
    --------
    >>> [western_page("Straße,Größe".encode("cp1252")), western_page("miał Łódź".encode("cp1250")), western_page("Иванов".encode("koi8_r"))]
    ['cp1252', 'cp1250', 'koi8_r']
    """
    runs = re.findall(rb"[\x80-\xff]+", sample)
    if runs and sum(map(len, runs)) >= 3 * len(runs):  # whole words: no Latin alphabet
        shares = {page: _frequency(sample, page, own) for pages, own in ALPHABETS for page in pages.split()}
        best = max(shares, key=lambda page: shares[page])
        return best if shares[best] >= FREQUENT else None
    sample = RAISED.sub(b"", sample)
    fitting = (page for pages, own in LATIN for page in pages.split() if _fits(sample, page, own))
    return next(fitting, None)


def _fits(sample: bytes, page: str, own: str) -> bool:
    """Whether the letters that a page adds to ASCII are of a language; of one that is no western one, two that no western text has."""
    text = sample.decode(page, "replace")
    found = [letter.lower()[0] for letter in text if not letter.isascii() and letter.isalpha()]
    foreign = len(NO_LETTER.findall(text)) + sum(letter not in own for letter in found)
    marks = {letter for letter in found if letter in own and letter.encode(page) != letter.encode("cp1252", "replace")}
    is_certain = page == "cp1252" or len(marks) >= 2 or re.search(r"\bzł\b", text)  # money says so by one letter
    return bool(found) and foreign <= (1 - SURE) * len(found) and bool(is_certain)


def _frequency(sample: bytes, page: str, own: str) -> float:
    """How many of the letters are frequent ones; a small letter before a capital is none."""
    text = re.sub("[\x00-\x7f]+", " ", sample.decode(page, "replace"))
    torn = sum(one.islower() and other.isupper() for one, other in pairwise(text))
    return (sum(letter in own for letter in text.casefold()) - torn) / max(1, len(text) - text.count(" "))


@contextmanager
def decoding(path: Path, encoding: str) -> Iterator[None]:
    """While a text is read: one clear error where a byte does not fit the encoding, or the file cannot be read.

    Raises
    ------
    DataError
        Instead of the UnicodeError or OSError.
    """
    try:
        yield
    except UnicodeError as error:
        raise DataError(
            f"{path} is not {encoding} text: {error.reason if isinstance(error, UnicodeDecodeError) else error}",
            where=str(path),
            fix="set read.encoding to the file's own encoding (utf-8, latin-1, utf-16, ...)",
        ) from error
    except OSError as error:
        if error.errno in FULL:
            raise DataError(
                f"the UTF-8 copy of {path} cannot be written: {error.strerror}",
                where=tempfile.gettempdir(),
                fix="check free space; TMPDIR names another folder",
            ) from error
        raise DataError(
            f"{path} cannot be read: {error.strerror}", where=str(path), fix="check its permissions"
        ) from error
