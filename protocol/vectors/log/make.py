# SPDX-License-Identifier: EUPL-1.2
"""Makes example.note, example.tlog-proof, equivocation.json and vkeys.json in this folder.

A second, naive implementation of spec 02-log, kept apart from the Rust one so that each checks the other.
Needs the Python package `cryptography`. Run it only when the spec changes: the files are fixed points.
"""
import base64
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = pathlib.Path(__file__).parent
ORIGIN = "concert.example/log/fr/1"
ENTRIES = [b"first entry", b"second entry", b"third entry"]
LOG_SEED, FR_SEED, EU_SEED = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
FR_TIME, EU_TIME = 1795334400, 1795334402


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def tree(entries):
    """RFC 6962, section 2.1, as it is written there."""
    if not entries:
        return sha256(b"")
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0])
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\x01" + tree(entries[:k]) + tree(entries[k:]))


def public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def key_id(name, kind, seed):
    return sha256(name.encode() + b"\n" + bytes([kind]) + public(seed))[:4]


def vkey(name, kind, seed):
    return f"{name}+{key_id(name, kind, seed).hex()}+{b64(bytes([kind]) + public(seed))}"


def sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message.encode())


def text(size, root):
    return f"{ORIGIN}\n{size}\n{b64(root)}\n"


def log_line(body):
    return f"— {ORIGIN} {b64(key_id(ORIGIN, 1, LOG_SEED) + sign(LOG_SEED, body))}\n"


def cosigner_line(body, name, seed, time):
    signature = sign(seed, f"cosignature/v1\ntime {time}\n{body}")
    return f"— {name} {b64(key_id(name, 4, seed) + time.to_bytes(8, 'big') + signature)}\n"


def checkpoint(entries):
    body = text(len(entries), tree(entries))
    return body + "\n" + log_line(body)


FR, EU = "concert.example/cosigner/fr", "concert.example/cosigner/eu"
example = checkpoint(ENTRIES)
body = example.split("\n\n")[0] + "\n"
example += cosigner_line(body, FR, FR_SEED, FR_TIME) + cosigner_line(body, EU, EU_SEED, EU_TIME)

leaf = [sha256(b"\x00" + entry) for entry in ENTRIES]
receipt = (
    "c2sp.org/tlog-proof@v1\nextra "
    + b64(ENTRIES[1])
    + f"\nindex 1\n{b64(leaf[0])}\n{b64(leaf[2])}\n\n"
    + example
)

# The author signs two entries, then three of which the second is another. Two is a power of two, hence old_root.
forged = [ENTRIES[0], b"second entry, rewritten", ENTRIES[2]]
rewritten = {
    "first": checkpoint(ENTRIES[:2]),
    "second": checkpoint(forged),
    "path": [leaf[2].hex()],
    "old_root": tree(forged[:2]).hex(),
}
two_roots = {"first": checkpoint(ENTRIES), "second": checkpoint(forged), "path": []}

(HERE / "example.note").write_text(example)
(HERE / "example.tlog-proof").write_text(receipt)
(HERE / "equivocation.json").write_text(
    json.dumps({"rewritten": rewritten, "two_roots": two_roots}, indent=1, ensure_ascii=False) + "\n"
)
keys = {"log": vkey(ORIGIN, 1, LOG_SEED), "fr": vkey(FR, 4, FR_SEED), "eu": vkey(EU, 4, EU_SEED)}
(HERE / "vkeys.json").write_text(json.dumps(keys, indent=1) + "\n")
