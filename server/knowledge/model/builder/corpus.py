"""The texts that the student learns from: passages of Debian packages.

`packages.txt` is the manifest: a package a line, with its version, its
architecture and the SHA-256 of its file. The packages are downloaded and
read, never installed.
"""

import gzip
import hashlib
import html
import html.parser
import io
import re
import subprocess
import tarfile
from pathlib import Path

MANIFEST = Path(__file__).with_name("packages.txt")

# The questions by which the project measures recall are about the manual
# pages of these sources. What is built from them must not be learnt from.
ASKED_ABOUT = {"btrfs-progs", "systemd", "qemu"}

# No package has more than so many texts, so that none speaks for all.
MOST_OF_PACKAGE = 1000
# Except for these: plain English, which questions are written in.
MOST_OF = {
    "wordnet-base": 12000,
    "debian-handbook": 4000,
    "debian-reference-en": 2500,
    "linux-doc-6.1": 4000,
    "manpages": 2000,
}

# All together; so many the teacher reads in half an hour.
MOST_TEXTS = 98304

FEWEST_WORDS, MOST_WORDS = 3, 90
# Every fourth paragraph is kept whole: sections are longer than sentences.
WHOLE = 4

COMMON = set(
    "a an and are as be but by can for from has if in is it its may must no "
    "not of on or so that the this to was when which will with you".split()
)


def order(text):
    """A number that looks random and depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def manifest():
    """The packages of the manifest: name, version, architecture, sum."""
    lines = MANIFEST.read_text().splitlines()
    return [line.split() for line in lines if line and line[0] != "#"]


def pin(names):
    """The manifest's lines for the versions that apt would download now."""
    lines = []
    for name in sorted(set(names)):
        shown = subprocess.run(
            ["apt-cache", "show", "--no-all-versions", name],
            check=True, capture_output=True, text=True,
        ).stdout
        fields = dict(
            line.split(": ", 1) for line in shown.splitlines()
            if ": " in line and line[0] != " "
        )
        source = fields.get("Source", name).split()[0]
        if source in ASKED_ABOUT:
            raise SystemExit(f"{name} is built from {source}: leave it out")
        lines.append(" ".join(
            [name, fields["Version"], fields["Architecture"],
             fields["SHA256"]]
        ))
    return lines


def download(build):
    """The files of the packages, by name, in the order of the manifest."""
    folder = build / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    paths, missing = {}, []
    for name, version, architecture, _ in manifest():
        quoted = version.replace(":", "%3a")
        paths[name] = folder / f"{name}_{quoted}_{architecture}.deb"
        if not paths[name].exists():
            missing.append(f"{name}={version}")
    if missing:
        subprocess.run(
            ["apt-get", "download", "--quiet", *missing],
            check=True, cwd=folder, stdout=subprocess.DEVNULL,
        )
    for name, _, _, expected in manifest():
        found = hashlib.sha256(paths[name].read_bytes()).hexdigest()
        if found != expected:
            raise SystemExit(f"{name}: its file has the sum {found}")
    return paths


# Roff ---------------------------------------------------------------------

SPECIAL = {
    "aq": "'", "cq": "'", "oq": "'", "lq": '"', "rq": '"', "dq": '"',
    "bu": "", "em": "-", "en": "-", "hy": "-", "ti": "~", "ha": "^",
    "rs": "\\", "->": "->",
}
ESCAPE = re.compile(
    r'\\(?:".*$|[fm](?:\(..|\[[^]]*\]|.)|\*?\((..)|\*?\[([^]]*)\]|'
    r"[hvw]'[^']*'|s[-+]?\d|(.))"
)
FONTS = {"B", "I", "BR", "IR", "BI", "RB", "RI", "IB", "SM", "SB"}
BREAKS = {
    "PP", "P", "LP", "sp", "IP", "TP", "RS", "RE", "nf", "fi", "br", "HP",
    "TQ", "Pp", "It", "Bl", "El", "Bd", "Ed", "UR", "EX", "EE", "ti", "in",
}


