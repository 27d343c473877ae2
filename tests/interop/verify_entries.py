# SPDX-License-Identifier: EUPL-1.2
"""Verifies entries with a JOSE library that knows nothing of Concert (joserfc).

Without arguments it reads protocol/vectors/entries: every valid entry must verify and say what its vector says, every
tampered copy of it must fail, and so must every refused vector that JOSE alone can tell. With --notice it verifies
what a node answers: any JSON with members named `signed` that hold one JWS or a list of them.

    verify_entries.py
    verify_entries.py --jwks http://127.0.0.1:8080/.well-known/jwks.json --notice notice.json
    verify_entries.py --node http://127.0.0.1:8080 --token-file token --notice /api/v1/notices/N-...

Prints one line per failure, then `N passed, M failed`; the exit status is 1 if anything failed, 2 for wrong use.
"""
import argparse
import base64
import json
import pathlib
import sys
import urllib.request
import warnings

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

# RFC 9864 renames "EdDSA" to "Ed25519"; entries of version 1 say "EdDSA", which more libraries know.
warnings.simplefilter("ignore", SecurityWarning)

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "protocol" / "vectors" / "entries"
ALGORITHMS = ["EdDSA"]
ANSWER_LEN_MAX = 16 << 20


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, holds, name):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {name}")


def opened(compact, keys):
    """The header and payload of a JWS whose signature holds, or None."""
    try:
        token = jws.deserialize_compact(compact, keys, algorithms=ALGORITHMS)
        return token.headers(), token.payload
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def tampered(compact):
    """Copies of a JWS that are each wrong in one way."""
    header, payload, signature = compact.split(".")

    def flipped(part, at):
        raw = bytearray(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        raw[at] ^= 1
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    yield "a bit of the header", f"{flipped(header, 30)}.{payload}.{signature}"
    yield "a bit of the payload", f"{header}.{flipped(payload, 20)}.{signature}"
    yield "the first bit of R", f"{header}.{payload}.{flipped(signature, 0)}"
    yield "a bit of S", f"{header}.{payload}.{flipped(signature, 40)}"
    yield "no signature", f"{header}.{payload}."
    yield "a shorter payload", f"{header}.{payload[:-4]}.{signature}"


def check_vectors(tally):
    jwks = json.loads((VECTORS / "jwks.json").read_text())
    keys = KeySet.import_key_set(jwks)
    without = {jwk["kid"]: KeySet.import_key_set({"keys": [k for k in jwks["keys"] if k is not jwk]}) for jwk in jwks["keys"]}
    for vector in json.loads((VECTORS / "valid.json").read_text()):
        name, compact = vector["name"], vector["jws"]
        token = opened(compact, keys)
        tally.check(token is not None and json.loads(token[1]) == vector["payload"], f"{name}: does not verify")
        if token is None:
            continue
        header = token[0]
        version = "" if ".v" in vector["kind"] else ".v1"
        tally.check(header["typ"] == f"concert.{vector['kind']}{version}+jws", f"{name}: typ {header['typ']}")
        tally.check(header["kid"].split("/")[0] == vector["payload"]["author"], f"{name}: kid {header['kid']}")
        tally.check(opened(compact, without[header["kid"]]) is None, f"{name}: verifies without its key")
        for what, copy in tampered(compact):
            tally.check(opened(copy, keys) is None, f"{name}: verifies with {what} changed")
    longest = (VECTORS / "longest.jws").read_text()
    tally.check(opened(longest, keys) is not None, "longest.jws: does not verify")
    for vector in json.loads((VECTORS / "refused.json").read_text()):
        if vector["jose"]:
            tally.check(opened(vector["jws"], keys) is None, f"{vector['name']}: verifies")


def fetch(place, base, token):
    """The JSON of a file or an HTTP address."""
    if base and place.startswith("/"):
        place = base.rstrip("/") + place
    if not place.startswith(("http://", "https://")):
        return json.loads(pathlib.Path(place).read_text())
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with urllib.request.urlopen(urllib.request.Request(place, headers=headers), timeout=30) as answer:
        body = answer.read(ANSWER_LEN_MAX + 1)
    if len(body) > ANSWER_LEN_MAX:
        raise ValueError(f"the answer has more than {ANSWER_LEN_MAX} bytes")
    return json.loads(body)


def signed_in(value):
    """Every JWS under a member named `signed`, at any depth but inside a decoded `body`."""
    if isinstance(value, list):
        for part in value:
            yield from signed_in(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name == "signed":
                found = part if isinstance(part, list) else [part]
                yield from (compact for compact in found if isinstance(compact, str))
            elif name != "body":
                yield from signed_in(part)


def check_live(tally, arguments, token):
    keys = KeySet.import_key_set(fetch(arguments.jwks, arguments.node, token))
    kinds = set()
    for place in arguments.notice:
        found = list(signed_in(fetch(place, arguments.node, token)))
        tally.check(bool(found), f"{place}: nothing signed in it")
        for number, compact in enumerate(found):
            name = f"{place}, signed {number}"
            token_read = opened(compact, keys)
            tally.check(token_read is not None, f"{name}: does not verify")
            if token_read is None:
                continue
            header, payload = token_read[0], json.loads(token_read[1])
            kinds.add(header["typ"].removeprefix("concert.").removesuffix(".v1+jws"))
            tally.check(header["kid"].split("/")[0] == payload["author"], f"{name}: the key is not the author's")
            for what, copy in tampered(compact):
                tally.check(opened(copy, keys) is None, f"{name}: verifies with {what} changed")
    for kind in arguments.kind:
        tally.check(kind in kinds, f"no {kind} among {sorted(kinds)}")


def main():
    parser = argparse.ArgumentParser(description="Verifies entries with a JOSE library.")
    parser.add_argument("--node", help="base address of a node, for paths that begin with /")
    parser.add_argument("--token-file", help="file that holds a token of that node")
    parser.add_argument("--jwks", help="key set: file, address or path at the node (/.well-known/jwks.json)")
    parser.add_argument("--notice", action="append", default=[], help="JSON with `signed`: file, address or path; may be repeated")
    parser.add_argument("--kind", action="append", default=[], help="fail unless an entry of this kind was verified")
    arguments = parser.parse_args()
    if arguments.node and not arguments.jwks:
        arguments.jwks = "/.well-known/jwks.json"
    if bool(arguments.jwks) != bool(arguments.notice):
        parser.error("--jwks (or --node) and --notice go together")
    tally = Tally()
    if arguments.notice:
        token = pathlib.Path(arguments.token_file).read_text().strip() if arguments.token_file else None
        try:
            check_live(tally, arguments, token)
        except (OSError, ValueError, JoseError) as error:
            print(f"cannot read what to verify: {error}", file=sys.stderr)
            return 2
    else:
        check_vectors(tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
