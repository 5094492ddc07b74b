"""Fixed inputs and what must come of them: the known-answer values of the age v1 guide, section 22."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

from sopskit.age.header import Stanza

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures" / "age"
PEERS = FIXTURES / "peers"

FILE_KEY = bytes(range(16))
NONCE = bytes(range(16, 32))
SEED = bytes(range(32))
EPHEMERAL = bytes(range(32, 64))

X25519_RECIPIENT = "age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh"
IDENTITIES = [line for line in (PEERS / "identities.txt").read_text().splitlines() if line.startswith("AGE-")]
X25519_IDENTITY, HYBRID_IDENTITY = IDENTITIES
HYBRID_RECIPIENT = (PEERS / "recipient-hybrid.txt").read_text().strip()

X25519_FILE = (
    b"age-encryption.org/v1\n"
    b"-> X25519 NYBy1jZYgNGu6jKa35EhODhR7SGijjt16WXQ0s0WYlQ\n"
    b"sXaMSUYqA6JDrXMsMhQ+hgUsp74fyf7HMnC7NFQk+X4\n"
    b"--- T5TvmhVp/5avaxDn6coS4E8/5aWFDiJXUY6oWiSgixk\n"
) + bytes.fromhex("101112131415161718191a1b1c1d1e1feddc53b25dfe7497f99c48e61b2fa32ad1c0f5b5b48c19ddc6a8")
X25519_PLAINTEXT = b"hello age\n"

ARMORED_FILE = b"""\
-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBOWUJ5MWpaWWdOR3U2akth
MzVFaE9EaFI3U0dpamp0MTZXWFEwczBXWWxRCnNYYU1TVVlxQTZKRHJYTXNNaFEr
aGdVc3A3NGZ5ZjdITW5DN05GUWsrWDQKLS0tIFQ1VHZtaFZwLzVhdmF4RG42Y29T
NEU4LzVhV0ZEaUpYVVk2b1dpU2dpeGsKEBESExQVFhcYGRobHB0eH+3cU7Jd/nSX
+ZxI5hsvoyrRwPW1tIwZ3cao
-----END AGE ENCRYPTED FILE-----
"""

SCRYPT_PASSPHRASE = "pässwörd"
SCRYPT_STANZA = Stanza(
    "scrypt",
    ("AAECAwQFBgcICQoLDA0ODw", "10"),
    b64decode("9ivIX0e1/5GvDFt3sGJa9BIMJHsRn3y3NVDOKPEIU1o="),
)

SSH_LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
SSH_STANZA = Stanza(
    "ssh-ed25519",
    ("lbmsoA", "NYBy1jZYgNGu6jKa35EhODhR7SGijjt16WXQ0s0WYlQ"),
    b64decode("wfUcJ0nv/BjKW7z/AnI/YcoaT5RflQUjwpSQudyvJqY="),
)

# Points whose multiples by a clamped scalar are all zero (RFC 7748 section 7 and the Curve25519 page).
LOW_ORDER_POINTS = [
    (0).to_bytes(32, "little"),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
]