def plain(line):
    def one(match):
        name = match[1] or match[2]
        if name is not None:
            return SPECIAL.get(name, "")
        letter = match[3]
        if letter in ("e", "\\"):
            return "\\"
        return {"-": "-", " ": " ", "~": " ", "0": " "}.get(letter, "")

    return ESCAPE.sub(one, line)


def roff(source):
    """The headings and paragraphs of a manual page."""
    found, words = [], []
    is_code, is_definition = False, False

    def end():
        if words and not is_code:
            found.append(" ".join(words))
        words.clear()

    for line in source.splitlines():
        if is_definition:
            is_definition = line != ".."
            continue
        if not line.startswith((".", "'")):
            if line.strip():
                words.append(plain(line).strip())
            else:
                end()
            continue
        name, _, rest = line[1:].strip().partition(" ")
        rest = plain(rest.strip())
        if name in ("de", "de1"):
            is_definition = True
        elif name in ("SH", "SS", "Sh", "Ss"):
            end()
            is_code = False
            if rest:
                found.append(rest.strip('"'))
        elif name in BREAKS:
            end()
            if name in ("nf", "EX"):
                is_code = True
            elif name in ("fi", "EE"):
                is_code = False
        elif name in FONTS:
            if name in ("B", "I", "SM", "SB"):
                words.append(rest.replace('"', ""))
            else:
                parts = re.findall(r'"([^"]*)"|(\S+)', rest)
                words.append("".join(one or two for one, two in parts))
        elif len(name) == 2 and name[0].isupper() and name[1].islower():
            # The macros of mdoc: what stands behind them, without the
            # names of further macros.
            if name == "Fl":
                rest = "-" + rest
            elif name == "Nd":
                rest = "- " + rest
            elif name not in ("Nm", "Ar", "Pa", "Cm", "Xr", "Dq", "Sq",
                              "Ql", "Em", "Sy", "Ic", "Va", "Ev", "Li"):
                rest = ""
            rest = re.sub(r"\b[A-Z][a-z]\b ?", "", rest)
            rest = re.sub(r" ([.,;:)])", r"\1", rest)
            if rest:
                words.append(rest)
    end()
    return found


# Hypertext ----------------------------------------------------------------


class Hypertext(html.parser.HTMLParser):
    """The headings and paragraphs of a page."""

    APART = set(
        "p li dd dt td th div h1 h2 h3 h4 h5 h6 br hr table tr ul ol dl "
        "section blockquote title".split()
    )
    # Code is no prose, and what leads from page to page is not text.
    LEFT_OUT = set("script style pre nav header footer head".split())

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found, self.words, self.out = [], [], 0

    def end(self):
        text = " ".join("".join(self.words).split())
        if text:
            self.found.append(text)
        self.words.clear()

    def handle_starttag(self, tag, attrs):
        if tag in self.APART or tag in self.LEFT_OUT:
            self.end()
        if tag in self.LEFT_OUT:
            self.out += 1

    def handle_endtag(self, tag):
        if tag in self.APART or tag in self.LEFT_OUT:
            self.end()
        if tag in self.LEFT_OUT and self.out:
            self.out -= 1

    def handle_data(self, data):
        if not self.out:
            self.words.append(data)


def hypertext(source):
    page = Hypertext()
    page.feed(source)
    page.end()
    return page.found


# Other files --------------------------------------------------------------


def prose(source):
    """The paragraphs of a text, marked up lightly or not at all."""
    found = []
    for paragraph in re.split(r"\n\s*\n", source):
        lines = paragraph.splitlines()
        if all(line.startswith(("    ", "\t")) for line in lines):
            continue
        text = " ".join(line.strip() for line in lines)
        text = re.sub(r":\w+:`~?([^`<]*?)(?: <[^>]*>)?`", r"\1", text)
        text = re.sub(r"[`*]+|^[#=~.-]+ |[=~^\"'-]{4,}", "", text)
        found.append(text)
    return found


