"""What a file is that is no picture and no video: for people who have to find out why a link gives it."""

import re
from typing import Final

SHOWN_LETTERS: Final = 80
MARKS: Final = {
    b"\x1f\x8b": "gzip-compressed data",
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF document",
    b"ID3": "a sound file",
    b"OggS": "an Ogg file",
    b"FLV": "a Flash video",
    b"BM": "a BMP picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"\x47\x40": "an MPEG transport stream",
}
# What may stand in front of the first tag.
PROLOG: Final = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->|<!doctype[^>]*>)*", re.DOTALL | re.IGNORECASE)
HTML: Final = re.compile(rb"<(?:html|head|body|title|meta|script|style|div|p|h1|center|table|pre)\b", re.IGNORECASE)
SECRETS: Final = (
    (re.compile(r"(?<=[\w/=-])\?[^\s\"'<>]*"), "?…"),
    (
        re.compile(
            r"(?i)\b(\w*(?:token|key|secret|signature|password|authorization|bearer|credential)\w*\W{1,4})[^\s\"'<>&,;]+"
        ),
        r"\1…",
    ),
    (re.compile(r"[\w+/=.%-]{24,}"), "…"),
)


def described(head: bytes) -> str:
    """What bytes that begin like this are, with the first words of a text where it is one, and no secrets.

    Args:
        head: the first 4 KiB, or less where the file is shorter.
    """
    if text := _text(head):
        return f"{_kind_of_text(text.encode())}: «{_excerpt(text)}»"
    unknown = f"bytes of no format that is known here ({head[:16].hex(' ')})"
    return next((name for mark, name in MARKS.items() if head.startswith(mark)), unknown)


def is_drawing(head: bytes) -> bool:
    """Whether its first tag says that it is an SVG."""
    body = head.removeprefix(b"\xef\xbb\xbf")
    prolog = PROLOG.match(body)
    return bool(prolog and re.match(rb"<(?:svg:)?svg\b", body[prolog.end() :]))


def _text(head: bytes) -> str:
    """The text it is; empty where it is none."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = head.decode(encoding, errors="replace").strip("\ufffd")
    odd = sum(not (letter.isprintable() or letter.isspace()) or letter == "\ufffd" for letter in text)
    return "" if odd * 20 > len(text) else text


def _kind_of_text(text: bytes) -> str:
    stripped = text.lstrip()
    if not stripped:
        return "nothing but white space"
    if stripped[:1] in b"{[":
        return "JSON"
    if stripped[:1] != b"<":
        return "plain text"
    if re.match(rb"<!doctype\s+html", stripped, re.IGNORECASE) or HTML.search(text):
        return "an HTML page"
    return "XML"


def _excerpt(text: str) -> str:
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= SHOWN_LETTERS else f"{line[:SHOWN_LETTERS]}…"
