# SPDX-License-Identifier: EUPL-1.2
"""Makes ed25519-cctv.json in this folder: the 914 vectors of C2SP/CCTV `ed25519vectors.json`, from their definition.

Every low-order point and every point with a low-order component, in every encoding that decodes, as key and as R.
Two scalars were read off the published signatures; the published order and choice of messages follow from them.
`python3 ed25519_cctv.py --published` prints the set in the published form instead (351,077 bytes).
"""
import hashlib
import json
import pathlib
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
KEY = int.from_bytes(bytes.fromhex("8cf26aced8b5f8e1e8ce63b6c75ac6ee41424242424242424242424242424202"), "little")
NONCE = int.from_bytes(bytes.fromhex("05ba9a796274d80437afa36f1236563f2f3b0aa84cecddc3d20914615ba4fe02"), "little")
LETTERS = {
    "low_order_R": "r", "low_order_A": "a", "low_order_component_R": "R", "low_order_component_A": "A",
    "low_order_residue": "x", "non_canonical_A": "k", "non_canonical_R": "n", "reencoded_k": "e",
}
REFUSED = "raxkn"


def add(p, q):
    t = D * p[0] * q[0] * p[1] * q[1] % P
    x = (p[0] * q[1] + q[0] * p[1]) * pow(1 + t, -1, P) % P
    return x, (p[1] * q[1] + p[0] * q[0]) * pow(1 - t, -1, P) % P


def times(k, p):
    q = (0, 1)
    while k:
        q = add(q, p) if k & 1 else q
        p, k = add(p, p), k >> 1
    return q


def encode(p):
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def decode(data):
    number = int.from_bytes(data, "little")
    y = number % 2**255 % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT % P
    assert (x * x - square) % P == 0
    return (x if x & 1 == number >> 255 else (P - x) % P), y


def challenge(r, key, message):
    return int.from_bytes(hashlib.sha512(r + key + message.encode()).digest(), "little") % L


BASE = decode(bytes.fromhex("58" + "66" * 31))
ORDER_8 = decode(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
LOW = [times(n, ORDER_8) for n in range(8)]
KEYS = [encode(add(low, times(KEY, BASE))) for low in LOW]
NONCES = [encode(add(low, times(NONCE, BASE))) for low in LOW]


def others(low):
    """The encodings of a low-order point that RFC 8032 does not produce: y + p, and the sign bit of x = 0."""
    found = []
    for y in (low[1], low[1] + P):
        for sign in (0, 1):
            data = (y | sign << 255).to_bytes(32, "little") if y < 2**255 else None
            if data and data != encode(low) and decode(data) == low:
                found.append(data)
            elif data and data != encode(low) and low[0] == 0 and decode(data)[1] == low[1]:
                found.append(data)
    return found


def cases():
    made = []

    def case(a, low_a, key, r, low_r, nonce, reencoded=False):
        canonical_key, canonical_nonce = (encode(LOW[a]) if low_a else KEYS[a]), (encode(LOW[r]) if low_r else NONCES[r])
        key_bytes, nonce_bytes = key or canonical_key, nonce or canonical_nonce
        hashed = (canonical_nonce, canonical_key) if reencoded else (nonce_bytes, key_bytes)
        seen = set()
        for target in range(8):
            residue = (r + target * a) % 8 != 0
            if residue in seen:
                continue
            seen.add(residue)
            number = 0
            while challenge(*hashed, message(number)) % 8 != target:
                number += 1
            k = challenge(*hashed, message(number))
            s = ((0 if low_r else NONCE) + k * (0 if low_a else KEY)) % L
            left = (r + challenge(nonce_bytes, key_bytes, message(number)) * a) % 8
            flags = {
                "low_order_R": low_r, "low_order_A": low_a, "low_order_component_R": r,
                "low_order_component_A": a, "low_order_residue": left, "non_canonical_A": key,
                "non_canonical_R": nonce, "reencoded_k": reencoded,
            }
            made.append((key_bytes, nonce_bytes, s.to_bytes(32, "little"), number, [f for f in flags if flags[f]]))

    order = sorted(range(8), key=lambda n: encode(LOW[n]))
    for a in order:
        for r in order:
            for low_a in (True, False):
                for low_r in (True, False):
                    case(a, low_a, None, r, low_r, None)
            for key in others(LOW[a]):
                case(a, True, key, r, True, None)
                case(a, True, key, r, False, None)
                case(a, True, key, r, False, None, True)
            for nonce in others(LOW[r]):
                case(a, True, None, r, True, nonce)
                case(a, False, None, r, True, nonce)
                case(a, False, None, r, True, nonce, True)
            for key in others(LOW[a]):
                for nonce in others(LOW[r]):
                    case(a, True, key, r, True, nonce)
    return made


def message(number):
    return f"ed25519vectors {number}" if number else "ed25519vectors"


def published(made):
    whole = [
        {"number": n, "key": key.hex(), "sig": (r + s).hex(), "msg": message(number), "flags": flags or None}
        for n, (key, r, s, number, flags) in enumerate(made)
    ]
    return json.dumps(whole, indent="\t") + "\n"


def condensed(made):
    points = sorted({point.hex() for case in made for point in case[:2]})
    lines = [
        f"{points.index(key.hex())} {points.index(r.hex())} {s.hex()} {number} " + "".join(LETTERS[f] for f in flags)
        for key, r, s, number, flags in made
    ]
    return json.dumps({"flags": LETTERS, "points": points, "cases": lines}, indent=0) + "\n"


if __name__ == "__main__":
    made = cases()
    assert len(made) == 914
    assert len(published(made)) == 351077
    assert sum(not any(LETTERS[f] in REFUSED for f in case[4]) for case in made) == 43
    if sys.argv[1:] == ["--published"]:
        sys.stdout.write(published(made))
    else:
        (pathlib.Path(__file__).parent / "ed25519-cctv.json").write_text(condensed(made))