def dictionary(source):
    """The entries of WordNet: its words, and what they mean."""
    found = []
    for line in source.splitlines():
        if line.startswith(" ") or " | " not in line:
            continue
        head, meaning = line.split(" | ", 1)
        fields = head.split()
        count = int(fields[3], 16)
        words = [fields[4 + 2 * nth] for nth in range(count)]
        words = [re.sub(r"\(.*\)", "", word) for word in words]
        # Names of people, places and species teach little here.
        if any(word[0].isupper() for word in words):
            continue
        words = ", ".join(word.replace("_", " ") for word in words)
        parts = meaning.strip().split('; "')
        found.append(f"{words}: {parts[0]}")
        found.extend(part.strip('" ') for part in parts[1:])
    return found


DOCUMENTS = re.compile(
    r"/usr/share/(doc|debian-reference|developers-reference)/"
)
NOT_READ = re.compile(
    r"copyright|changelog|news|/examples?/|license|authors|thanks|todo|"
    r"genindex|search|index-all|\.(?!en)[a-z]{2}(_[A-Za-z]+)?\.html|"
    r"/(?!en)[a-z]{2}-[A-Z]{2}/|lintian|/_sources/|translations|"
    r"release-?notes|/api/|/api-",
    re.IGNORECASE,
)


def paragraphs(name, source):
    """The paragraphs of a file, by what its name says that it is."""
    if re.search(r"/wordnet/data\.", name):
        return dictionary(source)
    name = name.removesuffix(".gz")
    if re.search(r"/man/man\d/", name):
        return roff(source)
    if name.endswith((".html", ".htm", ".xhtml")):
        return hypertext(source)
    if re.search(r"\.(txt|rst|md|adoc)$|README|FAQ|HOWTO", name):
        return prose(source)
    return []


def is_read(name):
    if re.search(r"/wordnet/data\.(noun|verb|adj|adv)$", name):
        return True
    if re.search(r"/usr/share/man/man\d/", name):
        return True
    return bool(DOCUMENTS.search(name)) and not NOT_READ.search(name)


def files(package):
    """The files of a package that are read, in the order of their names."""
    packed = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", package],
        check=True, capture_output=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = [one for one in archive.getmembers() if one.isfile()]
        for member in sorted(members, key=lambda one: one.name):
            name = "/" + member.name.removeprefix("./")
            if not is_read(name) or member.size > 5_000_000:
                continue
            data = archive.extractfile(member).read()
            if name.endswith(".gz"):
                data = gzip.decompress(data)
            yield name, data.decode("utf-8", "replace")


SENTENCE = re.compile(r"(?<=[.!?;:])\s+(?=[A-Z\"'(])")


def is_english(text):
    words = text.split()
    if not FEWEST_WORDS <= len(words) <= MOST_WORDS:
        return False
    letters = sum(letter.isascii() and letter.isalpha() for letter in text)
    if letters < 0.65 * len(text):
        return False
    return len(words) < 6 or any(word.lower() in COMMON for word in words)


def texts(paragraph):
    """A paragraph whole, or its sentences."""
    paragraph = " ".join(paragraph.split())
    if order(paragraph) % WHOLE == 0:
        return [" ".join(paragraph.split()[:MOST_WORDS])]
    return SENTENCE.split(paragraph)


def collect(build, limit=None):
    """The texts, each once, in an order that is always the same."""
    chosen = {}
    for package, path in download(build).items():
        found = set()
        for name, source in files(path):
            for paragraph in paragraphs(name, source):
                found.update(filter(is_english, texts(paragraph)))
        most = MOST_OF.get(package, MOST_OF_PACKAGE)
        for text in sorted(found, key=order)[:most]:
            # The same in other letters or with other numbers is the same.
            key = re.sub(r"[^a-z]+", " ", text.lower())
            chosen.setdefault(key, text)
    return sorted(chosen.values(), key=order)[:limit or MOST_TEXTS]
